"""A sweep: all rows of an endpoint asked for once more, for their keys only."""

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
    from source_rest_api.streams.stream import Stream

    Step: TypeAlias = "SliceReader | SweepReader | Planned | Barrier | SweepEnd"
    """A step of a plan."""

_KEYLESS = "Rows were met whose `primary_key` is absent or null: `deletions.params` has to ask for its fields."


class Sweep:
    """The delete detection of a stream.

    Args:
        stream: The stream; its endpoint has `deletions`.
    """

    def __init__(self, stream: Stream) -> None:
        assert stream.endpoint.deletions is not None  # noqa: S101 -- asked by `of`
        self._endpoint = stream.endpoint
        self._deletions = stream.endpoint.deletions
        self._beside = stream.beside
        self._stats = stream.stats
        self._parents = stream.parents
        self._now = stream.now
        self._reader = KeyReader(stream.endpoint.primary_key)
        self.doubt: str | None = None
        """Why it counts for nothing."""

    @classmethod
    def of(cls, stream: Stream) -> Sweep | None:
        """The sweep of a stream, if its deleted rows are to be reported."""
        return None if stream.endpoint.deletions is None else cls(stream)

    @cached_property
    def _stream(self) -> Stream:
        return self._beside(sweep_endpoint.swept(self._endpoint, self._deletions))

    def known_rows(self, saved: StreamState, began: datetime) -> KnownRows:
        """The rows that the destination has, by the state.

        Raises:
            ValueError: What the state says of them cannot be read.
        """
        endpoint = self._endpoint
        assert endpoint.incremental is not None  # noqa: S101 -- the config is checked
        shape = (endpoint.primary_key, endpoint.record_options.reshaping, endpoint.cast, endpoint.cast_all)
        query = sweep_endpoint.query(endpoint, self._deletions, self._parents.above(endpoint))
        fingerprint = digests.digest(repr(shape) + query)
        first = saved.cursor is None and not saved.cursors and saved.reading is None
        known = KnownRows(endpoint.name, endpoint.incremental, saved.rows, fingerprint, began, self._stats, first=first)
        for text in saved.texts():  # where rows were delivered before their keys were kept
            known.deliver((), endpoint.incremental.mark(text))
        return known

    def steps(self, known: KnownRows, reach: int) -> Iterator[Step]:
        """The slices of a sweep, if it is due, and its end; once the read before it has ended well."""
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
        """Tell what it cost, and what speaks against it."""
        own = self._stream.stats
        self._stats.add(met=own["records"], asked=own["pages"], bytes=own["bytes"], retries=own["retries"])
        for stream, stats in {"": own, **self._parents.stats_above(self._stream.endpoint)}.items():
            for name, what in _DOUBTS.items():
                if stats[name]:
                    self.fail(f"{what}, in the stream {stream} above it" if stream else what)

    def first_page(self, partition: Partition) -> None:
        """Try the first page of a sweep.

        Raises:
            SourceError: It cannot be read, or has rows without a key.
        """
        stream = self._stream
        page = stream.first_page(partition)
        with stream.reader.place(page):
            if len(self.keys(stream.reader.emission.records(page.records, partition, Slice()))) < len(page.records):
                raise ConfigError(_KEYLESS)

    def fail(self, doubt: str) -> None:
        """Note why it counts for nothing."""
        self.doubt = self.doubt or doubt

    def delivered(self, records: Sequence[Raw]) -> list[bytes]:
        """The keys of records that are emitted; those without one are counted."""
        found = self.keys(records)
        if len(found) < len(records):
            self._stats.add(keyless=len(records) - len(found))
        return found

    def keys(self, records: Sequence[Raw]) -> list[bytes]:
        """The keys of records, as they are emitted; those without one are left out."""
        return [key for key in map(self._reader.key, records) if key is not None]


_DOUBTS = {
    "drifts": "rows came or went while its pages were read",
    "doubts": "it ended beside signs of more",
    "ignored": "an error was ignored by a rule in `errors`, and what it stands for may have rows",
}
"""Counts of a sweep, or of a parent stream, that speak against it, with the reason."""


class SweepReader:
    """One slice of a sweep. What goes wrong with it is no error of the stream.

    Args:
        sweep: The sweep.
        reader: Reads the slice.
    """

    def __init__(self, sweep: Sweep, reader: SliceReader) -> None:
        self._sweep = sweep
        self._reader = reader

    @property
    def ended(self) -> bool:
        """True if there is nothing more to ask for."""
        return self._reader.ended or self._sweep.doubt is not None

    def claim(self, *, ahead: bool) -> Callable[[Out], None] | None:
        """The work of asking for a page, if one may be asked for now."""
        work = None if self.ended else self._reader.claim(ahead=ahead)
        return None if work is None else partial(self._do, work)

    def _do(self, work: Callable[[Out], None], out: Out) -> None:
        try:
            work(_Keys(self._sweep, out))
        except SourceError as error:
            self._sweep.fail(str(error))


class _Keys:
    """Passes on the keys of records in their place."""

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
