"""Resumes where the API caps the results of one query (Elasticsearch and searches built on it: 10,000)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.cursors.cursors import CursorValue, Slice


def rest(interval: Slice, newest: CursorValue | None) -> Slice:
    """Returns the rest of a slice whose records came oldest first, up to the newest of them.

    It begins with the newest cursor value itself, because others may share it.

    Raises:
        ConfigError: There is no such value, or the slice began with it, so that asking again would give the same.
    """
    if newest is None:
        raise ConfigError(
            "The API caps the results of one query (`pagination.result_cap`), and none of these records has a readable "
            "cursor to go on from: check `incremental.cursor_field`."
        )
    if interval.start is not None and newest.value <= interval.start.value:
        raise ConfigError(
            f"More records than one query returns (`pagination.result_cap`) have the cursor {newest.text}, "
            "so the connector cannot read the others. Divide the query, for example by `partitions`."
        )
    return replace(interval, start=newest)
