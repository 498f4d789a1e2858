"""Rows that move from page to page while they are read are all there, and as few of them twice as can be known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import ConfigError
from tests.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")
OFFSET = {"type": "offset", "limit": 4}
NUMBER = {"type": "page_number", "page_size": 4, "page_size_param": "limit"}
KEY = {"primary_key": "id"}


def shifting(api: Api, change: Callable[[list[Any]], object], count: int = 10) -> list[Any]:
    """Serve rows by offset or by number; before the second request the table changes."""
    table = [{"id": n, "seen": 0} for n in range(count)]

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.number == 1:
            change(table)
        begin = int(call.arg("offset") or 4 * (int(call.arg("page") or 1) - 1))
        return table[begin : begin + int(call.arg("limit"))]

    return table


def keys(reading: Reading) -> list[int]:
    """The keys of the records that came."""
    assert reading.error is None
    return [record["id"] for record in reading.records]


def new(count: int) -> Callable[[list[Any]], object]:
    """New rows at the head of the table."""

    def change(table: list[Any]) -> None:
        table[:0] = [{"id": 100 + n, "seen": 0} for n in range(count)]

    return change


@pytest.mark.parametrize("pagination", [OFFSET, NUMBER], ids=["offset", "number"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_rows_that_come_twice_are_withheld_and_counted(api: Api, pagination: dict[str, Any], count: int) -> None:
    """New rows at the head push others to the next page: they are there once, and the log says how many."""
    shifting(api, new(count))
    reading = Reading(api.url, {**KEY, "pagination": pagination})
    assert keys(reading) == list(range(10))
    assert reading.stream.stats["withheld"] == count
    summary = reading.stream.stats.summary(0)
    assert f"10 records, {count} skipped (already delivered), rows shifted between pages once" in summary


@pytest.mark.parametrize("count", [6, 9])
def test_rows_that_move_by_whole_pages_are_no_loop(api: Api, count: int) -> None:
    """A page may be just like an earlier one, because as many rows came in front as pages advance by."""
    shifting(api, new(count))
    reading = Reading(api.url, {**KEY, "pagination": OFFSET})
    assert reading.error is None
    assert {record["id"] for record in reading.records} >= set(range(10))


def test_pages_that_come_again_and_again_are_a_loop(api: Api) -> None:
    """However much rows seem to move: an API that gives two pages in turn has no end."""
    pages = [[{"id": n} for n in row] for row in ([0, 1, 2, 3], [3, 4, 0, 5])]
    api.get("/items")(lambda call: pages[call.number % 2])
    assert isinstance(Reading(api.url, {**KEY, "pagination": OFFSET}).error, ConfigError)
    assert len(api.requests) < 50


def test_a_row_that_changed_is_not_withheld(api: Api) -> None:
    """It is emitted in both versions, and counted."""

    def change(table: list[Any]) -> None:
        new(2)(table)
        table[4] = {"id": 2, "seen": 1}

    shifting(api, change)
    reading = Reading(api.url, {**KEY, "pagination": OFFSET})
    assert keys(reading) == [0, 1, 2, 3, 2, *range(4, 10)]
    assert "11 records, 1 skipped (already delivered), 1 of them received twice" in (reading.stream.stats.summary(0))


def test_a_row_that_moved_forward_is_not_taken_for_a_known_one(api: Api) -> None:
    """A row that moves between delivered rows is still delivered."""
    shifting(api, lambda table: table.insert(3, table.pop(8)))
    reading = Reading(api.url, {**KEY, "pagination": OFFSET})
    assert sorted(keys(reading)) == list(range(10))


@pytest.mark.parametrize("pagination", [{**OFFSET, "overlap": True}, NUMBER], ids=["offset", "number"])
def test_without_a_key_nothing_is_withheld(api: Api, pagination: dict[str, Any]) -> None:
    """Two rows that are alike may be two."""
    shifting(api, new(2))
    found = keys(Reading(api.url, {"pagination": pagination}))
    assert set(found) == set(range(10))
    assert len(found) > 10


def test_a_page_that_comes_again_is_no_row_that_moved(api: Api) -> None:
    """An API that does not know the page's parameter gives the same page for ever: an error, and not the end."""
    api.get("/items")(lambda _: [{"id": n} for n in range(4)])
    reading = Reading(api.url, {**KEY, "pagination": NUMBER})
    assert isinstance(reading.error, ConfigError)
    assert len(api.requests) == 3


@pytest.mark.parametrize(
    "pagination", [OFFSET, NUMBER, {**OFFSET, "overlap": True}], ids=["offset", "number", "overlap"]
)
def test_without_a_key_pages_that_are_alike_are_an_error(api: Api, pagination: dict[str, Any]) -> None:
    """Without a key, equal rows may be different ones, so they are not skipped silently."""
    table = [{"v": 1}] * 12
    api.get("/items")(
        lambda call: table[int(call.arg("offset") or 4 * int(call.arg("page") or 1) - 4) :][: int(call.arg("limit"))]
    )
    reading = Reading(api.url, {"pagination": pagination})
    assert isinstance(reading.error, ConfigError)


@pytest.mark.parametrize("pagination", [OFFSET, {**NUMBER, "total_path": "total"}], ids=["offset", "number"])
@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("number", {"rename_fields": {"id": "number"}}),
        ("row_id", {"rename_fields": {"id": "rowId"}, "snake_case": True}),
        (["seen", "number"], {"rename_fields": {"id": "number"}}),
    ],
    ids=["renamed", "snake case", "in part"],
)
def test_a_key_that_only_emitted_records_have_hides_no_row(
    api: Api, pagination: dict[str, Any], key: str | list[str], changes: dict[str, Any]
) -> None:
    """A transformation makes the key, so rows as the API sends them do not have it: they are known by all they have."""
    table = [{"id": n, "seen": 0} for n in range(20)]

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.number in {1, 3}:
            del table[:2]
        begin = int(call.arg("offset") or 4 * (int(call.arg("page") or 1) - 1))
        return {"total": len(table), "rows": table[begin : begin + int(call.arg("limit"))]}

    reading = Reading(api.url, {"primary_key": key, "pagination": pagination, **changes, "records_path": "rows"})
    assert reading.error is None
    name = key if isinstance(key, str) else key[-1]
    found = [record[name] for record in reading.records]
    assert set(found) >= {row["id"] for row in table}
    assert len(found) == len(set(found))
