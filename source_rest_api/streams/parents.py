"""Parent streams: each is read once for all its child streams."""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from source_rest_api.config import stream_references
from source_rest_api.cursors.cursors import Slice
from source_rest_api.errors import SourceError
from source_rest_api.formats import raw_json
from source_rest_api.streams import parent_record
from source_rest_api.streams.spool import Spool
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from msgspec import Raw

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.streams.batch import Batch, Partition

_LOG = logging.getLogger("airbyte.source_rest_api.streams.parents")


class Readable(Protocol):
    """The interface of a parent's stream."""

    stats: ReadStats

    def partitions(self) -> Iterator[Partition]:
        """Yields its partitions."""

    def batches(self, partition: Partition, interval: Slice) -> Iterator[Batch]:
        """Yields the emitted records of one slice, page by page."""

    def from_start(self, partition: Partition) -> Iterator[Batch]:
        """Yields the emitted records of a partition, requested as in a first sync."""


class Parents:
    """The parent streams of one command, in the catalog or not.

    Args:
        config: The API.
        make_stream: Creates the stream of a parent. The stream must use this object for its own parents.
    """

    def __init__(self, config: Config, make_stream: Callable[[Endpoint, Parents], Readable]) -> None:
        self._config = config
        self._make_stream = make_stream
        self._reads: dict[str, _SharedRead] = {}
        self._stats: dict[str, ReadStats] = {}
        self._warned: set[tuple[str, str]] = set()
        self._lock = Lock()

    def records(self, endpoint: Endpoint) -> Iterator[dict[str, Any]]:
        """Yields the records of a stream, each with its parents' records, by their names in templates.

        The records have only the fields that templates and `include_from_parent` use.

        Raises:
            SourceError: Reading the stream failed. All callers get the same error.
        """
        with self._lock:
            if endpoint.name not in self._reads:
                self._reads[endpoint.name] = _SharedRead(self._rows(endpoint))
            read = self._reads[endpoint.name]
        for row in read:
            yield parent_record.decode(row)

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
        """Returns the statistics of the parents' reads so far, by stream name."""
        names = [other.name for other in self.above(endpoint)]
        return {name: self._stats[name] for name in names if name in self._stats}

    def _rows(self, endpoint: Endpoint) -> Iterator[list[bytes]]:
        began = time.monotonic()
        stream = self._make_stream(endpoint, self)
        self._stats[endpoint.name] = stream.stats
        fields = stream_references.fields_for_children(self._config, endpoint)
        bounded = _needs_bounds(endpoint)
        for partition in stream.partitions():
            stream.stats.add(partitions=1)
            for batch in stream.from_start(partition) if bounded else stream.batches(partition, Slice()):
                yield [
                    parent_record.encode({**partition.records, endpoint.variable: _only(record, fields)})
                    for record in batch.records
                ]
        summary = stream.stats.summary(time.monotonic() - began)
        _LOG.info("Stream %s, as a parent: %s.", endpoint.name, summary)


def _needs_bounds(endpoint: Endpoint) -> bool:
    """True if requests of the stream need an interval: its templates read one, or it is read in steps."""
    step = getattr(endpoint.incremental, "step", None)
    intervals = {"stream_interval", "stream_slice"}
    return step is not None or any(intervals & templates.names(text) for text in endpoint.texts)


def _only(record: Raw, fields: frozenset[str] | None) -> Any:
    if fields is None:
        return record
    return {name: value for name, value in raw_json.fields(record).items() if name in fields}


class _SharedRead:
    """One read of a parent for any number of concurrent children. The foremost child requests the next page."""

    def __init__(self, pages: Iterator[list[bytes]]) -> None:
        self._pages = pages
        self._rows = Spool()
        self._asking = Lock()
        self._ended = False
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        position = 0
        while rows := self._after(position):
            position += len(rows)
            yield from rows

    def _after(self, position: int) -> list[bytes]:
        rows = self._rows.after(position)
        if rows:
            return rows
        with self._asking:
            while len(self._rows) <= position and not self._ended:
                self._ask()
        if len(self._rows) <= position and self._failure is not None:
            raise self._failure.copy() if isinstance(self._failure, SourceError) else self._failure
        return self._rows.after(position)

    def _ask(self) -> None:
        try:
            page = next(self._pages, None)
            self._ended = page is None
            self._rows.add(page or [])
        except BaseException as failure:  # noqa: BLE001 -- every child must get it
            self._ended, self._failure = True, failure
