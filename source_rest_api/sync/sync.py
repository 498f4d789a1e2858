"""Reads the configured streams and yields their statuses, records, states and errors as blocks of lines."""

from __future__ import annotations

import time
import traceback
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from source_rest_api.deletions.tombstones import tombstones
from source_rest_api.errors import InternalError, as_source_error
from source_rest_api.protocol import messages
from source_rest_api.state.checkpoint import Checkpoint
from source_rest_api.state.progress_events import PageProgress, Planned, SweepEnd, Swept
from source_rest_api.sync.stream_read import OutputBlock
from source_rest_api.sync.worker_pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from datetime import datetime
    from threading import Event

    from source_rest_api.deletions.known_rows import KnownRows
    from source_rest_api.http.concurrency import Permits
    from source_rest_api.protocol.messages import Messages
    from source_rest_api.sync.stream_read import StreamRun

_FUTURE = "Stream {}: a record's cursor {} is later than the start of this sync. The state keeps the start of the sync."


class Sync:
    """One read of the configured streams.

    Args:
        reads: The runs of the configured streams.
        out: Builds messages.
        permits: Limits the number of concurrent requests.
        stop: Set from outside to end the read early.
        now: Returns the current time.
        pause: Seconds between two states of a stream.
    """

    def __init__(
        self,
        reads: Sequence[StreamRun],
        out: Messages,
        permits: Permits,
        stop: Event,
        now: Callable[[], datetime],
        pause: float,
    ) -> None:
        self.complete = False
        """True if every stream was read to its end; valid once `run` has ended."""
        self._failed = False
        self._out = out
        self._now = now
        self._checkpoints: dict[str, Checkpoint] = {}
        self._pause = pause
        self._look = 0.0
        self._running: set[str] = set()
        self._unfinished = {read.name: read for read in reads}
        self._changed: dict[str, StreamRun] = {}
        """The streams that made progress since their last state."""
        self._pool: Pool[OutputBlock] = Pool(reads, permits, stop)
        works = {read.name: partial(read.advance, self._pool) for read in reads if read.is_first}
        selected = frozenset(self._unfinished)
        for read in reads:
            read.together(works, selected)

    def limited(self, stream: str, seconds: float) -> None:
        """Reports that a stream waits for a rate limit, and starts another thread for the other streams."""
        read = self._unfinished.get(stream)
        if read is not None:
            self._pool.spare()
            self._pool.put(OutputBlock(read, [messages.rate_limited(stream, time.time() + seconds)]))

    def spare(self) -> None:
        """Starts another thread, because one waits for a report job that its parent stream needs."""
        self._pool.spare()

    def run(self) -> Iterator[bytes]:
        """Yields blocks of lines. Every configured stream gets exactly one terminal status."""
        with closing(self._lines()) as lines:
            yield from messages.together(lines)
        self.complete = not self._failed

    def _lines(self) -> Generator[bytes | None, None, None]:
        """Yields the blocks one by one, and None where nothing more follows for now."""
        try:
            for item in self._pool:
                if item is not None:
                    yield from self._passed(item)
                if time.monotonic() >= self._look:
                    yield from self._due()
                if item is None:
                    yield None
        except Exception as error:  # noqa: BLE001 -- every stream still needs its terminal status
            yield self._error(error)
        for read in list(self._unfinished.values()):
            self._failed = True
            yield from self._state(read)
            yield from self._told(read, complete=False)
            yield messages.stream_status(read.name, "INCOMPLETE")

    def _passed(self, item: OutputBlock) -> Iterator[bytes]:
        """Yields the lines of an item and the messages that result from it."""
        read = item.read
        if read.name not in self._unfinished:  # it has ended; now a child stream reads it and waits
            return
        yield from self._delivered(read, item.lines, item.records)
        if item.moved is not None:
            yield from self._moved(read, item.moved)
        if item.error is not None:
            yield self._error(item.error, read.name)
        if item.last:
            yield from self._ended(read)

    def _delivered(self, read: StreamRun, lines: Sequence[bytes], records: int) -> Iterator[bytes]:
        """Yields lines, preceded by the RUNNING status if they hold the first record."""
        if records and read.name not in self._running:
            self._running.add(read.name)
            yield messages.stream_status(read.name, "RUNNING")
        yield from lines
        if records:
            self._checkpoint(read).count(records)

    def _moved(self, read: StreamRun, moved: PageProgress | Planned | Swept | SweepEnd) -> Iterable[bytes]:
        """Applies the progress of an item, and returns the messages that result from it."""
        progress = read.progress
        assert progress is not None  # noqa: S101 -- only an open stream makes progress
        self._changed[read.name] = read
        if isinstance(moved, Planned):
            progress.plan(moved)
        elif isinstance(moved, PageProgress):
            progress.advance(moved)
            if moved.at_once:
                return self._state(read)
        elif read.known_rows is not None and isinstance(moved, Swept):
            read.known_rows.meet(moved.keys)
        elif read.known_rows is not None and isinstance(moved, SweepEnd):
            return self._tombstones(read, read.known_rows, moved)
        return ()

    def _tombstones(self, read: StreamRun, known: KnownRows, end: SweepEnd) -> Iterator[bytes]:
        """Yields a delete record for each row that a sweep did not find.

        The state may forget a row only after its delete record was written.
        """
        assert read.stream is not None  # noqa: S101 -- only an open stream has a sweep
        for keys in known.conclude(end):
            records = tombstones(read.stream.endpoint, keys, end.began_at, known.newest)
            lines = messages.records(read.name, records, int(time.time() * 1000))
            yield from self._delivered(read, lines, len(records))
            known.forget(keys)
            self._changed[read.name] = read
            if time.monotonic() >= self._look:
                yield from self._due()

    def _due(self) -> Iterator[bytes]:
        """Yields the states that are due, of the streams that made progress. Called only now and then."""
        self._look = time.monotonic() + self._pause / 10
        for read in list(self._changed.values()):
            if self._checkpoint(read).due(time.monotonic()):
                yield from self._state(read)

    def _ended(self, read: StreamRun) -> Iterator[bytes]:
        del self._unfinished[read.name]
        complete = not read.failures and read.stream is not None
        if read.progress is not None and complete:
            read.progress.complete(self._now())
        yield from self._state(read, last=complete)
        yield from self._told(read, complete=complete)
        self._failed = self._failed or not complete
        yield messages.stream_status(read.name, "COMPLETE" if complete else "INCOMPLETE")
        read.release()

    def _told(self, read: StreamRun, *, complete: bool) -> Iterator[bytes]:
        """Yields the closing log line of a stream."""
        if read.stream is None:
            return
        summary = read.stream.stats.summary(time.monotonic() - read.started, complete=complete)
        yield self._out.log("INFO", f"Stream {read.name}: {summary}.")
        if read.progress is not None and read.progress.future is not None:
            yield self._out.log("WARNING", _FUTURE.format(read.name, read.progress.future.text))

    def _checkpoint(self, read: StreamRun) -> Checkpoint:
        """Returns when a stream's states are due. The first pause begins with its first record, not with the sync."""
        known = self._checkpoints.get(read.name)
        if known is None:
            known = self._checkpoints[read.name] = Checkpoint(self._pause, time.monotonic())
        return known

    def _state(self, read: StreamRun, *, last: bool = False) -> Iterator[bytes]:
        """Yields a stream's state if it has changed or is the last one.

        The protocol requires that a state differs from the previous one.
        """
        progress, checkpoint = read.progress, self._checkpoint(read)
        self._changed.pop(read.name, None)
        if progress is None or not (progress.changed or last):
            return
        dumped = progress.dump()
        if checkpoint.repeats(dumped):
            if not checkpoint.records:
                return
            progress.stamp(self._now())
            dumped = progress.dump()
        yield messages.state(read.name, dumped, checkpoint.records)
        checkpoint.taken(dumped, time.monotonic())

    def _error(self, error: BaseException, name: str | None = None) -> bytes:
        self._failed = True
        expected = as_source_error(error)
        if name is not None and expected is not error:
            expected.at(f"Stream {name}")  # an error of Python itself, raised anywhere
        trace = "".join(traceback.format_exception(error)) if isinstance(expected, InternalError) else ""
        return self._out.error(expected, name, trace)
