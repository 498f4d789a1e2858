"""Parses times in a response, and reads the server's own clock, against which they are measured."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from source_rest_api.formats import datetimes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)", re.ASCII)
_SECONDS_SINCE_1970 = 1e9
"""Numbers from here on are moments (2001 and later), not durations (of 31 years)."""
_MILLISECONDS_SINCE_1970 = 1e11
"""Numbers from here on are milliseconds: as seconds they would be in the year 5138 or later."""

_DIGITS_OF_YEAR = 4
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class NamedTime(Struct, frozen=True):
    """A duration or a moment."""

    seconds: float
    """Seconds from now, or seconds since 1970 if `is_moment`."""
    is_moment: bool


def named(text: str) -> NamedTime | None:
    """Parse a number of seconds, seconds or milliseconds since 1970, or an HTTP or ISO 8601 date.

    Returns:
        The time; None if the text is none of these.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        if number < _SECONDS_SINCE_1970:
            return NamedTime(number, is_moment=False)
        return NamedTime(number if number < _MILLISECONDS_SINCE_1970 else number / 1000, is_moment=True)
    moment = _date(text)
    return None if moment is None else NamedTime(moment, is_moment=True)


def now(headers: Mapping[str, str], clock: Callable[[], float]) -> float:
    """Return the seconds since 1970 at which the server wrote a response.

    Args:
        headers: Headers of the response; its `Date` is the time.
        clock: Seconds since 1970, used if there is no readable `Date`.
    """
    said = _date(headers.get("Date", ""))
    return clock() if said is None else said


@lru_cache(64)
def _date(text: str) -> float | None:
    """Parse a date to seconds since 1970; None if it is not a date. The responses of a second have the same `Date`."""
    if not text:
        return None
    with suppress(ValueError):
        return _http_date(text)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 -- few servers write other dates; start-up counts

    with suppress(TypeError, ValueError, OverflowError):
        return datetimes.aware(parsedate_to_datetime(text)).timestamp()
    with suppress(ValueError, OverflowError):
        return datetimes.parse(text).timestamp()
    return None


def _http_date(text: str) -> float:
    """Parse `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7) to seconds since 1970.

    Raises:
        ValueError: The date has another form.
    """
    _, day, month, year, time, zone = text.split(" ")
    if (len(year), zone) != (_DIGITS_OF_YEAR, "GMT"):
        raise ValueError(text)
    hours, minutes, seconds = map(int, time.split(":"))
    number = _MONTHS.index(month) + 1
    return datetime(int(year), number, int(day), hours, minutes, seconds, tzinfo=timezone.utc).timestamp()
