"""Intervals of integers leave out nothing, share one value where they touch, and end."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from pydantic import ValidationError

from source_rest_api.cursors.integer_cursor import IntegerCursor
from source_rest_api.cursors.slices import CursorValue, Slice
from source_rest_api.errors import ConfigError
from tests.test_cursors import observe

NOW = datetime(2024, 6, 1, tzinfo=timezone.utc)
BOUNDS = st.tuples(st.integers(-(10**20), 10**20), st.integers(0, 3000)).map(lambda pair: (pair[0], sum(pair)))


def cursor(**settings: Any) -> IntegerCursor:
    """A cursor by `seq` that sends both ends."""
    return IntegerCursor.model_validate({"cursor_field": "seq", "start_param": "from", "end_param": "to", **settings})


def bounds(of: IntegerCursor, saved: int | None = None) -> Slice:
    """Returns the interval of a sync."""
    mark = None if saved is None else CursorValue(saved, str(saved))
    return of.bounds(mark, "2024-01-01", NOW, {"config": {"first": "7"}})


def asked(of: IntegerCursor, whole: Slice) -> list[tuple[int, int]]:
    """The bounds of each interval, as a request has them."""
    times = [of.times(window) for window in of.windows(whole)]
    return [(int(each["start_time"]), int(each["end_time"])) for each in times]


@given(BOUNDS, st.integers(1, 1000))
def test_intervals_cover_everything(ends: tuple[int, int], step: int) -> None:
    """Each begins where the one before ends, none is longer than a step, and they end with the whole."""
    start, end = ends
    found = asked(cursor(start=start, end=end, step=step), bounds(cursor(start=start, end=end)))
    assert (found[0][0], found[-1][1]) == ends
    assert [first for first, _ in found[1:]] == [last for _, last in found[:-1]]
    assert all(0 < last - first <= step for first, last in found) or found == [(start, start)]
    assert len(found) == max(1, -(-(end - start) // step))


@given(BOUNDS, st.integers(1, 1000), st.booleans())
def test_each_integer_is_asked_for_once_with_inclusive_ends(ends: tuple[int, int], step: int, exclusive: bool) -> None:
    """An API that gives both ends counts no value twice, and one that leaves out the first misses none."""
    start, end = ends
    of = cursor(start=start, end=end, step=step, end_inclusive=True, start_exclusive=exclusive)
    given_by_api = [value for first, last in asked(of, bounds(of)) for value in range(first + exclusive, last + 1)]
    assert given_by_api == list(range(start, end + 1))


def test_a_sync_begins_at_the_state_and_goes_back_no_further_than_the_start() -> None:
    """A lookback does not ask for what no first sync would."""
    of = cursor(start=100, lookback=30)
    found = [bounds(of, saved).start for saved in (None, 200, 110, 50)]
    assert [mark and mark.value for mark in found] == [100, 170, 100, 50]


def test_an_end_before_the_state_asks_for_nothing_more() -> None:
    """The interval does not turn round."""
    whole = bounds(cursor(start=1, end=10), 25)
    assert asked(cursor(), whole) == [(25, 25)]


def test_without_an_end_nothing_is_cut() -> None:
    """An interval that is open has no steps."""
    assert list(cursor(start=1, end=9, step=2).windows(Slice(CursorValue(1, "1")))) == [Slice(CursorValue(1, "1"))]


def test_templates_and_what_they_may_not_give() -> None:
    """A bound may come from the config; a text that is not a number is an error."""
    assert bounds(cursor(start="{{ config.first }}")).start == CursorValue(7, "7")
    with pytest.raises(ConfigError, match=r"`incremental.start`: the template gave `x`, which is not an integer"):
        bounds(cursor(start="{{ 'x' }}"))


@pytest.mark.parametrize("settings", [{"start": "soon"}, {"step": 0}, {"step": -1}, {"lookback": "0"}, {"start": True}])
def test_what_is_no_bound_is_refused(settings: dict[str, Any]) -> None:
    """When the config is loaded."""
    with pytest.raises(ValidationError):
        cursor(**settings)


def test_a_step_needs_both_ends() -> None:
    """The error is reported with the config."""
    said = [
        list(cursor(step=5, **ends).problems(None, templated=False)) for ends in ({"start": 1}, {"start": 1, "end": 2})
    ]
    assert said == [["incremental.step: needs `start` and `end`"], []]


def test_values_of_any_size_and_form() -> None:
    """Numbers and their texts are one, beyond 64 bits too; what is neither is emitted and counted."""
    values = [b"5", b'"7"', b"123456789012345678901234567890", b"null", b"1.5", b'"x"', b"[]"]
    records = [Raw(b'{"seq": ' + value + b"}") for value in values]
    seen = observe(cursor(), records, Slice())
    assert seen.values == [5, 7, 123456789012345678901234567890, None, None, None, None]
    assert (seen.newest, seen.unreadable, len(seen.records)) == (
        CursorValue(123456789012345678901234567890, "123456789012345678901234567890"),
        4,
        7,
    )


def test_in_a_body_it_is_a_number() -> None:
    """In the query it is text."""
    of = cursor(**{"in": "body"})
    assert of._sent(Slice(CursorValue(3, "3"))) == {"start_time": 3}
    assert cursor()._sent(Slice(CursorValue(3, "3"))) == {"start_time": "3"}
