"""Formats of dates and times: what is written is read again, to the unit that the format has."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.formats import date_formats, datetimes

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001
FORMATS = {
    "%Y-%m-%d": "day",
    "%Y-%m-%dT%H:%M:%SZ": "second",
    "%Y-%m-%dT%H:%M:%S.%fZ": "microsecond",
    "%d/%m/%Y %H:%M": "minute",
    "%Y-%m": "month",
    "%Y%W": "week",
    "%s": "second",
    "%ms": "millisecond",
    "%us": "microsecond",
    "YYYY-MM-DD": "day",
    "YYYY-MM-DD HH:mm:ss": "second",
}


@pytest.mark.parametrize(("form", "unit"), FORMATS.items())
def test_the_unit_of_a_format(form: str, unit: str) -> None:
    """The unit decides where intervals may be divided."""
    found = date_formats.compiled(form).unit
    assert found is not None
    assert found.name == unit


@pytest.mark.parametrize("form", FORMATS)
@given(moment=MOMENTS)
def test_what_is_written_is_read_again(form: str, moment: datetime) -> None:
    """To the format's unit, rounded down, whatever the moment."""
    compiled = date_formats.compiled(form)
    assert compiled.unit is not None
    assert datetimes.parse_as(compiled.write(moment), (form,)) == compiled.unit.floor(moment)


@given(MOMENTS, st.sampled_from(sorted(FORMATS)))
def test_borders_of_a_unit(moment: datetime, form: str) -> None:
    """The moment lies between its floor and the border above, and the border below is before it."""
    unit = date_formats.compiled(form).unit
    assert unit is not None
    assert unit.floor(moment) <= moment < unit.above(moment)
    assert unit.below(moment) < moment
    assert unit.floor(unit.above(moment)) == unit.above(moment)


@given(st.integers(-(10**9), 4 * 10**9), st.sampled_from(["%s", "%ms", "%us"]))
def test_numbers_since_the_epoch_are_exact(number: int, form: str) -> None:
    """They are exact as integers, texts and decimals."""
    unit = date_formats.EPOCHS[form]
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + number * unit
    assert datetimes.parse_as(str(number), (form,)) == moment
    assert datetimes.parse_as(f"{number}.0", (form,)) == moment
    assert date_formats.compiled(form).write(moment) == str(number)


def test_half_a_second_is_kept() -> None:
    """Seconds may have a fraction."""
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert datetimes.parse_as("1717200000.5", ("%s",)) == epoch + timedelta(seconds=1717200000.5)
