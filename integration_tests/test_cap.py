"""SAP's CAP, an OData V4 server: relative next links in a key with a dot, and filters by an expression."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import requests

from integration_tests.commands import main
from integration_tests.environments import modules
from integration_tests.servers import free_port, needs_node, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800), needs_node]

USER = ("reader", "p@ss w/ord+%")
MODEL = """
namespace library;
entity Authors { key id : Integer; name : String; books : Association to many Books on books.author = $self; }
entity Books {
  key id : Integer; title : String; price : Decimal(12, 2); pages : Integer64; changedAt : Timestamp;
  author : Association to Authors;
}
@path: '/odata/v4/library'
@requires: 'authenticated-user'
service Library {
  @cds.query.limit: { default: 70, max: 70 }
  entity Books as projection on library.Books;
  entity Authors as projection on library.Authors;
}
"""
SETTINGS = {
    "name": "library",
    "cds": {
        "requires": {
            "db": {"impl": "@cap-js/sqlite", "driver": "sql.js", "credentials": {"url": ":memory:"}},
            "auth": {"kind": "basic", "users": {USER[0]: {"password": USER[1]}, "*": False}},
        }
    },
}
AUTHORS = [{"id": number, "name": f"Größe {number} 京都"} for number in range(1, 8)]


def _book(number: int) -> dict[str, Any]:
    """A book; 40 share each moment."""
    moment = f"2024-03-01T{number // 40 // 60:02}:{number // 40 % 60:02}:00.250Z"
    price, author = Decimal(number) / 100, number % 6 + 1
    row = {"id": number, "title": f"Book, {number} “a”", "price": price, "pages": 2**53 - 1 - number}
    return {**row, "changedAt": moment, "author_id": author}


@pytest.fixture
def books() -> list[dict[str, Any]]:
    """The rows that the server is seeded with."""
    return [_book(number) for number in range(1, 901)]


@pytest.fixture
def server(tmp_path: Path, books: list[dict[str, Any]]) -> Iterator[str]:
    """The URL of the service."""
    folder = tmp_path / "library"
    (folder / "srv").mkdir(parents=True)
    (folder / "srv/library.cds").write_text(MODEL)
    (folder / "package.json").write_text(json.dumps(SETTINGS))
    (folder / "node_modules").symlink_to(modules("cap"))
    for name, rows in (("Books", books), ("Authors", AUTHORS)):
        table = folder / f"db/data/library-{name}.csv"
        table.parent.mkdir(parents=True, exist_ok=True)
        with table.open("w", newline="") as text:
            writer = csv.DictWriter(text, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    port = free_port()
    url = f"http://127.0.0.1:{port}/odata/v4/library"
    command: list[str | Path] = ["node", folder / "node_modules/@sap/cds/bin/serve.js", "all", "--in-memory"]
    with serving(command, url, folder, {"PORT": str(port), "HOST": "127.0.0.1"}):
        yield url


def _config(url: str) -> dict[str, Any]:
    return {
        "url_base": url,
        "authentication": {"type": "basic", "username": USER[0], "password": USER[1]},
        "start_date": "2024-01-01T00:00:00Z",
        "pagination": {"type": "next_url", "next_url_path": "@odata.nextLink"},
        "endpoints": [
            {
                "name": "books",
                "path": "Books",
                "primary_key": "id",
                "params": {"$orderby": "changedAt", "$filter": "changedAt ge {{ stream_interval.start_time }}"},
                "incremental": {"cursor_field": "changedAt"},
            },
            {"name": "authors", "path": "Authors", "primary_key": "id"},
            {
                "name": "by_author",
                "path": "Authors({{ authors.id }})/books",
                "include_from_parent": {"author": "name"},
            },
        ],
    }


def test_reads_to_the_last_row_then_what_changed(server: str, books: list[dict[str, Any]], tmp_path: Path) -> None:
    """All rows over relative next links, then those that have the state's moment or a later one."""
    first = main("read", tmp_path, config=_config(server), catalog={"books": "incremental"})
    assert (first.code, first.errors) == (0, [])
    assert _sorted(first.records["books"]) == [_as_json(book) for book in books]
    later = {"changedAt": "2030-01-01T00:00:00.000Z"}
    assert requests.patch(f"{server}/Books(5)", json=later, auth=USER, timeout=60).ok
    second = main("read", tmp_path, config=_config(server), catalog={"books": "incremental"}, state=first.states)
    last = max(book["changedAt"] for book in books)
    known = {book["id"] for book in books if book["changedAt"] == last}
    assert (second.code, second.errors) == (0, [])
    assert [book for book in second.records["books"] if book["id"] not in known] == [{**_as_json(books[4]), **later}]


def test_children_by_a_key_in_parentheses(server: str, books: list[dict[str, Any]], tmp_path: Path) -> None:
    """Books of each author, over pages whose links lead from below the author."""
    done = main("read", tmp_path, config=_config(server), catalog={"by_author": "full_refresh"})
    assert done.errors == []
    names = {author["id"]: author["name"] for author in AUTHORS}
    assert _sorted(done.records["by_author"]) == [{**_as_json(b), "author": names[b["author_id"]]} for b in books]


def _as_json(book: dict[str, Any]) -> dict[str, Any]:
    return {**book, "price": float(book["price"])}


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: int(row["id"]))
