"""Threads on a clock of their own: one runs at a time, and time passes only while all of them wait."""

from __future__ import annotations

import heapq
from itertools import count
from threading import Event, Semaphore, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class VirtualTime(Event):
    """The clock, and the `stop` event whose waits are its only sleep.

    Threads that wait for the same moment run in the order in which they began to wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._waiting: list[tuple[float, int, Semaphore]] = []
        self._order = count()

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        mine = Semaphore(0)
        heapq.heappush(self._waiting, (self.now + max(timeout or 0.0, 0.0), next(self._order), mine))
        self._next()
        mine.acquire()
        return False

    def skip(self, seconds: float) -> None:
        """Let time pass while all threads are stopped, as when a process gets no CPU."""
        self.now += seconds

    def _next(self) -> None:
        due, _, turn = heapq.heappop(self._waiting)
        self.now = max(self.now, due)
        turn.release()

    def run(self, *works: Callable[[], None]) -> None:
        """Run each in a thread, until all have ended."""
        running = len(works)
        failures: list[BaseException] = []
        done = Event()

        def begin(work: Callable[[], None], turn: Semaphore) -> None:
            nonlocal running
            turn.acquire()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 -- raised below
                failures.append(error)
            running -= 1
            if running:
                self._next()
            else:
                done.set()

        for work in works:
            turn = Semaphore(0)
            heapq.heappush(self._waiting, (self.now, next(self._order), turn))
            Thread(target=begin, args=(work, turn), daemon=True).start()
        self._next()
        done.wait()
        if failures:
            raise failures[0]
