"""The report jobs that the API works on at the same time, for all streams."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.read_stats import ReadStats


class JobSlots:
    """Lets at most so many jobs run at the same time.

    Args:
        limit: The number of jobs.
        pause: Waits for some seconds with the thread's permit released.

    Attributes:
        on_rest: Called before a thread waits for a job.
    """

    def __init__(self, limit: int, pause: Callable[[float], object]) -> None:
        self.on_rest: Callable[[], None] = lambda: None
        self._limit = limit
        self._pause = pause
        self._lock = Lock()
        self._holders: set[int] = set()

    def take(self, holder: object, *, anyway: bool = False) -> bool:
        """Returns True if a holder has a slot now.

        Args:
            holder: Who runs the job. It may take its slot repeatedly.
            anyway: True to exceed the limit, because the job runs already.
        """
        with self._lock:
            if anyway or len(self._holders) < self._limit or id(holder) in self._holders:
                self._holders.add(id(holder))
                return True
            return False

    def give_back(self, holder: object) -> None:
        """Frees the slot of a holder, if it has one."""
        with self._lock:
            self._holders.discard(id(holder))

    def rest(self, stats: ReadStats, seconds: float) -> None:
        """Waits in the calling thread for a job, as a child stream does for its parent. The pool needs no thread.

        Args:
            stats: Counts the time.
            seconds: How long.

        Raises:
            Stopped: The read was stopped.
        """
        if seconds > 0:
            self.on_rest()
        with stats.waiting("for report jobs", time.monotonic):
            self._pause(seconds)
