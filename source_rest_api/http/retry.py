"""How long a request is tried: the budget that `retry` gives it, and what of it is used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from source_rest_api.http.error_policy import Retry, Verdict

_LONGEST_BACKOFF = 10
"""Attempts after which waits do not grow any more."""
_SPREAD = 0.5
"""Seconds over which those who were told the same come back; a twentieth of longer waits."""


class Patience:
    """How often and how long one request has been tried. Rate limits are counted apart from failures."""

    def __init__(self, retry: Retry, started: float) -> None:
        self._retry = retry
        self._started = started
        self._failures = 0
        self._limits = 0
        self._limited = 0.0
        self._idle = 0.0

    def wait(self, verdict: Verdict, jitter: float) -> float:
        """Note an attempt; seconds before the next."""
        self._limits += verdict.limited
        self._failures += not verdict.limited
        if verdict.wait:
            return verdict.wait + jitter * max(_SPREAD, verdict.wait / 20)
        return self._retry.backoff(min(self._limits if verdict.limited else self._failures, _LONGEST_BACKOFF), jitter)

    def allows(self, verdict: Verdict, wait: float, now: float) -> bool:
        """Whether there is patience left for the wait. If it is too long for it, the error tells."""
        limit = "rate_limit_seconds" if verdict.limited else "max_seconds"
        spent = self._limited if verdict.limited else now - self._started - self._limited - self._idle
        if not verdict.limited and self._failures >= self._retry.max_attempts:
            return False
        if spent + wait > getattr(self._retry, limit):
            verdict.error.message += f" Waiting {wait:.0f} s more is beyond `retry.{limit}`."
            return False
        return True

    def waited(self, *, limited: float = 0.0, idle: float = 0.0) -> None:
        """Note seconds that went by for a rate limit, or for others whose turn it was."""
        self._limited += limited
        self._idle += idle

    def history(self, now: float) -> str:
        """What was tried, if it was more than once."""
        attempts = self._failures + self._limits
        return f" Tried {attempts} times in {now - self._started:.0f} s." if attempts > 1 else ""
