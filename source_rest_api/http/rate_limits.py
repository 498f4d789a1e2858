"""Reads rate limits from response headers.

Knows `Retry-After` (RFC 9110), `RateLimit` and `RateLimit-*` (drafts of the IETF's httpapi group), and the older `X-`
variants. Times are seconds from now, seconds or milliseconds since 1970, or dates; any other value is ignored.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, NamedTuple

from source_rest_api.http import server_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LONGEST = 1e9
"""Seconds; longer times are cut to this."""
_AFTER = ("Retry-After", "X-Retry-After")
_RESETS = ("RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset", "X-RateLimit-Reset-After")
_REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining")
_LIMITS = ("RateLimit-Limit", "X-RateLimit-Limit", "X-Rate-Limit-Limit")
_OF_ALLOWANCE = frozenset(map(str.lower, ("RateLimit", *_REMAINING, *_RESETS)))
"""Headers that `allowance` reads. Most responses have none."""
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


_UNKNOWN = Allowance(None, None)


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
    if _OF_ALLOWANCE.isdisjoint(map(str.lower, headers)):
        return _UNKNOWN
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
    """Return the seconds until the next request, if a success has used up the quota; None if it has not.

    A limit of 0 means that there is none. Servers round the time to whole seconds, so a twentieth is added, a second at
    most.
    """
    remaining, reset = allowance(headers, clock)
    if remaining != 0 or not reset or _first(headers, _LIMITS) in {"0", "-1"}:
        return None
    return reset + min(max(reset / 20, 0.1), 1.0)


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
