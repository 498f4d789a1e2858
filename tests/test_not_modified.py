"""HTTP 304: nothing changed, where the request asked for changes; rows that are missing, anywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api import Answer
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

SINCE: dict[str, Any] = {"cursor_field": "at", "start_param": "If-Modified-Since", "in": "header"}
ETAG: dict[str, Any] = {"type": "token", "token_header": "ETag", "start_param": "If-None-Match", "in": "header"}
TEMPLATE: dict[str, Any] = {"headers": {"if-modified-since": "{{ stream_interval.start_time }}"}}
WAYS: dict[str, dict[str, Any]] = {
    "date": {"incremental": SINCE},
    "ETag": {"incremental": ETAG},
    "template": {**TEMPLATE, "incremental": {"cursor_field": "at", "mode": "server_filter"}},
}


def unchanged(call: Call) -> Any:
    """Answer as a server that compares dates and tags."""
    if call.headers["If-None-Match"] == '"v1"' or (call.headers["If-Modified-Since"] or "") >= "2024-03":
        return Answer("", 304)
    return Answer([{"id": 1, "at": "2024-03-01T00:00:00Z"}], headers={"ETag": '"v1"'})


@pytest.mark.parametrize("way", WAYS)
def test_nothing_changed_is_a_sync_without_records(api: Api, way: str, caplog: pytest.LogCaptureFixture) -> None:
    """It ends complete, and its state stays, once and again."""
    api.get("/items")(unchanged)
    endpoint = {"primary_key": "id", **WAYS[way]}
    first = Reading(api.url, endpoint, start_date="2024-01-01T00:00:00Z")
    assert (first.error, len(first.records)) == (None, 1)
    state = first.states[-1]
    for _ in range(2):
        again = Reading(api.url, endpoint, start_date="2024-01-01T00:00:00Z", saved=state)
        assert (again.error, again.records) == (None, [])
        left = again.states[-1] if again.states else state
        assert {**left, "completed_at": None} == {**state, "completed_at": None}
        state = left
    assert "start_exclusive" not in caplog.text
    api.get("/items")(lambda _: [{"id": 2, "at": "2024-04-01T00:00:00Z"}])
    assert len(Reading(api.url, endpoint, start_date="2024-01-01T00:00:00Z", saved=state).records) == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        {},
        {"headers": {"If-None-Match": '"v1"'}},
        {"headers": {"If-None-Match": '"v1"'}, "incremental": {"cursor_field": "at", "start_param": "since"}},
        {"headers": {"If-None-Match": "{{ config['start_date'] }}"}},
        {"incremental": {"cursor_field": "at", "start_param": "since"}},
    ],
    ids=str,
)
def test_rows_that_nobody_delivered_are_missing(api: Api, endpoint: dict[str, Any]) -> None:
    """A full refresh without rows would empty the table, and a tag in the config says nothing of the state."""
    api.get("/items")(lambda _: Answer("", 304))
    reading = Reading(api.url, endpoint, start_date="2024-01-01T00:00:00Z")
    assert "HTTP 304" in str(reading.error)
    assert "`headers`" in str(reading.error)


def test_a_later_page_must_not_be_missing(api: Api) -> None:
    """The first page said that something changed."""
    api.get("/items")(
        lambda call: Answer("", 304) if call.query else {"items": [{"id": 1, "at": "2024-03-01"}], "next": "t"}
    )
    paging = {"type": "cursor", "cursor_path": "next"}
    endpoint = {"records_path": "items", "pagination": paging, "incremental": SINCE}
    assert "HTTP 304" in str(Reading(api.url, endpoint, start_date="2024-01-01T00:00:00Z").error)


def test_a_sweep_never_takes_it_for_an_empty_table(api: Api) -> None:
    """A sweep asks for all rows, so nothing says that they are gone."""
    api.get("/items")(lambda _: [{"id": n, "at": f"2024-03-0{n}T00:00:00Z"} for n in (1, 2, 3)])
    endpoint = {"primary_key": "id", "incremental": SINCE, "deletions": {"every": "PT0.001S"}}
    state = Reading(api.url, endpoint, start_date="2024-01-01T00:00:00Z").states[-1]
    for _ in range(3):
        api.get("/items")(lambda _: Answer("", 304))
        again = Reading(api.url, endpoint, start_date="2024-01-01T00:00:00Z", saved=state)
        assert again.gone == []
        state = again.states[-1] if again.states else state


def test_a_rule_of_the_user_comes_first(api: Api) -> None:
    """It may say that a 304 is an error."""
    api.get("/items")(lambda _: Answer("", 304))
    rule = {"status": 304, "action": "fail", "message": "no 304 here"}
    reading = Reading(api.url, {"incremental": SINCE, "errors": [rule]}, start_date="2024-01-01T00:00:00Z")
    assert "no 304 here" in str(reading.error)
