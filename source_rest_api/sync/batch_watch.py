"""Chooses the batches of a stream that are looked at for problems, so that looking costs little in a long read."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw


class Watch(Protocol):
    """Warns of problems in records."""

    def look(self, records: Sequence[Raw]) -> None:
        """Looks at the records of a batch."""


class BatchWatch:
    """Looks at the batches 1, 2, 4, 8, … of a stream. Any thread may use it.

    Args:
        watches: The problems to look for.
    """

    def __init__(self, *watches: Watch) -> None:
        self._watches = list(watches)
        self._batches = count(1)

    def add(self, watch: Watch) -> None:
        """Looks for another problem too, from the next batch on."""
        self._watches.append(watch)

    def look(self, records: Sequence[Raw]) -> None:
        """Notes a batch, and looks at it if its turn has come. Batches without records do not count."""
        if not records:
            return
        number = next(self._batches)
        if number & (number - 1) == 0:
            for watch in self._watches:
                watch.look(records)
