"""The functions and filters that templates may call, under the CDK's names."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def now_utc() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(timezone.utc)


def today_utc() -> date:
    """The current date in UTC."""
    return now_utc().date()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "max": max,
    "min": min,
    "now_utc": now_utc,
    "today_utc": today_utc,
}

FILTERS: dict[str, Callable[..., Any]] = {}
