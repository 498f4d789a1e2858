"""Merges adjacent slices that are done, so that the state of a long sync stays small."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from source_rest_api.state.state import SliceState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_rest_api.cursors.cursors import Cursor, CursorValue


def merged(entries: Iterable[SliceState], cursor: Cursor | None) -> list[SliceState]:
    """Returns the slices in order; adjacent ones that are done are merged."""
    found: list[SliceState] = []
    for entry in sorted(entries, key=lambda entry: _order(entry, cursor)):
        last = found[-1] if found else None
        touches = last is not None and last.partition == entry.partition and last.end == entry.start is not None
        if last is not None and touches and last.done and entry.done:
            newest = newer(cursor, last.newest, entry.newest)
            found[-1] = SliceState(last.partition, last.start, entry.end, done=True, newest=newest)
        else:
            found.append(entry)
    return found


def _order(entry: SliceState, cursor: Cursor | None) -> tuple[str, bool, Any]:
    start = entry.start
    if start is None:
        return (entry.partition, False, 0)
    return (entry.partition, True, cursor.mark(start).value if cursor is not None else start)


def newer(cursor: Cursor | None, one: str | None, other: CursorValue | str | None) -> str | None:
    """Returns the larger of two cursor values as text; None without a cursor."""
    if cursor is None:
        return None
    marks = (cursor.mark(value) if isinstance(value, str) else value for value in (one, other))
    newest = reduce(cursor.later, marks)
    return None if newest is None else newest.text
