"""Each block of commands in the README and the docs runs as it stands: here, or in the test that this file names."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration_tests.environments import ROOT, installed
from integration_tests.openapi_shop import TOKEN, OpenApiShop
from integration_tests.test_readme import CONFIG
from integration_tests.test_tutorial import blocks, run, typed
from tests.api import Api
from tests.test_coming_from import ROWS, serve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]

HERE = {
    ("docs/command-line.md", 0),
    ("docs/command-line.md", 1),
    ("docs/command-line.md", 2),
    ("docs/command-line.md", 3),
    ("docs/command-line.md", 4),
    ("docs/troubleshooting.md", 0),
    ("docs/without-airbyte.md", 0),
}
"""Blocks that run with the config of the shop."""
_IMAGES = "integration_tests/test_image.py builds and runs the images"
_SCRIPTS = "tests/test_documented_commands.py finds the scripts and their arguments; CI runs them"
ELSEWHERE = {
    ("README.md", 0): _SCRIPTS,
    ("README.md", 1): "integration_tests/test_readme.py: on a bare clone",
    ("README.md", 2): _IMAGES,
    ("CONTRIBUTING.md", 0): _SCRIPTS,
    ("docs/airbyte.md", 0): _IMAGES,
    ("docs/airbyte.md", 1): "integration_tests/platform_api/test_platform_api.py",
    ("docs/connector.md", 0): "test_a_connector_of_ones_own",
    ("docs/connector.md", 1): _IMAGES,
    ("docs/destinations/dremio.md", 0): "integration_tests/lake/test_lake.py: on a stand-in",
    ("docs/destinations/postgresql.md", 0): "integration_tests/warehouse/test_warehouse.py",
    ("docs/image.md", 0): _IMAGES,
    ("docs/manifests.md", 0): "test_a_manifest",
    ("docs/manifests.md", 1): "test_a_manifest",
    ("docs/manifests.md", 2): "tests/test_manifest_compare.py",
    ("docs/many-machines.md", 0): "tests/test_many_machines.py",
    ("docs/performance.md", 0): _SCRIPTS,
    ("docs/schedules.md", 0): "tests/test_schedules.py",
    ("docs/without-airbyte.md", 1): "integration_tests/test_readme.py: the timer",
    ("examples/README.md", 0): "tests/test_examples.py: on an imitation of the API",
    **{("docs/tutorial.md", number): "integration_tests/test_tutorial.py" for number in range(7)},
}


def every() -> set[tuple[str, int]]:
    """The page and the number of each block of commands."""
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")]
    found: set[tuple[str, int]] = set()
    for page in [*pages, *(ROOT / "docs").rglob("*.md")]:
        count = len(re.findall(r"^```bash\n", page.read_text(), re.MULTILINE))
        found |= {(str(page.relative_to(ROOT)), number) for number in range(count)}
    return found


def test_each_block_is_run_by_a_test() -> None:
    """A new block needs a test, here or elsewhere."""
    assert every() == HERE | ELSEWHERE.keys()


@pytest.mark.parametrize(("page", "number"), sorted(HERE))
def test_the_block_runs(tmp_path: Path, page: str, number: int) -> None:
    """In a folder with the connector and a config; the API is the shop."""
    for name in ("main.py", "source_rest_api"):
        (tmp_path / name).symlink_to(ROOT / name)
    with OpenApiShop() as shop:
        orders = "  - name: orders\n    path: orders\n    primary_key: id\n"
        paging = "    pagination: {type: offset, limit_param: limit, limit: 100}\n"
        (tmp_path / "config.yaml").write_text(CONFIG.format(url=shop.url) + orders + paging)
        shutil.copy(tmp_path / "config.yaml", tmp_path / "shop.yaml")
        block = blocks(page.removeprefix("docs/"), "bash")[number].replace("http://127.0.0.1:8321", shop.url)
        python = f'python() {{ {sys.executable} "$@"; }}\n'
        done = typed(python + block, tmp_path, API_TOKEN=TOKEN)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def test_a_manifest(tmp_path: Path) -> None:
    """`spec`, `check` and `read` take the manifest of docs/coming-from.md; `import` makes a connector of it."""
    for name in ("main.py", "source_rest_api"):
        (tmp_path / name).symlink_to(ROOT / name)
    with Api(token=TOKEN) as api:
        serve(api, [])
        manifest = blocks("coming-from.md", "yaml cdk")[0].replace("https://api.example.com", api.url)
        (tmp_path / "manifest.yaml").write_text(manifest)
        (tmp_path / "config.json").write_text(json.dumps({"api_token": TOKEN}))
        python = f'python() {{ {sys.executable} "$@"; }}\n'
        done = typed(python + "\n".join(blocks("manifests.md", "bash")[:2]), tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert '"SUCCEEDED"' in done.stdout
    read = map(json.loads, (tmp_path / "output.jsonl").read_text().splitlines())
    assert [message["record"]["data"] for message in read if message["type"] == "RECORD"] == ROWS
    assert (tmp_path / "source-acme/api.yaml").exists() or list((tmp_path / "source-acme").rglob("api.yaml"))


def test_the_config_of_dlt(tmp_path: Path) -> None:
    """The source of dlt reads all rows with the config of docs/coming-from.md."""
    python = installed("dlt") / "python"
    with Api(token=TOKEN) as api:
        serve(api, [])
        config = blocks("coming-from.md", "python dlt")[0].replace("https://api.example.com", api.url)
        lines = ["import dlt", "from dlt.sources.rest_api import rest_api_source", config]
        lines += ["print([row for row in rest_api_source(config).resources['orders']])"]
        (tmp_path / "program.py").write_text("\n".join(lines))
        shown = run(python, tmp_path, API_TOKEN=TOKEN, DLT_DATA_DIR=str(tmp_path / "dlt"))
    assert ast.literal_eval(shown) == ROWS


@pytest.mark.timeout(1800)  # installs the connector and the CDK
def test_a_connector_of_ones_own(tmp_path: Path) -> None:
    """docs/connector.md makes it beside a clone. Then its README works too, on an API of ours."""
    installed("runtime")  # skips, with the reason, where packages cannot be installed
    clone = tmp_path / "source-rest-api"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    python = f'python() {{ if [ -n "$VIRTUAL_ENV" ]; then command python "$@"; else {sys.executable} "$@"; fi; }}\n'
    made = typed(python + blocks("connector.md", "bash")[0], clone)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-3000:]
    assert "3 passed" in made.stdout
    rows = [{"id": number, "updated_at": "2024-03-01T00:00:00Z"} for number in range(3)]
    with Api(token=TOKEN) as api:
        api.get("/customers")(lambda call: rows if call.arg("page", "1") == "1" else [])
        connector = tmp_path / "source-acme/source_acme/connector.py"
        connector.write_text(connector.read_text().replace("https://api.example.com/v1", api.url))
        example = tmp_path / "source-acme/secrets/config.example.json"
        example.write_text(example.read_text().replace('"..."', f'"{TOKEN}"'))
        (readme,) = re.findall(r"```bash\n(python3 -m venv.*?)```", _readme(tmp_path), re.DOTALL)
        setup, copy, rest = readme.partition("cp secrets/")
        assert _commands(setup) <= _commands(blocks("connector.md", "bash")[0])  # those ran above
        done = typed(f"source .venv/bin/activate\n{copy}{rest}", tmp_path / "source-acme")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert '"SUCCEEDED"' in done.stdout
    assert sum('"RECORD"' in line for line in done.stdout.splitlines()) == len(rows)


def _readme(folder: Path) -> str:
    return (folder / "source-acme/README.md").read_text()


def _commands(block: str) -> set[str]:
    return {line.partition("#")[0].strip() for line in block.splitlines()}
