"""A slice with more records than one query returns resumes from its newest cursor value, and loses none."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.cursors.cursors import CursorValue, Slice
from source_rest_api.errors import ConfigError
from source_rest_api.formats.datetimes import write
from source_rest_api.streams import result_cap
from tests.api import Answer
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call


def mark(hours: int) -> CursorValue:
    """A moment of 2024."""
    moment = datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(hours=hours)
    return CursorValue(moment, write(moment))


def test_the_rest_begins_with_the_newest_value_and_ends_where_the_slice_ends() -> None:
    """Inclusive, because records beyond the cap may share the value."""
    assert result_cap.rest(Slice(mark(0), mark(9)), mark(4)) == Slice(mark(4), mark(9))
    assert result_cap.rest(Slice(), mark(4)) == Slice(mark(4), None)


@pytest.mark.parametrize(("interval", "newest"), [(Slice(mark(4), mark(9)), mark(4)), (Slice(mark(4)), mark(3))])
def test_without_a_newer_value_there_is_no_rest(interval: Slice, newest: CursorValue) -> None:
    """The same question would give the same records for ever."""
    with pytest.raises(ConfigError, match=r"2024.*result_cap"):
        result_cap.rest(interval, newest)


def test_without_any_value_there_is_no_rest() -> None:
    """The error names the field to look at."""
    with pytest.raises(ConfigError, match=r"cursor_field"):
        result_cap.rest(Slice(), None)


@given(hours=st.lists(st.integers(0, 30), max_size=60), cap=st.integers(1, 10))
def test_every_record_is_read_unless_too_many_share_one_value(hours: list[int], cap: int) -> None:
    """For any ties, each record arrives, or an error says that it cannot."""
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


CAP = 50
ROWS: list[dict[str, Any]] = [
    {"id": n, "at": f"2024-01-{n // 10 + 1:02d}T00:00:{n // 3 % 60:02d}Z"} for n in range(237)
]
SORTED = {"cursor_field": "at", "start_param": "since", "end_param": "until", "sorted": True}
PAGING: dict[str, dict[str, Any]] = {
    "page_number": {"type": "page_number", "page_size_param": "limit", "page_size": 20},
    "offset": {"type": "offset", "limit": 20, "total_path": "total"},
    "cursor": {
        "type": "cursor",
        "cursor_path": "next",
        "cursor_param": "offset",
        "page_size_param": "limit",
        "page_size": 20,
    },
    "stopping": {
        "type": "cursor",
        "cursor_path": "next",
        "cursor_param": "offset",
        "page_size_param": "limit",
        "page_size": 25,
    },
}


def serve(api: Api, rows: list[dict[str, Any]], *, order: int = 1) -> None:
    """Return at most CAP rows for one query, and reject positions beyond."""

    @api.get("/items")
    def items(call: Call) -> Answer:
        limit = int(call.arg("limit"))
        start = int(call.arg("offset") or 0) + (int(call.arg("page", "1")) - 1) * limit
        if start + limit > CAP:
            return Answer({"error": f"result window is too large, it must be at most {CAP}"}, 400)
        found = [row for row in rows if row["at"] >= call.arg("since")][::order]
        body: dict[str, Any] = {"items": found[start : start + limit], "total": min(len(found), CAP)}
        if start + limit < min(len(found), CAP):
            body["next"] = start + limit
        return Answer(body)


class Noted(Reading):
    """A reading that knows how many pages came before each state."""

    before: list[int]

    def _read(self, saved: Any, *, incremental: bool) -> None:
        self.before = []
        super()._read(saved, incremental=incremental)

    def _note(self) -> None:
        super()._note()
        self.before += [len(self.batches)] * (len(self.states) - len(self.before))


def read(api: Api, paging: str, saved: Any = None, **incremental: Any) -> Noted:
    """Read with a cap."""
    pagination = {**PAGING[paging], "result_cap": CAP}
    endpoint = {"records_path": "items", "primary_key": "id", "pagination": pagination}
    return Noted(api.url, {**endpoint, "incremental": {**SORTED, **incremental}}, saved=saved)


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("paging", PAGING)
@pytest.mark.parametrize("start", [None, "2024-01-03"])
def test_what_is_beyond_the_cap_is_read_from_the_newest_value_on(api: Api, paging: str, start: str | None) -> None:
    """Every row arrives, with totals and tokens that stop at the cap, and no request goes beyond it."""
    serve(api, ROWS)
    reading = read(api, paging, start_date=start)
    assert reading.error is None
    wanted = {row["id"] for row in ROWS if start is None or row["at"] >= start}
    assert {row["id"] for row in reading.records} == wanted
    assert len(reading.records) < len(wanted) * 1.4
    assert reading.states[-1]["cursor"] == ROWS[-1]["at"]


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("paging", ["offset", "cursor"])
@pytest.mark.parametrize("start", [None, "2024-01-03"])
def test_from_every_state_the_rest_is_read(api: Api, paging: str, start: str | None) -> None:
    """A read that ends anywhere, beyond the cap too, is gone on with."""
    serve(api, ROWS)
    wanted = {row["id"] for row in ROWS if start is None or row["at"] >= start}
    whole = read(api, paging, start_date=start)
    for state, pages in zip(whole.states, whole.before, strict=True):
        got = {json.loads(bytes(record))["id"] for batch in whole.batches[:pages] for record in batch.records}
        rest = read(api, paging, state, start_date=start)
        assert rest.error is None
        assert got | {row["id"] for row in rest.records} == wanted


@pytest.mark.usefixtures("no_proxy")
def test_rows_of_one_value_beyond_the_cap_are_missed_by_name(api: Api) -> None:
    """Records beyond the cap are an error, not an end."""
    serve(api, [{"id": n, "at": "2024-01-01T00:00:00Z"} for n in range(CAP + 1)])
    reading = read(api, "offset")
    assert "share the cursor value 2024-01-01T00:00:00Z" in str(reading.error)


@pytest.mark.usefixtures("no_proxy")
def test_rows_in_another_order_are_refused(api: Api) -> None:
    """Newest first, the rest would be what has been read."""
    serve(api, ROWS, order=-1)
    assert "`incremental.sorted`" in str(read(api, "offset").error)
