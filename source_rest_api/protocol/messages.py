"""Airbyte protocol messages as lines of JSON, and the only class that writes them to stdout.

Message shapes follow the Airbyte protocol (`airbyte_protocol.yaml`, 0.17). A RECORD message is written around the
undecoded bytes of its record.
"""

from __future__ import annotations

import logging
import os
import select
import time
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from io import RawIOBase
    from typing import BinaryIO

    from source_rest_api.errors import SourceError

Status = Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"]

_LEVELS = {"CRITICAL": "FATAL", "ERROR": "ERROR", "WARNING": "WARN", "INFO": "INFO", "DEBUG": "DEBUG"}
_LINE_BREAKS = (b"\n", b"\r")
_BLOCK = 1 << 16
"""Approximate bytes of records in a block. For larger blocks Python requests fresh memory from the system each time,
which costs more than the copying. A pipe accepts no more than this at once."""


def line(message: dict[str, Any]) -> bytes:
    """Encodes a message as one line of JSON."""
    return msgspec.json.encode(message) + b"\n"


def records(
    stream: str, data: Sequence[Raw], emitted_at: int, nulled: Mapping[int, Sequence[str]] | None = None
) -> list[bytes]:
    """Writes one RECORD line for each record, with the record's bytes unchanged except for removed line breaks.

    Args:
        stream: The stream's name.
        data: The records.
        emitted_at: Milliseconds since the epoch.
        nulled: For the index of each record that was too large: the fields set to null.

    Returns:
        Blocks of whole lines.
    """
    if nulled:
        data = [Raw(bytes(r) + _changes(nulled[n])) if n in nulled else r for n, r in enumerate(data)]
    head = b'{"type":"RECORD","record":{"stream":%b,"emitted_at":%d,"data":' % (msgspec.json.encode(stream), emitted_at)
    step = max(1, _BLOCK * len(data) // (sum(map(len, data)) + 1))
    return [_block(head, data[start : start + step]) for start in range(0, len(data), step)]


def together(blocks: Iterable[bytes | None]) -> Iterator[bytes]:
    """Joins small blocks, because each write switches threads and wakes the reading process.

    Args:
        blocks: The blocks. None means that nothing more follows for now: everything held back is written.
    """
    held: list[bytes] = []
    size = 0
    for block in blocks:
        if held and (block is None or size + len(block) > 2 * _BLOCK):
            yield b"".join(held)
            held, size = [], 0
        if block is not None:
            held.append(block)
            size += len(block)
    if held:
        yield b"".join(held)


def _block(head: bytes, data: Sequence[Raw]) -> bytes:
    together = b"".join(data)
    if any(character in together for character in _LINE_BREAKS):
        data = [Raw(_on_one_line(record)) for record in data]
    return head + (b"}}\n" + head).join(data) + b"}}\n"


def _changes(nulled: Sequence[str]) -> bytes:
    """Returns the `meta` part of a RECORD message whose record was too large."""
    reason = "SOURCE_RECORD_SIZE_LIMITATION"
    changes = [{"field": name, "change": "NULLED", "reason": reason} for name in nulled]
    return b',"meta":%b' % msgspec.json.encode({"changes": changes})


def _on_one_line(record: Raw) -> bytes:
    text = bytes(record)
    return msgspec.json.format(text, indent=-1) if any(character in text for character in _LINE_BREAKS) else text


def spec(specification: dict[str, Any]) -> bytes:
    """Returns the SPEC message."""
    return line({"type": "SPEC", "spec": specification})


def catalog(streams: list[dict[str, Any]]) -> bytes:
    """Returns the CATALOG message."""
    return line({"type": "CATALOG", "catalog": {"streams": streams}})


def state(stream: str, stream_state: dict[str, Any], record_count: int) -> bytes:
    """Returns the STATE message of a stream, with the number of records since the stream's previous STATE."""
    return line(
        {
            "type": "STATE",
            "state": {
                "type": "STREAM",
                "stream": {"stream_descriptor": {"name": stream}, "stream_state": stream_state},
                "sourceStats": {"recordCount": float(record_count)},
            },
        }
    )


def stream_status(stream: str, status: Status) -> bytes:
    """Returns the TRACE message with a stream's status."""
    return _trace("STREAM_STATUS", stream_status={"stream_descriptor": {"name": stream}, "status": status})


def rate_limited(stream: str, until: float) -> bytes:
    """Returns the TRACE message that a stream is rate limited until `until`, in seconds since the epoch."""
    reason = {"type": "RATE_LIMITED", "rate_limited": {"quota_reset": int(until * 1000)}}
    status = {"stream_descriptor": {"name": stream}, "status": "RUNNING", "reasons": [reason]}
    return _trace("STREAM_STATUS", stream_status=status)


def control(config: Mapping[str, Any]) -> bytes:
    """Returns the CONTROL message with a changed config. It is the only message that contains unmasked secrets."""
    body = {"type": "CONNECTOR_CONFIG", "emitted_at": time.time() * 1000, "connectorConfig": {"config": config}}
    return line({"type": "CONTROL", "control": body})


class Messages:
    """Builds the messages that contain free text, with secrets masked."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._masked = mask

    def _mask(self, text: str) -> str:
        """Masks secrets and escapes lone surrogates (for example from file names), which UTF-8 cannot encode."""
        return self._masked(text).encode("utf-8", "backslashreplace").decode()

    def log(self, level: str, text: str) -> bytes:
        """Returns a LOG message; `level` is the name of a Python log level."""
        return line({"type": "LOG", "log": {"level": _LEVELS.get(level, "INFO"), "message": self._mask(text)}})

    def connection_status(self, problem: str | None, seen: str = "") -> bytes:
        """Returns the CONNECTION_STATUS message: FAILED with the problem, or SUCCEEDED with what `check` found."""
        status = {"status": "FAILED" if problem else "SUCCEEDED", "message": self._mask(problem or seen)}
        return line({"type": "CONNECTION_STATUS", "connectionStatus": status})

    def error(self, error: SourceError, stream: str | None = None, stack_trace: str = "") -> bytes:
        """Returns the TRACE message of an error."""
        body: dict[str, Any] = {"message": self._mask(str(error)), "failure_type": error.failure_type}
        if error.detail:
            body["internal_message"] = self._mask(error.detail)
        if stack_trace:
            body["stack_trace"] = self._mask(stack_trace)
        if stream is not None:
            body["stream_descriptor"] = {"name": stream}
        return _trace("ERROR", error=body)


def _trace(kind: str, **body: dict[str, Any]) -> bytes:
    return line({"type": "TRACE", "trace": {"type": kind, "emitted_at": time.time() * 1000, **body}})


class Writer:
    """Writes blocks of whole lines, each at once and to its end; safe to call from any thread.

    Python's own buffer is left out: with `-u` or PYTHONUNBUFFERED there is none, and a write to the file below may be
    short, because a signal came (SIGSTOP too) or because the pipe does not block.
    """

    def __init__(self, output: BinaryIO) -> None:
        self._file: RawIOBase | BinaryIO = getattr(output, "raw", output)
        self._lock = Lock()

    def write(self, block: bytes) -> None:
        """Writes a whole block.

        Raises:
            OSError: The reading process has closed the pipe.
        """
        rest = memoryview(block)
        with self._lock:
            while rest:
                written = self._file.write(rest)
                if written is None:  # whoever shares the pipe does not want to wait; we do
                    _wait_for(self._file, select.POLLOUT)
                else:
                    rest = rest[written:]

    def watch(self, gone: Callable[[], None]) -> None:
        """Call `gone` when nobody reads any more, from a thread of its own.

        A write would fail then, but none comes while an API is waited for, for an hour perhaps. The thread costs
        nothing: it sleeps in `poll`, which is asked for no event and so returns for errors only, such as the closed
        end of a pipe. A file has no reader who could go away; there it sleeps until the process ends.
        """

        def watch() -> None:
            with suppress(OSError, ValueError):
                _wait_for(self._file, 0)
                gone()

        Thread(target=watch, daemon=True, name="reader-watch").start()

    def give_up(self) -> None:
        """Sends what is still written to the null device, so that the interpreter exits without a broken-pipe error."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())


def _wait_for(file: RawIOBase | BinaryIO, event: int) -> None:
    """Waits until a file is ready for an event, or its other end is closed."""
    poll = select.poll()
    poll.register(file.fileno(), event)
    poll.poll()


class LogHandler(logging.Handler):
    """Writes log records as LOG messages."""

    def __init__(self, writer: Writer, messages: Messages) -> None:
        super().__init__()
        self._writer = writer
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one LOG line."""
        self._writer.write(self._messages.log(record.levelname, record.getMessage()))
