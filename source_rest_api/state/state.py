r"""The state of a stream, as it stands in STATE messages.

{"version": 2, "cursor_field": "updated_at", "cursor": "2024-06-01T00:00:00Z"}             a stream read once
{"version": 2, "cursor_field": "at", "cursors": {"{\"repos.name\":\"a\"}": "2024-..."}}    ... once for each parent
{"version": 2, "completed_at": "2024-06-01T12:00:00Z"}                  a full refresh that came to its end

While a sync is unfinished, `reading` holds what it has delivered beyond that: the intervals that are done, and for each
slice in flight the page to go on with. A partition that never had a record has no entry: it begins at its start, as a
new one does. From a thousand partitions on, their names are 64-bit digests (`#` and 11 characters). `rows` holds the
keys of all rows, where deleted ones are to be told.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.errors import ConfigError
from source_rest_api.formats import datetimes
from source_rest_api.formats.digests import digest
from source_rest_api.formats.excerpt import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

# msgspec learns what a type is when it is first used, and crashes if two threads have it do so at the same time.
_LEARNING = Lock()
VERSION = 2
READABLE = 1000
"""Partitions whose names are kept as they are."""
_FORGOTTEN = timedelta(days=30)
"""After which a partition that is not met any more is dropped."""


class SliceState(msgspec.Struct, omit_defaults=True):
    """One slice of an unfinished sync: done, or where to go on."""

    partition: str = ""
    start: str | None = None
    end: str | None = None
    done: bool = False
    newest: str | None = None
    """The largest cursor value delivered."""
    at: int | str | None = None
    """Position of the page to ask for."""
    page: int = 0
    """Pages delivered."""
    records: int = 0
    """Records on the pages before `at`."""
    anchor: str | None = None
    """Digest of the last record delivered, for positions that shift when rows come or go."""


class Reading(msgspec.Struct, omit_defaults=True):
    """The progress of an unfinished sync."""

    mode: str
    """The sync mode: `incremental` or `full_refresh`."""
    of: str
    """Digest of what the positions depend on; under another config they mean nothing."""
    began_at: str
    """When the first of the runs that share it began: later changes may be missing from what it delivered."""
    done: list[str] = []
    """Partitions of a full refresh that are done."""
    slices: list[SliceState] = []


class RowsState(msgspec.Struct, omit_defaults=True):
    """The rows that the destination has, where `deletions` follows them. Keys are texts as `keys` writes them."""

    of: str
    """Digest of what the keys depend on."""
    swept_at: str
    """When the last sweep that was complete began, or the first read."""
    keys: str = ""
    added: str = ""
    """Keys beside `keys`."""
    missing: str = ""
    """Those that the last sweep did not have."""
    newest: str | None = None
    """The largest cursor value ever delivered, be it in the future."""
    too_many: bool = False
    """There are more rows than can be followed."""


class StreamState(msgspec.Struct, omit_defaults=True):
    """The state of one stream."""

    version: int
    cursor_field: str | None = None
    """The field whose values the cursors are; under another field they mean nothing."""
    start: str | None = None
    """Where the first sync began: the cursors cover nothing before it. None if it began with the first record."""
    cursor: str | None = None
    boundary: list[str] = []
    """Digests of the records at the cursor, which are not delivered a second time."""
    cursors: dict[str, str] = {}
    boundaries: dict[str, list[str]] = {}
    missing: dict[str, str] = {}
    """Partitions that a complete sync did not meet, and the date from which they are missing."""
    completed_at: str | None = None
    reading: Reading | None = None
    rows: RowsState | None = None

    def get(self, partition: str) -> str | None:
        """The cursor of a partition (its key; empty for a stream that is read once)."""
        if not partition:
            return self.cursor
        return self.cursors.get(partition) or self.cursors.get(digest(partition))

    @property
    def is_new(self) -> bool:
        """True before the first sync has read anything."""
        return self.cursor is None and not self.cursors and self.reading is None

    def texts(self) -> Iterator[str]:
        """All cursor values."""
        entries = self.reading.slices if self.reading is not None else []
        inner = (text for entry in entries for text in (entry.start, entry.end, entry.newest))
        yield from (text for text in (self.start, self.cursor, *self.cursors.values(), *inner) if text is not None)

    def moments(self) -> Iterator[str]:
        """All moments that the connector wrote."""
        yield from self.missing.values()
        if self.reading is not None:
            yield self.reading.began_at
        if self.rows is not None:
            yield self.rows.swept_at

    def known(self, partition: str) -> list[str]:
        """Digests of the records at a partition's cursor."""
        if not partition:
            return self.boundary
        return self.boundaries.get(partition) or self.boundaries.get(digest(partition), [])

    def name(self, partition: str) -> str:
        """The name under which a partition is kept."""
        return partition if len(self.cursors) < READABLE or partition in self.cursors else digest(partition)

    def set(self, partition: str, cursor: str, boundary: list[str]) -> None:
        """Move a partition's cursor."""
        if not partition:
            self.cursor, self.boundary = cursor, boundary
            return
        name = self.name(partition)
        if name == partition:
            self.cursors.pop(digest(partition), None)
        self.cursors[name] = cursor
        self.boundaries.pop(name, None)
        self.missing.pop(name, None)
        if boundary and name == partition:
            self.boundaries[name] = boundary
        if len(self.cursors) == READABLE:
            self._shorten()

    def forget(self, met: AbstractSet[str], now: datetime) -> None:
        """Note partitions that a complete sync did not meet, and drop those that have been missing for long.

        Args:
            met: Digests of those that it met.
            now: Today.
        """
        for name in list(self.cursors):
            if short(name) in met:
                self.missing.pop(name, None)
                continue
            since = self.missing.setdefault(name, now.date().isoformat())
            if now - datetimes.parse(since) > _FORGOTTEN:
                del self.cursors[name], self.missing[name]
                self.boundaries.pop(name, None)

    def _shorten(self) -> None:
        self.cursors = {short(name): cursor for name, cursor in self.cursors.items()}
        self.missing = {short(name): since for name, since in self.missing.items()}
        self.boundaries = {}

    def dump(self) -> dict[str, Any]:
        """The state as it stands in a message, apart from this object."""
        builtins: dict[str, Any] = msgspec.to_builtins(self)
        return builtins


def short(name: str) -> str:
    """The digest of a partition's name, if it is not one already."""
    return name if name.startswith("#") else digest(name)


def new() -> StreamState:
    """The state before the first sync."""
    return StreamState(VERSION)


def load(stream: str, value: Mapping[str, Any] | None) -> StreamState:
    """Read a stream's state; one of version 1 is read as well.

    Raises:
        ConfigError: It is not a state of this connector.
    """
    if not value:
        return new()
    version = value.get("version")
    if isinstance(version, int) and not 1 <= version <= VERSION:
        raise ConfigError(
            f"Stream {stream}: the state is of version {version}, and this connector writes version {VERSION}. "
            "Use the connector that wrote it, or reset the stream."
        )
    try:
        if version is None:
            raise ValueError("it has no `version`")  # noqa: TRY301 -- told with the other reasons
        with _LEARNING:
            state = msgspec.convert(value, StreamState)
        for moment in state.moments():
            datetimes.parse(moment)
    except (msgspec.ValidationError, ValueError) as error:
        raise foreign(stream, value, str(error)) from None
    state.version = VERSION
    return state


def foreign(stream: str, value: object, reason: str) -> ConfigError:
    """The error for a state that cannot be used."""
    shown = excerpt(msgspec.json.encode(value, enc_hook=str))
    return ConfigError(
        f"Stream {stream}: the state {shown} is not one of this connector ({reason}). Reset the stream, or correct it."
    )


LARGEST = 1000
"""Records with one cursor value whose digests are kept. If there are more, all of them are delivered again."""
