"""Limits for the whole API: how many requests run at the same time, and how many start per second."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from threading import Event, Lock
from typing import TYPE_CHECKING

from source_rest_api.http.adaptive_limit import AdaptiveLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL = 0.2
"""Seconds between checks for `stop` in a waiting thread."""

_LOOK = 0.01
"""Seconds between two looks for a permit to take back."""
_LOOKS = 100
"""Number of looks after which it is taken back although none is free."""


class Permits:
    """Lets as many threads work at the same time as the API can handle.

    The number adapts, see `AdaptiveLimit`. It never exceeds `limit` or the rate limit headers. Permits are granted in
    the order of the calls to `acquire`.

    Args:
        limit: Maximum number of permits held at the same time.
        clock: Monotonic seconds.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()  # no other lock is taken while it is held
        self._queue: deque[Event] = deque()
        self._held = self._returning = 0
        self._limit = AdaptiveLimit(limit, clock())
        self._remaining = (limit, 0.0)

    @property
    def limit(self) -> int:
        """The number of permits that may be held now."""
        remaining, until = self._remaining
        return min(self._limit.value, remaining) if self._clock() < until else self._limit.value

    def acquire(self, stop: Event) -> bool:
        """Wait for a permit; return False, without one, if `stop` is set first."""
        with self._lock:
            if not self._queue and self._held + self._returning < self.limit:
                self._held += 1
                return True
            ticket = Event()
            self._queue.append(ticket)
        while not ticket.wait(0 if stop.is_set() else _POLL):
            with self._lock:
                self._hand_out()  # the limit from rate limit headers changes with time
                if stop.is_set() and not ticket.is_set():
                    self._queue.remove(ticket)
                    return False
        return True

    def release(self) -> None:
        """Give a permit back."""
        with self._lock:
            self._held -= 1
            self._hand_out()

    def _hand_out(self) -> None:
        while self._queue and self._held + self._returning < self.limit:
            self._held += 1
            self._queue.popleft().set()

    @contextmanager
    def released(self, wait: Callable[[float], object]) -> Iterator[None]:
        """Release the permit while the thread waits for something else, so that other threads may work.

        Afterwards the thread takes the next free permit, before those that call `acquire`. If none is free for a
        second, it takes one beyond the limit. Waiting longer could deadlock: the holders may wait for this thread.

        Args:
            wait: Waits for some seconds.
        """
        self.release()
        try:
            yield
        finally:
            self._return(wait)

    def _return(self, wait: Callable[[float], object]) -> None:
        with self._lock:
            self._returning += 1
        is_back = False
        try:
            for _ in range(_LOOKS):
                if is_back := self._take_back():
                    break
                wait(_LOOK)
        finally:
            if not is_back:
                self._take_back(anyway=True)

    def _take_back(self, *, anyway: bool = False) -> bool:
        with self._lock:
            is_back = anyway or self._held < self.limit
            self._held += is_back
            self._returning -= is_back
        return is_back

    def succeeded(self, seconds: float, endpoint: str = "") -> None:
        """Record a successful response.

        Args:
            seconds: Time from the request to the head of its response.
            endpoint: Name of the endpoint.
        """
        with self._lock:
            if self._held >= self._limit.value:  # unused permits say nothing about the API
                self._limit.succeeded(self._clock(), seconds, endpoint)
                self._hand_out()

    def pushed_back(self, seconds: float) -> None:
        """Record that the API rejected a request because of load.

        Args:
            seconds: Time since the request began.
        """
        with self._lock:
            self._limit.pushed_back(self._clock(), seconds, self._held)

    def refused(self, seconds: float) -> bool:
        """Record a refused request; return True if too many were concurrent, False if their rate was too high.

        Args:
            seconds: Time since the request began.
        """
        with self._lock:
            return self._limit.refused(self._clock(), seconds, self._held)

    def allowed(self, remaining: int, seconds: float) -> None:
        """Record the number of requests that the API still allows, and the seconds until that number resets."""
        with self._lock:
            self._remaining = (max(remaining, 1), self._clock() + seconds)


class Pace:
    """Spreads the starts of requests evenly over time.

    Args:
        per_second: Maximum number of requests started per second; None for no limit.
        clock: Monotonic seconds.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._lock = Lock()  # no other lock is taken while it is held
        self._next = clock()

    def wait(self) -> float:
        """Reserve the next free start time and return the seconds until then."""
        if not self._interval:
            return 0.0
        with self._lock:
            now = self._clock()
            begin = max(now, self._next)
            self._next = begin + self._interval
            return begin - now
