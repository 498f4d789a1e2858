"""Events that move the progress of a stream: a page, a planned partition, a sweep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from source_rest_api.cursors.cursors import CursorValue, Slice
    from source_rest_api.pagination.page import Position


class Bookmark(Struct, frozen=True):
    """A place inside a slice from which to resume."""

    at: Position
    page: int
    records: int
    anchor: str | None = None


class PageProgress(Struct, frozen=True):
    """The progress that one page of a slice makes."""

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
    """True if everything up to `newest` has been delivered."""
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
    """A point at which the plan waits until everything before it has ended well."""


class SweepEnd(Struct, frozen=True):
    """All of a sweep has been delivered, or it counts for nothing."""

    began_at: datetime
    doubt: str | None = None
    """Why it counts for nothing."""
