"""The progress of one stream: what has been delivered, and the state for it.

Only what has passed on to the writer is noted here, in the order in which it passed. So a state covers exactly the
records before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol

from source_rest_api.formats import datetimes, digests
from source_rest_api.state import state
from source_rest_api.state.state import Reading, RowsState, SliceState, StreamState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from source_rest_api.cursors.cursors import Cursor, CursorValue
    from source_rest_api.state.progress_events import PageProgress, Planned


class KnownRows(Protocol):
    """The rows that the destination has, where deleted ones are reported; `deletions.known_rows` keeps them."""

    @property
    def changed(self) -> bool:
        """True if something has changed since the last `dump`."""

    def deliver(self, keys: Sequence[bytes], newest: CursorValue | None) -> None:
        """Note the keys of delivered rows, and the largest cursor value among them."""

    def close(self) -> None:
        """Note that the stream came to its end."""

    def dump(self) -> RowsState | None:
        """Returns the rows for the state."""


@dataclass
class _Partition:
    planned: int | None = None
    done: int = 0
    newest: CursorValue | None = None
    boundary: set[str] | None = field(default_factory=set)
    """None: there were too many."""


class Progress:
    """The progress of one read of one stream.

    Args:
        saved: The state of the last sync; it is moved on.
        cursor: The stream's cursor, if the sync is incremental.
        fingerprint: Digest of what positions depend on.
        began: When the read began.
        known_rows: The rows that the destination has, if deleted ones are to be reported.
        start: The start that the cursors cover once the read is complete; None if nothing lies before them.

    Attributes:
        earlier: What earlier runs of the same sync delivered, by partition.
    """

    def __init__(
        self,
        saved: StreamState,
        cursor: Cursor | None,
        fingerprint: str,
        began: datetime,
        known_rows: KnownRows | None = None,
        start: str | None = None,
    ) -> None:
        self._state = saved
        self._start = start
        self._cursor = cursor
        self._known_rows = known_rows
        mode = "full_refresh" if cursor is None else "incremental"
        before = saved.reading
        if before is None or (before.mode, before.of) != (mode, fingerprint):
            before = Reading(mode, fingerprint, datetimes.write(began))
        self._reading = before
        self._done = set(before.done)
        self._began = min(began, datetimes.parse(before.began_at))
        self._slices = {(entry.partition, entry.start): entry for entry in before.slices}
        self.earlier: dict[str, list[SliceState]] = {}
        for entry in before.slices:
            self.earlier.setdefault(entry.partition, []).append(entry)
        self._partitions: dict[str, _Partition] = {}
        self._met: set[str] = set()
        saved.reading = None
        saved.completed_at = None
        self._changed = False
        self.future: CursorValue | None = None
        """The largest cursor value that lies in the future; the state does not follow it."""

    @property
    def changed(self) -> bool:
        """True if something has moved since the last `dump`."""
        return self._changed or (self._known_rows is not None and self._known_rows.changed)

    def is_done(self, partition: str) -> bool:
        """True if an earlier run of this full refresh has read the partition."""
        return partition in self._done or digests.digest(partition) in self._done

    @property
    def start(self) -> str | None:
        """The start that the cursors cover so far."""
        return self._state.start

    def saved(self, partition: str) -> CursorValue | None:
        """The cursor of a partition."""
        text = self._state.get(partition)
        return None if self._cursor is None or text is None else self._cursor.mark(text)

    def known(self, partition: str) -> frozenset[str]:
        """Digests of the records at its cursor."""
        return frozenset(self._state.known(partition))

    def plan(self, planned: Planned) -> None:
        """Note how many slices a partition has."""
        self._partition(planned.partition).planned = planned.slices
        self._met.add(digests.digest(planned.partition))
        self._finish(planned.partition)

    def advance(self, moved: PageProgress) -> None:
        """Note what has been delivered."""
        partition = self._partition(moved.partition)
        self._observe(partition, moved)
        if self._known_rows is not None:
            self._known_rows.deliver(moved.keys, moved.newest)
        key = (moved.partition, None if moved.interval.start is None else moved.interval.start.text)
        entry = self._slices.get(key) or self._entry(moved)
        if moved.done:
            entry = self._entry(moved, done=True, newest=_newer(self._cursor, entry.newest, moved.newest))
            partition.done += 1
        elif self._splits(moved):
            self._split(moved, entry, key)
            return
        elif moved.bookmark is not None:
            mark = moved.bookmark
            entry = self._entry(moved, newest=_newer(self._cursor, entry.newest, moved.newest))
            entry.at, entry.page, entry.records, entry.anchor = mark.at, mark.page, mark.records, mark.anchor
        else:
            return
        self._slices[key] = entry
        self._changed = True
        self._finish(moved.partition)

    def _splits(self, moved: PageProgress) -> bool:
        """True if records come in order, so that all up to the newest one is done. A full refresh has no cursor."""
        known = moved.newest is not None and moved.interval.start is not None
        return self._cursor is not None and moved.ordered and known

    def complete(self, now: datetime) -> None:
        """Note that the stream came to its end: partitions that it did not meet are missing."""
        self._slices.clear()
        self._done.clear()
        self._state.forget(self._met, now)
        if self._known_rows is not None:
            self._known_rows.close()
        if self._cursor is None:
            self.stamp(now)
        else:
            self._state.start = self._start
        self._changed = True

    def stamp(self, now: datetime) -> None:
        """Tell a state from the one before, as the protocol demands."""
        self._state.completed_at = datetimes.write(now)

    def dump(self) -> dict[str, Any]:
        """The state for what has been delivered."""
        self._changed = False
        slices = list(self._merged())
        self._slices = {(entry.partition, entry.start): entry for entry in slices}
        if slices or self._done:
            self._reading.slices, self._reading.done = slices, sorted(self._done)
            self._state.reading = self._reading
        self._state.rows = None if self._known_rows is None else self._known_rows.dump()
        dumped = self._state.dump()
        self._state.reading = None
        return dumped

    def _partition(self, key: str) -> _Partition:
        return self._partitions.setdefault(key, _Partition())

    def _entry(self, moved: PageProgress, *, done: bool = False, newest: str | None = None) -> SliceState:
        start, end = moved.interval.start, moved.interval.end
        return SliceState(moved.partition, start and start.text, end and end.text, done, newest)

    def _observe(self, partition: _Partition, moved: PageProgress) -> None:
        """Keep the largest cursor value, and who has it."""
        if self._cursor is None or moved.newest is None:
            return
        before, partition.newest = partition.newest, self._cursor.later(partition.newest, moved.newest)
        if partition.newest is before and before is not None and before.value != moved.newest.value:
            return
        if before is None or before.value != moved.newest.value:
            partition.boundary = set()
        if partition.boundary is not None:
            partition.boundary.update(moved.boundary)
            if len(partition.boundary) > state.LARGEST:
                partition.boundary = None

    def _split(self, moved: PageProgress, before: SliceState, key: tuple[str, str | None]) -> None:
        """Records come in order: what lies before the last of them is done, and needs no position."""
        assert self._cursor is not None  # noqa: S101 -- order is a cursor's
        assert moved.newest is not None  # noqa: S101 -- asked by the caller
        newest = self._cursor.clamp(moved.newest, self._began)
        if before.newest is not None and self._cursor.mark(before.newest).value > newest.value:
            return  # a page that was read again
        entry = self._entry(moved, done=True, newest=newest.text)
        entry.end = newest.text
        self._slices[key] = entry
        self._changed = True

    def _finish(self, key: str) -> None:
        """Move the cursor of a partition whose slices are all done."""
        partition = self._partitions[key]
        if partition.planned is None or partition.done < partition.planned:
            return
        entries = [entry for (owner, _), entry in self._slices.items() if owner == key]
        if self._cursor is None:
            self._done.add(key if len(self._done) < state.READABLE else digests.digest(key))
        else:
            self._move(key, partition, entries)
        for entry in entries:
            del self._slices[key, entry.start]
        del self._partitions[key]
        self._changed = True

    def _move(self, key: str, partition: _Partition, entries: list[SliceState]) -> None:
        cursor = self._cursor
        assert cursor is not None  # noqa: S101 -- asked by the caller
        earlier = [cursor.mark(entry.newest) for entry in entries if entry.newest]
        before = self.saved(key)
        newest = reduce(cursor.later, (*earlier, partition.newest), before)
        if newest is None:
            return
        boundary = partition.boundary if newest == partition.newest else set()
        if before is not None and newest.value == before.value:
            newest, boundary = before, (boundary or set()) | self.known(key)
        clamped = cursor.clamp(newest, self._began)
        if clamped != newest:
            self.future, boundary = newest, set()
        if before is not None and cursor.later(before, clamped) is before and clamped.value != before.value:
            return
        self._state.set(key, clamped.text, sorted(boundary or ()) if len(boundary or ()) <= state.LARGEST else [])

    def _merged(self) -> Iterator[SliceState]:
        """The slices, with neighbours that are done as one."""
        last: SliceState | None = None
        for entry in sorted(self._slices.values(), key=self._order):
            touches = last is not None and last.partition == entry.partition and last.end == entry.start is not None
            if last is not None and touches and last.done and entry.done:
                newest = _newer(self._cursor, last.newest, entry.newest)
                last = SliceState(last.partition, last.start, entry.end, done=True, newest=newest)
                continue
            if last is not None:
                yield last
            last = entry
        if last is not None:
            yield last

    def _order(self, entry: SliceState) -> tuple[str, bool, Any]:
        start = entry.start
        if start is None:
            return (entry.partition, False, 0)
        return (entry.partition, True, self._cursor.mark(start).value if self._cursor is not None else start)


def _newer(cursor: Cursor | None, one: str | None, other: CursorValue | str | None) -> str | None:
    """The larger of two cursor values, as text."""
    if cursor is None:
        return None
    marks = (cursor.mark(value) if isinstance(value, str) else value for value in (one, other))
    newest = reduce(cursor.later, marks)
    return None if newest is None else newest.text
