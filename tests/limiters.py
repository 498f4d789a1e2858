"""Rate limits as APIs have them, by the time of a request: what is admitted, and what a refusal says."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Limiter(Protocol):
    """A rate limit. Times do not decrease."""

    def admits(self, now: float) -> bool:
        """Counts a request; returns False if it is refused."""

    def opens(self, now: float) -> float:
        """Returns the first moment, now or later, at which a request would be admitted."""

    def says(self, now: float) -> Mapping[str, str]:
        """Returns the headers of the response to the request before."""


@dataclass
class TokenBucket:
    """`rate` requests a second, and `burst` at once after a rest."""

    rate: float
    burst: float
    changes: Mapping[float, float] = field(default_factory=dict)
    """By the moment from which they hold: other rates."""

    def __post_init__(self) -> None:
        self._tokens, self._at = float(self.burst), 0.0

    def _rate(self, now: float) -> float:
        return next((rate for since, rate in sorted(self.changes.items(), reverse=True) if now >= since), self.rate)

    def _filled(self, now: float) -> float:
        return min(self._tokens + (now - self._at) * self._rate(now), self.burst)

    def admits(self, now: float) -> bool:
        self._tokens, self._at = self._filled(now), now
        admitted = self._tokens >= 1 - 1e-9
        self._tokens -= admitted
        return admitted

    def opens(self, now: float) -> float:
        return now + max(1 - self._filled(now), 0.0) / self._rate(now)

    def says(self, now: float) -> Mapping[str, str]:  # noqa: ARG002
        return {}


@dataclass
class FixedWindow:
    """So many requests in each window of so many seconds; a window begins at a multiple of its length, plus `since`."""

    count: int
    seconds: float
    since: float = 0.0
    headers: bool = False
    """True to send `RateLimit-*` with each response."""

    def __post_init__(self) -> None:
        self._window, self._used = 0, 0

    def _turn(self, now: float) -> None:
        window = math.floor((now - self.since) / self.seconds + 1e-9)
        if window != self._window:
            self._window, self._used = window, 0

    def admits(self, now: float) -> bool:
        self._turn(now)
        self._used += 1
        return self._used <= self.count

    def opens(self, now: float) -> float:
        self._turn(now)
        return now if self._used < self.count else self.since + (self._window + 1) * self.seconds

    def says(self, now: float) -> Mapping[str, str]:
        if not self.headers:
            return {}
        left, ends = max(self.count - self._used, 0), self.since + (self._window + 1) * self.seconds
        names = {"Limit": self.count, "Remaining": left, "Reset": math.ceil(ends - now)}
        return {f"RateLimit-{name}": str(number) for name, number in names.items()}


@dataclass
class SlidingWindow:
    """So many requests in any interval of so many seconds."""

    count: int
    seconds: float

    def __post_init__(self) -> None:
        self._times: deque[float] = deque()

    def admits(self, now: float) -> bool:
        admitted = self.opens(now) <= now + 1e-9
        if admitted:
            self._times.append(now)
        return admitted

    def opens(self, now: float) -> float:
        while self._times and self._times[0] <= now - self.seconds + 1e-9:
            self._times.popleft()
        return now if len(self._times) < self.count else self._times[0] + self.seconds

    def says(self, now: float) -> Mapping[str, str]:  # noqa: ARG002
        return {}


@dataclass
class LockOut:
    """Another limit that, once it is exceeded, refuses everything for so many seconds."""

    inner: Limiter
    seconds: float
    extends: bool = False
    """True if each refused request begins the time anew."""

    def __post_init__(self) -> None:
        self._until = 0.0

    def admits(self, now: float) -> bool:
        if now < self._until:
            if self.extends:
                self._until = now + self.seconds
            return False
        if self.inner.admits(now):
            return True
        self._until = now + self.seconds
        return False

    def opens(self, now: float) -> float:
        return self._until if now < self._until else self.inner.opens(now)

    def says(self, now: float) -> Mapping[str, str]:
        return self.inner.says(now)


@dataclass
class Shared:
    """A limit that another client uses too, so often a second, from a moment to another."""

    inner: Limiter
    rate: float
    since: float = 0.0
    until: float = math.inf

    def __post_init__(self) -> None:
        self._next = self.since

    def _others(self, now: float) -> None:
        while self._next <= min(now, self.until):
            self.inner.admits(self._next)
            self._next += 1 / self.rate

    def admits(self, now: float) -> bool:
        self._others(now)
        return self.inner.admits(now)

    def opens(self, now: float) -> float:
        self._others(now)
        while (opens := self.inner.opens(now)) > self._next <= self.until:
            now = self._next
            self._others(now)
        return opens

    def says(self, now: float) -> Mapping[str, str]:
        return self.inner.says(now)
