"""The connector as the CDK sees it."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
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

LOG = logging.getLogger("airbyte")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=5), max_size=5)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """An API whose rows the tests set."""
    with Api() as api:
        yield api


def config(api: Api) -> dict[str, Any]:
    """One stream."""
    return {"url_base": api.url, "endpoints": [{"name": "rows", "path": "/rows"}]}


def plain(message: AirbyteMessage) -> dict[str, Any]:
    """A message as JSON has it. The CDK leaves out nulls when it writes, in records as well."""
    written: dict[str, Any] = AirbyteMessageSerializer.dump(message)
    if message.record is not None:
        written["record"]["data"] = message.record.data
    return written


def by_stream(messages: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """What was said, without the times, which differ from run to run."""
    said: dict[str, list[Any]] = defaultdict(list)
    for message in messages:
        if message["type"] == "RECORD":
            said["records"].append(message["record"]["data"])
        elif message["type"] == "STATE":
            said["states"].append({**message["state"], "stream": sorted(message["state"]["stream"]["stream_state"])})
        elif message["type"] == "TRACE":
            said["traces"].append({k: v for k, v in message["trace"].items() if k != "emitted_at"})
    return said


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_source_read_yields_what_main_prints(rows: list[Any], api: Api, tmp_path: Path) -> None:
    """The CDK's generator and the command line give the same messages, whatever the records."""
    body = json.dumps(rows, ensure_ascii=False).encode("utf-8", "replace")
    api.get("/rows")(lambda _: Answer(body))
    printed = run(tmp_path, "read", config=config(api), catalog=catalog(rows="full_refresh"))
    chosen = ConfiguredAirbyteCatalogSerializer.load(catalog(rows="full_refresh"))
    yielded = [plain(message) for message in SourceRestApi().read(LOG, config(api), chosen, [])]
    assert by_stream(printed.messages) == by_stream(yielded)
    assert printed.data("rows") == json.loads(body)


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
    """Everything that can be said is said before the CDK is told that it failed."""
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
