"""The CDK's view of the connector is the same connector."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import (
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalogSerializer,
    FailureType,
    Status,
)
from airbyte_cdk.utils import AirbyteTracedException
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from source_rest_api import SourceRestApi
from tests.api import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
LOG = logging.getLogger("test")
NAMES = ("a", "b")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.fixed_dictionaries(
    {"id": st.integers()},
    optional={
        "at": st.sampled_from(["2024-01-01T00:00:00Z", "2024-02-03T04:05:06.789+02:00", None, "x"]),
        "x": JSON,
    },
)
PAGES = st.one_of(
    st.lists(ROWS, max_size=4),
    st.lists(ROWS, min_size=1, max_size=3).map(lambda rows: json.dumps(rows, indent=2).replace("\n", "\r\n")),
    st.sampled_from([Answer(status=401), Answer(status=500), Answer('[{"id": 1'), Answer("null")]),
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach loopback directly, whatever the environment says."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API whose handlers do not fail."""
    with Api() as api:
        yield api
        assert api.errors == []


def config(api: Api) -> dict[str, Any]:
    """Make a config of two paged endpoints with cursors, one after the other, so that the order is certain."""
    endpoints = [{"name": name, "path": name, "incremental": {"cursor_field": "at"}} for name in NAMES]
    one = {"max_concurrency": 1, "retry": {"max_attempts": 1}, "pagination": {"type": "page_number"}}
    return {"url_base": api.url, "endpoints": endpoints, **one}


def catalog(*names: str, sync_mode: str = "incremental") -> dict[str, Any]:
    """Make a configured catalog as the platform writes it."""
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": sync_mode,
                "destination_sync_mode": "append",
            }
            for name in names
        ]
    }


def timeless(message: Any) -> Any:
    """Take the times out of a message."""
    text = json.dumps(message, sort_keys=True)
    return json.loads(re.sub(r'"emitted_at": [\d.e+]+|\d+\.\d s\b|"completed_at": "[^"]*"', '"time": 0', text))


def from_source(raw: Any, configured: Any, saved: Any) -> tuple[list[Any], bool]:
    """Read through the CDK's edge: messages, and whether all was complete."""
    messages: list[Any] = []
    try:
        state = [AirbyteStateMessageSerializer.load(message) for message in saved]
        for message in SourceRestApi().read(LOG, raw, ConfiguredAirbyteCatalogSerializer.load(configured), state):
            messages.append(timeless(AirbyteMessageSerializer.dump(message)))  # noqa: PERF401 -- it may raise half-way
    except AirbyteTracedException:
        return messages, False
    return messages, True


def from_process(folder: Path, raw: Any, configured: Any, saved: Any) -> tuple[list[Any], bool]:
    """Read with `main.py` in a process of its own."""
    arguments = []
    for name, value in (("config", raw), ("catalog", configured), ("state", saved)):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(value))
        arguments += [f"--{name}", str(path)]
    done = subprocess.run(
        [sys.executable, "main.py", "read", *arguments],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "NO_PROXY": "*"},
        check=False,
        timeout=60,
    )
    return [timeless(json.loads(line)) for line in done.stdout.splitlines()], done.returncode == 0


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({name: st.lists(PAGES, max_size=3) for name in NAMES}),
    st.sampled_from(["full_refresh", "incremental"]),
    st.sampled_from([[], [{"version": 1, "cursor": "2024-01-15T00:00:00Z"}], [{"cursor": "x"}]]),
)
@example({"a": [[{"id": 1, "at": "2024-01-01T00:00:00Z", "x": 10**30}], "[]"], "b": []}, "incremental", [])
def test_the_source_yields_what_the_command_prints(
    tmp_path_factory: pytest.TempPathFactory, pages: dict[str, list[Any]], sync_mode: str, states: list[Any]
) -> None:
    """Apart from times, `Source.read` and `main.py read` give the same messages in the same order."""
    folder = tmp_path_factory.mktemp("read")
    with Api() as api:
        for name in NAMES:
            scripted = pages[name]
            api.get(f"/{name}")(lambda call, scripted=scripted: (scripted[int(call.arg("page")) - 1 :] or [[]])[0])
        saved = [
            {"type": "STREAM", "stream": {"stream_descriptor": {"name": "a"}, "stream_state": state}}
            for state in states
        ]
        arguments = config(api), catalog(*NAMES, sync_mode=sync_mode), saved
        assert from_source(*arguments) == from_process(folder, *arguments)
        assert api.errors == []


def test_spec_check_and_discover(api: Api) -> None:
    """The verbs return the CDK's own types."""
    api.get("/a")(lambda _: [{"id": 1}])
    api.get("/b")(lambda call: [] if call.arg("page") else [])
    source = SourceRestApi()
    assert "url_base" in source.spec(LOG).connectionSpecification["properties"]
    raw = config(api)
    for endpoint in raw["endpoints"]:
        del endpoint["incremental"]
    checked = source.check(LOG, raw)
    assert (checked.status, str(checked.message).count(" records on the first page")) == (Status.SUCCEEDED, 2)
    assert [stream.name for stream in source.discover(LOG, {**raw, "pagination": {"type": "none"}}).streams] == [
        "a",
        "b",
    ]


def test_a_failed_check_is_a_status(api: Api) -> None:
    """An API that refuses is told as the CDK's FAILED, not raised."""
    api.get("/a")(lambda _: Answer(status=401))
    api.get("/b")(lambda _: [])
    checked = SourceRestApi().check(LOG, config(api))
    assert (checked.status, "check the credentials" in str(checked.message)) == (Status.FAILED, True)


def test_errors_are_the_cdks(api: Api) -> None:
    """A wrong config, and a read that is not complete, raise traced errors with the right failure type."""
    source = SourceRestApi()
    with pytest.raises(AirbyteTracedException) as error:
        source.discover(LOG, {"url_base": "ftp://x"})
    assert (error.value.failure_type, "url_base" in str(error.value.message)) == (FailureType.config_error, True)
    api.get("/a")(lambda _: Answer(status=500))
    with pytest.raises(AirbyteTracedException) as failed:
        list(source.read(LOG, config(api), ConfiguredAirbyteCatalogSerializer.load(catalog("a"))))
    assert failed.value.failure_type == FailureType.transient_error


def test_a_state_that_was_yielded_can_be_given_back(api: Api) -> None:
    """The CDK's own state messages are read: what is asked for next begins there."""
    api.get("/a")(lambda call: [{"id": 1, "at": "2024-03-01T00:00:00Z"}] if call.arg("page") == "1" else [])
    source, configured = SourceRestApi(), ConfiguredAirbyteCatalogSerializer.load(catalog("a"))
    raw = config(api)
    raw["endpoints"][0]["incremental"]["start_param"] = "since"
    states: list[AirbyteStateMessage] = [m.state for m in source.read(LOG, raw, configured) if m.state]
    list(source.read(LOG, raw, configured, states))
    assert [call.arg("since") for call in api.requests] == ["", "", "2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z"]
