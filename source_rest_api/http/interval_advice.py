"""Advice for an API that rejects the interval of an incremental request."""

from __future__ import annotations

import re

_LIMITED_PAST = re.compile(
    r"retention|too (old|far back|far in the past)|(older|earlier) than \d|days ago|\b(last|past) \d+ (day|month|year)",
    re.IGNORECASE,
)
"""Matches how APIs say that they keep rows for a limited time."""
_BEGIN_LATER = (
    "If the API keeps its rows for a limited time, set a later start: "
    "`incremental: {start_date: \"{{ day_delta(-89, '%Y-%m-%d') }}\"}`. A state that is older is read from there."
)
_TOO_LONG = re.compile(
    r"\b(range|window|interval|span|period)\b.{0,80}\b(too (large|long|wide|big)|exceed|(less|more|longer) than|at most"
    r"|max(imum)?|limit|\d+ (day|month|year|hour)s?)\b|\bmax(imum)?\b.{0,60}\b(range|window|interval|span|period)\b"
    r"|\b(day|month|year|hour)s? apart",
    re.IGNORECASE,
)
"""Matches how APIs say that an interval is too long."""
_IN_STEPS = (
    "If the API limits the length of an interval, set `incremental.start_param` and `end_param`, and a shorter "
    "`incremental.step`, such as `P30D`."
)


def advice(reason: str) -> str:
    """Returns the setting to change if an API's reason is about the interval; otherwise an empty text."""
    if _LIMITED_PAST.search(reason):
        return f" {_BEGIN_LATER}"
    return f" {_IN_STEPS}" if _TOO_LONG.search(reason) else ""
