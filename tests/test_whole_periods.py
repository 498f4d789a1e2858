"""A stream of whole calendar periods: nothing of the current one is asked for, and a later sync reads it whole."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api import Connector
from source_rest_api.formats import periods
from source_rest_api.protocol import state_file
from tests.api import Api

if TYPE_CHECKING:
    from tests.api import Call

DAYS = [f"2024-0{month}-{day:02}" for month in (1, 2, 3) for day in (1, 10, 28)]


def read(api: Api, end: str, start: str = "2024-01-10", state: Any = None) -> tuple[list[str], Any, bool]:
    """The days that a sync until a date delivers, its last state, and whether it was complete."""
    incremental: dict[str, Any] = {
        "cursor_field": "day",
        "start_param": "from",
        "end_param": "to",
        "format": "%Y-%m-%d",
    }
    incremental |= {"whole_periods": "month", "step": "P1M", "end_inclusive": True, "end_date": end}
    endpoint = {"name": "rows", "path": "rows", "primary_key": "day", "incremental": incremental}
    session = Connector().session({"url_base": api.url, "start_date": start, "endpoints": [endpoint]})
    catalog = {"streams": [{"stream": {"name": "rows"}, "sync_mode": "incremental", "cursor_field": ["day"]}]}
    saved = state_file.load([state] if state else [])
    lines = [json.loads(line) for block in session.read(catalog, saved) for line in block.splitlines()]
    states = [line["state"] for line in lines if line["type"] == "STATE"]
    days = [line["record"]["data"]["day"] for line in lines if line["type"] == "RECORD"]
    return sorted(days), states[-1] if states else None, session.complete


@pytest.mark.usefixtures("no_proxy")
def test_a_sync_reads_whole_months_and_the_next_one_goes_on() -> None:
    """Nothing of the current month arrives before it is over, and then all of it."""
    with Api() as api:

        @api.get("/rows")
        def rows(call: Call) -> Any:
            return [{"day": day} for day in DAYS if call.arg("from") <= day <= call.arg("to")]

        first, state, complete = read(api, "2024-03-15")
        assert (first, complete) == (DAYS[:6], True)
        asked = sorted((call.arg("from"), call.arg("to")) for call in api.requests)
        assert asked == [("2024-01-01", "2024-01-31"), ("2024-02-01", "2024-02-29")]
        again, state, complete = read(api, "2024-03-31", state=state)
        assert complete
        assert set(DAYS) <= {*first, *again}
        assert read(api, "2024-04-20", state=state)[2]


@pytest.mark.usefixtures("no_proxy")
def test_before_the_first_month_is_over_nothing_is_asked() -> None:
    """The stream is complete without a request, and its later state loses nothing."""
    with Api() as api:

        @api.get("/rows")
        def rows(call: Call) -> Any:
            return [{"day": day} for day in DAYS if call.arg("from") <= day <= call.arg("to")]

        days, state, complete = read(api, "2024-01-20")
        assert (days, complete, api.requests) == ([], True, [])
        assert read(api, "2024-02-20", state=state)[0] == DAYS[:3]


@pytest.mark.parametrize(
    ("moment", "period", "first_day", "begin", "following"),
    [
        ("2024-02-29T23:59:59+00:00", "month", "monday", "2024-02-01", "2024-03-01"),
        ("2024-12-31T00:00:00+00:00", "month", "monday", "2024-12-01", "2025-01-01"),
        ("2024-03-01T00:30:00+01:00", "month", "monday", "2024-02-01", "2024-03-01"),
        ("2024-02-01T00:00:00+00:00", "month", "monday", "2024-02-01", "2024-02-01"),
        ("2024-01-01T00:00:00+00:00", "week", "monday", "2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:01+00:00", "week", "sunday", "2023-12-31", "2024-01-07"),
        ("2024-01-06T10:00:00+00:00", "week", "sunday", "2023-12-31", "2024-01-07"),
        ("2024-01-06T10:00:00+00:00", "day", "sunday", "2024-01-06", "2024-01-07"),
    ],
)
def test_periods_begin_in_utc(
    moment: str, period: periods.Period, first_day: periods.Weekday, begin: str, following: str
) -> None:
    """A moment belongs to one period, and a begin is its own."""
    given = datetime.fromisoformat(moment)
    expected = [datetime.fromisoformat(f"{text}T00:00:00+00:00") for text in (begin, following)]
    assert [of(given, period, first_day) for of in (periods.start, periods.next_start)] == expected
    assert expected[0].tzinfo == timezone.utc
