"""The connector as the CDK sees it."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import requests_mock
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalogSerializer,
    FailureType,
    Status,
)
from airbyte_cdk.utils import AirbyteTracedException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from source_rest_api import SourceRestApi
from tests.api import Answer, Api
from tests.process import catalog, run
from tests.sign_in import TokenApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api import Call

LOG = logging.getLogger("airbyte")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TIMES = st.sampled_from(["2024-01-01T00:00:00Z", "2024-02-03T04:05:06.789+02:00", None, "x"])
ROWS = st.fixed_dictionaries({}, optional={"at": TIMES, "x": VALUES, "": VALUES, "É\n": VALUES})
FAULTS = st.sampled_from([Answer(status=401), Answer(status=500), Answer('[{"id": 1'), Answer("null")])
PAGES = st.lists(ROWS, max_size=3).map(lambda rows: json.dumps(rows, indent=2).replace("\n", "\r\n")) | FAULTS
STATES = st.sampled_from([{}, {"version": 1, "cursor": "2024-01-15T00:00:00Z"}, {"cursor": "x"}])


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """An API whose rows the tests set."""
    with Api() as api:
        yield api


def config(api: Api) -> dict[str, Any]:
    """A config with one stream."""
    return {"url_base": api.url, "endpoints": [{"name": "rows", "path": "/rows"}]}


def plain(message: AirbyteMessage) -> dict[str, Any]:
    """A message as JSON has it. The CDK leaves out nulls when it writes, in records as well."""
    written: dict[str, Any] = AirbyteMessageSerializer.dump(message)
    if message.record is not None:
        written["record"]["data"] = message.record.data
    return written


def timeless(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns each stream's messages, without times, logs (the CDK formats them itself) and earlier states."""
    for message in messages:
        for body in message.values():
            if isinstance(body, dict):
                body.pop("emitted_at", None)
        message.get("state", {}).pop("sourceStats", None)
        saved = message.get("state", {}).get("stream", {}).get("stream_state", {})
        saved.pop("completed_at", None)
        saved.get("reading", {}).pop("began_at", None)
        for unfinished in saved.get("reading", {}).get("slices", []):
            unfinished.pop("end", None)
    said = {name: [m for m in messages if f'"{name}"' in json.dumps(m)] for name in ("first", "second")}
    states = {name: [m for m in own if m["type"] == "STATE"][-1:] for name, own in said.items()}
    return [{name: [m for m in own if m["type"] not in {"LOG", "STATE"}] for name, own in said.items()}, states]


def page(scripted: list[Any], call: Call) -> Any:
    """The page that a script has for a number; after its last they are empty."""
    return (scripted[int(call.arg("page")) - 1 :] or [[]])[0]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(PAGES, max_size=3), st.lists(PAGES, max_size=2), st.sampled_from(["full_refresh", "incremental"]), STATES
)
def test_source_read_yields_what_main_prints(
    api: Api, tmp_path: Path, first: list[Any], second: list[Any], mode: str, saved: dict[str, Any]
) -> None:
    """The CDK's generator and the command line give the same messages in the same order, whatever the API does."""
    api.get("/first")(partial(page, first))
    api.get("/second")(partial(page, second))
    endpoints = [{"name": name, "path": name, "incremental": {"cursor_field": "at"}} for name in ("first", "second")]
    paged = {"max_concurrency": 1, "retry": {"max_attempts": 1}, "pagination": {"type": "page_number"}}
    raw = {"url_base": api.url, "endpoints": endpoints, **paged}
    state = [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "first"}, "stream_state": saved}}]
    both = catalog(first=mode, second=mode)
    printed = run(tmp_path, "read", config=raw, catalog=both, state=state)
    yielded: list[AirbyteMessage] = []
    chosen, given_back = ConfiguredAirbyteCatalogSerializer.load(both), map(AirbyteStateMessageSerializer.load, state)
    complete = True
    try:
        yielded.extend(SourceRestApi().read(LOG, raw, chosen, list(given_back)))  # what came before the error is kept
    except AirbyteTracedException:
        complete = False
    assert timeless(printed.messages) == timeless([plain(message) for message in yielded])
    assert (printed.code == 0) == complete


def test_big_numbers_survive_the_cdk(api: Api) -> None:
    """Integers beyond 64 bits are exact in `AirbyteMessage`s too."""
    api.get("/rows")(lambda _: Answer('[{"n": 123456789012345678901234567890}]'))
    chosen = ConfiguredAirbyteCatalogSerializer.load(catalog(rows="full_refresh"))
    [record] = [m.record for m in SourceRestApi().read(LOG, config(api), chosen, []) if m.record]
    assert record.data == {"n": 123456789012345678901234567890}


def test_check_and_discover(api: Api) -> None:
    """The CDK's verbs answer with its own objects."""
    api.get("/rows")(lambda _: [{"id": 1}])
    source = SourceRestApi()
    assert source.check(LOG, config(api)).status == Status.SUCCEEDED
    [stream] = source.discover(LOG, config(api)).streams
    assert (stream.name, list(stream.json_schema["properties"])) == ("rows", ["id"])
    assert source.spec(LOG).connectionSpecification["required"] == ["url_base"]


def test_an_incomplete_read_raises_at_its_end(api: Api) -> None:
    """All messages are emitted before the CDK gets the error."""
    api.get("/rows")(lambda _: {"nothing": 1})
    chosen = ConfiguredAirbyteCatalogSerializer.load(catalog(rows="full_refresh"))
    messages: list[AirbyteMessage] = []
    with pytest.raises(AirbyteTracedException):
        messages.extend(SourceRestApi().read(LOG, config(api), chosen, []))  # what came before the error is kept
    statuses = [m.trace.stream_status.status.value for m in messages if m.trace and m.trace.stream_status]
    assert statuses == ["STARTED", "INCOMPLETE"]


def test_a_wrong_config_is_the_cdks_config_error() -> None:
    """Our errors arrive as the CDK's, with message and failure type."""
    with pytest.raises(AirbyteTracedException) as caught:
        SourceRestApi().check(LOG, {"url_bas": "x"})
    assert caught.value.failure_type == FailureType.config_error
    assert "did you mean `url_base`" in str(caught.value.message)


def test_states_go_in_as_the_cdk_has_them(api: Api) -> None:
    """A state that a read yielded is where the next one begins."""
    rows = [{"at": "2024-01-01T00:00:00Z"}, {"at": "2024-01-02T00:00:00Z"}]
    api.get("/rows")(lambda _: rows)
    incremental = {
        **config(api),
        "endpoints": [{"name": "rows", "path": "/rows", "incremental": {"cursor_field": "at"}}],
    }
    chosen = ConfiguredAirbyteCatalogSerializer.load(catalog(rows="incremental"))
    first = [m.state for m in SourceRestApi().read(LOG, incremental, chosen, []) if m.state]
    again = AirbyteStateMessageSerializer.load(AirbyteStateMessageSerializer.dump(first[-1]))
    second = [m.record.data for m in SourceRestApi().read(LOG, incremental, chosen, [again]) if m.record]
    assert second == rows[1:]


def test_decimals_are_numbers(api: Api) -> None:
    """A decimal is a number for the CDK, as exact as a double can be."""
    api.get("/rows")(lambda _: Answer(msgspec.json.encode([{"d": 0.1}])))
    chosen = ConfiguredAirbyteCatalogSerializer.load(catalog(rows="full_refresh"))
    [record] = [m.record for m in SourceRestApi().read(LOG, config(api), chosen, []) if m.record]
    assert Decimal(str(record.data["d"])) == Decimal("0.1")


def test_a_changed_config_is_given_to_the_platform_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """The CDK's own CONTROL message, before the check is done."""
    with TokenApi() as api:
        api.answer_with = {"refresh_token": "R1-secret"}
        status = SourceRestApi().check(LOG, api.oauth(refresh_token="R0-secret"))
    assert status.status == Status.SUCCEEDED
    message = AirbyteMessageSerializer.load(json.loads(capfd.readouterr().out))
    assert message.control is not None
    assert message.control.connectorConfig is not None
    assert message.control.connectorConfig.config["authentication"]["refresh_token"] == "R1-secret"


def test_tests_that_replace_requests_work() -> None:
    """The suites of other connectors patch `requests`: what they answer is what is read."""
    with requests_mock.Mocker() as mock:
        mock.get("https://api.example.com/rows", text='[{"id": 1}]')
        raw = {"url_base": "https://api.example.com", "endpoints": [{"name": "rows", "path": "/rows"}]}
        chosen = ConfiguredAirbyteCatalogSerializer.load(catalog(rows="full_refresh"))
        messages = list(SourceRestApi().read(LOG, raw, chosen))
    assert [m.record.data for m in messages if m.record] == [{"id": 1}]
    assert len(mock.request_history) == 1
