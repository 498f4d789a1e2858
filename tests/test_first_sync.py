"""Streams whose changes have another endpoint than all records: which of them a sync reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config import loading
from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError
from tests.api import Answer

if TYPE_CHECKING:
    from tests.api import Api, Call

OLD, NEW = "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"
CURSOR = {"cursor_field": "updated", "start_date": "2020-01-01"}


def config(api: Api, **more: Any) -> dict[str, Any]:
    """An API with a list of customers, and a feed of their changes."""
    everything = {
        "name": "all",
        "path": "customers",
        "records_path": "data",
        "primary_key": "id",
        "pagination": {"type": "cursor", "cursor_path": "next", "cursor_param": "after"},
        "incremental": {**CURSOR, "start_param": "created"},
    }
    changes = {
        "name": "customers",
        "path": "events",
        "records_path": "data",
        "primary_key": "id",
        "incremental": {**CURSOR, "start_param": "since"},
        "first_sync": {"endpoint": "all", **more},
    }
    return {"url_base": api.url, "endpoints": [everything, changes], "retry": {"max_attempts": 1}}


def serve(api: Api, *, broken: bool = False) -> None:
    """Serves two pages of customers, the second of which may fail, and one event."""

    @api.get("/customers")
    def customers(call: Call) -> Any:
        if call.arg("after"):
            return Answer({"error": "no"}, 400) if broken else {"data": [{"id": 2, "updated": OLD}]}
        return {"data": [{"id": 1, "updated": OLD}], "next": "2"}

    @api.get("/events")
    def events(_: Call) -> Any:
        return {"data": [{"id": 1, "updated": NEW}]}


def read(given: dict[str, Any], state: Any = None, mode: str = "incremental") -> tuple[list[int], Any]:
    """The IDs of the records, and the last state."""
    stream = {"name": "customers", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
    configured = {"streams": [{"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}]}
    session = Connector().session(given)
    blocks = session.read(configured, {} if state is None else {"customers": state})
    lines = [json.loads(line) for block in blocks for line in block.splitlines()]
    states = [line["state"]["stream"]["stream_state"] for line in lines if line["type"] == "STATE"]
    return [line["record"]["data"]["id"] for line in lines if line["type"] == "RECORD"], states[-1] if states else None


def test_the_first_sync_reads_all_and_the_next_ones_the_changes(api: Api) -> None:
    """With one state, whose cursor continues."""
    serve(api)
    ids, state = read(config(api))
    assert (ids, {call.path for call in api.requests}) == ([1, 2], {"/customers"})
    api.requests.clear()
    ids, state = read(config(api), state)
    assert (ids, [call.path for call in api.requests]) == ([1], ["/events"])
    assert api.requests[0].arg("since") == OLD
    assert state["cursor"] == NEW


def test_a_first_sync_that_was_killed_goes_on(api: Api) -> None:
    """In the list of all, at its page. What was created since then is a slice of its own."""
    serve(api, broken=True)
    ids, state = read(config(api))
    assert ids == [1]
    api.requests.clear()
    serve(api)
    ids, state = read(config(api), state)
    assert 2 in ids
    assert {call.path for call in api.requests} == {"/customers"}
    assert [call.arg("after") for call in api.requests if call.arg("created") == "2020-01-01"] == ["2"]
    assert read(config(api), state)[0] == [1]


def test_a_full_refresh_always_reads_all(api: Api) -> None:
    """Whatever the state says."""
    serve(api)
    _, state = read(config(api))
    assert read(config(api), state, "full_refresh")[0] == [1, 2]


def test_after_the_retention_all_is_read_again(api: Api) -> None:
    """The API has forgotten changes since the last sync: the state no longer helps."""
    serve(api)
    _, state = read(config(api, retention="P30D"))
    ids, state = read(config(api, retention="P30D"), state)
    assert ids == [1, 2]
    assert read(config(api, retention="P90Y"), state)[0] == [1]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"first_sync": {"endpoint": "nothing"}}, "there is no other endpoint `nothing`"),
        ({"first_sync": {"endpoint": "customers"}}, "there is no other endpoint `customers`"),
        ({"incremental": {**CURSOR, "cursor_field": "at"}}, "the same `cursor_field`"),
        ({"authentication": {"type": "none"}}, "the same `url_base` and `authentication`"),
    ],
)
def test_what_does_not_go_together_is_an_error(change: dict[str, Any], error: str, api: Api) -> None:
    """The message says what to set."""
    given = config(api)
    given["endpoints"][1] |= change
    with pytest.raises(ConfigError, match=error):
        loading.load(given)
