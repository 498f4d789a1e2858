"""What the reader of a slice hands on: records, and what they move."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from msgspec import Raw

    from source_rest_api.cursors.cursors import CursorValue, Slice
    from source_rest_api.pagination.page import Position


class Bookmark(Struct, frozen=True):
    """Where to go on inside a slice."""

    at: Position
    page: int
    records: int
    anchor: str | None = None


class PageProgress(Struct, frozen=True):
    """What one page of a slice moves."""

    partition: str
    interval: Slice
    done: bool = False
    bookmark: Bookmark | None = None
    """None if nothing that may be kept tells where to go on."""
    newest: CursorValue | None = None
    """The page's largest cursor value."""
    boundary: tuple[str, ...] = ()
    """Digests of the page's records that have it."""
    ordered: bool = False
    """Whether everything up to `newest` has been delivered."""
    keys: Sequence[bytes] = ()
    """Keys of the records, where `deletions` follows them."""


class Planned(Struct, frozen=True):
    """A partition has this many slices."""

    partition: str
    slices: int


class Swept(Struct, frozen=True):
    """Rows that a sweep met."""

    keys: Sequence[bytes]

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return sum(map(sys.getsizeof, self.keys))


class Barrier(Struct, frozen=True):
    """What was planned before has to have ended well before the plan goes on."""


class SweepEnd(Struct, frozen=True):
    """All of a sweep has been delivered, or it counts for nothing."""

    began_at: datetime
    doubt: str | None = None
    """Why it counts for nothing."""


class Batch(Struct, frozen=True):
    """Records ready to be emitted, and what they move."""

    records: list[Raw]
    moved: PageProgress | Swept
    nulled: Mapping[int, tuple[str, ...]] = {}
    """By the index of a record: its fields that are null because it was too large."""


class Out(Protocol):
    """Where a reader's work goes."""

    def put(self, item: Batch) -> None:
        """Pass on a batch. Waits while the queue is full."""

    def changed(self) -> None:
        """Tell the workers that there is something new to ask for."""
