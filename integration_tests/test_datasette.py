"""Datasette, a real API server that this project did not write, read to its last row and then incrementally."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.commands import main
from integration_tests.environments import environment
from integration_tests.servers import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]

TOKEN = "dstok-integration"
ROWS = 5000
NEXT_URL = {"type": "next_url", "next_url_path": "next_url", "page_size_param": "_size", "page_size": 1000}
LINK = {"type": "link_header", "page_size_param": "_size", "page_size": 500}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders; each 40 of them share their `updated_at`."""
    path = tmp_path_factory.mktemp("datasette") / "shop.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "create table orders (id integer primary key, title text, amount real, big integer, updated_at text)"
        )
        rows = [(n, f"Größe {n} 京都", n / 8, 2**53 + n, _moment(n // 40)) for n in range(1, ROWS + 1)]
        db.executemany("insert into orders values (?, ?, ?, ?, ?)", rows)
    return path


@pytest.fixture(scope="module")
def server(database: Path) -> Iterator[str]:
    """The URL of a running Datasette."""
    port = free_port()
    tokens = {"tokens": [{"token": TOKEN, "actor": {"id": "reader"}}]}
    metadata = database.with_name("metadata.json")
    metadata.write_text(json.dumps({"allow": {"id": "reader"}, "plugins": {"datasette-auth-tokens": tokens}}))
    program = environment("datasette") / "datasette"
    command = [str(program), "serve", "-h", "127.0.0.1", "-p", str(port), "-m", str(metadata), str(database)]
    url = f"http://127.0.0.1:{port}"
    with serving(command, f"{url}/-/versions.json"):
        yield url


@pytest.mark.parametrize(("shape", "pagination"), [("objects", NEXT_URL), ("array", LINK)])
def test_reads_to_the_last_row_then_incrementally(
    server: str, database: Path, tmp_path: Path, shape: str, pagination: dict[str, Any]
) -> None:
    """With next URLs and with `Link` headers, the rows read are those of the SQLite table."""
    _fill(database)
    config = _config(server, shape, pagination)
    first = main("read", tmp_path, config=config, catalog={"orders": "incremental"})
    assert first.code == 0, first.errors
    assert _table(database) == sorted(map(_row, first.records["orders"]))
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("update orders set amount = amount + 1, updated_at = ? where id % 1000 = 0", (_moment(ROWS),))
    second = main("read", tmp_path, config=config, catalog={"orders": "incremental"}, state=first.states)
    since = first.states[-1]["stream"]["stream_state"]["cursor"]
    assert [row for row in _table(database) if row[-1] >= since] == sorted(map(_row, second.records["orders"]))


def test_check_and_discover(server: str, database: Path, tmp_path: Path) -> None:
    """Check says what it saw; discover infers the table's types."""
    _fill(database)
    config = _config(server, "objects", NEXT_URL)
    checked = main("check", tmp_path, config=config)
    message = "orders: 1000 records on the first page, more pages\n3 requests sent."
    assert checked.status == {"status": "SUCCEEDED", "message": message}
    properties = main("discover", tmp_path, config=config).catalog[0]["json_schema"]["properties"]
    assert {name: schema["type"][1] for name, schema in properties.items()} == {
        "id": "integer",
        "title": "string",
        "amount": "number",
        "big": "integer",
        "updated_at": "string",
    }


def test_a_wrong_token_is_explained(server: str, tmp_path: Path) -> None:
    """Datasette answers 403 with an HTML page; the message says which setting to change."""
    config = {**_config(server, "objects", NEXT_URL), "authentication": {"type": "bearer", "token": "wrong-token"}}
    status = main("check", tmp_path, config=config).status
    assert status["status"] == "FAILED"
    assert "HTTP 403" in status["message"]
    assert "`authentication`" in status["message"]


def _config(url: str, shape: str, pagination: dict[str, Any]) -> dict[str, Any]:
    return {
        "url_base": f"{url}/shop",
        "authentication": {"type": "bearer", "token": TOKEN},
        "params": {"_shape": shape, "_sort": "updated_at"},
        "pagination": pagination,
        "endpoints": [
            {
                "name": "orders",
                "path": "orders.json",
                "primary_key": "id",
                "records_path": "rows" if shape == "objects" else "$",
                "incremental": {"cursor_field": "updated_at", "start_param": "updated_at__gte"},
            }
        ],
    }


def _fill(database: Path) -> None:
    rows = [(n, f"Größe {n} 京都", n / 8, 2**53 + n, _moment(n // 40)) for n in range(1, ROWS + 1)]
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("delete from orders")
        db.executemany("insert into orders values (?, ?, ?, ?, ?)", rows)


def _moment(minutes: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + minutes * 60))


def _table(database: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as db:
        return db.execute("select id, title, amount, big, updated_at from orders order by id").fetchall()


def _row(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("id", "title", "amount", "big", "updated_at"))
