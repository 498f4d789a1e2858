"""A page's date-times are read the fast way where they can be, and mean the same when each is read by itself."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.cursors import field_reader
from source_rest_api.formats import datetimes

UTC = timezone.utc
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=st.one_of(st.none(), OFFSETS))  # noqa: DTZ001
DAYS = st.dates(datetime(1970, 1, 2, tzinfo=UTC).date(), datetime(9000, 1, 1, tzinfo=UTC).date())
TEXTS = st.one_of(
    MOMENTS.map(lambda moment: moment.isoformat()),
    DAYS.map(lambda day: day.isoformat()),
    MOMENTS.map(lambda moment: moment.isoformat(" ")),
    st.just(""),
    st.just("soon"),
    st.none(),
)


def rows(values: list[Any]) -> list[Raw]:
    """Records with these values in `at`."""
    return [Raw(json.dumps({"id": 1, "at": value}).encode()) for value in values]


def read(values: list[Any], *forms: str) -> list[datetime | None]:
    """The moments of these records."""
    return field_reader.reader(("at",), forms).values(rows(values))


def aware(moment: datetime) -> datetime:
    """A moment without an offset is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@given(st.lists(MOMENTS))
def test_moments_with_and_without_an_offset(values: list[datetime]) -> None:
    """Each keeps its own; none is read in the host's zone."""
    assert read([value.isoformat() for value in values]) == list(map(aware, values))


@given(st.lists(DAYS))
def test_days_are_their_midnight(values: list[Any]) -> None:
    """In UTC."""
    midnights = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in values]
    assert read([day.isoformat() for day in values]) == midnights


@given(st.lists(TEXTS))
def test_a_page_says_what_its_records_say(values: list[str | None]) -> None:
    """A value is read the same way in a page and alone."""
    found = read(values)
    assert found == [read([value])[0] for value in values]
    assert all(moment is None or moment.tzinfo for moment in found)


@given(st.lists(st.none() | st.integers(0, 4_000_000_000)))
def test_numbers_since_the_epoch(values: list[int | None]) -> None:
    """Numbers and texts are exact; null is no value."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    expected = [None if value is None else epoch + timedelta(seconds=value) for value in values]
    assert read(values, "%s") == expected
    assert read([value if value is None else str(value) for value in values], "%s") == expected
    assert read([value if value is None else value * 1000 for value in values], "%ms") == expected


@pytest.mark.parametrize(
    ("value", "forms", "moment"),
    [
        ("10/03/2024 02:30", ["%d/%m/%Y %H:%M"], "2024-03-10T02:30:00Z"),
        ("03-10-2024", ["%d/%m/%Y", "%m-%d-%Y"], "2024-03-10T00:00:00Z"),
        ("20240310", ["%Y%m%d"], "2024-03-10T00:00:00Z"),
        ("2024-03-10T02:30:00", ["%Y-%m-%dT%H:%M:%S"], "2024-03-10T02:30:00Z"),
        ("2024-03-10T02:30:00-05:00", [], "2024-03-10T07:30:00Z"),
        (1710037800, [], None),
        ("10/03/2024", [], None),
        ("2024-03-10", ["%d/%m/%Y"], None),
        (10**30, ["%s"], None),
        (True, ["%s"], None),
        (["2024-03-10"], [], None),
    ],
    ids=str,
)
def test_forms(value: Any, forms: list[str], moment: str | None) -> None:
    """A value is read by the forms that the config names, or as ISO 8601, and by nothing else."""
    assert read([value], *forms) == [None if moment is None else datetimes.parse(moment)]
