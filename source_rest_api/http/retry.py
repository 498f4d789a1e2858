"""The retry settings, and the retry budget of one request."""

from pydantic import NonNegativeFloat, PositiveInt

from source_rest_api.http.error_policy import Verdict
from source_rest_api.model import Model

_HASTY = {"max_attempts": 2, "max_seconds": 30, "rate_limit_seconds": 60}
"""Upper limits of the settings while a user is waiting."""
_LONGEST_BACKOFF = 10
"""Number of attempts after which the backoff stops growing."""
_SPREAD = 0.5
"""Seconds over which threads spread their retries after the same `Retry-After`; 5 % of the wait if that is more."""
_TRUSTED = 4
"""Number of refusals in a row after which waits become longer than the API asks for."""


class RetryBudget:
    """Counts the attempts and the waiting time of one request. Rate limits have a budget of their own."""

    def __init__(self, retry: "Retry", started: float) -> None:
        self._retry = retry
        self._started = started
        self._failures = 0
        self._limits = 0
        self._limited = 0.0
        self._idle = 0.0

    def wait(self, verdict: Verdict, jitter: float, in_a_row: int = 0) -> float:
        """Count a failed attempt and return the seconds to wait before the next one.

        Args:
            verdict: The outcome of the attempt.
            jitter: Uniform between 0 and 1.
            in_a_row: Refusals by a rate limit since the endpoint last accepted a request.
        """
        self._limits += verdict.limited
        self._failures += not verdict.limited
        if not verdict.limited:
            if verdict.wait:
                return verdict.wait + jitter * max(_SPREAD, verdict.wait / 20)
            return self._retry.backoff(min(self._failures, _LONGEST_BACKOFF), jitter)
        # Requests start one after the other when the limit ends, so their retries need not be spread.
        if not verdict.wait:
            return self._retry.backoff(min(in_a_row, _LONGEST_BACKOFF), jitter / 10)
        again = self._retry.backoff(min(in_a_row - _TRUSTED, _LONGEST_BACKOFF), 0) if in_a_row > _TRUSTED else 0.0
        return max(verdict.wait, again) * (1 + jitter / 50)

    def allows(self, verdict: Verdict, wait: float, now: float) -> bool:
        """Return True if the budget covers the wait. If the wait is too long, the error message says so."""
        limit = "rate_limit_seconds" if verdict.limited else "max_seconds"
        spent = self._limited if verdict.limited else now - self._started - self._limited - self._idle
        if not verdict.limited and self._failures >= self._retry.max_attempts:
            return False
        if spent + wait > getattr(self._retry, limit):
            verdict.error.message += f" Waiting another {wait:.0f} s would exceed `retry.{limit}`."
            if verdict.limited:
                verdict.error.message += " The next sync resumes from its state."
            return False
        return True

    def waited(self, *, limited: float = 0.0, idle: float = 0.0) -> None:
        """Add seconds spent waiting for a rate limit (`limited`), or for a permit or the request pace (`idle`)."""
        self._limited += limited
        self._idle += idle

    def history(self, now: float) -> str:
        """Return a sentence on the attempts so far; empty if there was only one."""
        attempts = self._failures + self._limits
        return f" Tried {attempts} times in {now - self._started:.0f} s." if attempts > 1 else ""


class Retry(Model):
    """Retries after broken responses, server errors (5xx, 408, 425) and lost connections; other errors fail at once."""

    max_attempts: PositiveInt = 5
    """Give up on a request after this many attempts."""
    max_seconds: NonNegativeFloat = 600
    """Give up retrying a request after this many seconds."""
    rate_limit_seconds: NonNegativeFloat = 3600
    """Seconds that one request may wait in total for rate limits (429, or a 403 that mentions one). If the API asks
    for a longer wait, the stream fails at once, and the next sync resumes from its state."""
    post: bool = False
    """Retry a POST even if the API may already have processed it. Safe only if these POSTs change nothing. This option
    also applies to PATCH, and to methods that the connector does not know."""

    def backoff(self, attempt: int, jitter: float) -> float:
        """Return the seconds before the next attempt: 1, 2, 4, … up to 60, plus up to half of that.

        Args:
            attempt: Number of failed attempts so far, at least 1.
            jitter: Uniform between 0 and 1.
        """
        return min(2.0 ** min(attempt - 1, 6), 60.0) * (1 + jitter / 2)

    def hasty(self) -> "Retry":
        """Return the settings for `check` and `discover`, because a user is waiting for them."""
        return self.model_copy(update={name: min(most, getattr(self, name)) for name, most in _HASTY.items()})
