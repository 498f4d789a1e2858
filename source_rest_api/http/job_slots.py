"""The number of report jobs that the API works on at the same time, for all streams."""

from __future__ import annotations

from threading import Lock


class JobSlots:
    """Lets at most so many jobs run at the same time.

    Args:
        limit: The number of jobs.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
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
