"""How long a request is tried: the budget that `retry` gives it, and what of it is used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeFloat, PositiveInt

from source_rest_api.model import Model

if TYPE_CHECKING:
    from source_rest_api.http.error_policy import Verdict

_LONGEST_BACKOFF = 10
"""Attempts after which waits do not grow any more."""
_SPREAD = 0.5
"""Seconds over which those who were told the same come back; a twentieth of longer waits."""


class RetryBudget:
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


class Retry(Model):
    """Broken answers, server errors (5xx, 408, 425) and lost connections are tried again; other errors are not."""

    max_attempts: PositiveInt = 5
    """How often one request is sent before giving up."""
    max_seconds: NonNegativeFloat = 600
    """How long one request may be tried again."""
    rate_limit_seconds: NonNegativeFloat = 3600
    """How long one request may wait for a rate limit (429, or a 403 that names one), however often it is
    tried. Where the API asks to wait longer, the stream fails at once, and the next sync goes on from its state."""
    post: bool = False
    """Whether a POST may be sent again after it may have reached the API; only for POSTs that change nothing."""

    def backoff(self, attempt: int, jitter: float) -> float:
        """Seconds before the next attempt: 1, 2, 4, ... up to 60, plus up to half of it.

        Args:
            attempt: How often it was tried, from 1.
            jitter: Uniform between 0 and 1.
        """
        return min(2.0 ** min(attempt - 1, 6), 60.0) * (1 + jitter / 2)
