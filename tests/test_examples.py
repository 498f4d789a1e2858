"""The examples are complete configs, and read every row of an imitation of their API, then what has changed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from source_rest_api.config import stream_references
from source_rest_api.config.loading import load
from source_rest_api.formats import yaml_text
from tests.imitations.asana import Asana
from tests.imitations.github import GitHub
from tests.imitations.gitlab import GitLab
from tests.imitations.hubspot import HubSpot
from tests.imitations.intercom import Intercom
from tests.imitations.notion import Notion
from tests.imitations.pinterest import Pinterest
from tests.imitations.pipedrive import Pipedrive
from tests.imitations.shopify import Shopify
from tests.imitations.slack import Slack
from tests.imitations.typeform import Typeform
from tests.process import run

if TYPE_CHECKING:
    from source_rest_api.config.config import Config
    from tests.imitations import Imitation

EXAMPLES = Path(__file__).parent.parent / "examples"
APIS: dict[str, type[Imitation]] = {
    "asana": Asana,
    "github": GitHub,
    "gitlab": GitLab,
    "hubspot": HubSpot,
    "intercom": Intercom,
    "notion": Notion,
    "pinterest": Pinterest,
    "pipedrive": Pipedrive,
    "shopify": Shopify,
    "slack": Slack,
    "typeform": Typeform,
}


def example(name: str) -> dict[str, Any]:
    """The config as in the file."""
    raw: dict[str, Any] = yaml_text.load((EXAMPLES / f"{name}.yaml").read_text())
    return raw


def config_for(name: str, api: Imitation, secret: str) -> dict[str, Any]:
    """The example, with nothing but the API's address and the token put in."""
    raw = example(name)
    field = "api_key" if raw["authentication"]["type"] == "api_key" else "token"
    assert raw["authentication"][field] == "<token>"
    assert urlsplit(raw["url_base"]).path == api.base
    return {**raw, "url_base": f"{api.url}{api.base}", "authentication": {**raw["authentication"], field: secret}}


def modes(config: Config) -> dict[str, Any]:
    """A catalog of all streams, incremental where they can be."""
    streams = [
        {
            "stream": {
                "name": endpoint.name,
                "json_schema": {},
                "supported_sync_modes": ["full_refresh", "incremental"],
            },
            "sync_mode": "incremental" if endpoint.incremental else "full_refresh",
            "destination_sync_mode": "append",
        }
        for endpoint in config.streams
    ]
    return {"streams": streams}


def key_of(config: Config, stream: str, row: dict[str, Any]) -> str:
    """The primary key of a row, as text."""
    endpoint = next(endpoint for endpoint in config.streams if endpoint.name == stream)
    return "|".join(str(row[path[-1]]) for path in endpoint.primary_key)


def counted(rows: list[dict[str, Any]]) -> Counter[str]:
    """Rows as texts, with their numbers."""
    return Counter(json.dumps(row, sort_keys=True) for row in rows)


def test_every_example_has_its_imitation() -> None:
    """No file is without a test, and the table in the README names each."""
    files = {path.stem for path in EXAMPLES.glob("*.yaml")}
    assert files == set(APIS)
    readme = (EXAMPLES / "README.md").read_text()
    assert all(f"({name}.yaml)" in readme for name in files)


@pytest.mark.parametrize("name", APIS)
def test_an_example_is_short_and_shows_what_its_api_can_do(name: str) -> None:
    """Three to six endpoints, each with its key, in few lines; among them a child and an incremental one."""
    config = load(example(name))
    assert 3 <= len(config.streams) <= 6
    assert all(endpoint.primary_key for endpoint in config.streams)
    assert any(endpoint.incremental for endpoint in config.streams)
    assert any(stream_references.parent_of(config, endpoint) for endpoint in config.streams)
    text = (EXAMPLES / f"{name}.yaml").read_text()
    endpoints = text.partition("\nendpoints:\n")[2].split("\n  - ")
    assert max(len(endpoint.strip().splitlines()) for endpoint in endpoints) <= 18
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", APIS)
def test_an_example_reads_every_row_and_then_what_changed(name: str, tmp_path: Path) -> None:
    """Two syncs: all rows as the API's own table has them; then the changed ones, from the state of the first."""
    with APIS[name]() as api:
        raw = config_for(name, api, api.secret)
        config = load(raw)
        catalog = modes(config)
        first = run(tmp_path, "read", config=raw, catalog=catalog)
        assert first.errors == []
        truth = api.truth()
        assert set(truth) == {endpoint.name for endpoint in config.streams}
        for stream, rows in truth.items():
            found, expected = counted(first.data(stream)), counted(rows)
            assert set(found) == set(expected), stream
            assert first.statuses(stream)[-1] == "COMPLETE"
        changed = api.change()
        second = run(tmp_path, "read", config=raw, catalog=catalog, state=first.states)
        assert second.errors == []
        for stream, keys in changed.items():
            found_keys = {key_of(config, stream, row) for row in second.data(stream)}
            assert keys <= found_keys, stream
            assert len(found_keys) < len(api.truth()[stream]) / 2, stream
        assert api.errors == []


@pytest.mark.parametrize("name", APIS)
def test_an_example_says_that_its_token_is_wrong(name: str, tmp_path: Path) -> None:
    """`check` fails, in the API's own words, and shows the token nowhere."""
    with APIS[name]() as api:
        wrong = "wrong-token-of-the-tests"
        done = run(tmp_path, "check", config=config_for(name, api, wrong))
        [status] = done.bodies("CONNECTION_STATUS")
        assert status["status"] == "FAILED"
        assert wrong not in json.dumps(done.messages)
