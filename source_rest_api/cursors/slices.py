"""Values of a cursor, the intervals between them, and what a page told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from msgspec import Raw


class CursorValue(NamedTuple):
    """A cursor value."""

    value: Any
    """What it is compared by: an aware datetime, an integer, or a token, which is only compared with itself."""
    text: str
    """As it stands in the state, and in requests unless they have a format of their own."""


class Slice(Struct, frozen=True):
    """One interval of the cursor to read; without a cursor, or a start, it is everything."""

    start: CursorValue | None = None
    end: CursorValue | None = None


class PageCursors(NamedTuple):
    """What a page's cursor values told."""

    records: list[Raw]
    """The records to emit."""
    values: list[Any | None]
    """The cursor value of each of them, None where it cannot be read."""
    newest: CursorValue | None = None
    """The largest cursor value of the page; of tokens, the one that counts."""
    unreadable: int = 0
    """Records whose cursor value is missing, null or in no form that was expected. They are emitted."""
    examples: tuple[str, ...] = ()
    """Some of what stood there instead, each once: JSON, cut to a few words, or that the field is missing."""
    passed: bool = False
    """Whether all that follows this page is older than the interval, so that paging may stop."""
