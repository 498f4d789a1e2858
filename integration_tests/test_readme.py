"""The commands of the README and of docs/without-airbyte.md work as typed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration_tests.environments import ROOT, installed
from integration_tests.openapi_shop import TOKEN, OpenApiShop
from integration_tests.servers import free_port
from integration_tests.test_tutorial import blocks, typed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]
_ROWS = 4500
CONFIG = """\
url_base: {url}
authentication: {{type: bearer, token: "${{API_TOKEN}}"}}
start_date: 2020-01-01T00:00:00Z
endpoints:
  - name: customers
    path: customers
    primary_key: id
    pagination: {{type: cursor, cursor_path: next_cursor, page_size_param: limit, page_size: 100}}
    incremental: {{cursor_field: updated_at, start_param: updated_since}}
"""


def test_use_works_on_a_bare_clone(tmp_path: Path) -> None:
    """The section *Use* runs with nothing but the files of the repository, on another port."""
    installed("runtime")  # skips, with the reason, where packages cannot be installed
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    port = str(free_port())
    example = tmp_path / "secrets/config.example.json"
    example.write_text(example.read_text().replace("8080", port))
    (use,) = re.findall(r"^## Use\n.*?```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    done = typed(use.replace("8080", port), tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert sum('"RECORD"' in line for line in (tmp_path / "messages.jsonl").read_text().splitlines()) == _ROWS
    assert '"SUCCEEDED"' in done.stdout
    assert (tmp_path / "state.json").exists()


def test_the_timer_of_without_airbyte_loads_a_table(tmp_path: Path) -> None:
    """`load.sh` shows each row once, however often it runs; what a failed load left is not lost."""
    programs = installed("dlt")  # has duckdb
    load = next(block for block in blocks("without-airbyte.md", "bash") if "duckdb" in block)
    (tmp_path / "load.sql").write_text(blocks("without-airbyte.md", "sql")[0])
    for name in ("main.py", "source_rest_api"):
        (tmp_path / name).symlink_to(ROOT / name)
    environ = {"PATH": f"{programs}:{os.environ['PATH']}", "API_TOKEN": TOKEN}
    with OpenApiShop() as shop:
        (tmp_path / "config.yaml").write_text(CONFIG.format(url=shop.url))
        failed = typed(load.replace("load.sql", "missing.sql"), tmp_path, **environ)
        assert failed.returncode != 0
        for _ in range(2):
            done = typed(load, tmp_path, **environ)
            assert done.returncode == 0, done.stderr[-3000:]
        rows = {str(row["id"]): row["name"] for row in shop.tables["customers"]}
    rows_shown = "duckdb.connect('warehouse.duckdb').sql('select id, name from customers').fetchall()"
    count = f"import duckdb, json; print(json.dumps({rows_shown}))"
    shown = subprocess.run([programs / "python", "-c", count], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = json.loads(shown.stdout)
    assert {row[0]: row[1] for row in found} == rows
    assert len(found) == len(rows)
    assert not list((tmp_path / "inbox").iterdir())
