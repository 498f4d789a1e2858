"""A slice is read page by page or in advance, divided at a result cap, and stepped back if rows shift."""

from __future__ import annotations

import json
import time
from threading import Condition, Lock
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError
from source_rest_api.streams.slice_reader import SliceReader
from tests.api import Answer, Api
from tests.process import catalog
from tests.reading import Reading

if TYPE_CHECKING:
    from source_rest_api.streams.batch import Batch
    from tests.api import Call

pytestmark = pytest.mark.usefixtures("no_proxy")

OFFSET = {"type": "offset", "limit": 4}


def ids(reading: Reading) -> list[int]:
    """The keys of all records, as they came."""
    return [record["id"] for record in reading.records]


def ids_of(batch: Batch) -> list[int]:
    """The keys of a page's records."""
    return [json.loads(bytes(record))["id"] for record in batch.records]


@pytest.mark.parametrize("ties", [1, 3])
def test_a_cap_on_results_divides_the_slice(api: Api, ties: int) -> None:
    """The API returns at most 10 results; the slice resumes from its newest record, and every row arrives once."""
    rows = [{"id": n, "at": f"2024-01-{1 + n // ties:02d}"} for n in range(28)]

    @api.get("/items")
    def items(call: Call) -> Any:
        offset = int(call.arg("offset"))
        found = [row for row in rows if str(row["at"]) >= call.arg("since", "")]
        return Answer("too deep", 400) if offset + 4 > 10 else found[offset : offset + 4]

    cursor = {"cursor_field": "at", "start_param": "since", "sorted": True}
    reading = Reading(api.url, {"primary_key": "id", "pagination": {**OFFSET, "result_cap": 10}, "incremental": cursor})
    assert (reading.error, ids(reading)) == (None, list(range(28)))
    assert reading.states[-1]["cursor"] == rows[-1]["at"]


def test_more_ties_than_the_cap_allows_are_an_error(api: Api) -> None:
    """Records that cannot be requested are an error, never skipped silently."""
    rows = [{"id": n, "at": "2024-01-01"} for n in range(30)]
    api.get("/items")(lambda call: rows[int(call.arg("offset")) :][:4])
    cursor = {"cursor_field": "at", "start_param": "since", "sorted": True}
    reading = Reading(api.url, {"primary_key": "id", "pagination": {**OFFSET, "result_cap": 10}, "incremental": cursor})
    assert isinstance(reading.error, ConfigError)
    assert "result_cap" in str(reading.error)


def moving(api: Api, change: dict[int, list[int]], count: int = 20) -> list[int]:
    """Serve rows by offset; before a request of the given number the table is changed: -3 deletes 3, 99 comes first."""
    table = list(range(count))

    @api.get("/items")
    def items(call: Call) -> Any:
        for what in change.get(call.number, []):
            if what < 0:
                table.remove(-what)
            else:
                table.insert(0, what)
        offset, limit = int(call.arg("offset")), int(call.arg("limit"))
        return [{"id": n} for n in table[offset : offset + limit]]

    return table


@pytest.mark.parametrize("request_number", range(1, 8))
@pytest.mark.parametrize("what", [[-2], [-1, -2, -3], [99], [99, 98, 97, 96, 95], [-1, 99], [-19, -18, -17]], ids=str)
def test_rows_that_move_are_noticed(api: Api, request_number: int, what: list[int]) -> None:
    """Rows deleted or inserted between two pages: all that stay are there, however far they moved."""
    table = moving(api, {request_number: what})
    before = set(table)
    reading = Reading(api.url, {"primary_key": "id", "pagination": OFFSET})
    assert reading.error is None
    assert set(ids(reading)) >= before & set(table)
    if what == [-1, -2, -3] and request_number in range(2, 6):
        assert reading.stream.stats["drifts"] > 0


@pytest.mark.parametrize("request_number", range(1, 6))
@pytest.mark.parametrize("changed", range(0, 14, 2))
def test_rows_that_move_are_no_disorder(api: Api, request_number: int, changed: int) -> None:
    """Oldest first, a row that changes goes to the end: pages that are read again for it may be older than others."""
    table = {n: f"2024-01-{1 + n:02d}" for n in range(14)}

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.number == request_number:
            table[changed] = "2024-01-14"
        found = sorted((at, n) for n, at in table.items() if at >= call.arg("since"))
        offset, limit = int(call.arg("offset")), int(call.arg("limit"))
        return [{"id": n, "at": at} for at, n in found[offset : offset + limit]]

    cursor = {"cursor_field": "at", "start_param": "since", "sorted": True}
    reading = Reading(
        api.url, {"primary_key": "id", "pagination": OFFSET, "incremental": cursor}, start_date="2023-12-31T00:00:00Z"
    )
    assert reading.error is None
    assert set(ids(reading)) == set(table)
    cursors = [state["reading"]["slices"][0]["newest"] for state in reading.states if state.get("reading")]
    assert cursors == sorted(cursors)


def test_rows_that_moved_once_are_counted_once(api: Api) -> None:
    """Two rows before the page are gone: the page does not begin as expected, one step back finds the place."""
    moving(api, {2: [-1, -2]})
    reading = Reading(api.url, {"primary_key": "id", "pagination": OFFSET})
    assert (reading.error, reading.stream.stats["drifts"]) == (None, 1)


PAGES = {"type": "page_number", "page_size_param": "limit", "page_size": 4}


@pytest.mark.parametrize(("pagination", "hint"), [(PAGES, True), ({**PAGES, "overlap": True}, False), (OFFSET, False)])
def test_the_warning_says_what_numbered_pages_cannot_show(
    api: Api, caplog: pytest.LogCaptureFixture, pagination: dict[str, Any], *, hint: bool
) -> None:
    """Where other changes may stay unnoticed, the warning says so, and what to set."""
    table = list(range(1, 31))

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.number == 2:
            table.insert(0, 99)
        start = int(call.arg("offset")) if "offset" in pagination["type"] else 4 * int(call.arg("page")) - 4
        return [{"id": n} for n in table[start : start + 4]]

    reading = Reading(api.url, {"primary_key": "id", "pagination": pagination})
    assert reading.error is None
    assert set(ids(reading)) >= {*range(1, 31)}
    [warning] = [each for each in caplog.messages if "were inserted, deleted or changed" in each]
    assert ("`overlap: true`" in warning) is hint


@pytest.mark.parametrize("ahead", [False, True], ids=["in turn", "ahead"])
@pytest.mark.parametrize("said", ["total_path", "X-Total-Count", "overlap"])
@pytest.mark.parametrize("what", [[-1], [-1, -2, -3, -4, -5], [-9, -2], [99], [99, 98]], ids=str)
@pytest.mark.parametrize("request_number", [1, 2, 4])
def test_counted_pages_notice_rows_that_move(
    api: Api, request_number: int, what: list[int], said: str, *, ahead: bool
) -> None:
    """A falling total, or the page before requested again, shows that rows were deleted: all remaining rows arrive."""
    table = list(range(30))
    one_by_one = Lock()

    @api.get("/items")
    def items(call: Call) -> Any:
        with one_by_one:
            if call.number == request_number:
                table[:] = [n for n in what if n > 0] + [n for n in table if -n not in what]
            rows = [{"id": n} for n in table[4 * int(call.arg("page")) - 4 :][:4]]
            total = str(len(table))
        body = {"data": rows, **({"total": int(total)} if said == "total_path" else {})}
        return Answer(body, headers={"X-Total-Count": total} if said == "X-Total-Count" else {})

    settings = {} if said == "X-Total-Count" else {said: "total" if said == "total_path" else True}
    endpoint = {"primary_key": "id", "records_path": "data", "pagination": {**PAGES, **settings}}
    if ahead:
        found = {record["id"] for record in session_records(api, **endpoint)}
    else:
        reading = Reading(api.url, endpoint)
        assert reading.error is None
        assert reading.stream.stats["drifts"] > 0 or what == [-9, -2] or said == "overlap"
        found = set(ids(reading))
    assert found >= set(table) & set(range(30))


@pytest.mark.parametrize("late", [4, 5, 7])
def test_what_was_asked_for_ahead_of_rows_that_came_is_asked_for_again(api: Api, late: int) -> None:
    """A row comes in front when page n + 1 was answered and page n was not: the row between them is read."""
    table = list(range(60))
    turns = Condition()
    answered: set[int] = set()

    @api.get("/items")
    def items(call: Call) -> Any:
        page = int(call.arg("page"))
        with turns:
            if page == late and page not in answered:
                turns.wait_for(lambda: late + 1 in answered, timeout=2)
                table.insert(0, 99)
            answered.add(page)
            turns.notify_all()
            return {"data": [{"id": n} for n in table[4 * page - 4 : 4 * page]]}

    endpoint = {"primary_key": "id", "records_path": "data", "pagination": PAGES}
    assert {record["id"] for record in session_records(api, **endpoint)} >= set(range(60))
    assert len([call for call in api.requests if call.arg("page") == str(late + 1)]) == 2


def test_a_total_of_each_page_is_no_sign(api: Api) -> None:
    """A header that counts the rows of its page falls on the last one, which is requested again only once."""

    @api.get("/items")
    def items(call: Call) -> Any:
        rows = [{"id": n} for n in range(10)][4 * int(call.arg("page")) - 4 :][:4]
        return Answer(rows, headers={"X-Total-Count": str(len(rows))})

    reading = Reading(api.url, {"primary_key": "id", "pagination": PAGES})
    assert (reading.error, ids(reading)) == (None, list(range(10)))
    assert len(api.requests) == 4 + 2 * 2


@pytest.mark.parametrize("gone", [None, 1, 3])
@pytest.mark.parametrize("row", range(2, 10))
@pytest.mark.parametrize("request_number", range(1, 6))
def test_a_row_that_changed_is_no_landmark(api: Api, request_number: int, row: int, gone: int | None) -> None:
    """An API that sorts by the last change moves a changed row to the end, behind rows that were not read yet."""
    table = [{"id": n, "at": n} for n in range(10)]

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.number == request_number:
            table[row]["at"] = 100
            if gone is not None and gone != row:
                del table[gone]
            table.sort(key=lambda row: row["at"])
        offset, limit = int(call.arg("offset")), int(call.arg("limit"))
        return table[offset : offset + limit]

    reading = Reading(api.url, {"primary_key": "id", "pagination": OFFSET})
    assert reading.error is None
    assert set(ids(reading)) >= {each["id"] for each in table}


def test_rows_that_change_all_the_time_keep_their_places(api: Api) -> None:
    """A field that differs in each answer (a counter, a signed link) does not make reading begin again."""

    @api.get("/items")
    def items(call: Call) -> Any:
        offset = int(call.arg("offset"))
        return [{"id": n, "seen": call.number} for n in range(20)[offset : offset + 4]]

    reading = Reading(api.url, {"primary_key": "id", "pagination": OFFSET})
    assert (reading.error, ids(reading)) == (None, list(range(20)))
    assert len(api.requests) <= 10


def test_without_a_key_rows_are_not_asked_for_twice(api: Api) -> None:
    """The overlap needs rows that can be told apart; `overlap: true` compares whole rows."""
    moving(api, {})
    assert Reading(api.url, {"pagination": OFFSET}).error is None
    plain = [call.arg("offset") for call in api.requests]
    api.requests.clear()
    assert Reading(api.url, {"pagination": {**OFFSET, "overlap": True}}).error is None
    assert plain == ["0", "4", "8", "12", "16", "20"]
    assert [call.arg("offset") for call in api.requests] == ["0", "3", "6", "9", "12", "15", "18", "19"]


def test_pages_of_one_row_do_not_overlap(api: Api) -> None:
    """A server that returns one row per page, whatever the page size, is read to its end."""
    rows = [{"id": n} for n in range(5)]
    api.get("/items")(lambda call: rows[int(call.arg("offset")) :][:1])
    assert ids(Reading(api.url, {"primary_key": "id", "pagination": OFFSET})) == list(range(5))


def test_pages_that_hide_their_rows_end_the_search(api: Api) -> None:
    """An API that has rows only on its first pages, and more by its own word: the way back along offsets has an end."""

    @api.get("/items")
    def items(call: Call) -> Any:
        offset, limit = int(call.arg("offset")), int(call.arg("limit"))
        rows = [{"id": n} for n in range(offset, offset + limit)] if offset <= limit else []
        return {"items": rows, "has_more": True}

    limits = {"empty_pages": 3}
    reading = Reading(
        api.url, {"primary_key": "id", "records_path": "items", "pagination": {**OFFSET, "limit": 20}}, limits=limits
    )
    assert reading.error is not None
    assert len(api.requests) < 200


def test_an_api_without_any_order_is_an_error(api: Api) -> None:
    """If each response has other rows in front, offsets mean nothing, and reading ends."""
    api.get("/items")(lambda call: [{"id": 1000 * call.number + n} for n in range(4)])
    reading = Reading(api.url, {"primary_key": "id", "pagination": OFFSET})
    assert isinstance(reading.error, ConfigError)
    assert "different order" in str(reading.error)


def test_a_refused_position_falls_back_to_the_start(api: Api) -> None:
    """A token of an earlier run that the API does not know any more costs the slice, not the sync."""

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.arg("cursor") == "old":
            return Answer({"message": "expired"}, 410)
        return {"data": [{"id": 1 if not call.arg("cursor") else 2}], "next": None if call.arg("cursor") else "new"}

    endpoint = {"records_path": "data", "pagination": {"type": "cursor", "cursor_path": "next"}}
    of = Reading(api.url, endpoint).states[0]["reading"]
    saved = {"version": 2, "reading": {**of, "slices": [{"at": "old", "page": 7, "records": 70}]}}
    reading = Reading(api.url, endpoint, saved=saved)
    assert (reading.error, ids(reading)) == (None, [1, 2])


@pytest.mark.parametrize("pagination", [{"type": "page_number", "total_pages_path": "pages"}, OFFSET], ids=str)
def test_pages_are_asked_for_ahead(api: Api, pagination: dict[str, Any]) -> None:
    """Several requests are under way at the same time, the rows keep their order, and few run past the end."""
    rows = [{"id": n} for n in range(120)]
    under_way = [0, 0]

    @api.get("/items")
    def items(call: Call) -> Any:
        under_way[0] += 1
        under_way[1] = max(under_way)
        time.sleep(0.02)
        under_way[0] -= 1
        first = int(call.arg("offset")) if call.arg("offset") else 4 * (int(call.arg("page")) - 1)
        return {"data": rows[first : first + 4], "pages": 30}

    session_read(api, records_path="data", pagination=pagination)
    assert under_way[1] >= 3
    assert len(api.requests) <= 30 + 8


def session_read(api: Api, **endpoint: Any) -> None:
    """Read with threads; the rows must come once each and in their order."""
    assert [record["id"] for record in session_records(api, **endpoint)] == list(range(120))


def session_records(api: Api, **endpoint: Any) -> list[dict[str, Any]]:
    """All records, read with threads."""
    session = Connector().session({"url_base": api.url, "endpoints": [{"name": "items", "path": "items", **endpoint}]})
    messages = [
        json.loads(line) for block in session.read(catalog(items="full_refresh"), {}) for line in block.splitlines()
    ]
    assert session.complete
    return [message["record"]["data"] for message in messages if message["type"] == "RECORD"]


@pytest.mark.parametrize("pagination", [PAGES, {**OFFSET, "limit": 1}], ids=["page_number", "offset"])
def test_as_many_rows_as_a_page_may_come(api: Api, pagination: dict[str, Any]) -> None:
    """The same page twice is no proof that paging stands still: others came in front of it."""
    table = list(range(10))
    size = pagination.get("limit", 4)

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.number == 1:
            table[:0] = range(90, 90 + size)
        first = int(call.arg("offset")) if "limit" in pagination else size * (int(call.arg("page")) - 1)
        return [{"id": n} for n in table[first : first + size]]

    reading = Reading(api.url, {"primary_key": "id", "pagination": pagination})
    assert (reading.error, ids(reading)) == (None, list(range(10)))
    assert reading.stream.stats["drifts"] == 1


@pytest.mark.parametrize(
    ("limits", "pages"), [({"pages": 2}, 3), ({"empty_pages": 5}, 9)], ids=["limits.pages", "limits.empty_pages"]
)
def test_limits_of_paging_are_errors_that_keep_what_was_read(api: Api, limits: dict[str, int], pages: int) -> None:
    """The records before the limit are out, and the state says where they end; never a silent end."""
    api.get("/items")(lambda call: {"rows": [{"id": call.number}] * (call.number < 3), "next": f"t{call.number}"})
    paging = {"records_path": "rows", "pagination": {"type": "cursor", "cursor_path": "next", "cursor_param": "c"}}
    reading = Reading(api.url, paging, limits=limits)
    assert isinstance(reading.error, ConfigError)
    assert f"limits.{next(iter(limits))}" in str(reading.error)
    assert len(api.requests) == pages
    assert ids(reading) == list(range(min(3, pages - 1)))
    assert reading.states[-1]["reading"]["slices"][0]["page"] == pages - 1


class _Full:
    """Takes the first page only."""

    def put(self, item: Batch) -> None:
        """Take a page."""
        if ids_of(item) != [0, 1, 2, 3]:
            raise MemoryError

    def changed(self) -> None:
        """Does nothing: there is no other reader."""


def test_a_page_that_cannot_be_passed_on_ends_its_slice(api: Api) -> None:
    """No later page of it is read, so that no state covers what was never written."""
    moving(api, {})
    reading = Reading(api.url, {"primary_key": "id", "pagination": OFFSET})
    plan = reading.stream.plan(reading.stream.progress(None, incremental=False), 1)
    reader = next(step for step in plan if isinstance(step, SliceReader))
    first = reader.claim(ahead=False)
    assert first is not None
    first(_Full())
    second = reader.claim(ahead=False)
    assert second is not None
    with pytest.raises(MemoryError):
        second(_Full())
    assert reader.ended
    assert reader.claim(ahead=False) is None


def test_a_forgotten_token_begins_anew(api: Api) -> None:
    """An API that answers 410 to a sync token wants a full sync: all rows are read, and a new token is saved."""

    @api.get("/items")
    def items(call: Call) -> Any:
        token = call.arg("token")
        return Answer({"error": "gone"}, 410) if token == "old" else {"items": [{"id": 1}, {"id": 2}], "sync": "new"}

    endpoint = {"records_path": "items", "incremental": {"type": "token", "token_path": "sync", "start_param": "token"}}
    reading = Reading(api.url, endpoint, saved={"version": 2, "cursor": "old"})
    assert (reading.error, ids(reading)) == (None, [1, 2])
    assert reading.states[-1]["cursor"] == "new"
    refused = Reading(api.url, endpoint, saved={"version": 2, "cursor": "new"}, params={"token": "old"})
    assert refused.error is None  # the saved token is sent in place of the parameter


@pytest.mark.parametrize("nothing", [Answer({"items": []}), Answer(b"", 204)])
def test_a_forgotten_position_that_leads_to_nothing_begins_anew(api: Api, nothing: Answer) -> None:
    """An API that has forgotten a token may answer with an empty page: that is no end of a resumed slice."""
    pages = {"": ([1, 2], "b"), "b": ([3, 4], "c"), "c": ([5], None)}

    def whole(call: Call) -> Any:
        rows, following = pages[call.arg("cursor")]
        return {"items": [{"id": row} for row in rows], "next": following}

    endpoint = {"records_path": "items", "pagination": {"type": "cursor", "cursor_path": "next"}}
    api.get("/items")(lambda call: whole(call) if call.number < 2 else Answer("down", 500))
    first = Reading(api.url, endpoint)
    assert (first.error is not None, ids(first)) == (True, [1, 2, 3, 4])
    api.get("/items")(lambda call: nothing if call.arg("cursor") == "c" and call.number == 0 else whole(call))
    second = Reading(api.url, endpoint, saved=first.states[-1])
    assert (second.error, ids(second)) == (None, [1, 2, 3, 4, 5])


@pytest.mark.parametrize("change", [{"records_path": "others"}, {"headers": {"X-Account": "b"}}])
def test_positions_do_not_outlive_another_question(api: Api, change: dict[str, Any]) -> None:
    """Under another records path or header a saved position means nothing, so the slice begins at its start."""
    pages = {"": ([1, 2], "b"), "b": ([3, 4], None)}

    def whole(call: Call) -> Any:
        rows, following = pages[call.arg("cursor")]
        return {name: [{"id": row} for row in rows] for name in ("items", "others")} | {"next": following}

    endpoint = {"records_path": "items", "pagination": {"type": "cursor", "cursor_path": "next"}}
    api.get("/items")(lambda call: whole(call) if call.number < 1 else Answer("down", 500))
    first = Reading(api.url, endpoint)
    assert ids(first) == [1, 2]
    api.get("/items")(whole)
    assert ids(Reading(api.url, endpoint, saved=first.states[-1])) == [3, 4]
    assert ids(Reading(api.url, {**endpoint, **change}, saved=first.states[-1])) == [1, 2, 3, 4]


def test_a_full_refresh_of_a_sorted_stream(api: Api) -> None:
    """Order is a matter of the cursor, which a full refresh does not move: it reads all pages, and nothing breaks."""
    rows = [{"id": n, "at": f"2024-01-0{n}T00:00:00Z"} for n in range(1, 6)]
    api.get("/items")(lambda call: rows[(int(call.arg("page")) - 1) * 2 :][:2])
    incremental = {"cursor_field": "at", "start_param": "since", "sorted": True}
    endpoint = {"name": "items", "path": "items", "primary_key": "id", "incremental": incremental}
    config = {"url_base": api.url, "start_date": "2024-01-01T00:00:00Z", "pagination": {"type": "page_number"}}
    session = Connector().session({**config, "endpoints": [endpoint]})
    lines = b"".join(session.read(catalog(items="full_refresh"), {})).splitlines()
    found = [message["record"]["data"]["id"] for message in map(json.loads, lines) if message["type"] == "RECORD"]
    assert (found, session.complete) == ([1, 2, 3, 4, 5], True)


def test_what_an_earlier_run_reached_is_written_as_the_records_write_it(api: Api) -> None:
    """A strict API takes dates only: after a run that broke off, the next one asks from a date."""
    rows = [{"id": n, "day": f"2024-05-{n:02d}"} for n in range(1, 9)]
    asked: list[str] = []

    @api.get("/items")
    def items(call: Call) -> Any:
        since = call.arg("from")
        asked.append(since)
        if len(since) > 10:
            return Answer({"message": "from must be a date"}, 400)
        offset = int(call.arg("offset"))
        found = [row for row in rows if str(row["day"]) >= since]
        return Answer("down", 500) if call.number == 1 else found[offset : offset + 4]

    cursor = {"cursor_field": "day", "start_param": "from"}
    endpoint = {"primary_key": "id", "pagination": OFFSET, "incremental": cursor}
    first = Reading(api.url, endpoint, start_date="2024-01-01")
    assert first.error is not None
    saved = first.states[-1]
    [entry] = saved["reading"]["slices"]
    entry["end"] = "2024-05-20T10:00:00.123456Z"  # when that run began
    second = Reading(api.url, endpoint, start_date="2024-01-01", saved=saved)
    assert second.error is None
    assert asked[-1] == "2024-05-20"
    assert {*ids(first), *ids(second)} == set(range(1, 9))
    assert all(len(since) == 10 for since in asked)


def test_a_sync_does_not_begin_before_the_start_date(api: Api) -> None:
    """An API keeps its rows for a while only, and refuses to be asked from an older state."""

    @api.get("/items")
    def items(call: Call) -> Any:
        return Answer({"message": "too old"}, 400) if call.arg("from") < "2024-03" else [{"id": 1, "at": "2024-05-01"}]

    incremental = {"cursor_field": "at", "start_param": "from", "start_date": "2024-03-01"}
    reading = Reading(api.url, {"incremental": incremental}, saved={"version": 2, "cursor": "2024-01-01"})
    assert (reading.error, ids(reading)) == (None, [1])


def test_a_cursor_that_is_added_to_the_records_moves_the_state(api: Api) -> None:
    """An API whose rows do not say their day is asked day by day; the day that the request knows is the cursor."""
    api.get("/items/{day}")(lambda call: [{"id": call.path_params["day"]}])
    endpoint = {
        "path": "items/{{ stream_interval.start_time }}",
        "add_fields": {"day": "{{ stream_interval.start_time }}"},
        "primary_key": "day",
        "incremental": {
            "cursor_field": "day",
            "mode": "server_filter",
            "format": "%Y-%m-%d",
            "step": "P1D",
            "end_inclusive": True,
            "start_date": "2024-05-01",
            "end_date": "2024-05-03",
        },
    }
    reading = Reading(api.url, endpoint)
    assert reading.error is None
    assert sorted(record["day"] for record in reading.records) == ["2024-05-01", "2024-05-02", "2024-05-03"]
    assert reading.states[-1]["cursor"] == "2024-05-03"
    api.requests.clear()
    assert Reading(api.url, endpoint, saved=reading.states[-1]).error is None
    assert len(api.requests) == 1


def test_a_template_may_ask_whether_there_is_a_token(api: Api) -> None:
    """An API wants its token alone on further pages: a template that leaves out parameters there still sends it."""
    pages = {"": ([1, 2], "b"), "b": ([3], None)}

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.arg("page_info") and call.arg("status"):
            return Answer({"message": "no parameters beside the token"}, 400)
        rows, following = pages[call.arg("page_info")]
        return {"items": [{"id": row} for row in rows], "next": following}

    paging = {"type": "cursor", "cursor_path": "next", "cursor_param": "page_info"}
    params = {"status": "{{ none if next_page_token else 'any' }}"}
    reading = Reading(api.url, {"records_path": "items", "pagination": paging, "params": params})
    assert (reading.error, ids(reading)) == (None, [1, 2, 3])


@pytest.mark.parametrize("workers", [1, 8])
def test_a_total_is_held_against_what_came_and_not_against_a_guess(api: Api, workers: int) -> None:
    """With pages of different sizes requested in advance, the total is reached only after 68 rows."""
    sizes = [10, 10, 4, 4, 10, 10, 10, 10]

    @api.get("/items")
    def items(call: Call) -> Any:
        number = int(call.arg("page"))
        first, size = sum(sizes[: number - 1]), sizes[number - 1] if number <= len(sizes) else 0
        return {"items": [{"id": n} for n in range(first, first + size)], "total": 68}

    paging = {"type": "page_number", "page_size_param": "size", "page_size": 10, "total_path": "total"}
    endpoint = {"name": "items", "path": "items", "records_path": "items", "primary_key": "id", "pagination": paging}
    session = Connector().session({"url_base": api.url, "max_concurrency": workers, "endpoints": [endpoint]})
    lines = b"".join(session.read(catalog(items="full_refresh"), {})).splitlines()
    found = [message["record"]["data"]["id"] for message in map(json.loads, lines) if message["type"] == "RECORD"]
    assert (sorted(found), session.complete) == (list(range(68)), True)


def test_offsets_that_count_hidden_rows_give_all_others(api: Api) -> None:
    """An API leaves out two rows of the first window, and counts them in its offsets: all 18 others come."""
    table = list(range(20))

    @api.get("/items")
    def items(call: Call) -> Any:
        offset = int(call.arg("offset"))
        shown = [n for n in table[offset : offset + 10] if n not in {3, 5}]
        return {"items": [{"id": n} for n in shown], "total": 18}

    paging = {"type": "offset", "limit": 10, "total_path": "total"}
    reading = Reading(api.url, {"records_path": "items", "primary_key": "id", "pagination": paging})
    assert reading.error is None
    assert set(ids(reading)) == set(table) - {3, 5}
