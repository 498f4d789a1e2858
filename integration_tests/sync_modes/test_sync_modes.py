"""Airbyte's sync modes, as PyAirbyte runs them by the page on DuckDB. The truth is the shop's tables."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests import postgresql
from integration_tests.environments import ROOT, installed
from integration_tests.pages import Reader, say
from integration_tests.sample_api import Shop
from integration_tests.test_pyairbyte import same

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]

PAGE = (ROOT / "docs/destinations/duckdb.md").read_text()
MODES = dict(re.findall(r"^\| ([\w ,+]+) \| `(source\.read.*?)` \|$", PAGE, re.MULTILINE))


@dataclass(frozen=True)
class Syncs:
    """A process that has run a program of the page, and runs one call after another."""

    process: subprocess.Popen[str]

    def first(self) -> tuple[Any, dict[str, list[dict[str, Any]]]]:
        """The number of records of the program, and the tables after it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "PyAirbyte has failed, as talk.log says"
        told = json.loads(line)
        return told["value"], told["tables"]

    def run(self, call: str) -> tuple[Any, dict[str, list[dict[str, Any]]]]:
        """The value of a call (of a read, the number of records), and the tables after it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{call}\n")
        self.process.stdin.flush()
        return self.first()


@pytest.fixture(params=["duckdb", "postgresql"])
def syncs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Shop, Callable[[], Any]]]:
    """The shop, and what starts a process that loads it."""
    with ExitStack() as stack:
        shop = stack.enter_context(Shop(rows=0.3))
        postgres = request.param == "postgresql"
        variables = stack.enter_context(postgresql.running()).variables if postgres else {}
        config = json.loads((ROOT / "integration_tests/config.json").read_text())
        config["endpoints"][0]["deletions"] = {"every": "PT0.001S"}
        (tmp_path / "config.json").write_text(json.dumps({**config, "url_base": shop.url}))
        programs = tmp_path / "bin"
        programs.mkdir()
        executable = programs / "source-rest-api"
        executable.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "main.py"} "$@"\n')
        executable.chmod(0o755)
        reader = Reader(tmp_path, [installed("pyairbyte"), programs], variables)
        reader.write("destinations/duckdb.md")
        script = str(Path(__file__).with_name("syncs.py"))

        @contextmanager
        def start() -> Iterator[Syncs]:
            with reader.talk("python", script, f"{request.param}_sync.py") as process:
                yield Syncs(process)

        yield shop, start


def test_every_sync_mode(syncs: tuple[Shop, Callable[[], Any]]) -> None:
    """Counts and values after each mode, with and without changes, in one process and the next."""
    shop, start = syncs

    def rows() -> dict[str, int]:
        return {name: len(table) for name, table in shop.tables.items()}

    def told(what: str, tables: dict[str, Any], expected: dict[str, int]) -> None:
        for name, table in tables.items():
            say(f"{what}, {name}", len(table), expected[name])
        assert {name: len(table) for name, table in tables.items()} == expected

    products = len(shop.tables["products"])  # without a cursor, read in full each time
    with start() as process:
        read, tables = process.first()
        same(tables, shop)
        told("first run", tables, rows())
        assert read == sum(rows().values())

    with start() as process:
        read, tables = process.first()
        same(tables, shop)
        told("deduplicated, no change, another process", tables, rows())
        assert read == products

        for key in range(1, 11):
            shop.touch("orders", key, status="paid", total=Decimal("12.34"))
        for key in range(900_000, 900_005):
            shop.insert("customers", {"id": key, "name": "New", "contact": None, "addresses": []})
        read, tables = process.run(MODES["Incremental, Append + Deduped"])
        same(tables, shop)
        told("deduplicated, 10 changed, 5 new", tables, rows())
        assert read == products + 15

        shop.touch("orders", 20, status="returned")
        read, tables = process.run(MODES["Incremental, Append"])
        appended = {**rows(), "orders": rows()["orders"] + 1, "products": 2 * products}
        told("appended, 1 changed", tables, appended)
        assert read == products + 1
        assert [row["status"] for row in tables["orders"] if row["id"] == 20].count("returned") == 1

        read, tables = process.run(MODES["Full Refresh, Append"])
        told("full refresh, appended", tables, {name: appended[name] + count for name, count in rows().items()})
        assert read == sum(rows().values())

        read, tables = process.run(MODES["Full Refresh, Overwrite"])
        same(tables, shop)
        told("full refresh, overwritten", tables, rows())
        assert read == sum(rows().values())

        read, _ = process.run(MODES["Incremental, Append + Deduped"])
        assert read == sum(rows().values()), "the full refresh has replaced the state"
        shop.delete("customers", 7)
        for _ in range(2):  # a row is deleted if two sweeps did not find it, at least a second apart
            time.sleep(1)
            read, tables = process.run(MODES["Incremental, Append + Deduped"])
        assert read == products + 1
        [marked] = [row for row in tables["customers"] if row["id"] == 7]
        assert (marked["_ab_cdc_deleted_at"] is not None, marked["name"]) == (True, None)
        living, _ = process.run("cache.run_sql_query(open('living.sql').read())")
        assert {row["id"] for row in living} == set(shop.tables["customers"])
        say("living customers, 1 deleted", len(living), len(shop.tables["customers"]))
