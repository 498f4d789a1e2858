"""dlt loads the shop into DuckDB, and its state makes the next load small. The truth is the shop's tables."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.environments import ROOT, installed
from integration_tests.openapi_shop import TOKEN, OpenApiShop

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]

CONFIG = """
url_base: {url}
authentication: {{type: bearer, token: "${{API_TOKEN}}"}}
endpoints:
  - name: customers
    path: customers
    primary_key: id
    pagination: {{type: cursor, cursor_path: next_cursor, page_size_param: limit, page_size: 100}}
    incremental: {{cursor_field: updated_at, start_param: updated_since}}
  - name: products
    path: products
    primary_key: sku
    pagination: {{type: page_number, total_pages_path: pages}}
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter that has dlt."""
    return installed("dlt") / "python"


def load(python: Path, folder: Path) -> Any:
    """Loads the config in a folder; the tables, and the number of rows of this load."""
    command = [python, ROOT / "integration_tests/dlt_reader.py"]
    arguments = [folder / "config.yaml", folder / "shop.duckdb", folder / "result.json"]
    quiet = {"PYTHONPATH": str(ROOT), "API_TOKEN": TOKEN, "RUNTIME__DLTHUB_TELEMETRY": "false"}
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **quiet}, cwd=folder
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "result.json").read_text())


def test_loads_everything_then_only_what_changed(python: Path, tmp_path: Path) -> None:
    """The tables have the rows of the shop after the first load and the second, which has only what changed."""
    with OpenApiShop() as shop:
        (tmp_path / "config.yaml").write_text(CONFIG.format(url=shop.url))
        first = load(python, tmp_path)
        _assert_equal(first["tables"], shop)
        assert first["processed"] == len(shop.tables["customers"]) + len(shop.tables["products"])

        shop.tables["customers"][3] |= {"name": "Changed", "updated_at": "2025-03-01T00:00:00Z"}
        del shop.tables["products"][5]
        second = load(python, tmp_path)
        _assert_equal(second["tables"], shop)
        assert second["processed"] < len(shop.tables["products"]) + 5


def _assert_equal(tables: Any, shop: OpenApiShop) -> None:
    for name, key in (("customers", "id"), ("products", "sku")):
        loaded = {row[key]: row for row in tables[name]}
        assert len(loaded) == len(tables[name]) == len(shop.tables[name])
        for row in shop.tables[name]:
            assert {field: loaded[row[key]][field] for field in row if field != "updated_at"} == {
                field: value for field, value in row.items() if field != "updated_at"
            }
