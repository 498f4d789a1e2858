"""What the head of an answer says of the API's rate limit, in the many spellings that there are.

`Retry-After` (RFC 9110), `RateLimit` and `RateLimit-*` (drafts of the IETF's httpapi group), and their older `X-` kin.
Times are seconds or milliseconds from now or since 1970, or dates; what is none of these is as if it were not there.
"""

from __future__ import annotations

import re
import time
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from source_rest_api.http import server_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LONGEST = 1e9
"""Seconds; whatever is longer is for ever."""
_AFTER = ("Retry-After", "X-Retry-After")
_RESETS = ("RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset", "X-RateLimit-Reset-After")
_REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining")
_WORDS = re.compile(r"rate.?limit|too.?many.?requests|throttl|slow.?down", re.IGNORECASE)
_DIGITS = 18
"""A count of requests with more is none, and would take long to read."""
_PARAMETERS = tuple(
    re.compile(rf"(?<![\w-])(?:{names})=(\d{{1,{_DIGITS}}})(?![\d.])", re.ASCII) for names in ("remaining|r", "reset|t")
)


class Allowance(NamedTuple):
    """How many more requests the API takes, and for how many seconds that holds."""

    remaining: int | None
    reset: float | None


def wait(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Seconds after which the API takes requests again, or None if it does not say so.

    Args:
        headers: Of an answer that refuses a request for a rate limit; looked up without regard to case.
        clock: Seconds since 1970, where the server does not tell its own time (`Date`).
    """
    after = retry_after(headers, clock)
    if after is not None:
        return after
    remaining, reset = allowance(headers, clock)
    # With requests left, it is another limit that was hit.
    return None if remaining else reset


def retry_after(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Seconds after which the API wants to be asked again, for whatever reason (RFC 9110, section 10.2.3)."""
    return until(_first(headers, _AFTER), headers, clock)


def allowance(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> Allowance:
    """What is left of the tightest limit that the head of any answer names."""
    said = headers.get("RateLimit", "")
    left, resets = ([float(digits) for digits in pattern.findall(said)] for pattern in _PARAMETERS)
    if left:
        # Of several limits that are named in one header, each has its own reset.
        tightest = left.index(min(left))
        reset = min(resets[tightest], LONGEST) if len(resets) == len(left) else None
        return Allowance(int(left[tightest]), reset)
    count = _first(headers, _REMAINING)
    remaining = int(count) if count.isascii() and count.isdecimal() and len(count) <= _DIGITS else None
    return Allowance(remaining, until(_first(headers, _RESETS), headers, clock))


def until(text: str, headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Seconds from now to what a text names: a number of them, a moment since 1970, or a date; 0 if it is past.

    Args:
        text: In seconds or milliseconds, or as HTTP or ISO 8601 write a date.
        headers: Of the answer, whose `Date` is when it was written.
        clock: Seconds since 1970, if there is no `Date`.
    """
    found = server_time.named(text)
    if found is None or (found.seconds < 0 and not found.is_moment):
        return None
    if not found.is_moment:
        return found.seconds
    return min(max(found.seconds - server_time.now(headers, clock), 0.0), LONGEST)


def named_in(text: str) -> bool:
    """Whether a text of the API's speaks of a rate limit."""
    return _WORDS.search(text) is not None


def _first(headers: Mapping[str, str], names: Iterable[str]) -> str:
    return next((value.strip() for name in names if (value := headers.get(name, ""))), "")


_NEWS = 1.0
"""Seconds; threads that are told the same at almost the same time bring none."""


class RateLimitGates:
    """One gate for each endpoint, open unless the API said to wait.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._until: dict[str, float] = {}

    def close(self, endpoint: str, seconds: float) -> bool:
        """Let the endpoint's requests wait for so long from now.

        Returns:
            Whether that is news: more than a second longer than they would wait anyway.
        """
        with self._lock:
            now = self._clock()
            known = max(self._until.get(endpoint, now), now)
            self._until[endpoint] = max(known, now + seconds)
            return now + seconds > known + _NEWS

    def wait(self, endpoint: str) -> float:
        """Seconds until the endpoint's requests may go on."""
        # Without the lock: each request comes here, and one number of a dict is always whole.
        return max(self._until.get(endpoint, 0.0) - self._clock(), 0.0)
