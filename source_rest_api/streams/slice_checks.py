"""Checks on the records of a slice: those at the saved cursor are not delivered again, and an order must hold."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from threading import Lock
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.formats import digests as digests_module
from source_rest_api.state.state import LARGEST

if TYPE_CHECKING:
    from msgspec import Raw

    from source_rest_api.cursors.contract import CursorProtocol
    from source_rest_api.cursors.cursors import CursorValue, PageCursors, Slice

_PINNED = 2
"""Different values that may rise on a page of a feed that is newest first: a pinned record, and one after it."""


@dataclass(slots=True)
class CursorBoundary:
    """The saved cursor, and digests of the records at it that have been delivered."""

    mark: CursorValue
    digests: frozenset[str]
    met: bool = False
    """True once a record with this cursor value has come back."""

    def without(self, seen: PageCursors) -> PageCursors:
        """A page without the records that were delivered, byte for byte as they are now."""
        if self.mark.value not in seen.values:
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
        """True if an interval that has been read should have had a record with this cursor value, and had none."""
        start, end = interval.start, interval.end
        inside = start is not None and start.value <= self.mark.value and (end is None or self.mark.value < end.value)
        return inside and not self.met


class SharedBorders:
    """The records at the borders between the slices of a partition, which the API may return for both neighbours.

    Whichever slice delivers one first is the one that would bring it again after a crash.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._delivered: dict[Any, set[str]] = {}

    def without(self, seen: PageCursors, interval: Slice) -> PageCursors:
        """A page without the records at the ends of its slice that the neighbour has delivered."""
        ends = [mark.value for mark in (interval.start, interval.end) if mark is not None and mark.value in seen.values]
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
    """Digests of the page's records that have its largest cursor value; one more than is kept if there are more."""
    newest = observation.newest
    if newest is None:
        return ()
    values, index = observation.values, -1
    found = []
    for _ in range(
        min(values.count(newest.value), LARGEST + 1)
    ):  # counted and found by C code: most have another value
        index = values.index(newest.value, index + 1)
        found.append(digests_module.digest(bytes(observation.records[index])))
    return tuple(found)


class OrderCheck:
    """Checks the order of a slice's records. This one demands none."""

    def __init__(self) -> None:
        self.newest: CursorValue | None = None
        """The largest cursor value so far, where records are declared to come oldest first."""

    def step_back(self) -> None:
        """Note that pages are read again, because rows have moved: what follows may lie before what came."""

    def check(self, seen: PageCursors) -> None:
        """Note a page.

        Raises:
            ConfigError: Its records do not come in the declared order.
        """


class OldestFirst(OrderCheck):
    """Checks that the cursor values of a slice never go back, page after page, but where reading itself does."""

    def __init__(self) -> None:
        super().__init__()
        self._again = False

    def step_back(self) -> None:
        """Until what follows is newer than what came, it may be older."""
        self._again = True

    def check(self, seen: PageCursors) -> None:
        """Note a page.

        Raises:
            ConfigError: One of its records is older than one before it, or has no readable cursor.
        """
        values = [value for value in seen.values if value is not None]
        before = [] if self.newest is None else [self.newest.value]
        self._again = self._again and (not values or values[:1] < before)
        ordered = values if self._again else before + values
        if None in seen.values or ordered != sorted(ordered):
            raise ConfigError(
                "`incremental.sorted` says that records come oldest first, and they do not. Remove it, or have the API "
                "sort by the cursor field (`params`)."
            )
        if seen.newest is not None and (self.newest is None or seen.newest.value >= self.newest.value):
            self.newest = seen.newest


class NewestFirst(OrderCheck):
    """Checks that no page is newer than the one before it, but for old records that the API pins to the top."""

    def __init__(self) -> None:
        super().__init__()
        self._highest: Any = None

    def step_back(self) -> None:
        """The pages that are read again may be newer than the last one."""
        self._highest = None

    def check(self, seen: PageCursors) -> None:
        """Note a page.

        Raises:
            ConfigError: It rises, or has a newer record than the page before it.
        """
        if seen.newest is None:
            return
        values = [value for value in seen.values if value is not None]
        rises = len(set(values)) > _PINNED and values == sorted(values)
        if rises or (self._highest is not None and seen.newest.value > self._highest):
            raise ConfigError(
                "`mode: newest_first` says that the newest records come first, and they do not, so paging would stop "
                "before new records. Remove it, or have the API sort by the cursor field, descending (`params`)."
            )
        self._highest = seen.newest.value


def order_check(cursor: CursorProtocol | None) -> OrderCheck:
    """Returns the check for the order that a cursor declares."""
    if cursor is None:
        return OrderCheck()
    if cursor.in_order:
        return OldestFirst()
    return NewestFirst() if cursor.newest_first else OrderCheck()
