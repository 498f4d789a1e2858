"""`init` writes a config that reads every row of an API it has never seen. The truth is the API's own tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.openapi_shop import TOKEN, OpenApiShop, document
from source_rest_api.formats import yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def shop() -> Iterator[OpenApiShop]:
    """A running shop."""
    with OpenApiShop() as running:
        yield running


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a pipe."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("API_")}
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**plain, **variables},
        stdin=subprocess.DEVNULL,
    )


def read(config: Path, *arguments: str) -> dict[str, list[Any]]:
    """The records of a read, by stream."""
    done = command("read", "--config", str(config), *arguments, API_TOKEN=TOKEN)
    assert done.returncode == 0, done.stdout[-2000:]
    records: dict[str, list[Any]] = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            records.setdefault(message["record"]["stream"], []).append(message["record"]["data"])
    return records


def by_content(rows: list[Any]) -> list[str]:
    """Rows in an order that does not depend on their arrival."""
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_from_the_url_of_an_api_to_every_row(shop: OpenApiShop, tmp_path: Path) -> None:
    """Nothing is changed by hand, and then `read` has the tables of the server: no row missing, none twice."""
    config = tmp_path / "config.yaml"
    done = command("init", shop.url, "--output", str(config), "--yes", API_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert TOKEN not in config.read_text() + done.stderr + done.stdout
    assert "It reads from the environment: API_TOKEN." in done.stderr
    records = read(config)
    assert {name: by_content(rows) for name, rows in records.items()} == {
        name: by_content(rows) for name, rows in shop.tables.items()
    }
    checked = command("check", "--config", str(config), "--exit-code", API_TOKEN=TOKEN)
    assert checked.returncode == 0, checked.stdout


def test_the_config_says_what_was_proven_and_what_was_not(shop: OpenApiShop, tmp_path: Path) -> None:
    """Keys, paging and cursors are those of the server; single records and what has no list are left out by name."""
    config = tmp_path / "config.yaml"
    command("init", shop.url, "--output", str(config), "--yes", API_TOKEN=TOKEN)
    text = config.read_text()
    endpoints = {endpoint["name"]: endpoint for endpoint in yaml_text.load(text)["endpoints"]}
    assert {name: endpoint.get("primary_key") for name, endpoint in endpoints.items()} == {
        "customers": "id",
        "products": "sku",
        "orders": "id",
        "notes": ["customer_id", "number"],
    }
    assert endpoints["customers"]["pagination"]["type"] == "cursor"
    assert endpoints["products"]["pagination"] == {
        "type": "page_number",
        "page_param": "page",
        "page_size_param": "per_page",
        "page_size": 50,
        "total_pages_path": "pages",
    }
    assert endpoints["orders"]["pagination"]["type"] == "offset"
    assert endpoints["orders"]["incremental"] == {"cursor_field": "updated_at", "start_param": "updated_since"}
    assert "incremental" not in endpoints["products"]
    assert "# /stats: its response has no list of records" in text
    assert "# /customers/{customer_id}: it returns a single record" in text


def test_a_second_read_asks_only_for_what_changed(shop: OpenApiShop, tmp_path: Path) -> None:
    """The cursor that `init` found works: unchanged rows do not come again."""
    config, state = tmp_path / "config.yaml", str(tmp_path / "state.json")
    command("init", shop.url, "--output", str(config), "--yes", API_TOKEN=TOKEN)
    read(config, "--streams", "orders", "--keep-state", state)
    changed = {**shop.tables["orders"][10], "status": "paid", "updated_at": "2025-01-01T00:00:00Z"}
    shop.tables["orders"][10] = changed
    again = read(config, "--streams", "orders", "--keep-state", state)["orders"]
    assert changed in again
    assert len(again) < 5


def test_a_file_and_a_curl_command_are_enough(shop: OpenApiShop, tmp_path: Path) -> None:
    """An OpenAPI file with the URL of its server, or one curl command with its token, lead to the same rows."""
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps({**document(), "servers": [{"url": shop.url}]}))
    config = tmp_path / "file.yaml"
    assert command("init", str(described), "--output", str(config), API_TOKEN=TOKEN).returncode == 0
    assert by_content(read(config)["notes"]) == by_content(shop.tables["notes"])
    config = tmp_path / "curl.yaml"
    curl = f"curl -s '{shop.url}/customers?limit=5' -H 'Authorization: Bearer {TOKEN}' -H 'Accept: application/json'"
    done = command("init", curl, "--output", str(config))
    assert done.returncode == 0, done.stderr
    assert TOKEN not in config.read_text()
    assert by_content(read(config)["customers"]) == by_content(shop.tables["customers"])


def test_a_missing_secret_is_named(shop: OpenApiShop, tmp_path: Path) -> None:
    """In a pipe nobody can be asked: the error names the variable to set, and no file is written."""
    config = tmp_path / "config.yaml"
    done = command("init", shop.url, "--output", str(config))
    assert done.returncode == 1
    assert "`API_TOKEN`" in done.stderr
    assert not config.exists()


def test_a_wrong_secret_proves_nothing(shop: OpenApiShop, tmp_path: Path) -> None:
    """One request shows it, so there is no config; the error says why, without the secret."""
    done = command("init", shop.url, "--output", str(tmp_path / "config.yaml"), API_TOKEN="wrong-secret")
    assert done.returncode == 1
    assert "The API refuses the credentials in `API_TOKEN`" in done.stderr
    assert "401" in done.stderr
    assert "wrong-secret" not in done.stderr


def test_a_file_is_not_replaced_unasked(shop: OpenApiShop, tmp_path: Path) -> None:
    """In a pipe without `--yes`, an existing config stays as it is."""
    config = tmp_path / "config.yaml"
    config.write_text("mine")
    done = command("init", shop.url, "--output", str(config), API_TOKEN=TOKEN)
    assert done.returncode == 1
    assert "exists" in done.stderr
    assert config.read_text() == "mine"


def test_a_url_without_an_api_is_refused(shop: OpenApiShop, tmp_path: Path) -> None:
    """The error says what to give instead."""
    done = command("init", f"{shop.url}/nothing?a=1", "--output", str(tmp_path / "c.yaml"), API_TOKEN=TOKEN)
    assert done.returncode == 1
    assert "404" in done.stderr or "No endpoint" in done.stderr
