"""Finds how many concurrent requests an API can use: raises the number while that makes reading faster."""

from __future__ import annotations

import math
from itertools import chain
from statistics import geometric_mean
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

_START = 6
"""Initial number of concurrent requests: as many as one browser opens, which every server can handle. TCP starts with
ten segments (RFC 6928), but a rejected request costs more than a lost segment."""
_STEP = 1.5
"""Factor by which the number is raised to see whether more is faster."""
_GAIN = 1.2
"""Throughput that such a step must gain, as a factor. Beyond the knee it gains nothing: requests queue at the API."""
_LEAST = 24
"""Minimum number of responses in a measurement that takes less than `_LONG`."""
_LONG = 0.9
"""Seconds after which one response for each permit is enough for a measurement."""
_MOSTLY = 0.9
"""Part of a response time that must lie after a step. All requests of a round, which end nearly together, count."""
_SHORTEST = 1e-6
"""Seconds. A shorter response time counts as this long."""
_REST = 4
"""Number of measurements without a step, after one that gained too little."""
_PART = 4
"""Divisor: after a rejection, the limit grows by a quarter per round, but at least by one."""

_Seconds = dict[str, list[float]]


class _Measurement(Struct, frozen=True):
    """Response times by endpoint under a limit, before a step up."""

    limit: int
    seconds: _Seconds


class AdaptiveLimit:
    """A limit on concurrent requests that goes up by itself to what the API bears.

    It measures response times while the limit is fully used, and raises the limit by half. By Little's law, throughput
    is the limit divided by the response time. If a step gains too little, it is taken back, and tried again later.

    When the API rejects a request because of load, the limit is halved, as with TCP's congestion window (RFC 5681).
    Then it grows again with each round of responses, up to where it was rejected.

    A limit on the rate is no reason to lower this one. But some APIs limit concurrent requests in the same way, and
    refuse those in excess. This shows after a step up: the API refuses a request before it has accepted a full round.
    Then the step is taken back. If it happens twice in a row, it was the number, and not the rate. Not thread-safe.

    Args:
        most: Upper bound.
        now: Monotonic seconds.
    """

    def __init__(self, most: int, now: float) -> None:
        self.value = min(most, _START)
        self._most = most
        self._rejected_at: float | None = None
        self._ceiling = 0
        self._rest = 0
        self._lower: _Measurement | None = None
        self._proven = 0
        """Largest number of concurrent requests of which the API has accepted a full round."""
        self._raised, self._settled = now, math.inf
        """Begin and end of the time in which larger numbers were tried."""
        self._in_vain = 0
        """Steps in a row that the API refused."""
        self._set(self.value, now)

    def succeeded(self, now: float, seconds: float, endpoint: str) -> None:
        """Record a response that came while the limit was fully used.

        Args:
            now: The time.
            seconds: Time from the request to the head of its response.
            endpoint: Name of the endpoint. Some are slower than others, so each is compared with itself.
        """
        if now - _MOSTLY * seconds < self._since:
            return  # it ran mostly together with fewer requests, or with more
        self._seconds.setdefault(endpoint, []).append(max(seconds, _SHORTEST))
        self._count += 1
        if self._count >= self.value:
            self._proven = max(self._proven, self.value)
            self._settled = min(self._settled, now)
        if self._count >= self.value and self.value < self._ceiling:
            self._set(min(self.value + max(self.value // _PART, 1), self._ceiling), now)
        elif self._count >= self.value and (self._count >= _LEAST or now - self._since >= _LONG):
            self._set(self._measured(), now)

    def pushed_back(self, now: float, seconds: float, used: int) -> None:
        """Record that the API rejected a request because of load.

        Args:
            now: The time.
            seconds: Time since the request began. If that was before the last rejection, it counts as part of it.
            used: Number of concurrent requests.
        """
        if self._rejected_at is None or now - seconds >= self._rejected_at:
            self._rejected_at = now
            self._ceiling = max(self._ceiling, self.value)
            self._lower, self._rest = None, 1
            self._set(max(min(self.value, used) // 2, 1), now)

    def refused(self, now: float, seconds: float, used: int) -> bool:
        """Record that the API refused a request, because of the rate or the number of concurrent requests.

        Args:
            now: The time.
            seconds: Time since the request began.
            used: Number of concurrent requests.

        Returns:
            True if it was the number.
        """
        if not self._proven:
            self.pushed_back(now, seconds, used)
            return False
        if not self._raised <= now - seconds < self._settled:
            self._in_vain = 0
            return False
        if self.value > self._proven:
            self._in_vain += 1
            self._lower, self._rest, self._ceiling = None, _REST * self._in_vain, 0
            self._set(self._proven, now)
            self._settled = now
        return self._in_vain > 1

    def _set(self, value: int, now: float) -> None:
        if value > max(self.value, self._proven):
            self._raised, self._settled = now, math.inf
        self.value = value
        self._since, self._count = now, 0
        self._seconds: _Seconds = {}

    def _measured(self) -> int:
        """Return the limit after a measurement at the current one."""
        lower, self._lower = self._lower, None
        if lower is not None and self.value < _GAIN * lower.limit * _slowdown(lower.seconds, self._seconds):
            self._rest = _REST
            return lower.limit
        if self._rest:
            self._rest -= 1
        elif self.value < self._most:
            self._lower = _Measurement(self.value, self._seconds)
            return min(round(self.value * _STEP), self._most)
        return self.value


def _slowdown(before: _Seconds, after: _Seconds) -> float:
    """Return the factor by which response times grew: of endpoints in both measurements, if there are any."""
    both = before.keys() & after.keys()
    if not both:
        return _ratio([*chain(*before.values())], [*chain(*after.values())])
    count = sum(len(after[name]) for name in both)
    return sum(_ratio(before[name], after[name]) * len(after[name]) for name in both) / count


def _ratio(before: Sequence[float], after: Sequence[float]) -> float:
    """Compare geometric means: a few slow responses say little."""
    return geometric_mean(after) / geometric_mean(before)
