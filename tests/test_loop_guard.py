"""Paging that does not advance is noticed; paging that does is left alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from source_rest_api.config.config import Limits
from source_rest_api.errors import ConfigError
from source_rest_api.http.request import Request
from source_rest_api.http.response import Response
from source_rest_api.pagination.page import Page
from source_rest_api.streams.loop_guard import LoopGuard

if TYPE_CHECKING:
    from source_rest_api.pagination.page import Position


def page(position: Position | None, *records: Any) -> Page:
    """Make a page of records."""
    raw = [Raw(json.dumps(record).encode()) for record in records]
    return Page(Request("GET", "u"), Response(200, {}, b"", "u"), Raw(b"[]"), raw, position)


def passes(guard: LoopGuard, got: Page) -> bool:
    """Whether the guard lets a page through."""
    try:
        guard.check(got)
    except ConfigError:
        return False
    return True


@given(st.lists(st.integers(0, 3).map(str), max_size=4), st.lists(st.text(max_size=3), min_size=1, unique=True))
def test_any_periodic_tokens_halt_within_their_period(before: list[str], period: list[str]) -> None:
    """Whatever comes first, a sequence of tokens that repeats is ended before it is read twice."""
    guard = LoopGuard("position", Limits())
    tokens: list[str | None] = [None, *before, *period * 3]
    read = next(n for n, token in enumerate(tokens) if not passes(guard, page(token)))
    assert read <= 1 + len(before) + len(period)
    assert len(set(tokens[:read])) == read


@given(st.lists(st.one_of(st.integers(0), st.text()), unique_by=lambda p: (type(p), p)))
def test_positions_that_all_differ_pass(positions: list[Position]) -> None:
    """Positions are compared by what they are, and equal records under other tokens are no repetition."""
    guard = LoopGuard("position", Limits())
    assert all(passes(guard, page(position, {"id": 1})) for position in [None, *positions])


def test_the_first_position_again_is_a_repetition() -> None:
    """A link that leads back to itself ends, and the error says what to look at."""
    guard = LoopGuard("position", Limits())
    guard.check(page("https://h/?page=2"))
    with pytest.raises(ConfigError, match="Check `pagination`"):
        guard.check(page("https://h/?page=2"))


def test_an_api_that_ignores_the_page_parameter_is_noticed() -> None:
    """The same records under another page number are an error that names the parameters."""
    guard = LoopGuard("page", Limits())
    guard.check(page(1, {"id": 1}, {"id": 2}))
    with pytest.raises(ConfigError, match=r"does not know a parameter of `pagination`.*`total_pages_path`"):
        guard.check(page(2, {"id": 1}, {"id": 2}))


@pytest.mark.parametrize(
    "second",
    [
        [{"v": 0}, {"v": 5}, {"v": 0}],  # rows without keys: only the middle differs
        [{"v": 0}, {"v": 1}],
        [{"v": 0}, {"v": 1}, {"v": 0}, {"v": 0}],
        [{"v": 1}, {"v": 0}, {"v": 0}],
        [{"v": 0}, {"v": 0}, {"v": 1}],
    ],
)
def test_another_page_of_similar_records_passes(second: list[Any]) -> None:
    """A page counts as repeated only if all its records are."""
    guard = LoopGuard("page", Limits())
    assert passes(guard, page(1, {"v": 0}, {"v": 1}, {"v": 0}))
    assert passes(guard, page(2, *second))


def test_empty_pages_are_not_repetitions() -> None:
    """An empty page ends counting, or is a gap between tokens; it proves no loop."""
    for repeats in ("page", "position"):
        guard = LoopGuard(repeats, Limits())
        assert all(passes(guard, page(position)) for position in (1, 2, 3))


def test_pages_have_a_number_where_it_is_set() -> None:
    """The pages up to it are read; one more is an error that names the setting."""
    guard = LoopGuard("position", Limits(pages=2))
    passed = [replace(page(n, {"id": n}), number=n) for n in (1, 2)]
    assert all(passes(guard, each) for each in passed)
    with pytest.raises(ConfigError, match=r"more than 2 pages \(`limits\.pages`\)"):
        guard.check(replace(page(3, {"id": 3}), number=3))


def test_empty_pages_have_an_end() -> None:
    """A gap of any length within the limit is passed over; new tokens for ever without a record are an error."""
    guard = LoopGuard("position", Limits(empty_pages=3))
    gaps = [page("a"), page("b"), page("c"), page("d", {"id": 1}), page("e"), page("f"), page("g")]
    assert all(passes(guard, each) for each in gaps)
    with pytest.raises(ConfigError, match=r"More than 3 pages.*raise `limits\.empty_pages`"):
        guard.check(page("h"))
