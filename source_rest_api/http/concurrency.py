"""How many requests are under way at the same time, and how many begin in a second: one limit for the whole API."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from threading import Event, Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_START = 6
"""Requests at the same time, to begin with: those of one browser, which every server bears. TCP begins with ten
segments (RFC 6928), but a refused request costs more than a lost segment."""
_POLL = 0.2
"""Seconds after which a thread that waits looks whether it was told to stop."""
_TOLERANCE = 2.0
"""How much longer than alone answers may take before more requests would only wait for each other."""
_WEIGHT = 0.2
"""Of the latest answer in the average."""
_FORGETTING = 1.01
"""How fast the shortest time of an answer is forgotten: it doubles in 70 answers, as deep pages become slower."""


class Permits:
    """Lets a number of threads work at the same time, as many as the API bears.

    The number follows the rule by which TCP finds the speed of a line (RFC 5681): it grows with each answer, after the
    first refusal by one for each round of answers, as long as answers take no longer than before; it is halved where
    the API pushes back (429, 503, no answer in time). It never exceeds `limit`, nor what rate headers allow. Permits
    are given in the order in which they were asked for.

    Args:
        limit: The most at the same time.
        clock: Seconds.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = limit
        self._clock = clock
        self._lock = Lock()  # no other lock is taken while it is held
        self._queue: deque[Event] = deque()
        self._held = 0
        self._limit = float(min(limit, _START))
        self._refused_at: float | None = None
        self._shortest: dict[str, float] = {}
        self._slowness = 1.0
        self._remaining = (limit, 0.0)

    @property
    def limit(self) -> int:
        """How many may be held now."""
        remaining, until = self._remaining
        return min(int(self._limit), remaining) if self._clock() < until else int(self._limit)

    def acquire(self, stop: Event) -> bool:
        """Wait for a permit. False, without one, if `stop` is set before."""
        with self._lock:
            if not self._queue and self._held < self.limit:
                self._held += 1
                return True
            ticket = Event()
            self._queue.append(ticket)
        while not ticket.wait(0 if stop.is_set() else _POLL):
            with self._lock:
                self._hand_out()  # what rate headers allow changes with time
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
        while self._queue and self._held < self.limit:
            self._held += 1
            self._queue.popleft().set()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the permit back while one waits for something else, so that others may work.

        Afterwards it is there again at once, beyond the limit if need be: those who hold the others may be waiting for
        what this one has begun.
        """
        self.release()
        try:
            yield
        finally:
            with self._lock:
                self._held += 1

    def succeeded(self, seconds: float, endpoint: str = "") -> None:
        """Note that a request was answered.

        Args:
            seconds: From the request to the head of its answer.
            endpoint: Which one it was; some are slower than others.
        """
        with self._lock:
            shortest = min(seconds, self._shortest.get(endpoint, seconds) * _FORGETTING)
            self._shortest[endpoint] = shortest
            slowness = seconds / shortest if shortest > 0 else 1.0
            self._slowness += _WEIGHT * (slowness - self._slowness)
            # What is not used proves nothing.
            if self._slowness <= _TOLERANCE and self._held >= int(self._limit):
                grown = self._limit + (1.0 if self._refused_at is None else 1.0 / self._limit)
                self._limit = min(grown, float(self._most))
                self._hand_out()

    def pushed_back(self, seconds: float) -> None:
        """Note that the API refused a request for its load; those that began before the last such note count with it.

        Args:
            seconds: How long ago the request began.
        """
        with self._lock:
            now = self._clock()
            if self._refused_at is None or now - seconds >= self._refused_at:
                self._refused_at = now
                self._limit = max(min(self._limit, self._held) / 2, 1.0)

    def allowed(self, remaining: int, seconds: float) -> None:
        """Note how many more requests the API allows, and for how long that holds."""
        with self._lock:
            self._remaining = (max(remaining, 1), self._clock() + seconds)


class Pace:
    """Spreads the beginnings of requests evenly.

    Args:
        per_second: How many may begin; None for any number.
        clock: Seconds.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._lock = Lock()  # no other lock is taken while it is held
        self._next = clock()

    def wait(self) -> float:
        """Take the next beginning that is free; seconds until then."""
        if not self._interval:
            return 0.0
        with self._lock:
            now = self._clock()
            begin = max(now, self._next)
            self._next = begin + self._interval
            return begin - now
