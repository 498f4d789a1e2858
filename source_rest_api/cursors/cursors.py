"""The union of all cursors. With a cursor, a sync reads only what is new since the last sync.

A cursor is stateless: `bounds` and `windows` return the slices to read, `place` adds one to a request, and `observe`
reads the cursor values of a page.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from source_rest_api.cursors.datetime_cursor import DatetimeCursor, DatetimeText
from source_rest_api.cursors.integer_cursor import IntegerCursor
from source_rest_api.cursors.slices import CursorValue, PageCursors, Slice
from source_rest_api.cursors.token_cursor import TokenCursor
from source_rest_api.lazy_models import ByType

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
    """Sets `type` to `datetime`, the commonest cursor, if it is left out."""
    return {"type": "datetime", **value} if isinstance(value, dict) else value


Cursor: TypeAlias = Annotated[DatetimeCursor | IntegerCursor | TokenCursor, ByType(), BeforeValidator(_with_type)]
