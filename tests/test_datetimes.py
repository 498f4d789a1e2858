"""Date-times are read in the forms in which APIs write them, and never by guessing."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.formats.datetimes import parse, write

UTC = timezone.utc
NOON = datetime(2024, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-31T12:00:00Z", NOON),
        ("2024-01-31t12:00:00z", NOON),
        ("2024-01-31 12:00:00Z", NOON),
        ("2024-01-31T13:00:00+01:00", NOON),
        ("2024-01-31T13:00:00+0100", NOON),
        ("2024-01-31T13:00:00+01", NOON),
        ("2024-01-31T06:15:00-05:45", NOON),
        ("2024-01-31T12:00:00", NOON),
        ("2024-01-31 12:00:00", NOON),
        ("2024-01-31T12:00", NOON),
        ("2024-01-31T12", NOON),
        ("20240131T120000Z", NOON),
        ("2024-W05-3T12:00:00Z", NOON),
        ("2024-031T12:00:00Z", NOON),
        ("2024-01-31", NOON - timedelta(hours=12)),
        ("20240131", NOON - timedelta(hours=12)),
        ("2024/01/31", NOON - timedelta(hours=12)),
        ("2024-01-31T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2024-01-31T12:00:00,5Z", NOON + timedelta(milliseconds=500)),
        ("2024-01-31T12:00:00.123456Z", NOON + timedelta(microseconds=123456)),
        ("0001-01-01T00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        # leap seconds
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31 23:59:60", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T00:59:60.5+01:00", datetime(2017, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_the_forms_of_a_date_time(text: str, moment: datetime) -> None:
    """RFC 3339, a date, ISO 8601; without an offset it is UTC."""
    parsed = parse(text)
    assert parsed.tzinfo is not None
    assert parsed == moment


@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        1700000000,
        17.5,
        True,
        [],
        {},
        b"2024-01-31",
        NOON,
        "",
        " ",
        "now",  # pendulum would read it by the clock
        "today",
        "12:30",  # ... and this
        "T12:30:00",
        "P1D",
        "2024-01-01/2024-02-01",
        "1700000000",
        "1700000000000",
        "1700000000.5",
        "0000-00-00 00:00:00",
        "0000-00-00",
        "2024-02-30",
        "2023-366",
        "2024-13-01T00:00:00Z",
        "2024-01-31T25:00:00Z",
        "2024-01-31T12:00:61Z",
        "2024-01-31T12:60:60Z",
        "9999-12-31T23:59:60Z",
        "2024-01-31T12:00:00+24:00",
        "2024-01-31T12:00:00+99:99",
        "31.01.2024",
        "Wed, 31 Jan 2024 12:00:00 GMT",
        " 2024-01-31",
        "2024-01-31\n",
        "2024-01-31T12:00:00Z; DROP TABLE",
        "\uff12\uff10\uff12\uff14-01-31",
        "2024\x00",
        "\ud800",
        "x" * 17 + "60",
        "9" * 10_000,
    ],
)
def test_what_is_no_date_time_is_refused(value: object) -> None:
    """Anything that does not say year, month and day, or a moment that does not exist."""
    with pytest.raises(ValueError, match="not a date-time"):
        parse(value)


@given(
    st.text()
    | st.lists(st.sampled_from([*"0123456789-:.TWZ+/P ,", "2024", "60", "23:59:60"]), max_size=12).map("".join)
)
def test_any_text_is_a_comparable_moment_or_refused(text: str) -> None:
    """Reading never fails in another way, and what was read can be compared; the clock plays no part."""
    try:
        moment = parse(text)
    except ValueError as error:
        assert str(error) == "not a date-time"  # noqa: PT017
    else:
        assert (moment <= NOON) == (parse(text) <= NOON)


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=OFFSETS)  # noqa: DTZ001 -- bounds are naive


@given(MOMENTS)
def test_what_is_written_is_read_as_the_same_moment(moment: datetime) -> None:
    """To the microsecond, in UTC."""
    assert write(moment).endswith("Z")
    assert parse(write(moment)) == moment
    assert parse(moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (None, "2024-01-31T12:00:00.250000Z"),
        ("%Y-%m-%d", "2024-01-31"),
        ("%d/%m/%Y %H:%M", "31/01/2024 12:00"),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "2024-01-31T12:00:00.250000Z"),
        ("%s", "1706702400"),
        ("%ms", "1706702400250"),
        ("updated>%s", "updated>1706702400"),
    ],
)
def test_a_moment_is_written_by_a_format(form: str | None, text: str) -> None:
    """strftime, and epoch seconds and milliseconds; in UTC whatever the moment's own offset."""
    moment = datetime(2024, 1, 31, 14, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    assert write(moment, form) == text


def test_a_whole_second_has_no_fraction() -> None:
    """And moments before 1970 count downwards."""
    assert write(NOON) == "2024-01-31T12:00:00Z"
    assert write(datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC), "%s %ms") == "-1 -500"
