"""Distinct rows are counted by their key, so rows that change during the read cannot hide those that shift away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.streams.row_count import RowCount
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.parametrize("sort", ["at", "-at"])
@pytest.mark.parametrize("key", ["id", ["id", "kind"]])
@pytest.mark.parametrize("incremental", [{}, {"incremental": {"cursor_field": "at", "start_param": "since"}}])
@pytest.mark.parametrize("changes", [1, 3])
def test_rows_that_move_by_changing_hide_no_other(
    api: Api, sort: str, key: Any, incremental: dict[str, Any], changes: int
) -> None:
    """A table sorted by its last change, read by page number, in which rows change between the first pages.

    A row that was read moves behind what is still to come, so the first row of the next page moves into a page that has
    been read. Every row is there all the time, so every row has to arrive.
    """
    table = {number: f"2024-01-01T00:{number:02}:00Z" for number in range(40)}

    @api.get("/items")
    def items(call: Call) -> Any:
        page = int(call.arg("page", "1"))
        if 1 < call.number + 1 <= 1 + changes:
            table[call.number if sort == "at" else 39 - 5 * call.number] = f"2024-05-01T00:{call.number:02}:00Z"
        rows = [{"id": number, "kind": "a", "at": at} for number, at in table.items() if at >= call.arg("since")]
        rows.sort(key=lambda row: str(row["at"]), reverse=sort == "-at")
        return {"items": rows[10 * (page - 1) : 10 * page], "meta": {"total": len(rows)}}

    endpoint = {"primary_key": key, "records_path": "items", **incremental}
    reading = Reading(api.url, endpoint, pagination={"type": "page_number", "page_size": 10})
    assert reading.error is None
    assert {row["id"] for row in reading.records} == set(range(40))


def test_a_table_that_never_rests_is_told(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """After three passes the log says how many rows are missing."""
    table = {number: number for number in range(40)}

    @api.get("/items")
    def items(call: Call) -> Any:
        page = int(call.arg("page", "1"))
        table[min(table, key=lambda number: table[number])] = 100 + call.number
        rows = sorted(({"id": number, "at": at} for number, at in table.items()), key=lambda row: row["at"])
        return {"items": rows[10 * (page - 1) : 10 * page], "meta": {"total": len(rows)}}

    with caplog.at_level(logging.WARNING):
        reading = Reading(
            api.url,
            {"primary_key": "id", "records_path": "items"},
            pagination={"type": "page_number", "page_size": 10},
        )
    missing = set(range(40)) - {row["id"] for row in reading.records}
    assert not missing or "total" in caplog.text or reading.error is not None


def test_hashes_are_those_of_the_keys(api: Api) -> None:
    """Whatever the keys are; rows without one count by their bytes."""
    api.get("/items")(lambda _: [{"id": 1, "a": 1}, {"id": 1, "a": 2}, {"id": "1"}, {"id": None, "a": 1}, {"a": 2}])
    reading = Reading(api.url, {"primary_key": "id"})
    reader = reading.stream.reader
    assert reader.key_hashes is not None
    records = [record for batch in reading.batches for record in batch.records]
    hashes = reader.key_hashes(records)
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4
    assert RowCount(reader.paginator, hashes=reader.key_hashes).found_all is False


@pytest.mark.parametrize(
    ("order", "told"), [("at", True), ("-at", False), ("id", False)], ids=["oldest first", "newest first", "by key"]
)
@pytest.mark.parametrize("changes", [True, False])
def test_changes_by_page_number_without_a_total_are_told(
    api: Api, caplog: pytest.LogCaptureFixture, order: str, told: bool, changes: bool
) -> None:
    """Only where rows that change move behind the others do unread rows move to pages that have been read."""
    table = {number: f"2024-01-01T00:{number:02}:00Z" for number in range(25)}

    @api.get("/items")
    def items(call: Call) -> Any:
        page = int(call.arg("page", "1"))
        if page == 2 and changes:
            table[0] = "2024-07-01T00:00:00Z"
        rows = [{"id": number, "at": at} for number, at in table.items()]
        rows.sort(key=lambda row: str(row["at"]) if "at" in order else f"{row['id']:03}", reverse=order == "-at")
        return rows[10 * (page - 1) : 10 * page]

    endpoint = {"primary_key": "id", "incremental": {"cursor_field": "at", "start_param": "since"}}
    with caplog.at_level(logging.WARNING):
        Reading(api.url, endpoint, pagination={"type": "page_number", "page_size": 10})
    assert ("rows changed while their pages were read by number" in caplog.text) == (told and changes)


@pytest.mark.parametrize("paging", [{"type": "page_number", "page_size": 10}, {"type": "offset", "limit": 10}])
def test_sorted_rows_can_go_on_from_the_cursor_value(
    api: Api, caplog: pytest.LogCaptureFixture, paging: dict[str, Any]
) -> None:
    """With `result_cap` of one page, no page number stands between the rows: none can shift over it.

    Before each request a row that was read moves to the end of the table.
    """
    table = {number: f"2024-01-01T00:{number:02}:00Z" for number in range(40)}

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.number < 30:
            table[call.number] = f"2024-05-01T00:{call.number:02}:00Z"
        rows = [{"id": number, "at": at} for number, at in table.items() if at >= call.arg("since")]
        rows.sort(key=lambda row: str(row["at"]))
        first = int(call.arg("offset") or 10 * (int(call.arg("page", "1")) - 1))
        return rows[first : first + 10]

    endpoint = {"primary_key": "id", "incremental": {"cursor_field": "at", "start_param": "since", "sorted": True}}
    with caplog.at_level(logging.WARNING):
        reading = Reading(api.url, endpoint, pagination={**paging, "result_cap": 10, "stop_on_short_page": True})
    assert reading.error is None
    assert {row["id"] for row in reading.records} == set(range(40))
    assert caplog.text == ""
