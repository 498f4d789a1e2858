"""A sweep: reads all rows of an endpoint again, only for their keys."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeAlias

from source_rest_api.config import sweep_endpoint
from source_rest_api.cursors.cursors import Slice
from source_rest_api.deletions.known_rows import KnownRows
from source_rest_api.deletions.row_keys import KeyReader
from source_rest_api.errors import ConfigError, SourceError
from source_rest_api.formats import digests
from source_rest_api.state.progress_events import Barrier, SweepEnd, Swept
from source_rest_api.streams import resume
from source_rest_api.streams.batch import Batch
from source_rest_api.streams.slice_reader import SliceReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from msgspec import Raw

    from source_rest_api.state.progress_events import Planned
    from source_rest_api.state.state import StreamState
    from source_rest_api.streams.batch import Out, Partition
    from source_rest_api.streams.fed_reader import FedReader
    from source_rest_api.streams.job_reader import JobReader
    from source_rest_api.streams.stream import Stream

    Step: TypeAlias = "SliceReader | FedReader | JobReader | SweepReader | Planned | Barrier | SweepEnd"
    """A step of the read plan of a stream."""

_KEYLESS = "The sweep found rows without a `primary_key`. Let `deletions.params` request its fields."


class Sweep:
    """The delete detection of a stream.

    Args:
        stream: The stream; its endpoint has `deletions`.
    """

    def __init__(self, stream: Stream) -> None:
        assert stream.endpoint.deletions is not None  # noqa: S101 -- checked by `of`
        self._endpoint = stream.endpoint
        self._deletions = stream.endpoint.deletions
        self._beside = stream.beside
        self._stats = stream.stats
        self._parents = stream.parents
        self._now = stream.now
        self._reader = KeyReader(stream.endpoint.primary_key)
        self.doubt: str | None = None
        """Why the sweep is ignored; None while nothing speaks against it."""

    @classmethod
    def of(cls, stream: Stream) -> Sweep | None:
        """Returns the sweep of a stream; None if its endpoint has no `deletions`."""
        return None if stream.endpoint.deletions is None else cls(stream)

    @cached_property
    def _stream(self) -> Stream:
        return self._beside(sweep_endpoint.swept(self._endpoint, self._deletions))

    def known_rows(self, saved: StreamState, began: datetime) -> KnownRows:
        """Returns the rows that the destination has, from the state.

        Raises:
            ValueError: The rows in the state cannot be read.
        """
        endpoint = self._endpoint
        assert endpoint.incremental is not None  # noqa: S101 -- the config is checked
        shape = (endpoint.primary_key, endpoint.record_options.reshaping, endpoint.cast, endpoint.cast_all)
        query = sweep_endpoint.query(endpoint, self._deletions, self._parents.above(endpoint))
        fingerprint = digests.digest(repr(shape) + query)
        cursor, first = endpoint.incremental, saved.is_new
        known = KnownRows(endpoint.name, cursor, saved.rows, fingerprint, began, self._stats, first=first)
        for text in saved.texts():  # rows delivered before `deletions` was set also count for `newest`
            known.deliver((), cursor.mark(text))
        return known

    def steps(self, known: KnownRows, reach: int) -> Iterator[Step]:
        """Yields the slices of a sweep and its end, if it is due. The sweep waits for the read before it."""
        last = known.last
        if known.too_many or (last is not None and not self._deletions.due(last, self._now())):
            return
        yield Barrier()
        began = self._now()
        try:
            for partition in self._stream.partitions():
                if self.doubt is not None:
                    break
                reader = SliceReader(self._stream.reader, partition, resume.SliceTask(Slice()), None, reach)
                yield SweepReader(self, reader)
        except SourceError as error:
            self.fail(str(error))
        yield Barrier()
        self._account()
        yield SweepEnd(began, self.doubt)

    def _account(self) -> None:
        """Count the requests of the sweep, and note doubts about it and its parents' reads."""
        own = self._stream.stats
        self._stats.add(met=own["records"], asked=own["pages"], bytes=own["bytes"], retries=own["retries"])
        for stream, stats in {"": own, **self._parents.stats_above(self._stream.endpoint)}.items():
            for name, what in _DOUBTS.items():
                if stats[name]:
                    self.fail(f"{what} (in the parent stream {stream})" if stream else what)

    def first_page(self, partition: Partition) -> None:
        """Check the first page of a sweep.

        Raises:
            SourceError: The page cannot be read, or it has rows without a primary key.
        """
        stream = self._stream
        page = stream.first_page(partition)
        with stream.reader.place(page):
            if len(self.keys(stream.reader.emission.records(page.records, partition, Slice()))) < len(page.records):
                raise ConfigError(_KEYLESS)

    def fail(self, doubt: str) -> None:
        """Note why the sweep is ignored; the first reason stays."""
        self.doubt = self.doubt or doubt

    def delivered(self, records: Sequence[Raw]) -> list[bytes]:
        """Returns the keys of emitted records, and counts records without one."""
        found = self.keys(records)
        if len(found) < len(records):
            self._stats.add(keyless=len(records) - len(found))
        return found

    def keys(self, records: Sequence[Raw]) -> list[bytes]:
        """Returns the keys of emitted records; records without a key are skipped."""
        return [key for key in map(self._reader.key, records) if key is not None]


_DOUBTS = {
    "drifts": "rows shifted between its pages",
    "doubts": "it ended beside signs of more",
    "ignored": "a rule in `errors` ignored an error, so rows may be missing",
}
"""Reasons to ignore a sweep, by the count of the sweep or of a parent stream that is not zero."""


class SweepReader:
    """One slice of a sweep. Its errors end the sweep, but not the stream.

    Args:
        sweep: The sweep.
        reader: Reads the slice.
    """

    def __init__(self, sweep: Sweep, reader: SliceReader) -> None:
        self._sweep = sweep
        self._reader = reader

    @property
    def ended(self) -> bool:
        """True if there is nothing more to request."""
        return self._reader.ended or self._sweep.doubt is not None

    def claim(self, *, ahead: bool) -> Callable[[Out], None] | None:
        """Returns the work of requesting a page; None if no page may be requested now."""
        work = None if self.ended else self._reader.claim(ahead=ahead)
        return None if work is None else partial(self._do, work)

    def _do(self, work: Callable[[Out], None], out: Out) -> None:
        try:
            work(_Keys(self._sweep, out))
        except SourceError as error:
            self._sweep.fail(str(error))


class _Keys:
    """Receives batches of a sweep, and passes on the keys instead of the records."""

    def __init__(self, sweep: Sweep, out: Out) -> None:
        self._sweep = sweep
        self._out = out
        self.changed = out.changed

    def put(self, item: Batch) -> None:
        """Pass on the keys of a batch."""
        found = self._sweep.keys(item.records)
        if len(found) < len(item.records):
            raise ConfigError(_KEYLESS)
        self._out.put(Batch([], Swept(found)))
