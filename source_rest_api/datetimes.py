"""Dates and times as APIs write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


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


def write(moment: datetime, form: str | None = None) -> str:
    """Write a moment in UTC: RFC 3339 with a `Z`, or by a strftime format; `%s` and `%ms` are epoch seconds and ms."""
    moment = moment.astimezone(timezone.utc)
    if form is None:
        return moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
    since_epoch = moment - _EPOCH
    form = form.replace("%ms", str(since_epoch // timedelta(milliseconds=1)))
    return moment.strftime(form.replace("%s", str(since_epoch // timedelta(seconds=1))))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
