"""State moves only forward, survives a round trip, and what is none is refused by name."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api import datetimes, state
from source_rest_api.errors import ConfigError

NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
CURSORS = st.builds(
    lambda moment, hours: moment.replace(tzinfo=timezone(timedelta(hours=hours))).isoformat(),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 -- it gets one
    st.integers(-12, 14),
)
PARTITIONS = st.sampled_from(["", '{"r.id":1}', '{"r.id":"ü\\n"}'])


def test_the_first_sync_has_no_state() -> None:
    """Null and empty are the state before the first sync, as a reset gives it."""
    for nothing in (None, dict[str, Any]()):
        loaded = state.load("s", nothing)
        assert (loaded, loaded.get(""), loaded.get("p")) == (state.new(), None, None)
    assert state.new().dump() == {"version": 1}


def test_a_cursor_for_each_partition() -> None:
    """A stream that is read once has one, others have one for each parent record."""
    once, several = state.new(), state.new()
    once.advance("", "2024-01-01T00:00:00Z")
    several.advance('{"r.id":1}', "2024-01-01")
    several.advance('{"r.id":2}', "2024-01-02")
    assert once.dump() == {"version": 1, "cursor": "2024-01-01T00:00:00Z"}
    assert several.dump() == {"version": 1, "cursors": {'{"r.id":1}': "2024-01-01", '{"r.id":2}': "2024-01-02"}}
    assert [several.get(key) for key in ('{"r.id":2}', '{"r.id":3}', "")] == ["2024-01-02", None, None]


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("2024-01-01", "2024-01-02", "2024-01-02"),
        ("2024-01-02", "2024-01-01", "2024-01-02"),
        ("2024-01-01T00:00:00Z", "2024-01-01T01:00:00+02:00", "2024-01-01T00:00:00Z"),
        ("2024-01-01T01:00:00+02:00", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000001Z", "2024-01-01T00:00:00.000001Z"),
        ("2024-01-01T00:00:00.500Z", "2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00.500Z"),
    ],
)
def test_moments_are_compared_not_texts(before: str, after: str, kept: str) -> None:
    """Offsets and fractions are understood, and the text stays that of the API."""
    moved = state.new()
    moved.advance("", before)
    moved.advance("", after)
    assert moved.cursor == kept


@given(st.lists(st.tuples(PARTITIONS, CURSORS)))
def test_state_moves_only_forward(steps: list[tuple[str, str]]) -> None:
    """In whatever order cursors come, each partition keeps the latest; partitions do not touch each other."""
    moved = state.new()
    for partition, cursor in steps:
        before = moved.get(partition)
        moved.advance(partition, cursor)
        after = moved.get(partition)
        assert after is not None
        assert before is None or datetimes.parse(before) <= datetimes.parse(after)
    latest: dict[str, datetime] = {}
    for partition, cursor in steps:
        latest[partition] = max(latest.get(partition, datetimes.parse(cursor)), datetimes.parse(cursor))
    assert {partition: datetimes.parse(moved.get(partition) or "") for partition in latest} == latest


@given(st.lists(st.tuples(PARTITIONS, CURSORS)), st.booleans())
def test_what_was_written_is_read_again(steps: list[tuple[str, str]], complete: bool) -> None:
    """A round trip through JSON changes nothing."""
    written = state.new()
    for partition, cursor in steps:
        written.advance(partition, cursor)
    if complete:
        written.complete(NOW)
    assert state.load("s", json.loads(json.dumps(written.dump()))) == written


def test_a_dump_does_not_change_any_more() -> None:
    """A message that waits in the queue covers what it covered."""
    moving = state.new()
    moving.advance("p", "2024-01-01")
    dump = moving.dump()
    moving.advance("p", "2024-01-02")
    moving.advance("q", "2024-01-02")
    assert dump == {"version": 1, "cursors": {"p": "2024-01-01"}}
    assert state.new().dump() == {"version": 1}


def test_loading_does_not_hold_on_to_what_was_loaded() -> None:
    """The caller's state stays as it was given."""
    given_ = {"version": 1, "cursors": {"p": "2024-01-01"}}
    state.load("s", given_).advance("p", "2024-01-02")
    assert given_ == {"version": 1, "cursors": {"p": "2024-01-01"}}


def test_a_full_refresh_says_that_it_came_to_its_end() -> None:
    """The moment makes the state of each sync another."""
    done = state.new()
    done.complete(NOW)
    assert done.dump() == {"version": 1, "completed_at": "2024-06-01T12:00:00Z"}


def test_unknown_keys_are_ignored() -> None:
    """What a later version of the connector adds does not break an earlier one."""
    assert state.load("s", {"version": 1, "cursor": "2024-01-01", "added": [1]}).dump() == {
        "version": 1,
        "cursor": "2024-01-01",
    }


@pytest.mark.parametrize("cursor", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_far_away_cursors(cursor: str) -> None:
    """The first and the last year are dates like others."""
    assert state.load("s", {"version": 1, "cursor": cursor}).cursor == cursor


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"updated_at": "2024-01-01"}, 'the state {"updated_at":"2024-01-01"} is not one of this connector'),
        ({"version": 1, "cursor": "soon"}, 'the state {"version":1,"cursor":"soon"} is not one of this connector'),
        ({"version": 1, "cursor": ""}, "(not a date-time)"),
        ({"version": 1, "cursor": 5}, "Expected `str | null`, got `int`"),
        ({"version": 1, "cursors": {"p": None}}, "Expected `str`, got `null`"),
        ({"version": 1, "cursors": {"p": "soon"}}, "(not a date-time)"),
        ({"version": 1, "cursors": ["p"]}, "Expected `object`, got `array`"),
        ({"version": "1"}, "Expected `int`, got `str`"),
        ({"__ab_no_cursor_state_message": True}, "missing required field `version`"),
        ({"version": 2}, "the state is of version 2, and this connector writes version 1"),
        ({"version": 2, "cursor": {"a": 1}}, "the state is of version 2, and this connector writes version 1"),
    ],
)
def test_what_is_no_state(value: dict[str, Any], said: str) -> None:
    """It is named, with the stream; guessing would lose data."""
    with pytest.raises(ConfigError) as caught:
        state.load("orders", value)
    assert str(caught.value).startswith("Stream orders: the state ")
    assert said in str(caught.value)


def test_a_large_state_is_not_told_in_full() -> None:
    """An error stays readable."""
    with pytest.raises(ConfigError) as caught:
        state.load("s", {"cursors": {f"ü{n}": "2024-01-01" for n in range(10_000)}})
    assert len(str(caught.value)) < 500
