"""Parses and writes dates, times and durations as APIs write them."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from source_rest_api.formats import date_formats

if TYPE_CHECKING:
    from pendulum import Duration

aware = date_formats.aware
_ZERO = re.compile(r"PT?0[A-Z]")
MIDNIGHT = time(tzinfo=timezone.utc)


def parse(value: object) -> datetime:
    """Parses RFC 3339 in any of its forms, a date, or another ISO 8601 text; without an offset it is UTC.

    A leap second (`23:59:60`) becomes the following second.

    Raises:
        ValueError: The value is none of these.
    """
    if not isinstance(value, str):
        raise ValueError("not a date-time")  # noqa: TRY004 -- callers treat a wrong type like a wrong value
    with suppress(msgspec.ValidationError, UnicodeEncodeError):
        return aware(msgspec.convert(value, datetime))
    with suppress(msgspec.ValidationError, UnicodeEncodeError):
        return datetime.combine(msgspec.convert(value, date), MIDNIGHT)
    if not value[:4].isdecimal():  # such as `now` and `12:30`, which pendulum resolves by the clock
        raise ValueError("not a date-time")
    import pendulum  # noqa: PLC0415 -- only unusual forms need it, and start-up counts

    try:
        if value[17:19] == "60":
            return parse(f"{value[:17]}59{value[19:]}") + timedelta(seconds=1)
        parsed = pendulum.parse(value)
        if isinstance(parsed, datetime):
            # Plain: pendulum's own kind computes otherwise, and not at all if a test froze time before its import.
            return datetime.fromisoformat(parsed.astimezone(timezone.utc).isoformat())
    except Exception:  # noqa: BLE001, S110 -- pendulum raises errors of several types
        pass
    raise ValueError("not a date-time")


def parse_as(text: str, forms: tuple[str, ...]) -> datetime:
    """Parses a text by the first matching format of `date_formats`.

    Raises:
        ValueError: No format matches.
    """
    for form in forms:
        with suppress(ValueError):
            return date_formats.compiled(form).parse(text)
    raise ValueError(f"not a date-time as {' or '.join(forms)}")


def write(moment: datetime, form: str | None = None) -> str:
    """Formats a moment in UTC: as RFC 3339 with a `Z`, or by a format of `date_formats`."""
    if form is not None:
        return date_formats.compiled(form).write(moment)
    moment = moment.astimezone(timezone.utc)
    return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def add(moment: datetime, length: str, times: int = 1) -> datetime:
    """Adds an ISO 8601 duration to a moment a number of times.

    Months are calendar months: 31 January plus `P1M` is the end of February.

    Raises:
        ValueError: `length` is not a duration longer than zero.
        OverflowError: The result is out of the range of dates.
    """
    import pendulum  # noqa: PLC0415 -- only windows and lookbacks need it, and start-up counts

    whole = duration(length) * times
    try:
        moved = pendulum.instance(moment.astimezone(timezone.utc)) + whole
    except ValueError:
        raise OverflowError("out of the range of dates") from None
    return datetime(*moved.utctimetuple()[:6], moved.microsecond, tzinfo=timezone.utc)


def is_zero_duration(text: str) -> bool:
    """True if a text is an ISO 8601 duration of zero, such as `P0D`."""
    return _ZERO.fullmatch(text) is not None


@lru_cache(maxsize=1000)
def duration(text: str) -> Duration:
    """Parses an ISO 8601 duration.

    Raises:
        ValueError: The text is not a duration longer than zero.
    """
    import pendulum  # noqa: PLC0415 -- as above

    try:
        length = pendulum.parse(text)
    except Exception:  # noqa: BLE001 -- pendulum raises errors of several types
        length = None
    if not isinstance(length, pendulum.Duration) or length <= timedelta(0):
        raise ValueError(f"not an ISO 8601 duration such as P30D, P1M or PT6H: {text!r}")
    return length
