"""Cursor values, slices between two of them, and the cursor values of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from msgspec import Raw


class CursorValue(Struct, frozen=True):
    """A cursor value: parsed, and as text."""

    value: Any
    """The value used for comparison: an aware datetime, an integer, or a token. Tokens are only tested for equality."""
    text: str
    """The text in the state, and in requests unless a format is set for them."""


class Slice(Struct, frozen=True):
    """One interval of cursor values to read. Without a start it begins with the first record."""

    start: CursorValue | None = None
    end: CursorValue | None = None


class PageCursors(NamedTuple):
    """The records and cursor values of a page, as observed by the cursor."""

    records: list[Raw]
    """The records to emit."""
    values: list[Any | None]
    """The cursor value of each record; None if it cannot be read."""
    newest: CursorValue | None = None
    """The largest cursor value of the page, or the page's token."""
    oldest: Any | None = None
    """The smallest cursor value of the page, that of a record to emit or of an older one; None if it is not known."""
    first_newest: int = 0
    """All records before this index have a smaller value than `newest`, or none that can be read."""
    unreadable: int = 0
    """Number of records whose cursor value is missing, null or in an unexpected format. They are emitted."""
    examples: tuple[str, ...] = ()
    """Distinct examples of unreadable values: truncated JSON, or `nothing` if the field is missing."""
    passed: bool = False
    """True if only records older than the slice follow this page, so paging may stop."""

    def holds(self, mark: CursorValue) -> bool:
        """True if a record has this cursor value. Only values within the page's bounds are searched for."""
        if self.oldest is not None and self.newest is not None and not self.oldest <= mark.value <= self.newest.value:
            return False
        return mark.value in self.values
