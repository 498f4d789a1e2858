"""The configs of docs/coming-from.md read the same API in the same way."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from source_rest_api.formats import yaml_text
from tests.api import Api, Call
from tests.process import TOKEN, run

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parent.parent / "docs/coming-from.md").read_text()
ROWS = [{"id": number, "updated_at": f"2024-03-{number + 1:02d}T00:00:00Z"} for number in range(7)]


def block(kind: str) -> str:
    """The only block of a kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def serve(api: Api, asked: list[tuple[str, str]]) -> None:
    """Serves the orders of the page, and notes what is asked for."""

    @api.get("/orders")
    def orders(call: Call) -> Any:
        asked.append((call.arg("page"), call.arg("since")))
        rows = [row for row in ROWS if str(row["updated_at"]) >= call.arg("since")]
        first = int(call.arg("page", "0"))
        following = {"next": str(first + 3)} if first + 3 < len(rows) else {}
        return {"data": rows[first : first + 3], **following}


def test_our_config_and_the_manifest_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both read all rows with the same requests, and the streams are COMPLETE."""
    monkeypatch.setenv("API_TOKEN", TOKEN)
    asked: list[tuple[str, str]] = []
    with Api(token=TOKEN) as api:
        serve(api, asked)
        ours = {**_mapping(block("yaml")), "url_base": api.url}
        manifest = tmp_path / "manifest.yaml"
        manifest.write_text(block("yaml cdk").replace("https://api.example.com", api.url))
        with_ours = run(tmp_path, "read", config=ours)
        half = len(asked)
        with_manifest = run(tmp_path, "read", "--manifest-path", str(manifest), config={"api_token": TOKEN})
    for done in (with_ours, with_manifest):
        assert done.data("orders") == ROWS
        assert done.statuses("orders")[-1] == "COMPLETE"
    assert asked[:half] == asked[half:]
    assert asked[0] == ("", "2024-01-01T00:00:00Z")


def test_the_cdk_takes_the_manifest(tmp_path: Path) -> None:
    """The CDK itself reads all rows with it."""
    asked: list[tuple[str, str]] = []
    with Api(token=TOKEN) as api:
        serve(api, asked)
        manifest = _mapping(block("yaml cdk").replace("https://api.example.com", api.url))
        (tmp_path / "config.json").write_text(
            json.dumps({"api_token": TOKEN, "__injected_declarative_manifest": manifest})
        )
        stream = {"name": "orders", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
        entry = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
        (tmp_path / "catalog.json").write_text(json.dumps({"streams": [entry]}))
        program = "from airbyte_cdk.cli.source_declarative_manifest import run; run()"
        files = ["--config", str(tmp_path / "config.json"), "--catalog", str(tmp_path / "catalog.json")]
        command = [sys.executable, "-W", "ignore", "-c", program, "read", *files]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [message["record"]["data"] for message in messages if message["type"] == "RECORD"] == ROWS
    assert asked[0] == ("", "2024-01-01T00:00:00Z")


def test_the_config_of_dlt_names_the_same() -> None:
    """Its names and values are those of our config."""
    theirs = ast.unparse(ast.parse(block("python dlt")))
    (ours,) = _mapping(block("yaml"))["endpoints"]
    pagination, incremental = ours["pagination"], ours["incremental"]
    values = [ours["name"], ours["path"], ours["primary_key"], pagination["cursor_path"], pagination["cursor_param"]]
    for value in [*values, incremental["cursor_field"], incremental["start_param"], "2024-01-01T00:00:00Z"]:
        assert repr(value) in theirs


def test_the_tap_is_python() -> None:
    """The class parses."""
    (tap,) = ast.parse(block("python singer")).body
    assert isinstance(tap, ast.ClassDef)


def _mapping(text: str) -> dict[str, Any]:
    loaded = yaml_text.load(text)
    assert isinstance(loaded, dict)
    return loaded
