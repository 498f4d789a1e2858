"""What orders a stream, so that a sync reads only what is new since the last one.

A cursor is stateless: `bounds` and `windows` give the intervals to read, `place` puts one into a request, `observe`
says what a page told of it.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

from source_rest_api.cursors.datetime_cursor import DatetimeCursor, DatetimeText
from source_rest_api.cursors.integer_cursor import IntegerCursor
from source_rest_api.cursors.slices import CursorValue, PageCursors, Slice
from source_rest_api.cursors.token_cursor import TokenCursor

__all__ = [
    "Cursor",
    "CursorValue",
    "DatetimeCursor",
    "DatetimeText",
    "IntegerCursor",
    "PageCursors",
    "Slice",
    "TokenCursor",
]


def _with_type(value: Any) -> Any:
    """Most cursors are date-times, and a file need not say so."""
    return {"type": "datetime", **value} if isinstance(value, dict) else value


Cursor: TypeAlias = Annotated[
    DatetimeCursor | IntegerCursor | TokenCursor, Field(discriminator="type"), BeforeValidator(_with_type)
]
