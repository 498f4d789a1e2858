r"""What the last sync reached, as it stands in STATE messages.

{"version": 1, "cursor": "2024-06-01T00:00:00Z"}                        a stream read once
{"version": 1, "cursors": {"{\"repos.name\":\"a\"}": "2024-..."}}       ... once for each parent record
{"version": 1, "completed_at": "2024-06-01T12:00:00Z"}                  a full refresh that came to its end
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api import datetimes
from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

VERSION = 1


class StreamState(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=False):
    """The state of one stream. Cursors only move forward."""

    version: int
    cursor: str | None = None
    cursors: dict[str, str] = {}
    completed_at: str | None = None

    def get(self, partition: str) -> str | None:
        """The cursor of a partition (its key; empty for a stream that is read once)."""
        return self.cursors.get(partition) if partition else self.cursor

    def advance(self, partition: str, cursor: str) -> None:
        """Move a partition's cursor forward; an older value changes nothing."""
        current = self.get(partition)
        if current is not None and datetimes.parse(cursor) <= datetimes.parse(current):
            return
        if partition:
            self.cursors[partition] = cursor
        else:
            self.cursor = cursor

    def complete(self, now: datetime) -> None:
        """Note that a full refresh came to its end."""
        self.completed_at = datetimes.write(now)

    def dump(self) -> dict[str, Any]:
        """The state as it stands in a message, apart from this object."""
        builtins: dict[str, Any] = msgspec.to_builtins(self)
        return builtins


def new() -> StreamState:
    """The state before the first sync."""
    return StreamState(version=VERSION)


def load(stream: str, value: Mapping[str, Any] | None) -> StreamState:
    """Read a stream's state.

    Raises:
        ConfigError: It is not a state of this connector.
    """
    if not value:
        return new()
    version = value.get("version")
    if isinstance(version, int) and version != VERSION:
        raise ConfigError(
            f"Stream {stream}: the state is of version {version}, and this connector writes version {VERSION}. "
            "Use the connector that wrote it, or reset the stream."
        )
    try:
        state = msgspec.convert(value, StreamState)
        for cursor in [state.cursor, *state.cursors.values()]:
            if cursor is not None:
                datetimes.parse(cursor)
    except (msgspec.ValidationError, ValueError) as error:
        shown = msgspec.json.encode(value, enc_hook=str)[:200].decode("utf-8", "replace")
        raise ConfigError(
            f"Stream {stream}: the state {shown} is not one of this connector ({error}). Reset the stream, or "
            "correct it."
        ) from None
    return state
