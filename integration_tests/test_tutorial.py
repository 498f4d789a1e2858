"""The commands of the tutorial, and the programs of docs/tables.md, do what these pages say."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration_tests.environments import ROOT, installed
from integration_tests.openapi_shop import TOKEN, OpenApiShop, tables
from integration_tests.pages import QUIET
from integration_tests.test_dlt import CONFIG

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]

_SHELL = "set -e -o pipefail -m\ntrap 'kill %1 2> /dev/null || true' EXIT\n"
"""How the commands of a page run: an error ends them, and jobs of the background too."""


def blocks(page: str, kind: str) -> list[str]:
    """The code blocks of a page, of one kind."""
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def test_the_tutorial_leads_to_a_table(tmp_path: Path) -> None:
    """All blocks run in one shell, in a clean folder of the repository, and the table has the rows of the shop."""
    installed("dlt")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8321)) == 0:
            pytest.skip("port 8321, which the tutorial uses, is taken")
    for name in ("main.py", "source_rest_api", "integration_tests", "tests", "scripts", ".venv-dlt"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = typed("\n".join(blocks("tutorial.md", "bash")), tmp_path, DLT_DATA_DIR=str(tmp_path / "dlt"))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    truth = tables()
    orders = truth["orders"]
    assert re.search(rf"open\s+│\s+{len(orders)}\s+│\s+{sum(row['total'] for row in orders)}", done.stdout), done.stdout
    lines = map(json.loads, (tmp_path / "records.jsonl").read_text().splitlines())
    assert sum(message["type"] == "RECORD" for message in lines) == sum(map(len, truth.values()))
    shown = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/tutorial.md").read_text(), re.DOTALL)
    assert shown is not None
    assert shown[1] in (tmp_path / "shop.yaml").read_text()


def test_dlt_as_on_the_page(tmp_path: Path) -> None:
    """The program runs as it stands, and shows every customer."""
    python = installed("dlt") / "python"
    with OpenApiShop() as shop:
        (tmp_path / "shop.yaml").write_text(CONFIG.format(url=shop.url))
        (tmp_path / "program.py").write_text(blocks("tables.md", "python dlt")[0])
        done = run(python, tmp_path, PYTHONPATH=str(ROOT), API_TOKEN=TOKEN, DLT_DATA_DIR=str(tmp_path / "dlt"))
    assert re.search(rf"│\s+{len(shop.tables['customers'])}\s+│", done), done


def test_pyairbyte_as_on_the_page(tmp_path: Path) -> None:
    """The program runs as it stands, with the executable that an installation makes, and shows every customer."""
    python = installed("pyairbyte") / "python"
    connector = tmp_path / "bin/source-rest-api"
    connector.parent.mkdir()
    connector.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "main.py"} "$@"\n')
    connector.chmod(0o755)
    with OpenApiShop() as shop:
        pagination = {"type": "cursor", "cursor_path": "next_cursor", "page_size_param": "limit", "page_size": 100}
        customers = {"name": "customers", "path": "customers", "primary_key": ["id"], "pagination": pagination}
        token = {"type": "bearer", "token": TOKEN}
        config = {"url_base": shop.url, "authentication": token, "endpoints": [customers]}
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "program.py").write_text(blocks("tables.md", "python pyairbyte")[0])
        done = run(python, tmp_path, PATH=f"{connector.parent}:{os.environ['PATH']}")
    assert f"[{len(shop.tables['customers'])} rows x" in done


def typed(commands: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs commands in one shell, as somebody types them who has none of these tests' variables."""
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("API_", "VIRTUAL_ENV", "PYTHON"))
    }
    return subprocess.run(
        ["bash", "-c", _SHELL + commands],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**plain, **variables},
    )


def run(python: Path, folder: Path, **variables: str) -> str:
    """What a program prints."""
    done = subprocess.run(
        [python, "program.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **QUIET, **variables},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
