"""Paging that does not advance is noticed; paging that does is left alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace
from pydantic import TypeAdapter

from source_rest_api.config.config import Limits
from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.http.request import Request
from source_rest_api.http.response import Response
from source_rest_api.pagination.page import Page
from source_rest_api.pagination.paginators import PageNumber, Pagination
from source_rest_api.streams.loop_guard import LoopGuard, RepeatedPageError

if TYPE_CHECKING:
    from source_rest_api.pagination.page import Position


PAGINATOR: TypeAdapter[Pagination] = TypeAdapter(Pagination)
PAGES = PageNumber()


def key(record: Raw) -> bytes:
    """Read a record's key."""
    return bytes(raw_json.find(record, ("id",)) or b"")


def page(position: Position | None, *records: Any) -> Page:
    """Make a page of records."""
    raw = [Raw(json.dumps(record).encode()) for record in records]
    return Page(Request("GET", "u"), Response(200, {}, b"", "u"), Raw(b"[]"), raw, position)


def passes(guard: LoopGuard, got: Page) -> bool:
    """True if the guard accepts a page."""
    try:
        guard.check(got)
    except ConfigError:
        return False
    return True


@given(st.lists(st.integers(0, 3), max_size=4), st.lists(st.integers(4, 9), min_size=1, unique=True))
def test_any_periodic_pages_halt_within_their_period(before: list[int], period: list[int]) -> None:
    """Pages that repeat are stopped within one period, whatever came first and whatever the tokens are."""
    guard = LoopGuard(PAGES, Limits())
    came = [*before, *period * 3]
    read = next(n for n, row in enumerate(came) if not passes(guard, page(f"token {n}", {"id": row})))
    assert read <= len(before) + len(period)
    assert len(set(came[:read])) == read


@given(st.lists(st.text(), min_size=1))
def test_pages_with_new_rows_pass(positions: list[Position]) -> None:
    """A scroll token may stay the same for all pages: what counts is that their rows are new."""
    guard = LoopGuard(PAGES, Limits(), key=key)
    assert all(passes(guard, page(position, {"id": n})) for n, position in enumerate(positions))


def test_rows_with_a_new_field_each_time_are_known_by_their_key() -> None:
    """An API may put a nonce, or the time, into each record."""
    guard = LoopGuard(PAGES, Limits(), key=key)
    guard.check(page("a", {"id": 1, "at": 1}, {"id": 2, "at": 1}))
    with pytest.raises(RepeatedPageError, match=r"Page 2 repeats the records of page 1"):
        guard.check(replace(page("b", {"id": 1, "at": 2}, {"id": 2, "at": 2}), number=2))


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"type": "page_number", "page_param": "p"}, r"ignore `p`\. Check `pagination\.page_param`"),
        ({"type": "offset"}, r"ignore `offset`\. Check `pagination\.offset_param`"),
        ({"type": "cursor", "cursor_path": "next"}, r"ignore `cursor`\. Check `pagination\.cursor_param`"),
        ({"type": "last_record", "field": "id", "param": "after"}, r"ignore `after`\. Check `pagination\.param`"),
        ({"type": "link_header"}, r"link to the next page leads to the same page\. Check `pagination`"),
    ],
)
def test_the_error_names_the_parameter_that_the_api_ignores(settings: dict[str, Any], advice: str) -> None:
    """It also says which setting to check."""
    guard = LoopGuard(PAGINATOR.validate_python(settings), Limits())
    guard.check(page(1, {"id": 1}, {"id": 2}))
    asked = Request("GET", "u", {"p": "2", "offset": "2", "cursor": "x", "after": "2"})
    with pytest.raises(RepeatedPageError, match=advice):
        guard.check(replace(page(2, {"id": 1}, {"id": 2}), request=asked))


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
    guard = LoopGuard(PAGES, Limits())
    assert passes(guard, page(1, {"v": 0}, {"v": 1}, {"v": 0}))
    assert passes(guard, page(2, *second))


def test_empty_pages_are_not_repetitions() -> None:
    """An empty page ends counting, or is a gap between tokens; it proves no loop."""
    guard = LoopGuard(PAGES, Limits())
    assert all(passes(guard, page(position)) for position in (1, 2, 3))


def test_pages_have_a_number_where_it_is_set() -> None:
    """The pages up to it are read; one more is an error that names the setting."""
    guard = LoopGuard(PAGES, Limits(pages=2))
    passed = [replace(page(n, {"id": n}), number=n) for n in (1, 2)]
    assert all(passes(guard, each) for each in passed)
    with pytest.raises(ConfigError, match=r"more than 2 pages \(`limits\.pages`\)"):
        guard.check(replace(page(3, {"id": 3}), number=3))


def test_empty_pages_have_an_end() -> None:
    """A gap of any length within the limit is passed over; new tokens for ever without a record are an error."""
    guard = LoopGuard(PAGES, Limits(empty_pages=3))
    gaps = [page("a"), page("b"), page("c"), page("d", {"id": 1}), page("e"), page("f"), page("g")]
    assert all(passes(guard, each) for each in gaps)
    with pytest.raises(ConfigError, match=r"More than 3 pages.*raise `limits\.empty_pages`"):
        guard.check(page("h"))
