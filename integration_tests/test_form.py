"""Airbyte's form in a browser: a JSON-schema form of the spec, filled by clicks, means what the file means.

`form/page.jsx` shows the spec by the rules of Airbyte's web app. What it sends is not made by this project.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.commands import main
from integration_tests.environments import ROOT, modules
from integration_tests.sample_api import TOKEN, Shop
from integration_tests.servers import needs_node
from source_rest_api import Connector
from tests.api import Api

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.real_server,
    pytest.mark.timeout(1800),
    needs_node,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)"),
]
FORM = ROOT / "integration_tests/form"
ADD = [["add", "endpoints"], ["fill", "endpoints_0_name", "rows"], ["fill", "endpoints_0_path", "rows"]]


@pytest.fixture(scope="module")
def fill(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Fills the form step by step, and gives what *Save* submits. Nothing is fetched: the page is one file."""
    folder = tmp_path_factory.mktemp("form")
    paths = {**os.environ, "NODE_PATH": str(modules("form"))}
    bundler: list[str | Path] = [
        modules("form") / ".bin/esbuild",
        FORM / "page.jsx",
        "--bundle",
        f"--outfile={folder / 'page.js'}",
    ]
    subprocess.run([*bundler, "--log-level=error"], env=paths, check=True)
    spec = json.dumps(Connector().specification()["connectionSpecification"]).replace("</", "<\\/")
    page = f"<!doctype html><meta charset=utf-8><div id=form></div><script>SPEC = {spec}</script>"
    (folder / "page.html").write_text(f"{page}<script src=page.js></script>")

    def filled(*steps: list[str]) -> Any:
        command: list[str | Path] = ["node", FORM / "fill.cjs", str(CHROMIUM), folder / "page.html", folder]
        done = subprocess.run(
            command, input=json.dumps(steps), capture_output=True, text=True, env=paths, check=False, timeout=120
        )
        assert (done.returncode, done.stderr) == (0, "")
        answer = json.loads(done.stdout)
        assert answer.get("errors") is None
        return answer["submitted"]

    return filled


def said(folder: Path, config: dict[str, Any]) -> list[Any]:
    """What `check` and `discover` answer."""
    return [main("check", folder, config).status, main("discover", folder, config).catalog]


def test_add_name_path_save(fill: Callable[..., Any], tmp_path: Path) -> None:
    """Nobody chose anything else, so it is the file of two lines."""
    with Api() as api:
        api.get("/rows")(lambda _: [{"id": 1, "o": {"a": 1}}, {"id": 2, "o": {"a": 2}}])
        submitted = fill(["fill", "url_base", api.url], *ADD)
        assert submitted["endpoints"][0]["pagination"] == {"type": "default"}  # the form sends what nobody chose
        file = {"url_base": api.url, "endpoints": [{"name": "rows", "path": "rows"}]}
        assert said(tmp_path, submitted) == said(tmp_path, file)
        assert said(tmp_path, submitted)[0]["status"] == "SUCCEEDED"


def test_choices_by_clicks(fill: Callable[..., Any], tmp_path: Path) -> None:
    """Credentials, pages, a key and a cursor, all in view without unfolding anything."""
    with Shop(0.1) as shop:
        submitted = fill(
            ["fill", "url_base", shop.url],
            ["choose", "authentication", "Bearer"],
            ["fill", "authentication_token", TOKEN],
            ["add", "endpoints"],
            ["fill", "endpoints_0_name", "customers"],
            ["fill", "endpoints_0_path", "customers"],
            ["add", "endpoints_0_primary_key"],
            ["fill", "endpoints_0_primary_key_0", "id"],
            ["choose", "endpoints_0_pagination", "Page number"],
            ["fill", "endpoints_0_pagination_page_size_param", "per_page"],
            ["fill", "endpoints_0_pagination_page_size", "50"],
            ["choose", "endpoints_0_incremental", "Datetime cursor"],
            ["fill", "endpoints_0_incremental_cursor_field", "updated_at"],
            ["fill", "endpoints_0_incremental_start_param", "updated_since"],
            ["picture", "chosen"],
        )
        pages = {"type": "page_number", "page_size_param": "per_page", "page_size": 50}
        endpoint = {"name": "customers", "path": "customers", "primary_key": "id", "pagination": pages}
        file = {
            "url_base": shop.url,
            "authentication": {"type": "bearer", "token": TOKEN},
            "endpoints": [
                {**endpoint, "incremental": {"cursor_field": "updated_at", "start_param": "updated_since"}},
            ],
        }
        assert said(tmp_path, submitted) == said(tmp_path, file)
        assert said(tmp_path, submitted)[0]["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("union", "title", "fields"),
    [
        ("authentication", "Basic", ["username", "password"]),
        ("authentication", "OAuth 2", ["token_url", "client_id", "client_secret"]),
        ("pagination", "Cursor", ["cursor_path", "cursor_param"]),
        ("pagination", "Next URL", ["next_url_path"]),
    ],
)
def test_what_a_choice_needs_is_in_view(union: str, title: str, fields: list[str], fill: Callable[..., Any]) -> None:
    """Nobody has to unfold optional fields to make a choice work."""
    see = [["see", f"{union}_{field}"] for field in fields]
    required = [["fill", f"{union}_{field}", "http://h"] for field in fields]
    submitted = fill(["fill", "url_base", "http://h"], ["choose", union, title], *see, *required)
    assert {submitted[union][field] for field in fields} == {"http://h"}
