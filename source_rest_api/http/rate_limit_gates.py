"""Holds back the requests of a rate-limited endpoint."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct

from source_rest_api.http import rate_limits
from source_rest_api.http.learned_rate import LearnedRate, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NEWS = 1.0
"""Seconds by which a wait must end later to be reported again. Threads often hit the same limit at almost the same
time."""


class Wait(Struct, frozen=True):
    """The wait of a request before it may be sent."""

    seconds: float
    """Seconds to wait before asking the gate again; 0 to send the request now."""
    turn: Turn | None = None
    """The time at which it may start, if that is known."""
    is_news: bool = False
    """True if so long a wait has not been reported yet."""


_NO_WAIT = Wait(0.0)


class RateLimitGates:
    """One gate for each endpoint: open until the API refuses a request, then limited to a learned rate.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()  # no other lock is taken while it is held
        self._rates: dict[str, LearnedRate] = {}
        self._told: dict[str, float] = {}

    def refused(self, endpoint: str, sent: float, wait: float | None) -> int:
        """Learn from a request that the API refused; `close` says how long to wait.

        Args:
            endpoint: Name of the endpoint.
            sent: When the request was sent.
            wait: Seconds that the API asks to wait, if it does.

        Returns:
            The number of refusals since the last accepted request.
        """
        with self._lock:
            rate = self._rates[endpoint]
            rate.refused(sent, self._clock(), wait)
            return rate.in_a_row

    def accepted(self, endpoint: str, sent: float, headers: Mapping[str, str], longest: float) -> None:
        """Count a request that the API accepted. If it was the last for now, the endpoint's next requests wait.

        Args:
            endpoint: Name of the endpoint.
            sent: When the request was sent.
            headers: Headers of its response.
            longest: Seconds; a longer wait is ignored, because the API may not refuse the next request.
        """
        rate = self._rates[endpoint]
        rate.accept(sent, self._clock())  # without the lock, because each request calls this
        wait = rate_limits.pause(headers)
        if wait is not None and wait <= longest:
            with self._lock:
                rate.used_up(sent, self._clock(), wait)

    def close(self, endpoint: str, seconds: float) -> None:
        """Make the endpoint's requests wait for the given seconds from now."""
        with self._lock:
            self._rates[endpoint].close(self._clock() + seconds)

    def wait(self, endpoint: str, turn: Turn | None = None) -> Wait:
        """Return the wait of an endpoint's next request.

        Args:
            endpoint: Name of the endpoint.
            turn: The turn that this method returned to this request before.
        """
        rate = self._rates.get(endpoint)
        if rate is not None and not rate.is_limited:
            return _NO_WAIT
        with self._lock:
            now = self._clock()
            rate = self._rates.setdefault(endpoint, LearnedRate(now))
            if not rate.is_limited:
                return _NO_WAIT
            if rate.until > now:
                return Wait(rate.until - now, None, self._is_news(endpoint, rate.until, now))
            if turn is None or not rate.is_valid(turn):
                turn = rate.turn(now)
            return Wait(max(turn.at - now, 0.0), turn, self._is_news(endpoint, turn.at, now))

    def is_news(self, endpoint: str, seconds: float) -> bool:
        """Return True if a wait of so many seconds has not been reported for the endpoint yet."""
        with self._lock:
            now = self._clock()
            return self._is_news(endpoint, now + seconds, now)

    def _is_news(self, endpoint: str, until: float, now: float) -> bool:
        is_news = until > max(self._told.get(endpoint, now), now) + _NEWS
        if is_news:
            self._told[endpoint] = until
        return is_news
