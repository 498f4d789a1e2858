"""An API that says oldest first is held to it, and may read on where rows have moved."""

from __future__ import annotations

from collections import deque
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.cursors.slices import CursorValue, PageCursors
from source_rest_api.errors import ConfigError
from source_rest_api.streams.slice_checks import OldestFirst


def page(*values: int | None) -> PageCursors:
    """A page with these cursor values."""
    known = [value for value in values if value is not None]
    return PageCursors([], list(values), CursorValue(max(known), str(max(known))) if known else None)


@given(st.lists(st.lists(st.integers(0, 9) | st.none(), max_size=4), max_size=5))
def test_pages_are_in_order_or_it_is_said(pages: list[list[int | None]]) -> None:
    """The check accepts exactly those pages that are sorted when joined."""
    values = [value for each in pages for value in each]
    known = [value for value in values if value is not None]
    order = OldestFirst()
    in_order = len(known) == len(values) and known == sorted(known)
    with nullcontext() if in_order else pytest.raises(ConfigError, match=r"incremental\.sorted"):
        deque(map(order.check, [page(*each) for each in pages]), maxlen=0)
    if in_order:
        assert (None if order.newest is None else order.newest.value) == max(known, default=None)


def test_pages_that_are_read_again_may_be_older() -> None:
    """Until one is newer than all before them; then the order holds again."""
    order = OldestFirst()
    order.check(page(1, 2, 5))
    order.step_back()
    order.check(page(1, 3))
    order.check(page())
    order.check(page(4, 6))
    assert order.newest == CursorValue(6, "6")
    order.check(page(6, 7))
    with pytest.raises(ConfigError):
        order.check(page(5))


def test_what_is_read_again_is_sorted_in_itself() -> None:
    """A page is a page."""
    order = OldestFirst()
    order.check(page(1, 2))
    order.step_back()
    with pytest.raises(ConfigError):
        order.check(page(2, 1))
