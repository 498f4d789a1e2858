"""The progress of one stream: what was delivered, and the state for it.

The thread that writes records notes the progress in the order in which it writes. So a state covers exactly the records
before it.
"""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from msgspec import Struct, field

from source_rest_api.formats import datetimes, digests
from source_rest_api.state import adjacent_slices, state
from source_rest_api.state.state import Reading, RowsState, SliceState, StreamState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from source_rest_api.cursors.cursors import Cursor, CursorValue
    from source_rest_api.state.parent_positions import ParentPositions
    from source_rest_api.state.progress_events import PageProgress, Planned


class KnownRows(Protocol):
    """The rows that the destination has, for delete detection. `deletions.known_rows` implements it."""

    @property
    def changed(self) -> bool:
        """True if something changed since the last `dump`."""

    def deliver(self, keys: Sequence[bytes], newest: CursorValue | None) -> None:
        """Note the keys of delivered rows, and the largest cursor value among them."""

    def close(self) -> None:
        """Note that the stream is complete."""

    def dump(self) -> RowsState | None:
        """Returns the rows for the state."""


class _Partition(Struct):
    planned: int | None = None
    done: int = 0
    done_as: str | None = None
    newest: CursorValue | None = None
    boundary: set[str] | None = field(default_factory=set)
    """Digests of the records at `newest`; None if there are more than `state.LARGEST`."""


class Coverage(NamedTuple):
    """The coverage of a state, once the read is complete."""

    start: str | None = None
    """The start that the cursors cover; None if nothing lies before them."""
    parents: ParentPositions | None = None
    """The positions of the parents, if the stream is read only for changed parents."""


_EVERYTHING = Coverage()


class Progress:
    """The progress of one read of one stream.

    Args:
        saved: The state of the last sync; this object changes it.
        cursor: The stream's cursor, if the sync is incremental.
        fingerprint: Returns the digest of the settings that saved positions depend on.
        began: When the read began.
        known_rows: The rows that the destination has, if deletions are detected.
        coverage: The coverage of the state, once the read is complete.
        lag: Gives by how much the API's clock is behind, as far as it is known.

    Attributes:
        earlier: The slices that earlier runs of the same sync delivered in full or in part, by partition.
    """

    def __init__(
        self,
        saved: StreamState,
        cursor: Cursor | None,
        fingerprint: Callable[[], str],
        began: datetime,
        known_rows: KnownRows | None = None,
        coverage: Coverage = _EVERYTHING,
        lag: Callable[[], timedelta] = timedelta,
    ) -> None:
        self._lag = lag
        self._state = saved
        self._start, self.parents = coverage
        self._cursor = cursor
        self._known_rows = known_rows
        self._mode = "full_refresh" if cursor is None and self.parents is None else "incremental"
        self._fingerprint = fingerprint
        before = saved.reading
        if before is not None and (before.mode != self._mode or before.of != fingerprint()):
            before = None
        self._done = set() if before is None else set(before.done)
        self._began = began if before is None else min(began, datetimes.parse(before.began_at))
        slices = [] if before is None else before.slices
        self._slices = {(entry.partition, entry.start): entry for entry in slices}
        self.earlier: dict[str, list[SliceState]] = {}
        for entry in slices:
            self.earlier.setdefault(entry.partition, []).append(entry)
        self._partitions: dict[str, _Partition] = {}
        self._met: set[str] = set()
        saved.reading = None
        saved.completed_at = None
        self._changed = False
        self.future: CursorValue | None = None
        """The largest cursor value, if it is later than the start of the read; the state does not follow it."""

    @property
    def changed(self) -> bool:
        """True if something changed since the last `dump`."""
        return self._changed or (self._known_rows is not None and self._known_rows.changed)

    def is_done(self, partition: str) -> bool:
        """True if an earlier run completed the partition: with `only_changed_parents`, of this parent version."""
        return partition in self._done or digests.digest(partition) in self._done

    @property
    def _until(self) -> datetime:
        """The time by the API's clock when the read began. The state must not pass it."""
        return self._began - self._lag()

    @property
    def start(self) -> str | None:
        """The start that the cursors cover so far."""
        return self._state.start

    def saved(self, partition: str, records: Mapping[str, Any] | None = None) -> CursorValue | None:
        """Returns the saved cursor of a partition, by its key, or by its records in a state that was moved here."""
        text = self._state.get(partition)
        if text is None and self._cursor is not None:
            text = self._state.adopt(partition, records or {})
        return None if self._cursor is None or text is None else self._cursor.mark(text)

    def known(self, partition: str) -> frozenset[str]:
        """Returns digests of the records at a partition's saved cursor."""
        return frozenset(self._state.known(partition))

    def plan(self, planned: Planned) -> None:
        """Note the number of slices of a partition."""
        partition = self._partition(planned.partition)
        partition.planned, partition.done_as = planned.slices, planned.done_as
        self._met.add(digests.digest(planned.partition))
        self._finish(planned.partition)

    def advance(self, moved: PageProgress) -> None:
        """Note a delivered page."""
        partition = self._partition(moved.partition)
        self._observe(partition, moved)
        if self._known_rows is not None:
            self._known_rows.deliver(moved.keys, moved.newest)
        key = (moved.partition, None if moved.interval.start is None else moved.interval.start.text)
        entry = self._slices.get(key) or self._entry(moved)
        if moved.done:
            entry = self._entry(
                moved, done=True, newest=adjacent_slices.newer(self._cursor, entry.newest, moved.newest)
            )
            partition.done += 1
        elif self._splits(moved):
            self._split(moved, entry, key)
            return
        elif moved.bookmark is not None:
            mark = moved.bookmark
            entry = self._entry(moved, newest=adjacent_slices.newer(self._cursor, entry.newest, moved.newest))
            entry.at, entry.page, entry.records, entry.anchor = mark.at, mark.page, mark.records, mark.anchor
            entry.job = mark.job
        else:
            return
        self._slices[key] = entry
        self._changed = True
        self._finish(moved.partition)

    def _splits(self, moved: PageProgress) -> bool:
        """True if records come oldest first, so that the slice is done up to its newest record."""
        known = moved.newest is not None and moved.interval.start is not None
        return self._cursor is not None and moved.ordered and known

    def complete(self, now: datetime) -> None:
        """Note that the stream is complete: saved partitions that it did not have are missing."""
        self._slices.clear()
        self._done.clear()
        if self.parents is None:
            self._state.forget(self._met, now)
        else:
            self._state.parents = self.parents.dump()
        if self._known_rows is not None:
            self._known_rows.close()
        if self._cursor is None:
            self.stamp(now)
        else:
            self._state.start = self._start
            self._state.moved = None
        self._changed = True

    def stamp(self, now: datetime) -> None:
        """Set the time of completion. It makes each final state unique, as the Airbyte protocol requires."""
        self._state.completed_at = datetimes.write(now)

    def dump(self) -> dict[str, Any]:
        """Returns the state for the records delivered so far."""
        self._changed = False
        slices = adjacent_slices.merged(self._slices.values(), self._cursor)
        self._slices = {(entry.partition, entry.start): entry for entry in slices}
        if slices or self._done:
            began_at = datetimes.write(self._until)
            self._state.reading = Reading(self._mode, self._fingerprint(), began_at, sorted(self._done), slices)
        self._state.rows = None if self._known_rows is None else self._known_rows.dump()
        dumped = self._state.dump()
        self._state.reading = None
        return dumped

    def _partition(self, key: str) -> _Partition:
        return self._partitions.setdefault(key, _Partition())

    def _entry(self, moved: PageProgress, *, done: bool = False, newest: str | None = None) -> SliceState:
        start, end = (None if each is None else each.text for each in (moved.interval.start, moved.interval.end))
        return SliceState(moved.partition, start, end, done, newest)

    def _observe(self, partition: _Partition, moved: PageProgress) -> None:
        """Keep the largest cursor value of a partition, and the digests of its records."""
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
        """Note as done the part of a slice up to its newest record. The rest needs no position."""
        assert self._cursor is not None  # noqa: S101 -- checked by `_splits`
        assert moved.newest is not None  # noqa: S101 -- checked by `_splits`
        newest = self._cursor.clamp(moved.newest, self._until)
        if before.newest is not None and self._cursor.mark(before.newest).value > newest.value:
            return  # the page was read a second time
        entry = self._entry(moved, done=True, newest=newest.text)
        entry.end = newest.text
        self._slices[key] = entry
        self._changed = True

    def _finish(self, key: str) -> None:
        """Advance the cursor of a partition, if all its slices are done."""
        partition = self._partitions[key]
        if partition.planned is None or partition.done < partition.planned:
            return
        entries = [entry for (owner, _), entry in self._slices.items() if owner == key]
        if self._cursor is not None:
            self._move(key, partition, entries)
        if partition.done_as is not None:
            self._done.add(digests.digest(partition.done_as))
        elif self._cursor is None:
            self._done.add(key if len(self._done) < state.READABLE else digests.digest(key))
        for entry in entries:
            del self._slices[key, entry.start]
        del self._partitions[key]
        self._changed = True

    def _move(self, key: str, partition: _Partition, entries: list[SliceState]) -> None:
        cursor = self._cursor
        assert cursor is not None  # noqa: S101 -- checked by the caller
        earlier = [cursor.mark(entry.newest) for entry in entries if entry.newest]
        before = self.saved(key)
        newest = reduce(cursor.later, (*earlier, partition.newest), before)
        if newest is None:
            return
        boundary = partition.boundary if newest == partition.newest else set()
        if before is not None and newest.value == before.value:
            newest, boundary = before, (boundary or set()) | self.known(key)
        clamped = cursor.clamp(newest, self._until)
        if clamped != newest:
            self.future, boundary = newest, set()
        if before is not None and cursor.later(before, clamped) is before and clamped.value != before.value:
            return
        self._state.set(key, clamped.text, sorted(boundary or ()) if len(boundary or ()) <= state.LARGEST else [])
