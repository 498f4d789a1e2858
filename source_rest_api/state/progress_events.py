"""Events that change the progress of a stream: a page, a planned partition, a sweep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from source_rest_api.cursors.cursors import CursorValue, Slice
    from source_rest_api.pagination.page import Position
    from source_rest_api.state.job_state import JobState


class Bookmark(Struct, frozen=True):
    """A place inside a slice from which to resume."""

    at: Position | None
    page: int
    records: int
    anchor: str | None = None
    job: JobState | None = None
    """The report job whose result is the slice."""


class PageProgress(Struct, frozen=True):
    """The progress that one page of a slice makes."""

    partition: str
    interval: Slice
    done: bool = False
    bookmark: Bookmark | None = None
    """The place to resume from; None if there is none, or if it must not be saved."""
    newest: CursorValue | None = None
    """The page's largest cursor value."""
    boundary: tuple[str, ...] = ()
    """Digests of the page's records at `newest`."""
    ordered: bool = False
    """True if everything up to `newest` was delivered."""
    keys: Sequence[bytes] = ()
    """Keys of the records, if the endpoint has `deletions`."""
    at_once: bool = False
    """True if the state must not wait, because the API began a job that a later run has to find again."""


class Planned(Struct, frozen=True):
    """All slices of a partition are planned: their number."""

    partition: str
    slices: int
    done_as: str | None = None
    """The partition's name in the list of done ones, with its parent's version; None if the cursor is enough."""


class Swept(Struct, frozen=True):
    """Rows that a sweep found."""

    keys: Sequence[bytes]

    @property
    def size(self) -> int:
        """Approximate size in bytes."""
        return sum(map(sys.getsizeof, self.keys))


class Barrier(Struct, frozen=True):
    """A point where the plan waits until all steps before it have succeeded."""


class SweepEnd(Struct, frozen=True):
    """The end of a sweep."""

    began_at: datetime
    doubt: str | None = None
    """Why the sweep is ignored; None if it is complete."""
