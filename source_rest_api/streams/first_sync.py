"""Chooses between the endpoint with all records and the one with changes, by the state of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.formats import datetimes
from source_rest_api.state import state
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_rest_api.state.state import StreamState
    from source_rest_api.streams.stream import Stream


def chosen(
    changes: Stream, saved: Mapping[str, Any] | None, *, incremental: bool
) -> tuple[Stream, Mapping[str, Any] | None]:
    """Returns the stream to read, and the state that it continues from.

    Args:
        changes: The stream of the endpoint in the catalog.
        saved: Its state.
        incremental: True if the sync mode is incremental.

    Raises:
        ConfigError: The state is not one of this stream.
    """
    everything = changes.whole
    if everything is None:
        return changes, saved
    if not incremental or not saved:
        return everything, saved
    loaded = state.load(changes.name, saved)
    if loaded.reading is not None and loaded.reading.of == everything.fingerprint:
        return everything, saved
    return (everything, None) if _is_too_old(changes, loaded) else (changes, saved)


def _is_too_old(changes: Stream, loaded: StreamState) -> bool:
    """True if the API no longer keeps all changes since the earliest cursor of a state."""
    cursor, of = changes.endpoint.incremental, changes.endpoint.first_sync
    if cursor is None or of is None or of.retention is None:
        return False
    text = templates.render(of.retention, {"config": changes.raw_config})
    limit = datetimes.add(changes.now(), text, -1)
    cursors = [each for each in (loaded.cursor, *loaded.cursors.values()) if each is not None]
    moments = [cursor.mark(each).value for each in cursors]
    return any(moment < limit for moment in moments)
