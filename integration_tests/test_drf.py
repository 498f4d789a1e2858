"""Django REST framework, which this project did not write: its three paginations, by the config that `init` writes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.commands import main
from integration_tests.environments import ROOT, environment
from integration_tests.servers import free_port, serving
from source_rest_api.formats import yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(600)]

TOKEN = "drf-integration"
ROWS = 900
STREAMS = ("pages", "offsets", "cursors")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders; each seventy share their `modified`, more than a page holds."""
    path = tmp_path_factory.mktemp("drf") / "shop.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("create table orders (id integer primary key, title text, big integer, note text, modified text)")
    return path


@pytest.fixture(scope="module")
def server(database: Path) -> Iterator[str]:
    """The URL of the running API."""
    port = free_port()
    program, shop = environment("drf") / "python", ROOT / "integration_tests/drf_shop.py"
    command = [str(program), str(shop), str(port), str(database)]
    with serving(command, f"http://127.0.0.1:{port}/api/schema/"):
        yield f"http://127.0.0.1:{port}/api/"


@pytest.fixture(scope="module")
def written(server: str, database: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The config that `init` writes, with the token in place."""
    _fill(database)
    file = tmp_path_factory.mktemp("init") / "config.yaml"
    command = [sys.executable, str(ROOT / "main.py"), "init", server, "--output", str(file), "--yes"]
    subprocess.run(command, check=True, env={**os.environ, "API_TOKEN": TOKEN, "API_KEY": TOKEN}, capture_output=True)
    text = file.read_text()
    assert TOKEN not in text
    return text.replace("${API_TOKEN}", TOKEN).replace("${API_KEY}", TOKEN)


@pytest.fixture
def config(written: str, database: Path) -> Any:
    """The config, and the table as it was."""
    _fill(database)
    return yaml_text.load(written)


def test_every_row_then_the_changes(config: Any, database: Path, tmp_path: Path) -> None:
    """`init` finds the word before the token, keys, paginations and the filter; the rows are those of the table."""
    catalog = {"pages": "incremental", "offsets": "incremental", "cursors": "full_refresh"}
    first = main("read", tmp_path, config=config, catalog=catalog)
    assert first.code == 0, first.errors
    for stream in STREAMS:
        assert sorted(map(_row, first.records[stream])) == _table(database)
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("update orders set note = 'changed', modified = '2024-03-01 00:00:00' where id % 300 = 0")
    second = main("read", tmp_path, config=config, catalog=catalog, state=first.states)
    changed = [row for row in _table(database) if row[3] == "changed"]
    assert sorted(map(_row, second.records["pages"])) == changed
    assert sorted(map(_row, second.records["offsets"])) == changed


@pytest.mark.parametrize("stream", STREAMS)
def test_rows_deleted_during_the_read_hide_no_row(config: Any, database: Path, tmp_path: Path, stream: str) -> None:
    """After every third page the first row is deleted, so the next pages shift: all rows that live arrive once."""
    config["headers"] = {"X-Delete-After": "3"}
    output = main("read", tmp_path, config=config, catalog={stream: "full_refresh"})
    assert output.code == 0, output.errors
    rows = [_row(record) for record in output.records[stream]]
    assert len(rows) == len(set(rows))
    living = set(_table(database))
    assert len(living) < ROWS
    assert living <= set(rows)


def _fill(database: Path) -> None:
    rows = [(n, f"Größe {n} 京都", 2**62 + n, None if n % 7 else "x", _moment(n // 70)) for n in range(1, ROWS + 1)]
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("delete from orders")
        db.executemany("insert into orders values (?, ?, ?, ?, ?)", rows)


def _moment(minutes: int) -> str:
    return f"2024-02-01 {minutes // 60:02}:{minutes % 60:02}:00.000007"


def _table(database: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as db:
        return db.execute("select id, title, big, note from orders order by id").fetchall()


def _row(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("id", "title", "big", "note"))
