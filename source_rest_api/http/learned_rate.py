"""Learns from refusals how many requests an API accepts, and spaces requests so that few are refused."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

_BELOW = 0.97
"""Part of the learned rate that is used at first after a refusal."""
_PLATEAU = 6.0
"""Length of the time near the learned rate, in units of what the last refusal cost. Like TCP's CUBIC (RFC 9438), the
rate then grows faster and faster, because the API may accept more by now."""
_DOUBLING = 4.0
"""Time in which the rate doubles while it is only a guess, in the same units."""
_LONGEST_GUESS = 1.0
"""Seconds. A longer wait says little about the rate: it may be a whole window, or a penalty."""
_WIDER = 1.3
"""Factor by which two episodes must differ in length to be compared."""
_EXACT = 0.25
"""Part of a window by which its length may be uncertain if it is used as a window."""
_REMEMBERED = 3
"""Number of episodes whose lower bounds of the rate hold."""
_LARGEST_WINDOW = 100_000
"""Maximum number of requests in a window whose times are kept."""
_TINY = 1e-3
"""Seconds; a shorter episode is taken to be as long as this."""


class Turn(NamedTuple):
    """The time at which one request may start."""

    at: float
    epoch: int
    """Turns of earlier epochs are void."""


class _Episode(NamedTuple):
    """What happened between two refusals."""

    accepted: int
    length: float
    """Seconds from the first request to the refused one."""
    cycle: float
    """Seconds from the first request to the first one that was accepted after the refusal."""

    @property
    def least(self) -> float:
        """Requests per second that the API accepts at least, whether it counts in windows or by a token bucket."""
        return self.accepted / self.cycle

    @property
    def most(self) -> float:
        """Requests per second that are too many."""
        return self.accepted / max(self.length, _TINY)

    def rate(self, other: _Episode) -> float:
        """The rate of a token bucket that was full before both; 0 for a window, which accepts as many in any time."""
        if self.length < _WIDER * other.length:
            return 0.0
        return max((self.accepted - other.accepted) / (self.length - other.length), 0.0)


class LearnedRate:
    """The rate that one endpoint is limited to. Unlimited, and without any cost, until the first refusal.

    An episode is the time from one refusal to the next. The number of requests accepted in it, its length, and the
    wait after it bound the rate. Two of them tell a token bucket from a window: a bucket accepts more in a longer
    episode, a window accepts the same number. Not thread-safe.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self.accepted = 0
        """Requests accepted in this episode."""
        self.limited = False
        """True after the first refusal."""
        self.until = 0.0
        """Time before which no request may start."""
        self._began = now
        self._refused: float | None = None
        self._seen: deque[_Episode] = deque(maxlen=_REMEMBERED)
        self._restore: tuple[float, float, int] | None = None
        self._epoch = 0
        self._next = 0.0
        self._probing = 0.0
        self._failed = 0.0
        self._since = now
        self._cost = 1.0
        self._rate = math.inf
        self._guessed = True
        self._gap = 1.0
        self._count = 0
        self._window = 0.0
        self._starts: deque[float] = deque()

    def refused(self, sent: float, now: float, wait: float, *, told: bool) -> None:
        """Note that the API refused a request.

        Args:
            sent: When the request was sent.
            now: The time.
            wait: Seconds until the next request may start.
            told: True if the API said how long to wait.
        """
        self.limited = True
        self.until = max(self.until, now + wait)
        if sent < self._began:
            return
        if self._refused is None:
            self._epoch += 1
            if not self.accepted and self._restore is not None:  # the wait was too short
                self._began, self._refused, self.accepted = self._restore
                self._seen.pop()
                self._failed = sent
                self._probing = 2 * (now - sent)
                return
            self._refused = sent
            self._failed = self.until - 1 if told else sent
            self._probing = 0.0 if told else 2 * (now - sent)

    def turn(self, now: float) -> Turn:
        """Return the next free time to start a request."""
        if self._refused is not None:
            self._learn(now)
        spacing = 1 / self._speed(now)
        if self._probing:
            spacing, self._probing = max(spacing, self._probing), 0.0
        at = max(now, self._next)
        if self._count:
            if len(self._starts) >= self._count:
                at = max(at, self._starts[-self._count] + self._window / self._growth(now))
            self._starts.append(at)
            while len(self._starts) > self._count:
                self._starts.popleft()
        self._next = at + spacing
        return Turn(at, self._epoch)

    def is_valid(self, turn: Turn) -> bool:
        """Return True if no request has been refused since the turn was given."""
        return turn.epoch == self._epoch

    def _growth(self, now: float) -> float:
        passed = (now - self._since) / self._cost
        return 1 + self._gap * passed / _DOUBLING if self._guessed else _BELOW + (1 - _BELOW) * (passed / _PLATEAU) ** 3

    def _speed(self, now: float) -> float:
        return self._rate if self._count else self._rate * self._growth(now)

    def _learn(self, now: float) -> None:
        """End an episode, and set the rate by all that is known."""
        assert self._refused is not None
        if not self.accepted and not self._seen:
            self._began, self._refused = now, None
            return
        self._restore = (self._began, self._refused, self.accepted)
        episode = _Episode(self.accepted, self._refused - self._began, now - self._began)
        uncertain = (now - self._failed) / episode.cycle
        most = episode.most
        least = max([episode.least, *(seen.least for seen in self._seen if seen.least < most)])
        slope = max((episode.rate(seen) for seen in self._seen), default=0.0)
        first = not self._seen
        self._cost = max(now - self._refused, 0.25)
        self._seen.append(episode)
        self._count = 0
        self._starts.clear()
        rate = min(max(slope, least), most)
        wide = episode.accepted / math.sqrt(
            max(episode.length, _TINY) * (episode.length + min(self._cost, _LONGEST_GUESS))
        )
        self._guessed = False
        if not first and slope < least and uncertain < _EXACT and 0 < episode.accepted < _LARGEST_WINDOW:
            self._count, self._window = episode.accepted, episode.cycle
            self._rate = wide
        elif first or most > 1.5 * rate:
            self._guessed = True
            self._rate = max(wide, rate) if first else math.sqrt(rate * most)
            self._gap = max(most / self._rate - 1, 0.0)
        else:
            self._rate = rate
        self._rate = max(self._rate, 1e-3)
        self._began, self._refused, self.accepted = now, None, 0
        self._since = now
        self._next = now
