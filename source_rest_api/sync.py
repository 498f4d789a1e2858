"""Reads the configured streams: their statuses, records, states and errors, as blocks of lines."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from source_rest_api import messages, state
from source_rest_api.errors import ConfigError, InternalError, as_source_error
from source_rest_api.pool import Pool
from source_rest_api.stream import Batch
from source_rest_api.transfer import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from threading import Event
    from typing import Any

    from source_rest_api.catalog import ConfiguredStream
    from source_rest_api.messages import Messages
    from source_rest_api.stream import Stream


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of one stream."""

    stream: str
    lines: bytes
    terminal: bool = False
    """Whether its last line is the stream's terminal status."""

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.lines)


class Sync:
    """One read of the configured streams.

    Args:
        streams: What is to be read.
        make_stream: The stream of a name, or None if there is none.
        states: Each stream's state from the last sync.
        out: Makes messages.
        workers: Streams to read at the same time.
        stop: Set from outside to end the read early.
    """

    def __init__(
        self,
        streams: list[ConfiguredStream],
        make_stream: Callable[[str], Stream | None],
        states: Mapping[str, Mapping[str, Any]],
        out: Messages,
        workers: int,
        stop: Event,
    ) -> None:
        self.complete = False
        """Whether every stream came to its end; known once `run` has ended."""
        self._failed = False
        self._streams = streams
        self._make_stream = make_stream
        self._states = states
        self._out = out
        self._workers = workers
        self._stop = stop

    def run(self) -> Iterator[bytes]:
        """Blocks of lines. Every configured stream gets exactly one terminal status."""
        unfinished = {configured.name: None for configured in self._streams}
        jobs = [self._read(configured) for configured in self._streams]
        try:
            for block in Pool(jobs, self._workers, self._stop):
                if block.terminal:
                    unfinished.pop(block.stream, None)
                yield block.lines
        except Exception as error:  # noqa: BLE001 -- statuses are owed all the same
            self._failed = True
            yield self._error(error)
        for name in unfinished:
            yield messages.stream_status(name, "INCOMPLETE")
        self.complete = not unfinished and not self._failed

    def _read(self, configured: ConfiguredStream) -> Iterator[Block]:
        """One stream from STARTED to its terminal status, whatever happens."""
        name = configured.name
        try:
            yield Block(name, messages.stream_status(name, "STARTED"))
            for lines in self._lines(configured):
                yield Block(name, lines)
            yield Block(name, messages.stream_status(name, "COMPLETE"), terminal=True)
        except GeneratorExit:
            raise
        except Stopped:
            self._failed = True
            yield Block(name, messages.stream_status(name, "INCOMPLETE"), terminal=True)
        except BaseException as error:  # noqa: BLE001 -- whatever it is, the stream is incomplete and says so
            self._failed = True
            lines = self._error(error, name) + messages.stream_status(name, "INCOMPLETE")
            yield Block(name, lines, terminal=True)

    def _error(self, error: BaseException, name: str | None = None) -> bytes:
        expected = as_source_error(error)
        trace = "".join(traceback.format_exception(error)) if isinstance(expected, InternalError) else ""
        return self._out.error(expected, name, trace)

    def _lines(self, configured: ConfiguredStream) -> Iterator[bytes]:
        name = configured.name
        started = time.monotonic()
        stream = self._make_stream(name)
        if stream is None:
            raise ConfigError(
                f"Stream {name} is in the catalog but not in the config: add an endpoint, or deselect it."
            )
        count, running = 0, False
        current = state.load(name, self._states.get(name))
        for item in stream.read(
            current, incremental=configured.incremental and stream.endpoint.incremental is not None
        ):
            if isinstance(item, Batch):
                if item.records and not running:
                    running = True
                    yield messages.stream_status(name, "RUNNING")
                count += len(item.records)
                if item.records:
                    yield messages.records(name, item.records, int(time.time() * 1000))
            else:
                yield messages.state(name, item.state, count)
                count = 0
            if self._stop.is_set():
                raise Stopped
        yield self._out.log("INFO", f"Stream {name}: {stream.ledger.summary(time.monotonic() - started)}.")
