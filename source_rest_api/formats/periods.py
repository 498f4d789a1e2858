"""Calendar periods in UTC: days, weeks and months."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Literal, TypeAlias

Period: TypeAlias = Literal["day", "week", "month"]
Weekday: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LENGTHS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=31)}


def start(moment: datetime, period: Period | None, first_day: Weekday = "monday") -> datetime:
    """Returns the start of the period around a moment.

    Args:
        moment: The moment.
        period: The kind of period; None for the moment itself.
        first_day: The day on which weeks begin.
    """
    if period is None:
        return moment
    day = datetime.combine(moment.astimezone(timezone.utc), time(tzinfo=timezone.utc))
    if period == "month":
        return day.replace(day=1)
    return day if period == "day" else day - timedelta((day.weekday() - _WEEKDAYS.index(first_day)) % 7)


def next_start(moment: datetime, period: Period | None, first_day: Weekday = "monday") -> datetime:
    """Returns the first start of a period at or after a moment.

    Raises:
        OverflowError: It is out of the range of dates.
    """
    started = start(moment, period, first_day)
    return started if period is None or started == moment else start(started + _LENGTHS[period], period, first_day)
