"""The examples are complete configs, and read every row of an imitation of their API, then what has changed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config import stream_references
from source_rest_api.config.loading import load
from source_rest_api.formats import yaml_text
from tests.api import Answer, Api
from tests.imitations.asana import Asana
from tests.imitations.github import GitHub
from tests.imitations.gitlab import GitLab
from tests.imitations.google_sheets import GoogleSheets
from tests.imitations.hubspot import HubSpot
from tests.imitations.intercom import Intercom
from tests.imitations.notion import Notion
from tests.imitations.pinterest import Pinterest
from tests.imitations.pipedrive import Pipedrive
from tests.imitations.s3 import S3
from tests.imitations.salesforce import Salesforce
from tests.imitations.shopify import Shopify
from tests.imitations.slack import Slack
from tests.imitations.stripe import Stripe
from tests.imitations.typeform import Typeform
from tests.process import run

if TYPE_CHECKING:
    from source_rest_api.config.config import Config
    from tests.api import JSON, Call
    from tests.imitations import Imitation

EXAMPLES = Path(__file__).parent.parent / "examples"
APIS: dict[str, type[Imitation]] = {
    "asana": Asana,
    "github": GitHub,
    "gitlab": GitLab,
    "google_sheets": GoogleSheets,
    "hubspot": HubSpot,
    "intercom": Intercom,
    "notion": Notion,
    "pinterest": Pinterest,
    "pipedrive": Pipedrive,
    "s3": S3,
    "salesforce": Salesforce,
    "shopify": Shopify,
    "slack": Slack,
    "stripe": Stripe,
    "typeform": Typeform,
}


def example(name: str) -> dict[str, Any]:
    """The config as in the file."""
    raw: dict[str, Any] = yaml_text.load((EXAMPLES / f"{name}.yaml").read_text())
    return raw


def modes(config: Config) -> dict[str, Any]:
    """A catalog of all streams, incremental where they can be."""
    streams = [
        {
            "stream": {
                "name": endpoint.name,
                "json_schema": {},
                "supported_sync_modes": ["full_refresh", "incremental"],
            },
            "sync_mode": "incremental" if endpoint.is_incremental else "full_refresh",
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
    assert files == {*APIS, "csv_file"}
    readme = (EXAMPLES / "README.md").read_text()
    assert all(f"({name}.yaml)" in readme for name in files)


@pytest.mark.parametrize("name", APIS)
def test_an_example_is_short_and_shows_what_its_api_can_do(name: str) -> None:
    """Three to six endpoints, each with its key, in few lines; among them a child and an incremental one."""
    api = APIS[name]()
    config = load(api.placed(example(name), api.secret))
    assert 3 <= len(config.streams) <= 6
    assert all(endpoint.primary_key for endpoint in config.streams)
    shown = {
        "incremental": any(endpoint.incremental for endpoint in config.streams),
        "child": any(stream_references.parent_of(config, endpoint) for endpoint in config.streams),
    }
    assert {name for name, is_shown in shown.items() if is_shown} == api.shows
    text = (EXAMPLES / f"{name}.yaml").read_text()
    endpoints = text.partition("\nendpoints:\n")[2].split("\n  - ")
    assert max(len(endpoint.strip().splitlines()) for endpoint in endpoints) <= 18
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", APIS)
def test_an_example_reads_every_row_and_then_what_changed(name: str, tmp_path: Path) -> None:
    """Two syncs: all rows as the API's own table has them; then the changed ones, from the state of the first."""
    with APIS[name]() as api:
        raw = api.placed(example(name), api.secret)
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
        done = run(tmp_path, "check", config=api.placed(example(name), api.wrong))
        [status] = done.bodies("CONNECTION_STATUS")
        assert status["status"] == "FAILED"
        assert json.dumps(api.wrong)[1:-1] not in json.dumps(done.messages)


def test_salesforce_says_that_the_requests_of_the_day_are_used_up(tmp_path: Path) -> None:
    """The sync ends at once and tells why; the next one continues where it ended, and misses nothing."""
    with Salesforce() as api:
        raw = api.placed(example("salesforce"), api.secret)
        catalog = modes(load(raw))
        query = api.handler("GET", "/services/data/v60.0/{resource}/{locator}")

        def limited(call: Call) -> Answer | JSON:
            api.limit_reached = call.number >= 1
            return query(call)

        api.get("/services/data/v60.0/{resource}/{locator}")(limited)
        first = run(tmp_path, "read", config=raw, catalog=catalog)
        assert first.errors
        assert all("no API requests left" in error["message"] for error in first.errors)
        assert {error["failure_type"] for error in first.errors} == {"transient_error"}
        api.limit_reached = False
        api.get("/services/data/v60.0/{resource}/{locator}")(query)
        second = run(tmp_path, "read", config=raw, catalog=catalog, state=first.states)
        assert second.errors == []
        for stream, rows in api.truth().items():
            assert set(counted([*first.data(stream), *second.data(stream)])) == set(counted(rows)), stream


def test_a_csv_file_is_an_endpoint_of_its_own(tmp_path: Path) -> None:
    """The file of the example is read over HTTP; what its comment calls the words of Airbyte's source is in it."""
    text = (EXAMPLES / "csv_file.yaml").read_text()
    config = load(example("csv_file"))
    [endpoint] = config.streams
    assert f"Dataset Name: {endpoint.name}" in text
    assert f"URL: {example('csv_file')['url_base']}/{endpoint.path}" in text
    rows = [{"id": str(n), "note": f'a, "b"\n{n}'} for n in range(3)]
    with Api() as api:
        lines = ["id,note", *(f'{row["id"]},"a, ""b""\n{row["id"]}"' for row in rows)]
        api.get("/sales.csv")(lambda _: Answer("\r\n".join(lines), headers={"Content-Type": "text/csv"}))
        done = run(tmp_path, "read", config={**example("csv_file"), "url_base": api.url}, catalog=modes(config))
    assert (done.errors, done.data("sales_data")) == ([], rows)
