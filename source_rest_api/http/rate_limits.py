"""Reads rate limits from response headers, and holds back the requests of a rate-limited endpoint.

Knows `Retry-After` (RFC 9110), `RateLimit` and `RateLimit-*` (drafts of the IETF's httpapi group), and the older `X-`
variants. Times are seconds from now, seconds or milliseconds since 1970, or dates; any other value is ignored.
"""

from __future__ import annotations

import re
import time
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from source_rest_api.http import server_time
from source_rest_api.http.learned_rate import LearnedRate, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LONGEST = 1e9
"""Seconds; longer times are cut to this."""
_AFTER = ("Retry-After", "X-Retry-After")
_RESETS = ("RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset", "X-RateLimit-Reset-After")
_REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining")
_LIMITS = ("RateLimit-Limit", "X-RateLimit-Limit", "X-Rate-Limit-Limit")
_WORDS = re.compile(r"rate.?limit|too.?many.?requests|throttl|slow.?down", re.IGNORECASE)
_DIGITS = 18
"""Maximum digits of a request count. More digits are not a count, and `int` would take long to parse them."""
_PARAMETERS = tuple(
    re.compile(rf"(?<![\w-])(?:{names})=(\d{{1,{_DIGITS}}})(?![\d.])", re.ASCII) for names in ("remaining|r", "reset|t")
)


class Allowance(NamedTuple):
    """Number of requests the API still accepts, and the seconds until that number resets."""

    remaining: int | None
    reset: float | None


def wait(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Return the seconds until the API accepts requests again; None if the headers do not say.

    Args:
        headers: Headers of a rate-limited response; names are case-insensitive.
        clock: Seconds since 1970, used if the server does not send its own time (`Date`).
    """
    after = retry_after(headers, clock)
    if after is not None:
        return after
    remaining, reset = allowance(headers, clock)
    # If requests are left, the API hit another limit than the one in these headers.
    return None if remaining else reset


def retry_after(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Return the seconds the API asks to wait, for any reason (RFC 9110, section 10.2.3); None if it does not."""
    return until(_first(headers, _AFTER), headers, clock)


def allowance(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> Allowance:
    """Return what is left of the tightest rate limit in the headers of any response."""
    said = headers.get("RateLimit", "")
    left, resets = ([float(digits) for digits in pattern.findall(said)] for pattern in _PARAMETERS)
    if left:
        # A `RateLimit` header may list several limits, each with its own reset.
        tightest = left.index(min(left))
        reset = min(resets[tightest], LONGEST) if len(resets) == len(left) else None
        return Allowance(int(left[tightest]), reset)
    count = _first(headers, _REMAINING)
    remaining = int(count) if count.isascii() and count.isdecimal() and len(count) <= _DIGITS else None
    return Allowance(remaining, until(_first(headers, _RESETS), headers, clock))


def pause(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Return the seconds until the quota resets, if a success has used it up; None if it has not.

    A limit of 0 means that there is none.
    """
    remaining, reset = allowance(headers, clock)
    return None if remaining != 0 or not reset or _first(headers, _LIMITS) in {"0", "-1"} else reset


def until(text: str, headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Return the seconds from now to the time in a text; 0 if it is past, None if the text is not a time.

    Args:
        text: Seconds from now, seconds or milliseconds since 1970, or an HTTP or ISO 8601 date.
        headers: Headers of the response; its `Date` counts as now.
        clock: Seconds since 1970, used if there is no `Date`.
    """
    found = server_time.named(text)
    if found is None or (found.seconds < 0 and not found.is_moment):
        return None
    if not found.is_moment:
        return found.seconds
    return min(max(found.seconds - server_time.now(headers, clock), 0.0), LONGEST)


def named_in(text: str) -> bool:
    """Return True if a text from the API mentions a rate limit."""
    return _WORDS.search(text) is not None


def _first(headers: Mapping[str, str], names: Iterable[str]) -> str:
    return next((value.strip() for name in names if (value := headers.get(name, ""))), "")


_NEWS = 1.0
"""Seconds by which a gate must close longer to count as news; threads often hit the same limit at almost one time."""


class RateLimitGates:
    """One gate for each endpoint, open unless the API asked to wait; each learns the rate that the API accepts.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()  # no other lock is taken while it is held
        self._rates: dict[str, LearnedRate] = {}

    def close(self, endpoint: str, seconds: float) -> bool:
        """Make the endpoint's requests wait for the given seconds from now.

        Returns:
            True if that is news: more than a second longer than they would wait anyway.
        """
        with self._lock:
            now = self._clock()
            rate = self._rate(endpoint)
            known = max(rate.until, now)
            rate.close(now + seconds)
            return now + seconds > known + _NEWS

    def accepted(self, endpoint: str) -> None:
        """Count a request that the API accepted."""
        rate = self._rates.get(endpoint)
        if rate is not None:
            rate.accepted += 1

    def refused(self, endpoint: str, sent: float, told: float | None) -> int:
        """Learn from a request that the API refused.

        Args:
            endpoint: Name of the endpoint.
            sent: When the request was sent.
            told: Seconds to wait, if the API says so.

        Returns:
            The number of refusals since the last accepted request.
        """
        with self._lock:
            rate = self._rate(endpoint)
            rate.refused(sent, self._clock(), told)
            return rate.in_a_row

    def used_up(self, endpoint: str, sent: float, reset: float) -> bool:
        """Learn from an accepted request that was the last for now, and make the endpoint's requests wait.

        Args:
            endpoint: Name of the endpoint.
            sent: When the request was sent.
            reset: Seconds until the API accepts requests again.

        Returns:
            True if that is news: more than a second longer than they would wait anyway.
        """
        with self._lock:
            now = self._clock()
            rate = self._rate(endpoint)
            known = max(rate.until, now)
            rate.used_up(sent, now, reset)
            return rate.until > known + _NEWS

    def turn(self, endpoint: str, turn: Turn | None = None) -> tuple[Turn | None, float]:
        """Return when the next request may start, and the seconds until then.

        Args:
            endpoint: Name of the endpoint.
            turn: What this method returned before, if the request has waited since.

        Returns:
            The turn, None if there is none yet; and the seconds to wait before asking again, 0 to send.
        """
        rate = self._rates.get(endpoint)
        if rate is not None and not rate.limited:
            return None, 0.0
        with self._lock:
            now = self._clock()
            rate = self._rate(endpoint)
            if not rate.limited:
                return None, 0.0
            if rate.until > now:
                return None, rate.until - now
            if turn is None or not rate.is_valid(turn):
                turn = rate.turn(now)
            return turn, max(turn.at - now, 0.0)

    def _rate(self, endpoint: str) -> LearnedRate:
        if endpoint not in self._rates:
            self._rates[endpoint] = LearnedRate(self._clock())
        return self._rates[endpoint]
