"""A slice with more records than the API gives to one question goes on from its newest cursor value, and loses none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api import result_cap
from source_rest_api.cursors import Mark, Slice
from source_rest_api.datetimes import write
from source_rest_api.errors import ConfigError


def mark(hours: int) -> Mark:
    """A moment of 2024."""
    moment = datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(hours=hours)
    return Mark(moment, write(moment))


def test_the_rest_begins_with_the_newest_value_and_ends_where_the_slice_ends() -> None:
    """Inclusive, because records beyond the cap may share the value."""
    assert result_cap.rest(Slice(mark(0), mark(9)), mark(4)) == Slice(mark(4), mark(9))
    assert result_cap.rest(Slice(), mark(4)) == Slice(mark(4), None)


@pytest.mark.parametrize(("interval", "newest"), [(Slice(mark(4), mark(9)), mark(4)), (Slice(mark(4)), mark(3))])
def test_without_a_newer_value_there_is_no_rest(interval: Slice, newest: Mark) -> None:
    """The same question would give the same records for ever."""
    with pytest.raises(ConfigError, match=r"result_cap.*2024"):
        result_cap.rest(interval, newest)


def test_without_any_value_there_is_no_rest() -> None:
    """The error names the field to look at."""
    with pytest.raises(ConfigError, match=r"cursor_field"):
        result_cap.rest(Slice(), None)


@given(hours=st.lists(st.integers(0, 30), max_size=60), cap=st.integers(1, 10))
def test_every_record_is_read_unless_too_many_share_one_value(hours: list[int], cap: int) -> None:
    """Whatever the ties: each record comes, or it is said that it cannot."""
    table = sorted(enumerate(hours), key=lambda row: row[1])
    most = max((hours.count(value) for value in hours), default=0)
    interval, found = Slice(mark(0)), set()
    while True:
        start = interval.start
        assert start is not None
        page = [row for row in table if mark(row[1]).value >= start.value][:cap]
        found |= {number for number, _ in page}
        if len(page) < cap:
            break
        try:
            interval = result_cap.rest(interval, mark(page[-1][1]))
        except ConfigError:
            assert most >= cap
            return
    assert found == set(range(len(hours)))
