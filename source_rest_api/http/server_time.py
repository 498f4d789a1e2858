"""Times that an answer names, and the server's own clock, by which they are measured."""

from __future__ import annotations

import re
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from source_rest_api.formats import datetimes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)", re.ASCII)
_SECONDS_SINCE_1970 = 1e9
"""A number from here on is a moment (in 2001), not a duration (of 31 years)."""
_MILLISECONDS_SINCE_1970 = 1e11
"""A number from here on counts milliseconds: as seconds it would be in the year 5138."""


class NamedTime(NamedTuple):
    """A duration or a moment."""

    seconds: float
    """From now on, or since 1970."""
    is_moment: bool


def named(text: str) -> NamedTime | None:
    """Read a number of seconds, seconds or milliseconds since 1970, or a date as HTTP or ISO 8601 write it.

    Returns:
        None if it is none of these.
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
    """Seconds since 1970 when an answer was written.

    Args:
        headers: Those of the answer, whose `Date` counts.
        clock: Seconds since 1970, where it has none that can be read.
    """
    said = _date(headers.get("Date", ""))
    return clock() if said is None else said


def _date(text: str) -> float | None:
    """Seconds since 1970."""
    with suppress(TypeError, ValueError, OverflowError):
        return datetimes.aware(parsedate_to_datetime(text)).timestamp()
    with suppress(ValueError, OverflowError):
        return datetimes.parse(text).timestamp()
    return None
