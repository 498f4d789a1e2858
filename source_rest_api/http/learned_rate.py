"""Learns from refusals how many requests an API accepts, and spaces requests so that few are refused."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

_BELOW = 0.97
"""Part of the learned rate that is used at first after a refusal."""
_PLATEAU = 8.0
"""Length of the time near the learned rate, in units of what the last refusal cost. Like TCP's CUBIC (RFC 9438), the
rate then grows faster and faster, because the API may accept more by now."""
_CONFIRMED = 1.0
"""Growth of that length with each refusal near the learned rate."""
_LONGEST_PLATEAU = 32.0
_NEAR = 1.2
"""Factor within which two rates count as the same."""
_DOUBLING = 4.0
"""Time in which a guessed rate grows to the one that was too high, in the same units."""
_LONGEST_GUESS = 1.0
"""Seconds. A longer wait says little about the rate: it may be a whole window, or a penalty."""
_WIDER = 1.3
"""Factor by which two episodes must differ in length to be compared."""
_EXACT = 0.2
"""Part of a window's length that may be uncertain."""
_SURELY = 0.85
"""Part of a rate that was too high up to which an earlier lower bound still holds."""
_CLEARLY = 12
"""Number of requests by which two episodes must differ for a rate to be computed from them."""
_MORE = 3.0
"""Number of requests that a token bucket would accept more, for a window to be told from it."""
_SHORTER = 0.95
"""Part of a lower bound of a window's length that surely holds: an episode may have begun in the window before."""
_E = 0.35
_NEARLY = 0.8
_BETWEEN = 0.65
_ROUND = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 86400.0)
"""Seconds. Lengths of windows as people choose them."""
_REMEMBERED = 3
"""Number of episodes that are compared."""
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
    closed: float
    """Seconds from the first request to the last time at which the API is known to have refused."""
    cycle: float
    """Seconds from the first request to the first one after the refusal."""

    @property
    def least(self) -> float:
        """Requests per second that the API accepts at least, whether it counts in windows or by a token bucket."""
        return self.accepted / self.cycle

    @property
    def most(self) -> float:
        """Requests per second that are too many."""
        return self.accepted / max(self.length, _TINY)

    @property
    def pause(self) -> float:
        """Seconds during which the API accepted nothing, so that a window is longer."""
        return self.closed - self.length

    @property
    def burst(self) -> float:
        """A rate between the two, for a burst or a first guess."""
        wait = min(self.cycle - self.length, _LONGEST_GUESS)
        return self.accepted / (max(self.length, _TINY) ** _E * (self.length + wait) ** (1 - _E))

    def rate_beyond(self, other: _Episode) -> float:
        """The rate of a token bucket that was full before both; 0 for a window, which accepts as many in any time."""
        more = self.accepted - other.accepted
        if self.length < _WIDER * other.length or more < _CLEARLY:
            return 0.0
        return more / (self.length - other.length)

    def is_like(self, other: _Episode) -> bool:
        """True if the API accepted as many requests in both, as it does if it counts them in windows."""
        shorter, longer = sorted([self, other], key=lambda each: each.length)
        wait = min(longer.cycle - longer.length, _LONGEST_GUESS)
        more = (longer.length - shorter.length) * longer.accepted / (longer.length + wait)
        return more >= _MORE and abs(self.accepted - other.accepted) <= 1 + 0.05 * self.accepted


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
        self.in_a_row = 0
        """Refusals since the last accepted request; those of requests that were under way together count as one."""
        self._began = now
        self._refused: float | None = None
        self._closed = 0.0
        self._seen: deque[_Episode] = deque(maxlen=_REMEMBERED)
        self._last: tuple[float, float, int] | None = None
        self._epoch = 0
        self._next = 0.0
        self._probe = 0.0
        self._took = 0.0
        self._since = now
        self._cost = 1.0
        self._rate = math.inf
        self._gap = 1.0
        self._guessed = True
        self._plateau = _PLATEAU
        self._mark = math.inf
        self._earlier: tuple[float, int] | None = None
        self._count = 0
        self._window = 0.0
        self._starts: deque[float] = deque()

    def refused(self, sent: float, now: float, told: float | None) -> None:
        """Note that the API refused a request.

        Args:
            sent: When the request was sent.
            now: The time.
            told: Seconds to wait, if the API says so; usually rounded up to whole seconds.
        """
        self.limited = True
        closed = sent + max((told or 0.0) - 1, 0.0)
        if sent < self._began or self._refused is not None:
            self._closed = max(self._closed, closed)
            self.in_a_row = max(self.in_a_row, 1)
            return
        self._epoch += 1
        self._closed = max(self._closed, closed)
        self._took = now - sent
        self.in_a_row += 1
        self._probe = 2 * (now - sent) if self.in_a_row > 1 else 0.0
        if self.accepted or self._last is None:
            self.in_a_row = 1
            self._refused = sent
        else:  # the wait was too short: it is still the same refusal
            self._began, self._refused, self.accepted = self._last
            self._seen.pop()

    def used_up(self, sent: float, now: float, reset: float) -> None:
        """Note that an accepted request was the last that the API allows for now.

        Args:
            sent: When the request was sent.
            now: The time.
            reset: Seconds until the API accepts requests again, rounded up to whole seconds.
        """
        if not self._count:
            self.refused(sent, now, reset)
            self.close(now + reset + min(max(reset / 20, 0.1), 1.0))
        elif reset > 1:
            self.close(now + reset - 1)

    def close(self, until: float) -> None:
        """Let no request start before a time."""
        self.limited = True
        self.until = max(self.until, until)

    def turn(self, now: float) -> Turn:
        """Return the next free time to start a request."""
        if self._refused is not None:
            self._learn(self._refused, now)
        speed = self._rate if self._count else self._rate * self._growth(now)
        if not self._guessed and speed > _NEAR * self._mark:
            # Until now the rate was not too high, so what happens from here on says more than an average.
            self._mark, self._earlier = speed, (self._began, self.accepted)
            self._began, self.accepted = now, 0
        at = max(now, self._next)
        if self._count:
            if len(self._starts) >= self._count:
                at = max(at, self._starts.popleft() + self._window / self._growth(now))
            self._starts.append(at)
        self._next = at + max(1 / speed, self._probe)
        self._probe = 0.0
        return Turn(at, self._epoch)

    def is_valid(self, turn: Turn) -> bool:
        """Return True if no request has been refused since the turn was given."""
        return turn.epoch == self._epoch

    def _growth(self, now: float) -> float:
        passed = (now - self._since) / self._cost
        if self._guessed:
            return 1 + self._gap * passed / _DOUBLING
        return _BELOW + (1 - _BELOW) * (passed / self._plateau) ** 6

    def _learn(self, refused: float, now: float) -> None:
        """End an episode, and set the rate by all that is known."""
        self._cost = max(now - refused, 0.25)
        if self._earlier is not None and refused - self._began < self._cost:
            self._began, self.accepted = self._earlier[0], self.accepted + self._earlier[1]
        self._earlier = None
        if self.accepted:
            self._last = (self._began, refused, self.accepted)
            closed = max(self._closed, refused) - self._began
            episode = _Episode(self.accepted, refused - self._began, closed, now - self._began)
            self._set_rate(episode)
            self._seen.append(episode)
        elif self._last is None:
            self._rate, self._gap = 1 / max(self._took, _TINY), _DOUBLING
        at = max(now, self._began + self._window / _BELOW) if self._count else now
        self._began, self._refused, self.accepted = at, None, 0
        self._since = self._next = at
        self._mark = self._rate

    def _set_rate(self, episode: _Episode) -> None:
        self._starts.clear()
        self._count = 0
        self._gap = 1.0
        before = self._rate
        slope = max((episode.rate_beyond(seen) for seen in self._seen), default=0.0)
        known = [seen.least for seen in self._seen if seen.least < _SURELY * episode.most]
        rate = min(max(slope, episode.least, *known), episode.most)
        window = self._window_of(episode)
        if window:
            self._count, self._window = episode.accepted, window
            self._rate, self._guessed = max(episode.burst, *(seen.burst for seen in self._seen), 1.5*episode.accepted/window), False
            self._cost = 2 * max(self._cost, window)
        elif not self._seen or (slope < rate and episode.most > _NEAR * rate):
            self._rate = max(rate**_BETWEEN * episode.most ** (1 - _BETWEEN) if self._seen else episode.burst, rate)
            self._guessed = True
            self._gap = max(episode.most / self._rate - 1, 0.0)
        else:
            self._rate, self._guessed = rate**_NEARLY * episode.most ** (1 - _NEARLY), False
        self._rate = max(self._rate, _TINY)
        confirmed = not self._guessed and before / _NEAR < self._rate < before * _NEAR
        self._plateau = min(self._plateau * _CONFIRMED, _LONGEST_PLATEAU) if confirmed else _PLATEAU

    def _window_of(self, episode: _Episode) -> float:
        """Return the length of the window in which the API seems to count; 0 if it does not seem so."""
        alike = [seen for seen in self._seen if seen.is_like(episode)]
        if not alike or alike[-1] is not self._seen[-1] or episode.accepted > _LARGEST_WINDOW:
            return 0.0
        shortest = max(*(each.closed for each in [*alike, episode]), *(each.pause for each in self._seen))
        longest = max(each.cycle for each in [*alike, episode])
        usual = [seconds for seconds in _ROUND if _SHORTER * shortest < seconds <= longest]
        if usual:
            return usual[0]
        return longest if 0 < longest - shortest < _EXACT * longest else 0.0
