"""Where the requests of one endpoint wait together: what the API told one of them holds for all."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_NEWS = 1.0
"""Seconds; threads that are told the same at almost the same time bring none."""


class Gates:
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
        return max(self._until.get(endpoint, 0.0) - self._clock(), 0.0)
