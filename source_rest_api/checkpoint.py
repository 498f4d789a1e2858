"""When a state is worth a message: soon, but not so often that states outgrow records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from source_rest_api.state import StreamState

_SHARE = 100


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that came before it is covered by this state."""

    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one read of a stream.

    A state holds a cursor for each partition. Written after every partition, the states of n partitions would take n²
    cursors; so one is written when more than a hundredth of the cursors have moved since the last: at once for less
    than a hundred partitions, and for more of them at most a hundredth of the work is without a state.
    """

    def __init__(self, state: StreamState) -> None:
        self._state = state
        self._last: dict[str, Any] | None = None
        self._moved = 0
        self._owed = True

    def count(self, records: int) -> None:
        """Note records that no checkpoint covers yet."""
        self._owed = self._owed or records > 0

    def advance(self, partition: str, cursor: str) -> None:
        """Move a partition's cursor forward."""
        before = self._state.get(partition)
        self._state.advance(partition, cursor)
        self._moved += self._state.get(partition) != before

    def due(self) -> Iterator[Checkpoint]:
        """After a partition: a checkpoint, if enough has changed."""
        if self._moved * _SHARE > len(self._state.cursors):
            yield self._checkpoint()

    def rest(self) -> Iterator[Checkpoint]:
        """When the read breaks off: a checkpoint, if anything has changed."""
        if self._moved:
            yield self._checkpoint()

    def last(self, now: datetime, *, incremental: bool) -> Iterator[Checkpoint]:
        """At the end: a checkpoint, if none covers all. It tells a full refresh that it came to its end.

        The Airbyte protocol does not allow the same state twice with records between: the moment tells them apart.
        """
        if self._owed or self._moved:
            if not incremental or self._last == self._state.dump():
                self._state.complete(now)
            yield self._checkpoint()

    def _checkpoint(self) -> Checkpoint:
        self._last, self._moved, self._owed = self._state.dump(), 0, False
        return Checkpoint(self._last)
