"""The run of one configured stream: it hands pieces of work to threads and passes on the output of each."""

from __future__ import annotations

import time
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct

from source_rest_api.deletions.sweep import Sweep
from source_rest_api.errors import ConfigError, Stopped
from source_rest_api.protocol import messages
from source_rest_api.state.progress_events import Barrier, Planned, SweepEnd, Swept
from source_rest_api.streams import first_sync
from source_rest_api.streams.fed_reader import FedReader
from source_rest_api.sync.batch_watch import BatchWatch
from source_rest_api.sync.key_watch import KeyWatch
from source_rest_api.sync.schema_drift import SchemaDrift

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from source_rest_api.deletions.known_rows import KnownRows
    from source_rest_api.deletions.sweep import Step, SweepReader
    from source_rest_api.protocol.catalog import ConfiguredStream
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.state.progress import Progress
    from source_rest_api.state.progress_events import PageProgress
    from source_rest_api.state.state import StreamState
    from source_rest_api.streams.batch import Batch
    from source_rest_api.streams.job_reader import JobReader
    from source_rest_api.streams.shared_read import FedRead
    from source_rest_api.streams.slice_reader import SliceReader
    from source_rest_api.streams.stream import Stream
    from source_rest_api.sync.worker_pool import Out

_MOST_BYTES = 16 << 20
"""Upper limit in bytes of the pages requested at the same time, estimated from the largest page so far. One page may
always be requested."""
_MOST_FAILURES = 3
"""Failed slices of a stream after which no further slice starts."""


class OutputBlock(Struct, frozen=True):
    """Whole lines of one stream, and the progress that they make."""

    read: StreamRun
    lines: Sequence[bytes] = ()
    """Blocks of whole lines."""
    records: int = 0
    moved: PageProgress | Planned | Swept | SweepEnd | None = None
    error: BaseException | None = None
    last: bool = False
    """True if this is the last block of the stream."""

    @property
    def size(self) -> int:
        """Size in bytes."""
        return sum(map(len, self.lines)) + (self.moved.size if isinstance(self.moved, Swept) else 0)


class StreamRun:
    """Reads one stream: opens it, plans it slice by slice, and reads the slices page by page.

    Args:
        configured: The stream to read.
        make_stream: Returns the stream of a name, or None if the config has none.
        saved: The stream's state from the last sync.
        reach: Number of slices, and of pages of one slice, that may be read at the same time.
    """

    def __init__(
        self,
        configured: ConfiguredStream,
        make_stream: Callable[[str], Stream | None],
        saved: Mapping[str, Any] | None,
        reach: int,
    ) -> None:
        self.name = configured.name
        self.started = self.began = time.monotonic()
        self.stream: Stream | None = None
        self.stats: ReadStats | None = None
        """The counts of the stream, once it is open."""
        self.progress: Progress | None = None
        self.known_rows: KnownRows | None = None
        self._sweep: Sweep | None = None
        self.finished = False
        self.failures = 0
        self._failure: BaseException | None = None
        self._fed: FedRead | None = None
        self._works: Mapping[str, Callable[[], bool]] = {}
        self._selected: Collection[str] = ()
        self.watch = BatchWatch(SchemaDrift(configured.name, configured.json_schema))
        self._configured = configured
        self._make_stream = make_stream
        self._saved = saved
        self._reach = self._most = reach
        self._lock = Lock()
        self._plan: Iterator[Step] | None = None
        self._planning = self._planned = self._settling = False
        self._slices = self._active = 0
        self._readers: list[SliceReader | FedReader | JobReader | SweepReader] = []
        self.largest = 0
        """Size in bytes of the largest page so far."""

    def together(self, works: Mapping[str, Callable[[], bool]], selected: Collection[str]) -> None:
        """Notes the runs of the same sync: one that reads everything also feeds the children of its stream.

        Args:
            works: By stream name: `advance` of each run that is the first.
            selected: The names of all streams in the catalog.
        """
        self._works, self._selected = works, selected

    def release(self) -> None:
        """Forgets all but the counts after the stream's last message, so that memory does not grow with the streams."""
        self.stream = self.progress = self.known_rows = self._sweep = self._plan = self._fed = None

    @property
    def failed(self) -> bool:
        """True if the stream has ended before its end."""
        return self.finished and self.failures > 0

    @property
    def expected(self) -> int | None:
        """The number of records of this read, if all slices are known and the API told how many each has."""
        stats = self.stats
        known = stats is not None and self._planned and stats["totals"] == self._slices > 0
        return int(stats["expected"]) if stats is not None and known else None

    @property
    def is_first(self) -> bool:
        """True if the stream is read from its beginning, so that nothing is missing for its children."""
        saved = self._saved or {}
        return not (saved if self._configured.incremental else saved.get("reading"))

    def advance(self, out: Out[OutputBlock]) -> bool:
        """Does a piece of work in the thread of a child that waits for it; returns False if there is none now."""
        work = self.claim(ahead=False)
        if work is not None:
            work(out)
        return work is not None

    def claim(self, *, ahead: bool) -> Callable[[Out[OutputBlock]], None] | None:
        """Returns a piece of work that may be done now, or None.

        Args:
            ahead: True to allow work that may turn out to be unnecessary.
        """
        with self._lock:
            work = self._next(ahead=ahead)
            if work is None:
                return None
            self._active += 1
            return partial(self._do, work)

    def _next(self, *, ahead: bool) -> Callable[[_LineWriter], None] | None:
        self._readers = [reader for reader in self._readers if not reader.ended]
        if self._active and (self._active + 1) * self.largest > _MOST_BYTES:
            return None
        for reader in self._readers:
            work = reader.claim(ahead=ahead)
            if work is not None:
                return work
        if ahead or self._planning or self._planned or len(self._readers) >= self._most:
            return None
        if self._settling and (self._readers or self._active):
            return None
        self._planning = True
        return self._extend

    def _do(self, work: Callable[[_LineWriter], None], out: Out[OutputBlock]) -> None:
        try:
            work(_LineWriter(self, out))
        except Stopped as stopped:
            self._failure = stopped
            self.failures += 1
            self._planned = True
        except BaseException as error:  # noqa: BLE001 -- any error makes the stream incomplete, and is reported
            self._fail(error, out)
        with self._lock:
            self._active -= 1
            over = self._planned and not self._active and all(reader.ended for reader in self._readers)
        if over:
            if self._fed is not None:
                self._fed.close(self._failure)
            out.put(OutputBlock(self, last=True))
            self.finished = True
            out.changed()

    def _fail(self, error: BaseException, out: Out[OutputBlock]) -> None:
        with self._lock:
            self._failure = self._failure or error
            self.failures += 1
            self._planned = self._planned or self.failures >= _MOST_FAILURES
        out.put(OutputBlock(self, error=error))

    def _open(self) -> Iterator[Step]:
        """Opens the stream, loads its state, and returns its plan."""
        stream = self._make_stream(self.name)
        if stream is None:
            raise ConfigError(
                f"Stream {self.name} is in the catalog but not in the config: add an endpoint of this name, or "
                "deselect the stream."
            )
        incremental = self._configured.incremental and stream.endpoint.is_incremental
        stream, self._saved = first_sync.chosen(stream, self._saved, incremental=incremental)
        stream.parents.feed(self._works, self._selected)
        self._fed = stream.parents.fed(stream.endpoint, stream.stats)
        self.began = time.monotonic()
        self.stream, self.stats, self._sweep = stream, stream.stats, Sweep.of(stream)
        self.watch.add(KeyWatch(self.name, stream.endpoint.primary_key))
        self._most = stream.most_readers(self._reach)
        self.progress = stream.progress(self._saved, incremental=incremental, known_rows=self._known_rows)
        return self._steps(stream, self.progress)

    def _known_rows(self, saved: StreamState, began: datetime) -> KnownRows | None:
        self.known_rows = None if self._sweep is None else self._sweep.known_rows(saved, began)
        return self.known_rows

    def _steps(self, stream: Stream, progress: Progress) -> Iterator[Step]:
        """Yields the slices of the stream, then those of a sweep if one is due."""
        if self._sweep is None or self.known_rows is None:
            yield from map(self._feeding, stream.plan(progress, self._reach))
            return
        yield from map(self._feeding, stream.plan(progress, self._reach, self._sweep.delivered))
        yield from self._sweep.steps(self.known_rows, self._reach)

    def _feeding(self, step: SliceReader | JobReader | Planned) -> Step:
        """Returns the step, so that its records also feed the stream's children if they are selected."""
        if self._fed is None or self.stream is None or isinstance(step, Planned):
            return step
        return FedReader(step, partial(self.stream.parents.pass_on, self.stream.endpoint, step.partition))

    def _extend(self, out: _LineWriter) -> None:
        """Plans the next slice, and reads its first page in the same turn."""
        try:
            step = self._step(out)
        except BaseException:
            self._planned = True
            raise
        work = None
        with self._lock:
            self._planned = self._planned or step is None
            self._planning = False
            self._settling = isinstance(step, Barrier)
            if step is not None and not isinstance(step, Barrier):
                self._readers.append(step)
                self._slices += 1
                work = step.claim(ahead=False)
        out.changed()
        if work is not None:
            work(out)

    def _step(self, out: _LineWriter) -> SliceReader | FedReader | JobReader | SweepReader | Barrier | None:
        """Returns the next step of the plan that needs work, and opens the stream for the first one."""
        if self._plan is None:
            out.lines(messages.stream_status(self.name, "STARTED"))
            self._plan = self._open()
        step = None if self._settling and self.failures else next(self._plan, None)
        while isinstance(step, Planned | SweepEnd):
            out.moved(step)
            step = next(self._plan, None)
        return step


class _LineWriter:
    """Converts batches to lines in the thread that read them."""

    def __init__(self, read: StreamRun, out: Out[OutputBlock]) -> None:
        self._read = read
        self._out = out

    def put(self, item: Batch) -> None:
        """Passes on the records of a batch."""
        self._read.watch.look(item.records)
        lines = messages.records(self._read.name, item.records, int(time.time() * 1000), item.nulled)
        framed = OutputBlock(self._read, lines, len(item.records), item.moved)
        self._read.largest = max(self._read.largest, framed.size)
        self._pass(framed)

    def lines(self, lines: bytes) -> None:
        """Passes on a message."""
        self._pass(OutputBlock(self._read, [lines]))

    def moved(self, step: Planned | SweepEnd) -> None:
        """Passes on a planned slice or the end of a sweep."""
        self._pass(OutputBlock(self._read, moved=step))

    def changed(self) -> None:
        """Notifies the workers that there may be new work."""
        self._out.changed()

    def _pass(self, item: OutputBlock) -> None:
        if not self._out.put(item):
            raise Stopped
