"""Parent streams: each is read once for all its child streams."""

from __future__ import annotations

import logging
import time
import uuid
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from source_rest_api.closest_name import closest
from source_rest_api.config import stream_references
from source_rest_api.cursors.cursors import Slice
from source_rest_api.errors import ConfigError
from source_rest_api.formats import digests, raw_json
from source_rest_api.state.progress_events import PageProgress, Planned
from source_rest_api.streams.parent_record import ParentRow
from source_rest_api.streams.shared_read import FedRead, SharedRead
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from msgspec import Raw

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.cursors import CursorValue
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.state.progress import Progress
    from source_rest_api.streams.batch import Batch, Partition

_LOG = logging.getLogger("airbyte.source_rest_api.streams.parents")
_OF_RECORDS = frozenset({"boundary", "boundaries", "completed_at", "start"})
"""Keys of a state that are not positions."""


Since: TypeAlias = "Mapping[str, dict[str, Any]]"
"""The states after which streams are read, by name."""


class ParentLimitError(ConfigError):
    """A parent has more pages than a sample of it may have, and no child has found what it needs on them."""


class Readable(Protocol):
    """The interface of a parent's stream."""

    stats: ReadStats
    now: Callable[[], datetime]

    def progress(self, saved: Mapping[str, Any] | None, *, incremental: bool) -> Progress:
        """Returns the progress of a read that continues from a state."""

    def to_read(self, progress: Progress) -> Iterator[Partition]:
        """Yields the partitions to read; with `only_changed_parents`, only those of changed parents."""

    def intervals(self, partition: Partition, saved: CursorValue | None) -> Sequence[Slice]:
        """Returns the intervals of a partition to read one by one, from a saved cursor or as in a first sync."""

    def batches(self, partition: Partition, interval: Slice) -> Iterator[Batch]:
        """Yields the emitted records of one slice, page by page."""


class Parents:
    """The parent streams of one command, in the catalog or not.

    Args:
        config: The API.
        make_stream: Creates the stream of a parent. The stream must use this object for its own parents.
        most_pages: Upper limit of the pages of a parent, for a sample; None to read all.
    """

    def __init__(
        self,
        config: Config,
        make_stream: Callable[[Endpoint, Parents], Readable],
        most_pages: int | None = None,
    ) -> None:
        self._most_pages = most_pages
        self._config = config
        self._make_stream = make_stream
        self._reads: dict[tuple[str, str], SharedRead] = {}
        self._stats: dict[str, ReadStats] = {}
        self._warned: set[tuple[str, str]] = set()
        self._works: Mapping[str, Callable[[], bool]] | None = None
        self._fed: dict[str, FedRead] = {}
        self._fields: dict[str, frozenset[str] | None] = {}
        self._run = uuid.uuid4().hex
        self._lock = Lock()

    def rows(self, endpoint: Endpoint, saved: Mapping[str, Any] | None = None) -> Iterator[ParentRow]:
        """Yields the records of a stream.

        Args:
            endpoint: The stream.
            saved: The state to continue from; None to read everything.

        Raises:
            SourceError: Reading the stream failed. All callers get the same error.
        """
        return map(ParentRow.unpack, self._read(endpoint, saved))

    def reached(self, endpoint: Endpoint, saved: Mapping[str, Any] | None) -> dict[str, Any]:
        """Reads all rows of a stream, and returns the state after them.

        Raises:
            SourceError: Like `rows`.
        """
        read = self._read(endpoint, saved)
        read.finish()
        return read.reached

    def _read(self, endpoint: Endpoint, saved: Mapping[str, Any] | None) -> SharedRead:
        key = (endpoint.name, repr(saved))
        with self._lock:
            if saved is None and endpoint.name in self._fed:
                return self._fed[endpoint.name]
            if key not in self._reads:
                reached: dict[str, Any] = {}
                self._reads[key] = SharedRead(self._pages(endpoint, saved, reached), reached)
            return self._reads[key]

    def feed(self, works: Mapping[str, Callable[[], bool]], selected: Collection[str]) -> None:
        """Lets streams that are read in full feed their selected children.

        Args:
            works: By stream name: a function that does a piece of the stream's work; it returns False if there is none
                now.
            selected: The names of all streams in the catalog.
        """
        with self._lock:  # the run of each stream calls this with the same works, and waits for the first call
            if works is self._works:
                return
            self._works = works
            chosen = [endpoint for endpoint in self._config.streams if endpoint.name in selected]
            parents = {above.name: above for endpoint in chosen for above in self.above(endpoint)}
            for name in works.keys() & parents.keys() - self._fed.keys():
                if _reads_all(self._config, parents[name]):
                    self._fed[name] = FedRead(works[name])

    def fed(self, endpoint: Endpoint, stats: ReadStats) -> FedRead | None:
        """Returns the read that a stream feeds for its children, if it does, and notes the statistics of the stream."""
        found = self._fed.get(endpoint.name)
        if found is not None:
            self._stats[endpoint.name] = stats
        return found

    def pass_on(self, endpoint: Endpoint, partition: Partition, batch: Batch) -> None:
        """Pass on records of a stream that feeds its children."""
        self._fed[endpoint.name].add(self._packed(endpoint, partition, batch.records))

    def _packed(self, endpoint: Endpoint, partition: Partition, records: Sequence[Raw]) -> list[bytes]:
        """Returns records of a stream as rows for its children."""
        if endpoint.name not in self._fields:
            given = self._config.by_variable[endpoint.variable]  # a stream may have another spelling of its keys
            self._fields[endpoint.name] = stream_references.fields_for_children(self._config, given)
        fields = self._fields[endpoint.name]
        base = (partition.version + self._salt(endpoint)).encode()
        rows = (
            ParentRow(
                {**partition.records, endpoint.variable: _only(record, fields)}, digests.digest(base + bytes(record))
            )
            for record in records
        )
        return [row.pack() for row in rows]

    def is_new_warning(self, stream: str, name: str) -> bool:
        """True if this command has not yet warned about a setting of a stream."""
        with self._lock:
            new = (stream, name) not in self._warned
            self._warned.add((stream, name))
            return new

    def above(self, endpoint: Endpoint) -> list[Endpoint]:
        """Returns all streams that are read for an endpoint: its parents, their parents, and so on."""
        return stream_references.reached_from(self._config, endpoint)

    def stats_above(self, endpoint: Endpoint) -> dict[str, ReadStats]:
        """Returns the statistics of the full reads of the parents so far, by stream name."""
        names = [other.name for other in self.above(endpoint)]
        return {name: self._stats[name] for name in names if name in self._stats}

    def _pages(
        self, endpoint: Endpoint, saved: Mapping[str, Any] | None, reached: dict[str, Any]
    ) -> Iterator[list[bytes]]:
        """Yields a stream's rows, page by page, and fills `reached` with its state at the end."""
        began = time.monotonic()
        stream = self._make_stream(endpoint, self)
        if not saved:
            self._stats[endpoint.name] = stream.stats
        progress = stream.progress(saved, incremental=True)
        for partition in stream.to_read(progress):
            stream.stats.add(partitions=1)
            for batch in _batches(endpoint, stream, partition, progress):
                if self._most_pages is not None and stream.stats["pages"] > self._most_pages:
                    raise ParentLimitError(
                        f"The first {self._most_pages} pages of `{endpoint.name}` have no such record."
                    )
                yield self._packed(endpoint, partition, batch.records)
        progress.complete(stream.now())
        reached.update(_position(progress))
        summary = stream.stats.summary(time.monotonic() - began)
        _LOG.info("Stream %s, as a parent: %s.", endpoint.name, summary)

    def _salt(self, endpoint: Endpoint) -> str:
        """Returns a salt for versions: with a token cursor, an equal record may still have changed children."""
        cursor = endpoint.incremental
        return self._run if cursor is not None and cursor.cursor_field is None else ""


def _batches(endpoint: Endpoint, stream: Readable, partition: Partition, progress: Progress) -> Iterator[Batch]:
    """Yields a partition's records: those after its saved cursor, or all, even those before the start date."""
    cursor = progress.saved(partition.key)
    intervals = [Slice()] if cursor is None and not _needs_bounds(endpoint) else stream.intervals(partition, cursor)
    for interval in intervals:
        for batch in stream.batches(partition, interval):
            yield batch
            assert isinstance(batch.moved, PageProgress)  # noqa: S101 -- only sweeps have other events
            progress.advance(batch.moved)
    progress.plan(Planned(partition.key, len(intervals)))


def _position(progress: Progress) -> dict[str, Any]:
    """Returns a state that makes the next read include the records at the cursor, whose children may have changed."""
    return {name: value for name, value in progress.dump().items() if name not in _OF_RECORDS}


def _needs_bounds(endpoint: Endpoint) -> bool:
    """True if requests of the stream need an interval: its templates read one, or it is read in steps."""
    step = getattr(endpoint.incremental, "step", None)
    intervals = {"stream_interval", "stream_slice"}
    return step is not None or any(intervals & templates.names(text) for text in endpoint.texts)


def _reads_all(config: Config, endpoint: Endpoint) -> bool:
    """True if a first sync of a stream requests what its children need: everything, in the same way."""
    cursor = endpoint.incremental
    if endpoint.only_changed_parents:
        return False
    if cursor is None or _needs_bounds(endpoint):
        return True
    limits = (config.start_date, *(getattr(cursor, name, None) for name in ("start_date", "end_date", "end_param")))
    return not any(limits)


def _only(record: Raw, fields: frozenset[str] | None) -> Any:
    if fields is None:
        return record
    own = raw_json.fields(record)
    kept = {name: value for name, value in own.items() if name in fields}
    for name in fields - own.keys():
        close = _close(name, tuple(own))
        kept |= {close: own[close]} if close else {}
    return kept


@lru_cache(1000)
def _close(name: str, known: tuple[str, ...]) -> str | None:
    """Returns the field that the user may have meant by a name that the record does not have, for the error."""
    return closest(name, known)
