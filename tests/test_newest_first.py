"""`mode: newest_first` stops paging at the first older record, so the order that it relies on must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import ConfigError
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

NEWEST = {"cursor_field": "at", "mode": "newest_first"}
SAVED = {"version": 2, "cursor_field": "at", "cursor": "2024-01-07T00:00:00Z"}


def _row(day: int) -> dict[str, Any]:
    return {"id": day, "at": f"2024-01-{day:02}T00:00:00Z"}


def _read(api: Api, rows: list[dict[str, Any]], size: int, saved: Any = None) -> Reading:
    @api.get("/items")
    def items(call: Call) -> list[dict[str, Any]]:
        first = size * (int(call.arg("page")) - 1)
        return rows[first : first + size]

    endpoint = {"primary_key": "id", "incremental": NEWEST}
    return Reading(api.url, endpoint, saved=saved, pagination={"type": "page_number", "page_size": size})


@pytest.mark.parametrize("size", [2, 3, 10])
@pytest.mark.parametrize("saved", [None, SAVED])
def test_an_api_that_returns_the_oldest_first_is_an_error(api: Api, size: int, saved: Any) -> None:
    """Otherwise each later sync would end at its first page, without the new rows, and count as complete."""
    reading = _read(api, [_row(day) for day in range(1, 10)], size, saved)
    assert isinstance(reading.error, ConfigError)
    assert "`mode: newest_first` says that the newest records come first, but they do not" in reading.error.message


@pytest.mark.parametrize(
    ("size", "pinned"), [(2, []), (3, []), (10, []), (2, [2]), (3, [2]), (10, [2]), (3, [2, 1]), (10, [2, 1])]
)
def test_pinned_records_and_equal_values_are_in_order(api: Api, size: int, pinned: list[int]) -> None:
    """Old records on top, and several records of one moment, break no order."""
    days = [day for day in range(9, 0, -1) if day not in pinned]
    rows = [_row(day) for day in pinned] + [row for day in days for row in (_row(day), {**_row(day), "id": day + 50})]
    reading = _read(api, rows, size, SAVED)
    assert reading.error is None
    assert {row["id"] for row in reading.records} == {9, 59, 8, 58, 7, 57}
