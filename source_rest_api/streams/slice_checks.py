"""Checks on the records of a slice: skips those already delivered at the saved cursor, and checks the order."""

from __future__ import annotations

from itertools import compress
from threading import Lock
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.errors import ConfigError
from source_rest_api.formats import digests as digests_module
from source_rest_api.state.state import LARGEST

if TYPE_CHECKING:
    from msgspec import Raw

    from source_rest_api.cursors.contract import CursorProtocol
    from source_rest_api.cursors.cursors import CursorValue, PageCursors, Slice

_PINNED = 2
"""Distinct values that may rise on a page that should be newest first: an old pinned record, and one after it."""


class CursorBoundary(Struct):
    """The saved cursor value, and digests of the delivered records that have it."""

    mark: CursorValue
    digests: frozenset[str]
    met: bool = False
    """True once the API has returned a record with this cursor value again."""

    def without(self, seen: PageCursors) -> PageCursors:
        """Returns a page without the records already delivered unchanged."""
        if not seen.holds(self.mark):
            return seen
        self.met = True
        pairs = zip(seen.records, seen.values, strict=True)
        return _kept(
            seen,
            [
                value != self.mark.value or digests_module.digest(bytes(record)) not in self.digests
                for record, value in pairs
            ],
        )

    def is_missing_from(self, interval: Slice) -> bool:
        """True if a completed interval contains this cursor value, but the API returned no record with it."""
        start, end = interval.start, interval.end
        inside = start is not None and start.value <= self.mark.value and (end is None or self.mark.value < end.value)
        return inside and not self.met


class SharedBorders:
    """The records at the borders between slices of a partition, which the API may return for both neighbours.

    Only the slice that delivers a record first delivers it. After a crash, that slice also delivers it again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._delivered: dict[Any, set[str]] = {}

    def without(self, seen: PageCursors, interval: Slice) -> PageCursors:
        """Returns a page without the records at the ends of its slice that the neighbour has delivered."""
        ends = [mark.value for mark in (interval.start, interval.end) if mark is not None and seen.holds(mark)]
        if not ends:
            return seen
        with self._lock:
            pairs = zip(seen.records, seen.values, strict=True)
            return _kept(seen, [value not in ends or self._is_new(value, record) for record, value in pairs])

    def _is_new(self, value: Any, record: Raw) -> bool:
        delivered, name = self._delivered.setdefault(value, set()), digests_module.digest(bytes(record))
        if name in delivered:
            return False
        if len(delivered) < LARGEST:
            delivered.add(name)
        return True


def _kept(seen: PageCursors, keeps: list[bool]) -> PageCursors:
    records, values = list(compress(seen.records, keeps)), list(compress(seen.values, keeps))
    return seen._replace(records=records, values=values)


def digests(observation: PageCursors) -> tuple[str, ...]:
    """Returns digests of the page's records with its largest cursor value: at most one more than `LARGEST`."""
    newest = observation.newest
    if newest is None:
        return ()
    values, index = observation.values, observation.first_newest - 1
    found = []
    # `count` and `index` run in C, which matters because most records have another value.
    for _ in range(min(values[index + 1 :].count(newest.value), LARGEST + 1)):
        index = values.index(newest.value, index + 1)
        found.append(digests_module.digest(bytes(observation.records[index])))
    return tuple(found)


class OrderCheck:
    """Checks the order of a slice's records. This base class accepts any order."""

    def __init__(self) -> None:
        self.newest: CursorValue | None = None
        """The largest cursor value so far, while records come oldest first."""
        self.rises = True
        """True if records have come oldest first so far, as far as the ends of pages show."""
        self.falls = True
        """True if records have come newest first so far, as far as the ends of pages show."""
        self._last: Any = None

    def step_back(self) -> None:
        """Note that pages are read again because rows shifted, so the next records may be earlier ones."""

    def check(self, seen: PageCursors) -> None:
        """Note a page.

        Raises:
            ConfigError: Its records are not in the declared order.
        """
        ends = [value for value in (self._last, *seen.values[:1], *seen.values[-1:]) if value is not None]
        self.rises = self.rises and ends == sorted(ends)
        self.falls = self.falls and ends == sorted(ends, reverse=True)
        self._last, self.newest = (ends or [None])[-1], seen.newest or self.newest


class OldestFirst(OrderCheck):
    """Checks that cursor values never decrease within a slice, unless reading itself steps back."""

    def __init__(self) -> None:
        super().__init__()
        self._again = False

    def step_back(self) -> None:
        """Accept older records until newer ones than before arrive."""
        self._again = True

    def check(self, seen: PageCursors) -> None:
        """Note a page.

        Raises:
            ConfigError: A record is older than the one before it, or has no readable cursor value.
        """
        values = [value for value in seen.values if value is not None]
        before = [] if self.newest is None else [self.newest.value]
        self._again = self._again and (not values or values[:1] < before)
        ordered = values if self._again else before + values
        if None in seen.values or ordered != sorted(ordered):
            raise ConfigError(
                "`incremental.sorted` says that records come oldest first, but they do not. Remove it, or use `params` "
                "to sort by the cursor field."
            )
        if seen.newest is not None and (self.newest is None or seen.newest.value >= self.newest.value):
            self.newest = seen.newest


class NewestFirst(OrderCheck):
    """Checks that no page is newer than the page before it. Old records pinned to the top are accepted."""

    def __init__(self) -> None:
        super().__init__()
        self._highest: Any = None

    def step_back(self) -> None:
        """Accept newer records, because pages are read again."""
        self._highest = None

    def check(self, seen: PageCursors) -> None:
        """Note a page.

        Raises:
            ConfigError: Its cursor values increase, or it has a newer record than the page before it.
        """
        if seen.newest is None:
            return
        values = [value for value in seen.values if value is not None]
        rises = len(set(values)) > _PINNED and values == sorted(values)
        if rises or (self._highest is not None and seen.newest.value > self._highest):
            raise ConfigError(
                "`mode: newest_first` says that the newest records come first, but they do not, so the connector would "
                "stop before new records. Remove it, or use `params` to sort by the cursor field, descending."
            )
        self._highest = seen.newest.value


def order_check(cursor: CursorProtocol | None) -> OrderCheck:
    """Returns the check for the order that a cursor declares."""
    if cursor is None:
        return OrderCheck()
    if cursor.in_order:
        return OldestFirst()
    return NewestFirst() if cursor.newest_first else OrderCheck()
