r"""The state of a stream, as in STATE messages.

{"version": 2, "cursor_field": "updated_at", "cursor": "2024-06-01T00:00:00Z"}             without partitions
{"version": 2, "cursor_field": "at", "cursors": {"{\"repos.name\":\"a\"}": "2024-..."}}    with one for each parent
{"version": 2, "completed_at": "2024-06-01T12:00:00Z"}                                     a complete full refresh

While a sync is unfinished, `reading` holds its progress: the intervals that are done, and for each slice in flight the
page to resume from. A partition that never had a record has no entry and is read from its start, as a new one is. From
a thousand partitions on, their names are 64-bit digests (`#` and 11 characters). `rows` holds the keys of all rows, if
the endpoint has `deletions`. `parents` holds the positions of the parents, if the endpoint has `only_changed_parents`.
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
from source_rest_api.formats.json_value import JsonValue  # noqa: TC001 -- msgspec reads it
from source_rest_api.state.job_state import JobState  # noqa: TC001 -- msgspec reads it
from source_rest_api.state.moved_state import MovedState  # noqa: TC001 -- msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

# msgspec analyses a type at its first use. It crashes if two threads cause that at the same time.
_LEARNING = Lock()
VERSION = 2
READABLE = 1000
"""Number of partitions from which their names are stored as digests."""
_FORGOTTEN = timedelta(days=30)
"""Time after which the state of a missing partition is dropped."""


class SliceState(msgspec.Struct, omit_defaults=True):
    """One slice of an unfinished sync: done, or the position to resume from."""

    partition: str = ""
    start: str | None = None
    end: str | None = None
    done: bool = False
    newest: str | None = None
    """The largest cursor value delivered."""
    at: int | str | JsonValue | None = None
    """Position of the next page to request."""
    page: int = 0
    """Number of pages delivered."""
    records: int = 0
    """Number of records on the pages before `at`."""
    anchor: str | None = None
    """Digest of the last record delivered, for positions that shift when rows come or go."""
    job: JobState | None = None
    """The report job whose result is the slice."""


class Reading(msgspec.Struct, omit_defaults=True):
    """The progress of an unfinished sync."""

    mode: str
    """The sync mode: `incremental` or `full_refresh`."""
    of: str
    """Digest of the settings that the positions depend on. With other settings, the progress is dropped."""
    began_at: str
    """When the first run of the sync began. Its records may lack later changes."""
    done: list[str] = []
    """Partitions that a full refresh has completed."""
    slices: list[SliceState] = []


class RowsState(msgspec.Struct, omit_defaults=True):
    """The rows that the destination has, for delete detection. `deletions.row_keys` encodes the keys."""

    of: str
    """Digest of the settings that the keys depend on."""
    swept_at: str
    """When the last complete sweep began, or the first read."""
    keys: str = ""
    added: str = ""
    """Keys added since `keys` was encoded."""
    missing: str = ""
    """Keys that the last sweep did not find."""
    newest: str | None = None
    """The largest cursor value ever delivered, even if it lies in the future."""
    too_many: bool = False
    """True if there are too many rows to detect deletions."""


class ParentsState(msgspec.Struct):
    """The positions of the parents whose children are all delivered, for `only_changed_parents`."""

    of: str
    """Digest of the settings that decide which parents there are."""
    reached: dict[str, dict[str, Any]]
    """A state for each parent, by its name, like the parent's own state."""


class StreamState(msgspec.Struct, omit_defaults=True):
    """The state of one stream."""

    version: int
    cursor_field: str | None = None
    """The field that the cursors are values of. With another field, the state is dropped."""
    start: str | None = None
    """The start of the first sync; nothing before it was read. None if the sync began with the first record."""
    cursor: str | None = None
    boundary: list[str] = []
    """Digests of the records at the cursor, so that they are not delivered twice."""
    cursors: dict[str, str] = {}
    boundaries: dict[str, list[str]] = {}
    missing: dict[str, str] = {}
    """Partitions that the last complete sync did not have, each with the date since when it is missing."""
    completed_at: str | None = None
    reading: Reading | None = None
    rows: RowsState | None = None
    parents: ParentsState | None = None
    moved: MovedState | None = None
    """Cursors that another connector saved, whose partitions were not met yet."""

    def get(self, partition: str) -> str | None:
        """Returns the cursor of a partition, by its key (empty for a stream without partitions)."""
        if not partition:
            return self.cursor
        return self.cursors.get(partition) or self.cursors.get(digest(partition))

    def adopt(self, partition: str, records: Mapping[str, Any]) -> str | None:
        """Returns the cursor that another connector saved for a partition, which becomes an entry of its own."""
        text = None if self.moved is None else self.moved.find(records)
        if text is not None:
            self.set(partition, text, [])
        return text

    @property
    def is_new(self) -> bool:
        """True before the first sync has read anything."""
        return self.cursor is None and not self.cursors and self.reading is None and self.moved is None

    def texts(self) -> Iterator[str]:
        """Yields all cursor values in the state."""
        entries = self.reading.slices if self.reading is not None else []
        inner = (text for entry in entries for text in (entry.start, entry.end, entry.newest))
        moved = [] if self.moved is None else [self.moved.default, *self.moved.cursors.values()]
        texts = (self.start, self.cursor, *self.cursors.values(), *inner, *moved)
        yield from (text for text in texts if text is not None)

    def moments(self) -> Iterator[str]:
        """Yields all times in the state that come from the connector's clock."""
        yield from self.missing.values()
        if self.reading is not None:
            yield self.reading.began_at
            yield from (entry.job.created_at for entry in self.reading.slices if entry.job is not None)
        if self.rows is not None:
            yield self.rows.swept_at

    def known(self, partition: str) -> list[str]:
        """Returns digests of the records at a partition's cursor."""
        if not partition:
            return self.boundary
        return self.boundaries.get(partition) or self.boundaries.get(digest(partition), [])

    def name(self, partition: str) -> str:
        """Returns the name of a partition in the state: its key, or a digest if there are many partitions."""
        return partition if len(self.cursors) < READABLE or partition in self.cursors else digest(partition)

    def set(self, partition: str, cursor: str, boundary: list[str]) -> None:
        """Set the cursor of a partition."""
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
        """Note partitions that a complete sync did not have, and drop those that are missing for too long.

        Args:
            met: Digests of the partitions that the sync had.
            now: The current time.
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
        """Returns the state for a message, as a copy."""
        builtins: dict[str, Any] = msgspec.to_builtins(self)
        return builtins


def short(name: str) -> str:
    """Returns the digest of a partition's name; a digest stays as it is."""
    return name if name.startswith("#") else digest(name)


def new() -> StreamState:
    """Returns the state before the first sync."""
    return StreamState(VERSION)


def load(stream: str, value: Mapping[str, Any] | None) -> StreamState:
    """Read a stream's state, of version 1 or 2.

    Raises:
        ConfigError: It is not a state of this connector.
    """
    if not value:
        return new()
    version = value.get("version")
    if isinstance(version, int) and not 1 <= version <= VERSION:
        raise ConfigError(
            f"Stream {stream}: the state has version {version}, but this connector supports versions up to {VERSION}. "
            "Use the connector that wrote it, or reset the stream."
        )
    try:
        if version is None:
            raise ValueError("it has no `version`")  # noqa: TRY301 -- reported like the other reasons
        with _LEARNING:
            state = msgspec.convert(value, StreamState)
        for moment in state.moments():
            datetimes.parse(moment)
    except (msgspec.ValidationError, ValueError) as error:
        raise foreign(stream, value, str(error)) from None
    state.version = VERSION
    return state


def foreign(stream: str, value: object, reason: str) -> ConfigError:
    """Returns the error for a state that this connector cannot use."""
    shown = excerpt(msgspec.json.encode(value, enc_hook=str))
    return ConfigError(
        f"Stream {stream}: the state {shown} is not one of this connector ({reason}). Correct it, or reset the stream."
    )


LARGEST = 1000
"""Upper limit of the digests kept for one cursor value. If more records share it, all are delivered again."""
