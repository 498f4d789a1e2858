"""PyAirbyte, an independent reader of our stdout, loads the sample shop into its DuckDB cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.environments import ROOT, environment
from integration_tests.sample_api import KEYS, Shop

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter that has PyAirbyte."""
    return environment("pyairbyte") / "python"


def test_reads_everything_then_only_what_changed(python: Path, tmp_path: Path) -> None:
    """Row counts and values in the cache are those of the shop's own tables, after the first sync and the second."""
    with Shop(rows=0.3) as shop:
        config = json.loads((ROOT / "integration_tests/config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps({**config, "url_base": shop.url}))
        first = _sync(python, tmp_path)
        same(first["tables"], shop)
        assert sum(len(rows) for rows in shop.tables.values()) == first["processed"]

        shop.touch("customers", 3, vip=True, credit_limit=Decimal("99999.99"))
        shop.insert(
            "orders", {"id": 900_000, "customer_id": 3, "status": "open", "total": Decimal("1.10"), "items": []}
        )
        second = _sync(python, tmp_path)
        same(second["tables"], shop)
        assert len(shop.tables["products"]) < second["processed"] < first["processed"] / 2


def _sync(python: Path, folder: Path) -> Any:
    connector = folder / "source-rest-api"
    connector.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "main.py"} "$@"\n')
    connector.chmod(0o755)
    script = ROOT / "integration_tests/pyairbyte_reader.py"
    arguments = [connector, folder / "config.json", folder / "cache.duckdb", folder / "result.json"]
    quiet = {"DO_NOT_TRACK": "1", "AIRBYTE_OFFLINE_MODE": "1"}
    done = subprocess.run(
        [python, script, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **quiet}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "result.json").read_text())


def same(tables: dict[str, list[dict[str, Any]]], shop: Shop) -> None:
    """Hold that tables as PyAirbyte gives them have each row of the shop once, with its values."""
    for name, truth in shop.tables.items():
        loaded = {row[KEYS[name]]: _row(row) for row in tables[name]}
        assert len(tables[name]) == len(loaded)
        assert {key: _row(row) for key, row in truth.items()} == loaded


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Normalizes rows of the shop and the cache: nested values as JSON text, times to the second, no nulls."""
    return {name: _value(value) for name, value in row.items() if value is not None and not name.startswith("_airbyte")}


def _value(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        value = json.loads(value)
    if isinstance(value, dict | list):
        return json.dumps(value, default=float, sort_keys=True)
    if isinstance(value, str) and value[10:11] == "T":
        return value[:19]
    if isinstance(value, str) and value[4:5] == "-" and len(value) == len("2024-01-01"):
        return f"{value}T00:00:00"
    return float(value) if isinstance(value, int | float | Decimal) else value
