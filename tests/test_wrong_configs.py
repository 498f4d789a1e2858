"""Wrong configs that look right: `check` finds what the second request of a read would show, and what no read would.

The API is a shop with numbered pages, token pages and a filter by date. The right config passes; each other differs
from it in one setting.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from tests.api import Answer, Api, Call
from tests.process import TOKEN, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST = datetime(2024, 1, 1, tzinfo=timezone.utc)
DAYS = [FIRST + timedelta(days=5 * n) for n in range(45)]
LARGEST = 20
"""Most records on a page, whatever is asked for."""


def row(n: int) -> dict[str, Any]:
    """One order; some fields are there to be mistaken for a key or a cursor."""
    day = DAYS[n]
    return {
        "id": n,
        "updated_at": day.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "day": day.strftime("%d/%m/%Y"),
        "seconds": int(day.timestamp()),
        "customer": n // 3,
        "coupon": None if n % 2 else f"c{n}",
        "status": "open",
    }


ROWS = [row(n) for n in range(45)]


@pytest.fixture
def api() -> Iterator[Api]:
    """The shop."""
    with Api(token=TOKEN) as api:

        @api.get("/orders")
        def orders(call: Call) -> Any:
            found = [row for row in ROWS if row["updated_at"] >= call.arg("since")]
            size, page = min(int(call.arg("per_page", "20")), LARGEST), int(call.arg("page", "1"))
            return {"data": {"orders": found[(page - 1) * size : page * size]}, "labels": [{"a": 1}, {"a": 2}]}

        @api.get("/events")
        def events(call: Call) -> Any:
            found = [row for row in ROWS if row["updated_at"] >= call.arg("since")]
            at = int(call.arg("after", "t0")[1:])
            following = f"t{at + 10}" if at + 10 < len(found) else None
            return {"events": found[at : at + 10], "paging": {"next": following, "self": f"t{at}"}}

        yield api


def config(api: Api) -> dict[str, Any]:
    """The right config."""
    incremental = {"cursor_field": "updated_at", "start_param": "since"}
    orders = {
        "name": "orders",
        "path": "orders",
        "primary_key": ["id"],
        "records_path": "data.orders",
        "pagination": {"type": "page_number", "page_size_param": "per_page", "page_size": 20},
        "incremental": incremental,
    }
    events = {
        "name": "events",
        "path": "events",
        "primary_key": ["id"],
        "records_path": "events",
        "pagination": {"type": "cursor", "cursor_path": "paging.next", "cursor_param": "after"},
        "incremental": incremental,
    }
    return {
        "url_base": api.url,
        "authentication": {"type": "bearer", "token": TOKEN},
        "retry": {"max_attempts": 1},
        "endpoints": [orders, events],
    }


def check(api: Api, folder: Path, changes: dict[str, Any]) -> tuple[str, list[str]]:
    """Check the right config with these settings changed; status, and the lines of the message."""
    changed = deepcopy(config(api))
    for path, value in changes.items():
        *keys, last = [int(key) if key.isdecimal() else key for key in path.split("/")]
        holder: Any = changed
        for key in keys:
            holder = holder[key]
        holder[last] = value
    [status] = run(folder, "check", config=changed).bodies("CONNECTION_STATUS")
    *lines, sent = status["message"].splitlines()
    count = len(api.requests)
    assert sent == f"{count} request{'s' * (count != 1)} sent."
    assert count <= 10
    return status["status"], lines


ORDERS, EVENTS = "endpoints/0", "endpoints/1"
ORDERS_PAGES, EVENTS_PAGES = f"{ORDERS}/pagination", f"{EVENTS}/pagination"
CURSOR = f"{ORDERS}/incremental"


def test_the_right_config_passes_without_a_doubt(api: Api, tmp_path: Path) -> None:
    """A first page, a second one, and one from a value in the sample, of each stream."""
    status, lines = check(api, tmp_path, {})
    assert (status, lines) == (
        "SUCCEEDED",
        ["orders: 20 records on the first page, more pages; events: 10 records on the first page, more pages"],
    )
    assert len(api.requests) == 6


@pytest.mark.parametrize(
    ("changes", "stream", "told"),
    [
        ({f"{ORDERS}/path": "order"}, "orders", ["/order", "404", "`path`"]),
        ({f"{ORDERS}/records_path": "data.order"}, "orders", ["`records_path: data.order`"]),
        ({f"{EVENTS_PAGES}/cursor_param": "aftr"}, "events", ["repeats the records of page 1", "ignore `aftr`"]),
        ({f"{EVENTS_PAGES}/cursor_path": "paging.nxt"}, "events", ["`paging.next`"]),
        ({f"{EVENTS_PAGES}/cursor_path": "paging.self"}, "events", ["repeats the records of page 1", "`cursor_path`"]),
        ({f"{CURSOR}/cursor_field": "update_at"}, "orders", ["`update_at`, which no record has", "updated_at"]),
        ({f"{CURSOR}/cursor_field": "status"}, "orders", ["such as `open`", "not ISO 8601", "`cursor_field`"]),
        (
            {CURSOR: {"cursor_field": "day"}},
            "orders",
            ["such as `01/01/2024`", "`incremental.record_format` to `%d/%m/%Y`"],
        ),
        ({CURSOR: {"cursor_field": "seconds"}}, "orders", ["not ISO 8601", "`incremental.record_format` to `%s`"]),
        (
            {CURSOR: {"cursor_field": "day", "record_format": "%m/%d/%Y"}},
            "orders",
            ["are not `%m/%d/%Y`", "Set `incremental.record_format` to `%d/%m/%Y`"],
        ),
        ({f"{ORDERS}/primary_key": ["uid"]}, "orders", ["`primary_key` names `uid`, which no record has"]),
        ({f"{ORDERS}/primary_key": ["customer"]}, "orders", ["share the key `customer`, such as `0`", "`primary_key`"]),
        ({f"{ORDERS}/primary_key": ["coupon"]}, "orders", ["20 of 40 records have no value in the key `coupon`"]),
        ({f"{ORDERS_PAGES}/page_param": "pge"}, "orders", ["ignore `pge`", "`pagination.page_param`"]),
        (
            {
                ORDERS_PAGES: {
                    "type": "page_number",
                    "page_size_param": "per_page",
                    "page_size": 30,
                    "stop_on_short_page": True,
                }
            },
            "orders",
            [
                "per_page=30",
                "received 20 records, but the next page has 20 records more",
                "`pagination.page_size` to 20",
            ],
        ),
        ({"authentication": {"type": "api_key", "api_key": TOKEN}}, "orders", ["401", "`authentication`"]),
        ({f"{CURSOR}/start_param": "sicne"}, "orders", ["sicne=", "does not filter by `incremental.start_param`"]),
        ({f"{CURSOR}/format": "%d.%m.%Y"}, "orders", ["since=", "its `format`"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_config_fails_with_the_setting_to_change(
    changes: dict[str, Any], stream: str, told: list[str], api: Api, tmp_path: Path
) -> None:
    """One line for the stream: what was sent, what was seen, what to change."""
    status, lines = check(api, tmp_path, changes)
    assert status == "FAILED", lines
    [line] = [line for line in lines if f"Stream {stream}" in line and not line.startswith("Warning: ")]
    for words in told:
        assert words in line


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {f"{ORDERS_PAGES}/page_size": 50},
            ["per_page=50", "received 20 records, although", "`pagination.page_size` to 20"],
        ),
        (
            {f"{ORDERS_PAGES}/page_size_param": "size", f"{ORDERS_PAGES}/page_size": 5},
            ["size=5", "ignores the page size"],
        ),
    ],
    ids=["capped", "ignored"],
)
def test_a_doubt_is_a_warning(changes: dict[str, Any], told: list[str], api: Api, tmp_path: Path) -> None:
    """A page size that the API does not honour loses nothing, so the check succeeds and says so."""
    status, [_, line] = check(api, tmp_path, changes)
    assert (status, line.startswith("Warning: Stream orders, GET ")) == ("SUCCEEDED", True)
    for words in told:
        assert words in line


def one(api: Api, folder: Path, rows: list[dict[str, Any]], **endpoint: Any) -> tuple[str, list[str]]:
    """Check a stream of these rows, all on one page."""
    api.get("/rows")(
        lambda call: [r for r in rows if str(r.get("at")) >= call.arg("since") or "since" not in call.query]
    )
    given = {"url_base": api.url, "authentication": {"type": "bearer", "token": TOKEN}}
    [status] = run(
        folder, "check", config={**given, "endpoints": [{"name": "rows", "path": "rows", **endpoint}]}
    ).bodies("CONNECTION_STATUS")
    return status["status"], status["message"].splitlines()[:-1]


def test_day_and_month_exchanged_where_every_value_reads(api: Api, tmp_path: Path) -> None:
    """Days up to the twelfth read either way: as months, they jump through the year."""
    rows = [{"at": f"{day:02}/03/2024"} for day in (2, 5, 7, 9, 11)] + [{"at": f"{day:02}/04/2024"} for day in (1, 3)]
    wrong = {"cursor_field": "at", "record_format": "%m/%d/%Y"}
    status, [line] = one(api, tmp_path, rows, incremental=wrong)
    assert status == "FAILED"
    assert "Set `incremental.record_format` to `%d/%m/%Y`" in line
    assert one(api, tmp_path, rows, incremental={**wrong, "record_format": "%d/%m/%Y"})[0] == "SUCCEEDED"


def test_formats_that_the_sample_cannot_tell_apart_are_both_proposed(api: Api, tmp_path: Path) -> None:
    """The user knows which."""
    status, [line] = one(api, tmp_path, [{"at": "02/03/2024"}], incremental={"cursor_field": "at"})
    assert status == "FAILED"
    assert "`%d/%m/%Y` or `%m/%d/%Y` (the sample fits each of them)" in line


def test_one_bad_value_among_good_ones_is_a_doubt(api: Api, tmp_path: Path) -> None:
    """No setting would read it, so the check does not stand in the way."""
    rows: list[dict[str, Any]] = [{"at": "2024-01-01"}, {"at": "0000-00-00"}, {"at": None}, {}]
    status, [_, absent, bad] = one(api, tmp_path, rows, incremental={"cursor_field": "at"})
    assert status == "SUCCEEDED"
    assert "2 of 4 records have no value in `at`" in absent
    assert "1 of 2 values in `at`, such as `0000-00-00`" in bad


def test_a_filter_that_excludes_its_start_is_a_doubt(tmp_path: Path) -> None:
    """Records that share the last value would be missed by the next sync."""
    with Api() as api:
        rows = [{"id": n, "at": f"2024-01-0{n}"} for n in range(1, 6)]
        api.get("/rows")(lambda call: [row for row in rows if str(row["at"]) > call.arg("since")])
        incremental = {"cursor_field": "at", "start_param": "since"}
        given = {"url_base": api.url, "endpoints": [{"name": "rows", "path": "rows", "incremental": incremental}]}
        [status] = run(tmp_path, "check", config=given).bodies("CONNECTION_STATUS")
        assert "Set `incremental.start_exclusive: true`" in status["message"]
        incremental["start_exclusive"] = True  # type: ignore[assignment]
        [status] = run(tmp_path, "check", config=given).bodies("CONNECTION_STATUS")
        assert status["message"] == "rows: 5 records on the first page, no more (one page)\n2 requests sent."


def test_a_start_that_the_api_refuses_fails(api: Api, tmp_path: Path) -> None:
    """The first sync would pass, and the second fail."""
    api.get("/orders")(
        lambda call: (
            Answer({"message": "since: bad date"}, status=400)
            if "T" in call.arg("since")
            else {"data": {"orders": ROWS[:20] if call.arg("page") == "1" else []}}
        )
    )
    status, lines = check(api, tmp_path, {})
    assert status == "FAILED"
    [line] = [line for line in lines if "Stream orders" in line]
    assert "sent from `2024-" in line
    assert "since: bad date" in line
    assert "`incremental.format`" in line


def test_every_stream_is_tested_and_told_apart(api: Api, tmp_path: Path) -> None:
    """Two wrong streams are two lines."""
    wrong = {f"{ORDERS}/primary_key": ["customer"], f"{EVENTS_PAGES}/cursor_param": "aftr"}
    status, lines = check(api, tmp_path, wrong)
    assert status == "FAILED"
    assert [line.partition(",")[0] for line in lines] == ["Stream orders", "Stream events"]


def two_pages(first: list[list[Any]], second: list[Any], folder: Path) -> tuple[str, list[str], int]:
    """Check a stream of two numbered pages with the key `id`; the first page may change from request to request."""
    with Api() as api:
        asked = iter([*first, *[first[-1]] * 9])
        api.get("/rows")(lambda call: next(asked) if call.arg("page") == "1" else second)
        endpoint = {"name": "rows", "path": "rows", "primary_key": ["id"], "pagination": {"type": "page_number"}}
        [status] = run(folder, "check", config={"url_base": api.url, "endpoints": [endpoint]}).bodies(
            "CONNECTION_STATUS"
        )
        return status["status"], status["message"].splitlines()[:-1], len(api.requests)


def version(key: int, text: str) -> dict[str, Any]:
    """A row whose key may come again with another text."""
    return {"id": key, "text": text}


A_FEW = [version(n, "a") for n in range(1, 7)]


def test_a_key_that_a_later_page_repeats(tmp_path: Path) -> None:
    """The first page, requested once more, is unchanged: so both records are there at the same time."""
    second = [version(7, "a"), version(2, "b"), version(8, "a")]
    status, [line], requests = two_pages([A_FEW], second, tmp_path)
    assert (status, requests) == ("FAILED", 3)
    assert "on the first two pages share the key `id`, such as `2`: a destination" in line
    assert "Add to `primary_key`" in line


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([A_FEW, [*A_FEW[:1], version(7, "a"), *A_FEW[2:]]], [version(2, "b"), version(8, "a"), version(9, "a")]),
        ([A_FEW], [version(6, "b"), version(8, "a"), version(9, "a")]),
        ([A_FEW, Answer({}, status=400)], [version(8, "a"), version(2, "b"), version(9, "a")]),
    ],
    ids=["the first page has changed", "the last record comes again", "the first page is refused"],
)
def test_a_repeated_key_that_may_be_a_changed_record_is_a_doubt(
    first: list[Any], second: list[Any], tmp_path: Path
) -> None:
    """A record may change and move between two requests, and a page may begin with the last record of the other."""
    status, [_, line], _ = two_pages(first, second, tmp_path)
    assert status == "SUCCEEDED"
    assert line.startswith("Warning: Stream rows, GET ")
    assert "If it is not one record that changed between the two requests" in line


def test_an_equal_record_on_two_pages_is_a_shift(tmp_path: Path) -> None:
    """It is the same row, so the key tells rows apart."""
    status, lines, requests = two_pages([A_FEW], [*A_FEW[-2:], *(version(n, "a") for n in (7, 8, 9))], tmp_path)
    assert (status, len(lines), requests) == ("SUCCEEDED", 1, 2)
