"""The state only moves forward, survives a round trip, and an invalid one is rejected by name."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.errors import ConfigError
from source_rest_api.state import state

CURSORS = st.builds(
    lambda moment, hours: moment.replace(tzinfo=timezone(timedelta(hours=hours))).isoformat(),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 -- it gets one
    st.integers(-12, 14),
)
TOGETHER = """
import importlib, sys, threading
from source_rest_api.state import state

sys.setswitchinterval(1e-6)
saved = {"version": 2, "reading": {"mode": "incremental", "of": "#", "began_at": "2024-01-01T00:00:00Z"}}
for _ in range(100):
    importlib.reload(state)
    together = threading.Barrier(2)
    threads = [threading.Thread(target=lambda: (together.wait(), state.load("rows", saved))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
"""Two streams whose states are the first that a process loads, 100 times."""
PARTITIONS = st.sampled_from(["", '{"r.id":1}', '{"r.id":"ü\\n"}'])


def test_two_streams_may_load_the_first_states_at_once() -> None:
    """Streams begin in threads: the process does not crash while the library learns what a state is."""
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", TOGETHER], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_sync_has_no_state() -> None:
    """Null and empty are the state before the first sync, as a reset gives it."""
    for nothing in (None, dict[str, Any]()):
        loaded = state.load("s", nothing)
        assert (loaded, loaded.get(""), loaded.get("p")) == (state.new(), None, None)
    assert state.new().dump() == {"version": 2}


def test_a_cursor_for_each_partition() -> None:
    """A stream that is read once has one, others have one for each parent record."""
    once, several = state.new(), state.new()
    once.set("", "2024-01-01T00:00:00Z", ["#a"])
    several.set('{"r.id":1}', "2024-01-01", [])
    several.set('{"r.id":2}', "2024-01-02", ["#b"])
    assert once.dump() == {"version": 2, "cursor": "2024-01-01T00:00:00Z", "boundary": ["#a"]}
    assert several.dump() == {
        "version": 2,
        "cursors": {'{"r.id":1}': "2024-01-01", '{"r.id":2}': "2024-01-02"},
        "boundaries": {'{"r.id":2}': ["#b"]},
    }
    assert [several.get(key) for key in ('{"r.id":2}', '{"r.id":3}', "")] == ["2024-01-02", None, None]
    assert [several.known(key) for key in ('{"r.id":2}', '{"r.id":3}', "")] == [["#b"], [], []]


@given(st.lists(st.tuples(PARTITIONS, CURSORS)))
def test_what_was_written_is_read_again(steps: list[tuple[str, str]]) -> None:
    """A round trip through JSON changes nothing."""
    written = state.new()
    for partition, cursor in steps:
        written.set(partition, cursor, [])
    assert state.load("s", json.loads(json.dumps(written.dump()))) == written


def test_a_dump_does_not_change_any_more() -> None:
    """A message that waits in the queue covers what it covered."""
    moving = state.new()
    moving.set("p", "2024-01-01", [])
    dump = moving.dump()
    moving.set("p", "2024-01-02", [])
    moving.set("q", "2024-01-02", [])
    assert dump == {"version": 2, "cursors": {"p": "2024-01-01"}}
    assert state.new().dump() == {"version": 2}


def test_loading_does_not_hold_on_to_what_was_loaded() -> None:
    """The caller's state is unchanged."""
    given_ = {"version": 2, "cursors": {"p": "2024-01-01"}}
    state.load("s", given_).set("p", "2024-01-02", [])
    assert given_ == {"version": 2, "cursors": {"p": "2024-01-01"}}


def test_the_state_of_an_earlier_version_is_read() -> None:
    """A state of version 0.1 continues as if this version had written it."""
    old = {"version": 1, "cursors": {"p": "2024-01-01"}, "completed_at": "2024-06-01T12:00:00Z"}
    assert state.load("s", old).dump() == {**old, "version": 2}


@given(st.lists(st.integers(0, 40), max_size=80), st.integers(1, 30))
def test_names_become_short_without_being_lost(steps: list[int], readable: int) -> None:
    """Before and after, each partition has the last cursor that was set for it, and none that is another's."""
    moved = state.new()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "READABLE", readable)
        for number, partition in enumerate(steps):
            moved.set(f"{partition}", f"cursor {number}", [])
            moved = state.load("s", moved.dump())
        last = {partition: f"cursor {number}" for number, partition in enumerate(steps)}
        assert {partition: moved.get(f"{partition}") for partition in range(41)} == {
            partition: last.get(partition) for partition in range(41)
        }
        assert len(moved.cursors) == len(last)


def test_unknown_keys_are_ignored() -> None:
    """Fields of a later version do not break an earlier one."""
    assert state.load("s", {"version": 2, "cursor": "2024-01-01", "added": [1]}).dump() == {
        "version": 2,
        "cursor": "2024-01-01",
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"updated_at": "2024-01-01"}, 'the state {"updated_at":"2024-01-01"} is not one of this connector'),
        ({"version": 1, "cursor": 5}, "Expected `str | null`, got `int`"),
        ({"version": 1, "cursors": {"p": None}}, "Expected `str`, got `null`"),
        ({"version": 1, "cursors": ["p"]}, "Expected `object`, got `array`"),
        ({"version": "1"}, "Expected `int`, got `str`"),
        ({"__ab_no_cursor_state_message": True}, "it has no `version`"),
        ({"version": 3}, "the state has version 3, but this connector supports versions up to 2"),
        ({"version": 3, "cursor": {"a": 1}}, "the state has version 3, but this connector supports versions up to 2"),
    ],
)
def test_what_is_no_state(value: dict[str, Any], said: str) -> None:
    """The error names the stream; guessing would lose data."""
    with pytest.raises(ConfigError) as caught:
        state.load("orders", value)
    assert str(caught.value).startswith("Stream orders: the state ")
    assert said in str(caught.value)


def test_a_large_state_is_not_told_in_full() -> None:
    """An error stays readable."""
    with pytest.raises(ConfigError) as caught:
        state.load("s", {"cursors": {f"ü{n}": "2024-01-01" for n in range(10_000)}})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "value",
    [
        {"version": 2, "reading": {"mode": "incremental", "of": "#", "began_at": "yesterday"}},
        {"version": 2, "cursors": {"p": "1"}, "missing": {"p": "long ago"}},
        {"version": 2, "rows": {"of": "#", "swept_at": "?"}},
    ],
)
def test_garbage_in_a_moment_is_an_error_that_says_so(value: dict[str, Any]) -> None:
    """An edited state is rejected as such, without a traceback."""
    with pytest.raises(ConfigError, match="is not one of this connector"):
        state.load("s", value)
