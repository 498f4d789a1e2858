"""Derives the rate limit of an API from the requests between two refusals.

An API counts requests by a token bucket or in windows. A bucket holds some requests and is refilled at a rate, so it
accepts more in a longer time. A window accepts a number of requests, however fast they come. A window may be fixed or
sliding; the two need not be told apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

_USUAL = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 86400.0)
"""Seconds. Usual lengths of windows."""
_EXACT = 0.2
"""Fraction of a window's length that may be uncertain, if the length is not a usual one."""
_SHORTER = 0.95
"""Fraction of a lower bound of a window's length that certainly holds: an episode may have begun in the previous
window."""
_LARGEST_WINDOW = 100_000
"""Maximum number of requests in a window, and of the times to keep."""
_LONGER = 1.3
"""Factor by which two episodes must differ in length for a rate to be computed from them."""
_CLEARLY = 12
"""Number of requests by which they must also differ."""
_MORE = 3.0
"""Number of further requests that a token bucket would have accepted, for a window to be recognized."""
_ALIKE = 0.05
"""Fraction by which two windows may differ, in addition to one request."""
_LONGEST_GAP = 1.0
"""Seconds. A longer wait says little about the rate: it may be a whole window, or a penalty."""
_TOWARDS_LEAST = 0.65
"""Position of a guess between a rate that is too high (0) and one that is certainly accepted (1)."""
_SHORTEST = 1e-3
"""Minimum length of an episode in seconds; a shorter one counts as this long."""


class Episode(Struct, frozen=True):
    """The requests between two refusals."""

    accepted: int
    length: float
    """Seconds from the first request to the refused one."""
    closed: float
    """Seconds from the first request to the last time at which the API is known to have refused."""
    cycle: float
    """Seconds from the first request to the first one after the refusal."""
    doubt: float = 0.0
    """Seconds by which requests may have arrived later than it seems: some responses took so much longer."""

    @property
    def least(self) -> float:
        """Requests per second that the API accepts at least, however it counts."""
        return self.accepted / self.cycle

    @property
    def most(self) -> float:
        """Requests per second that are too many."""
        return self.accepted / max(self.length, _SHORTEST)

    @property
    def pause(self) -> float:
        """Seconds during which the API accepted nothing; a window is longer."""
        return self.closed - self.length

    @property
    def guess(self) -> float:
        """Requests per second to try if there is no other episode."""
        return between(self.accepted / (self.length + self._gap), self.most)

    @property
    def _gap(self) -> float:
        return min(self.cycle - self.length, _LONGEST_GAP)

    def rate_beyond(self, other: Episode) -> float:
        """Return the rate of a token bucket that was full before both episodes; 0 if it is unknown."""
        more = self.accepted - other.accepted
        if self.length < _LONGER * other.length or more < _CLEARLY:
            return 0.0
        return more / (self.length - other.length)

    def is_like(self, other: Episode) -> bool:
        """Return True if as many requests were accepted as in another episode of clearly different length."""
        shorter, longer = sorted([self, other], key=lambda each: each.length)
        certain = longer.length - shorter.length - max(longer.doubt, shorter.doubt)
        more = certain * longer.accepted / (longer.length + longer._gap)  # noqa: SLF001
        return more >= _MORE and abs(self.accepted - other.accepted) <= 1 + _ALIKE * self.accepted


def between(least: float, most: float, towards_least: float = _TOWARDS_LEAST) -> float:
    """Return a rate between two others, nearer to the lower one: a refusal costs more than a while at a lower rate."""
    return float(least**towards_least * most ** (1 - towards_least))


def window(episode: Episode, before: Sequence[Episode]) -> float:
    """Return the seconds of the window in which the API seems to count; 0 if it does not seem to count in windows.

    Args:
        episode: The latest episode.
        before: Some episodes before it, the latest last.
    """
    if not before or not episode.is_like(before[-1]) or episode.accepted > _LARGEST_WINDOW:
        return 0.0
    alike = [episode, *(each for each in before if episode.is_like(each))]
    shortest = max(*(each.closed for each in alike), *(each.pause for each in before))
    longest = max(each.cycle for each in alike)
    usual = [seconds for seconds in _USUAL if _SHORTER * shortest < seconds <= longest]
    if usual:
        return usual[0]
    return longest if 0 < longest - shortest < _EXACT * longest else 0.0
