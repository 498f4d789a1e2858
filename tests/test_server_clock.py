"""An API whose clock is behind dates the changes of the read before it began; the state must not pass them."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.streams.server_clock import ServerClock
from tests.api import Answer
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

SINCE = {"cursor_field": "at", "start_param": "since"}


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _now() -> datetime:
    return datetime.now(timezone.utc)


@pytest.mark.parametrize("ahead", [0, 60, 3600])
def test_a_row_that_changes_during_the_read_is_found_by_the_next_one(api: Api, ahead: int) -> None:
    """Row 0 changes after its page; row 3 changes later, on a page that is still to come."""
    table: dict[int, datetime] = {number: _now() - timedelta(days=1) for number in range(4)}

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.arg("page") == "2":
            table[0] = _now()
            table[3] = _now() + timedelta(milliseconds=1)
        first = 2 * (int(call.arg("page")) - 1)
        rows = [{"id": number, "at": _text(at)} for number, at in table.items()]
        found = [row for row in rows if str(row["at"]) >= call.arg("since")][first : first + 2]
        return Answer(found, headers={"Date": format_datetime(_now(), usegmt=True)})

    def ours() -> datetime:
        return _now() + timedelta(seconds=ahead)

    endpoint = {"primary_key": "id", "incremental": SINCE}
    paging = {"type": "page_number", "page_size": 2}
    known: dict[int, str] = {}
    saved = None
    for _ in range(2):
        reading = Reading(api.url, endpoint, saved=saved, now=ours, pagination=paging)
        assert reading.error is None
        known.update({row["id"]: row["at"] for row in reading.records})
        saved = reading.states[-1]
        if len(known) == len(table):
            truth = dict(table)
    assert known[0] >= _text(truth[0] - timedelta(seconds=5))
    assert set(known) == set(table)


def _behind(date: str, ours: str) -> float:
    clock = ServerClock("items", lambda: datetime.fromisoformat(ours))
    clock.note({"Date": date})
    return clock.behind.total_seconds()


@pytest.mark.parametrize(
    ("date", "behind"),
    [
        ("Sat, 01 Jun 2024 12:00:00 GMT", 0),
        ("Sat, 01 Jun 2024 11:59:59 GMT", 0),
        ("Sat, 01 Jun 2024 11:59:00 GMT", 60),
        ("Sat, 01 Jun 2024 12:01:00 GMT", 0),
        ("Thu, 30 May 2024 12:00:00 GMT", 0),
        ("yesterday", 0),
    ],
)
def test_the_clock_is_read_where_it_can_be_believed(date: str, behind: float) -> None:
    """A clock that is ahead, a cached copy and an invalid date do not count."""
    assert _behind(date, "2024-06-01T12:00:00+00:00") == behind


def test_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """However often the API answers."""
    clock = ServerClock("items", lambda: datetime(2024, 6, 1, 12, tzinfo=timezone.utc))
    with caplog.at_level(logging.INFO):
        for second in (30, 20, 40):
            clock.note({"Date": f"Sat, 01 Jun 2024 11:59:{second} GMT"})
    assert [record.getMessage() for record in caplog.records] == [
        "Stream items: the API's clock is 30 seconds behind, so the state stays that far behind too."
    ]
    assert clock.behind == timedelta(seconds=40)
