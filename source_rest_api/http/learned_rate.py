"""Learns from refusals how many requests an API accepts, and spaces requests so that few are refused."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from source_rest_api.http import refusal_episodes
from source_rest_api.http.refusal_episodes import Episode

if TYPE_CHECKING:
    from collections.abc import Iterator

_BELOW = 0.97
"""Initial rate, as a fraction of the learned rate."""
_PLATEAU = 8.0
"""Length of the time below the learned rate, in units of what the last refusal cost. As with TCP's CUBIC (RFC 9438),
the rate then grows faster and faster, because the API may accept more by now."""
_STEEPNESS = 10
"""Exponent of the growth over time: nearly none at first, doubled after less than two plateaus."""
_TRYING = 4.0
"""Time in which a guessed rate grows to the one that was too high, in the same units."""
_MARKED = 1.2
"""Growth of the rate after which a new measurement begins."""
_NEARLY = 0.8
"""Position between a rate that was too high (0) and the computed result (1), which is a little low."""
_SURELY = 0.85
"""Fraction of a rate that was too high, up to which an earlier lower bound still holds."""
_SLOWER = 0.8
"""Part of the speed at which the requests of a window were sent before; a sliding window forgets them as fast."""
_FASTER = 1.5
"""Factor by which they are at least faster than if they filled the window."""
_MARGIN = 0.15
"""Seconds. Upper limit of the safety margin added to a window's length."""
_RECENT = 1000
"""Number of accepted requests whose times are remembered."""
_PART = 6
"""Number of requests by which the compared last parts of an episode differ."""
_REMEMBERED = 3
"""Number of recent episodes to compare."""
_IDLE = 0.3
"""Seconds without a request after which an episode begins anew, in addition to the following two."""
_IDLE_RESPONSES = 3
"""The same, in response times: concurrent requests may all wait for their responses."""
_IDLE_TURNS = 2
"""The same, in intervals between two requests at the learned rate."""
_ROUNDING = 1.1
"""Seconds by which a wait that the API asks for may be too long, because it is rounded up."""
_LEAST_COST = 0.25
"""Seconds."""


class Turn(Struct, frozen=True):
    """The time at which one request may start."""

    at: float
    epoch: int
    """Epoch of the turn. Turns of earlier epochs are void."""


class _Measure(NamedTuple):
    """The beginning of an episode, and the number of requests accepted in it."""

    began: float
    accepted: int


class LearnedRate:
    """The rate that one endpoint is limited to, learned from refusals.

    Until the first refusal it is unlimited, and this class only counts. After a refusal, the requests accepted since
    the previous one bound the rate, see `refusal_episodes`. They also distinguish windows from token buckets. The
    requests of a window are sent at once, and then none until it ends. Otherwise requests are evenly spaced. The rate
    grows while the API refuses nothing. Not thread-safe.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self.accepted = 0
        """Requests accepted in this episode."""
        self.is_limited = False
        """True after the first refusal."""
        self.until = 0.0
        """Time before which no request may start."""
        self.in_a_row = 0
        """Refusals since the last accepted request. Refusals of concurrent requests count as one."""
        self._began = now
        self._sent: deque[float] = deque(maxlen=_RECENT)
        """When the last accepted requests were sent."""
        self._quickest = math.inf
        """Shortest response time in seconds."""
        self._slowest = 0.0
        """Longest response time in this episode, in seconds."""
        self._refused: float | None = None
        self._closed = 0.0
        self._seen: deque[Episode] = deque(maxlen=_REMEMBERED)
        self._last: tuple[_Measure, float] | None = None
        self._marked: _Measure | None = None
        self._mark = math.inf
        self._epoch = 0
        self._rate = math.inf
        self._window = 0.0
        self._kept = 0
        """Number of requests in a window; 0 if the API does not count in windows."""
        self._starts: deque[float] = deque(maxlen=self._kept)
        """When the last requests start: as many as a window has."""
        self._is_guess = True
        self._gap = 1.0
        self._since = self._next = now
        self._cost = 1.0
        self._took = self._probe = 0.0

    def accept(self, sent: float, now: float) -> None:
        """Count a request that the API accepted. The only method that needs no lock: a lost count is no harm."""
        self.accepted += 1
        self._sent.append(sent)
        self._quickest = min(self._quickest, now - sent)
        self._slowest = max(self._slowest, now - sent)

    def refused(self, sent: float, now: float, wait: float | None) -> None:
        """Note that the API refused a request.

        Args:
            sent: When the request was sent.
            now: The time.
            wait: Seconds that the API asks to wait, if it does; usually rounded up to whole seconds.
        """
        self.is_limited = True
        self._closed = max(self._closed, sent + max((wait or 0.0) - _ROUNDING, 0.0))
        if sent < self._began or self._refused is not None:
            self.in_a_row = max(self.in_a_row, 1)
            return
        self._epoch += 1
        self._took = now - sent
        self.in_a_row = 1 if self.accepted else self.in_a_row + 1
        self._probe = 2 * self._took if self.in_a_row > 1 else 0.0
        if self.accepted or self._last is None:
            self._refused = sent
        else:  # the wait was too short: it is still the same refusal
            (self._began, self.accepted), self._refused = self._last
            self._seen.pop()

    def used_up(self, sent: float, now: float, wait: float) -> None:
        """Note that an accepted request was the last that the API allows for now.

        Args:
            sent: When the request was sent.
            now: The time.
            wait: Seconds until the API accepts requests again, rounded up.
        """
        if not self._window:
            self.refused(sent, now, wait)
            self.close(now + wait)
        elif wait > _ROUNDING:
            self.close(now + wait - _ROUNDING)

    def close(self, until: float) -> None:
        """Let no request start before a time."""
        self.is_limited = True
        self.until = max(self.until, until)

    def turn(self, now: float) -> Turn:
        """Return the next free time to start a request. The time given by `close` must be over."""
        if self._refused is not None:
            self._learn(self._refused, now)
        at = max(now, self._next)
        growth = self._growth(at)
        if self._window:
            if len(self._starts) == self._starts.maxlen:
                at = max(at, self._starts[0] + self._spell(growth))
            rate = self._rate
        else:
            rate = self._rate * growth
            self._remeasure(rate, now)
        self._starts.append(at)
        self._next = at + max(1 / rate, self._probe)
        self._probe = 0.0
        return Turn(at, self._epoch)

    def is_valid(self, turn: Turn) -> bool:
        """Return True if no request has been refused since the turn was given."""
        return turn.epoch == self._epoch

    def _spell(self, growth: float) -> float:
        """Return the seconds from the first request of a window to the first one of the next."""
        return min(self._window / growth, self._window + _MARGIN)

    def _growth(self, now: float) -> float:
        passed = (now - self._since) / self._cost
        if self._is_guess:
            return 1 + self._gap * passed / _TRYING
        return float(_BELOW + (1 - _BELOW) * (passed / _PLATEAU) ** _STEEPNESS)

    def _remeasure(self, rate: float, now: float) -> None:
        """Begin a new measurement if the rate has grown: the requests from now on say more than the average."""
        if not self._is_guess and rate > _MARKED * self._mark:
            self._mark, self._marked = rate, _Measure(self._began, self.accepted)
            self._began, self.accepted = now, 0

    def _learn(self, refused: float, now: float) -> None:
        """End an episode, and set the rate from all known episodes."""
        self._cost = max(now - refused, _LEAST_COST)
        if self._marked is not None and refused - self._began < self._cost:
            self._began, self.accepted = self._marked.began, self.accepted + self._marked.accepted
        self._marked = None
        self._forget_idle(refused)
        begins = now
        if self.accepted:
            self._last = _Measure(self._began, self.accepted), refused
            closed = max(self._closed, refused) - self._began
            doubt = max(self._slowest - self._quickest, 0.0)
            episode = Episode(self.accepted, refused - self._began, closed, now - self._began, doubt)
            self._set_rate(episode)
            self._seen.append(episode)
            if self._window:
                begins = max(now, self._began + self._spell(_BELOW))
        elif self._last is None and self._took:
            self._rate, self._gap = 1 / self._took, _TRYING
        self._began, self._refused, self.accepted, self._slowest = begins, None, 0, 0.0
        self._starts = deque(maxlen=self._kept)
        self._since = self._next = begins
        self._mark = self._rate

    def _forget_idle(self, refused: float) -> None:
        """Let the episode begin after the last time without requests, because a token bucket was full again then.

        The process may have been stopped meanwhile, or there was nothing to request.
        """
        sent = [self._began, *self._sent_since(self._began, refused), refused]
        longest = _IDLE + _IDLE_RESPONSES * self._quickest + _IDLE_TURNS / self._rate
        for count, (before, after) in enumerate(pairwise(reversed(sent))):
            if before - after > longest:
                self._began, self.accepted = before, count
                return

    def _sent_since(self, began: float, end: float) -> list[float]:
        return sorted(sent for sent in tuple(self._sent) if began <= sent < end)

    def _ends(self, episode: Episode) -> Iterator[Episode]:
        """Yield the last parts of an episode.

        If its first requests were slower than a token bucket is refilled, the bucket was still full when such a part
        began. Then the part says more about the rate than the whole.
        """
        refused = self._began + episode.length
        sent = self._sent_since(self._began, refused)
        for count in range(_PART, len(sent), _PART):
            began = sent[-count]
            yield Episode(count, refused - began, refused - began + episode.pause, refused - began + episode.pause)

    def _set_rate(self, episode: Episode) -> None:
        self._gap = 1.0
        self._window = refusal_episodes.window(episode, self._seen)
        self._kept = episode.accepted if self._window else 0
        if self._window:
            self._is_guess = False
            self._rate = max(_SLOWER * episode.most, _FASTER * episode.accepted / self._window)
            self._cost = 2 * max(self._cost, self._window)
            return
        ends = [episode, *self._ends(episode)]
        computed = max((end.rate_beyond(seen) for seen in self._seen for end in ends), default=0.0)
        bounds = [seen.least for seen in self._seen if seen.least < _SURELY * episode.most]
        least = min(max(computed, episode.least, *bounds), episode.most)
        self._is_guess = not self._seen or (computed < least and episode.most > _MARKED * least)
        if not self._is_guess:
            self._rate = refusal_episodes.between(least, episode.most, _NEARLY)
        else:
            self._rate = refusal_episodes.between(least, episode.most) if self._seen else max(episode.guess, least)
            self._gap = max(episode.most / self._rate - 1, 0.0)
