"""Where to resume when the API caps the results of one query (10,000 in Elasticsearch and searches built on it)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.cursors.cursors import CursorValue, Slice


def rest(interval: Slice, newest: CursorValue | None) -> Slice:
    """Returns the rest of a slice whose records come oldest first.

    It begins at the newest cursor value itself, because more records may share it.

    Raises:
        ConfigError: There is no newest value, or the slice began at it, so the next query would return the same.
    """
    if newest is None:
        raise ConfigError(
            "The API caps the results of one query (`pagination.result_cap`), but no record has a readable cursor "
            "value to resume from. Check `incremental.cursor_field`."
        )
    if interval.start is not None and newest.value <= interval.start.value:
        raise ConfigError(
            f"More records share the cursor value {newest.text} than one query returns (`pagination.result_cap`), so "
            "the connector cannot read all of them. Divide the query, for example with `partitions`."
        )
    return replace(interval, start=newest)
