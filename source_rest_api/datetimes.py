"""Dates and times as APIs write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"%s": timedelta(seconds=1), "%ms": timedelta(milliseconds=1), "%us": _MICROSECOND}


def parse(value: object) -> datetime:
    """Read RFC 3339 in any of its forms, a date, or another ISO 8601 text; without an offset it is UTC.

    A leap second (`23:59:60`) is read as the second that follows.

    Raises:
        ValueError: It is none of these.
    """
    if not isinstance(value, str):
        raise ValueError("not a date-time")  # noqa: TRY004 -- it is a wrong value for whoever asks
    try:
        return _aware(msgspec.convert(value, datetime))
    except (msgspec.ValidationError, UnicodeEncodeError):
        pass
    if not value[:4].isdecimal():  # such as `now` and `12:30`, which pendulum reads by the clock
        raise ValueError("not a date-time")
    import pendulum  # noqa: PLC0415 -- only unusual forms need it, and start-up counts

    try:
        if value[17:19] == "60":
            return parse(f"{value[:17]}59{value[19:]}") + timedelta(seconds=1)
        parsed = pendulum.parse(value)
        if isinstance(parsed, datetime):
            return parsed.astimezone(timezone.utc)
    except Exception:  # noqa: BLE001, S110 -- it lets errors of several kinds through
        pass
    raise ValueError("not a date-time")


def parse_as(text: str, forms: tuple[str, ...]) -> datetime:
    """Read a text by the first format that fits: strptime's, or `%s`, `%ms` and `%us` for time since the epoch.

    Raises:
        ValueError: None fits.
    """
    for form in forms:
        with suppress(ValueError, OverflowError, InvalidOperation):
            if form in _UNITS:
                return _EPOCH + timedelta(microseconds=int(Decimal(text) * (_UNITS[form] // _MICROSECOND)))
            return _aware(datetime.strptime(text, form)).astimezone(timezone.utc)  # noqa: DTZ007 -- made aware
    raise ValueError(f"not a date-time as {' or '.join(forms)}")


def write(moment: datetime, form: str | None = None) -> str:
    """Write a moment in UTC: RFC 3339 with a `Z`, or by a strftime format.

    `%s`, `%ms` and `%us` are seconds, milliseconds and microseconds since the epoch, rounded down.
    """
    moment = moment.astimezone(timezone.utc)
    if form is None:
        return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
    for unit in ("%us", "%ms", "%s"):
        form = form.replace(unit, str((moment - _EPOCH) // _UNITS[unit]))
    return moment.strftime(form)


def add(moment: datetime, duration: str, times: int = 1) -> datetime:
    """A moment and a number of ISO 8601 durations; months are the calendar's (31 January and `P1M`: end of February).

    Raises:
        ValueError: It is not a duration longer than zero.
        OverflowError: The result is no date.
    """
    import pendulum  # noqa: PLC0415 -- only windows and lookbacks need it, and start-up counts

    try:
        length = pendulum.parse(duration)
    except Exception:  # noqa: BLE001 -- it lets errors of several kinds through
        length = None
    if not isinstance(length, pendulum.Duration) or length <= timedelta(0):
        raise ValueError(f"not an ISO 8601 duration such as P30D, P1M or PT6H: {duration!r}")
    moved = pendulum.instance(moment.astimezone(timezone.utc)) + length * times
    return datetime(*moved.utctimetuple()[:6], moved.microsecond, tzinfo=timezone.utc)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
