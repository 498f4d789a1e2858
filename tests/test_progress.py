"""The state covers exactly what was delivered, whatever order slices end in."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.cursors.cursors import CursorValue, DatetimeCursor, Slice
from source_rest_api.formats.datetimes import write
from source_rest_api.state import state
from source_rest_api.state.progress import Progress
from source_rest_api.state.progress_events import Bookmark, PageProgress, Planned
from source_rest_api.state.state import READABLE
from source_rest_api.streams.resume import tasks

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
CURSOR = DatetimeCursor.model_validate(
    {"cursor_field": "at", "start_param": "since", "end_param": "until", "step": "P1D"}
)


def mark(day: float) -> CursorValue:
    """The cursor value of a day after the start."""
    moment = START + timedelta(days=day)
    return CursorValue(moment, write(moment))


def day(number: int) -> Slice:
    """The slice of one day."""
    return Slice(mark(number), mark(number + 1))


def begun(saved: Any = None, cursor: DatetimeCursor | None = CURSOR, of: str = "#x") -> Progress:
    """Returns the progress of a read that continues from a state."""
    return Progress(state.load("s", json.loads(json.dumps(saved))), cursor, lambda: of, NOW)


def test_nothing_has_moved_at_the_beginning() -> None:
    """Before the first page there is nothing to say."""
    assert not begun().changed
    assert begun().dump() == {"version": 2}


def test_a_page_moves_the_slice_and_not_the_cursor() -> None:
    """Rows of a slice come in any order: the cursor waits for its end, the page does not."""
    progress = begun()
    progress.advance(PageProgress("", day(0), bookmark=Bookmark("token", 2, 20), newest=mark(0.5)))
    dumped = progress.dump()
    assert "cursor" not in dumped
    assert dumped["reading"]["slices"] == [
        {
            "start": mark(0).text,
            "end": mark(1).text,
            "at": "token",
            "page": 2,
            "records": 20,
            "newest": mark(0.5).text,
        }
    ]
    assert begun(dumped).earlier[""][0].at == "token"


def test_the_cursor_moves_when_all_slices_are_done() -> None:
    """In whatever order they end, and to the newest record that came."""
    progress = begun()
    progress.plan(Planned("", 3))
    for number in (2, 0):
        progress.advance(PageProgress("", day(number), done=True, newest=mark(number + 0.5), boundary=(f"#{number}",)))
    assert "cursor" not in progress.dump()
    progress.advance(PageProgress("", day(1), done=True))
    assert progress.dump() == {"version": 2, "cursor": mark(2.5).text, "boundary": ["#2"]}


def test_done_neighbours_are_one_interval() -> None:
    """A thousand completed windows take no more space than one."""
    progress = begun()
    for number in range(1000):
        progress.advance(PageProgress("", day(number), done=True, newest=mark(number)))
    slices = progress.dump()["reading"]["slices"]
    assert slices == [{"start": mark(0).text, "end": mark(1000).text, "done": True, "newest": mark(999).text}]


def test_what_an_earlier_run_delivered_counts() -> None:
    """The newest record may have come before the crash, and the state does not pass the first run's beginning."""
    first = Progress(state.new(), CURSOR, lambda: "#x", mark(1).value)
    first.advance(PageProgress("", day(0), done=True, newest=mark(5)))
    second = begun(first.dump())
    second.plan(Planned("", 0))
    assert second.dump() == {"version": 2, "cursor": mark(1).text}
    assert second.future == mark(5)


@pytest.mark.parametrize(("of", "cursor"), [("#y", CURSOR), ("#x", None)])
def test_positions_of_another_config_or_mode_mean_nothing(of: str, cursor: DatetimeCursor | None) -> None:
    """They are dropped, and the cursor is kept."""
    before = begun({"version": 2, "cursor": mark(3).text})
    before.advance(PageProgress("", day(3), bookmark=Bookmark(7, 2, 20)))
    after = begun(before.dump(), cursor, of)
    assert after.earlier == {}
    assert after.dump() == {"version": 2, "cursor": mark(3).text}


def test_a_full_refresh_keeps_which_partitions_are_done() -> None:
    """A later run leaves them out, until the whole is done."""
    progress = begun(cursor=None)
    progress.plan(Planned("a", 1))
    progress.advance(PageProgress("a", Slice(), done=True))
    progress.advance(PageProgress("b", Slice(), bookmark=Bookmark(2, 1, 10)))
    again = begun(progress.dump(), None)
    assert [again.is_done(name) for name in "abc"] == [True, False, False]
    again.complete(NOW)
    assert again.dump() == {"version": 2, "completed_at": "2024-06-01T12:00:00Z"}


def test_order_that_was_declared_moves_inside_a_slice() -> None:
    """Everything before the last record of a page is done, and needs no position."""
    progress = begun()
    progress.advance(PageProgress("", Slice(mark(0)), newest=mark(0.5), ordered=True))
    left = list(tasks(Slice(mark(0)), begun(progress.dump()).earlier[""], CURSOR))
    assert [task.interval for task in left] == [Slice(mark(0.5))]


def test_a_partition_that_is_gone_is_dropped_after_a_while() -> None:
    """For a month, a partition may return and resume from its cursor."""
    saved: Any = {"version": 2, "cursors": {"a": mark(0).text, "b": mark(1).text}}
    for days, kept in ((0, ["a", "b"]), (20, ["a", "b"]), (31, ["a"])):
        progress = Progress(state.load("s", saved), CURSOR, lambda: "#x", NOW)
        progress.plan(Planned("a", 1))
        progress.advance(PageProgress("a", day(0), done=True))
        progress.complete(NOW + timedelta(days=days))
        saved = progress.dump()
        assert list(saved["cursors"]) == kept
    assert "missing" not in saved


def test_many_partitions_have_short_names() -> None:
    """100,000 parents keep a state of a few megabytes, exact for each of them."""
    progress = begun()
    count = 10 * READABLE
    for number in range(count):
        key = json.dumps({"repositories.full_name": f"organisation/{number}"})
        progress.plan(Planned(key, 1))
        progress.advance(PageProgress(key, day(0), done=True, newest=mark(number % 7 / 7), boundary=("#a",)))
    dumped = progress.dump()
    assert len(json.dumps(dumped)) / count < 48
    again = begun(dumped)
    for number in (0, READABLE - 1, READABLE, count - 1):
        key = json.dumps({"repositories.full_name": f"organisation/{number}"})
        assert again.saved(key) == mark(number % 7 / 7)
    assert again.saved(json.dumps({"repositories.full_name": "organisation/new"})) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30), st.integers(1, 6))
def test_whatever_has_passed_the_rest_is_read(steps: list[tuple[int, bool]], planned: int) -> None:
    """Done slices and those that are left cover all days exactly once, at whatever moment the state is taken."""
    progress = begun()
    done: set[int] = set()
    for number, ends in steps:
        if number in done or number >= planned:
            continue
        bookmark = None if ends else Bookmark("t", 1, 1)
        progress.advance(PageProgress("", day(number), done=ends, bookmark=bookmark, newest=mark(number)))
        done |= {number} if ends else set()
        again = begun(progress.dump())
        left = [task.interval for task in tasks(Slice(mark(0), mark(planned)), again.earlier.get("", ()), CURSOR)]
        days = sorted((s.start.value, s.end.value) for s in left if s.start is not None and s.end is not None)
        wanted = [n for n in range(planned) if n not in done]
        assert days == [(mark(n).value, mark(n + 1).value) for n in wanted]


@given(st.permutations(range(6)))
def test_the_order_in_which_slices_end_does_not_matter(order: list[int]) -> None:
    """The state after all of them is the same."""
    progress = begun()
    progress.plan(Planned("", 6))
    for number in order:
        progress.advance(PageProgress("", day(number), done=True, newest=mark(number), boundary=(f"#{number}",)))
        assert begun(progress.dump()).dump() == progress.dump()
    assert progress.dump() == {"version": 2, "cursor": mark(5).text, "boundary": ["#5"]}


MARKS = st.none() | st.integers(-50, 200).map(mark)


@given(MARKS, MARKS, MARKS)
def test_which_mark_counts_depends_on_no_order(
    one: CursorValue | None, two: CursorValue | None, three: CursorValue | None
) -> None:
    """The later of marks is associative, commutative and idempotent, and none is the least."""
    later = CURSOR.later
    assert later(later(one, two), three) == later(one, later(two, three))
    assert later(one, two) == later(two, one)
    assert (later(one, one), later(one, None)) == (one, one)


@given(MARKS, st.lists(st.tuples(st.integers(0, 5), MARKS, st.booleans()), max_size=20))
def test_the_cursor_moves_forward_only_and_not_past_now(
    saved: CursorValue | None, steps: list[tuple[int, CursorValue | None, bool]]
) -> None:
    """For any records in any order, with a crash after each step."""
    before = saved if saved is None else CURSOR.clamp(saved, NOW)
    dumped: Any = {"version": 2, **({} if before is None else {"cursor": before.text})}
    done: set[int] = set()
    for number, newest, ends in steps:
        if number in done:
            continue
        progress = begun(dumped)
        done |= {number} if ends else set()
        bookmark = None if ends else Bookmark("t", 1, 1)
        progress.advance(PageProgress("", day(number), done=ends, bookmark=bookmark, newest=newest))
        if len(done) == 6:
            progress.plan(Planned("", 1))
        dumped = progress.dump()
        assert begun(dumped).dump() == dumped
        after = progress.saved("")
        assert before is None or (after is not None and after.value >= before.value)
        assert after is None or after.value <= NOW
        before = after
