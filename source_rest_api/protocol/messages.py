"""Airbyte protocol messages as lines, and the one place that writes them to stdout.

Shapes follow the Airbyte protocol (`airbyte_protocol.yaml`, 0.17). Records are framed around their undecoded bytes.
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
"""Bytes of records in a block, about. For larger ones Python would take fresh memory from the system each time, which
costs more than all the copying, and a pipe takes no more at once."""


def line(message: dict[str, Any]) -> bytes:
    """One message, one line."""
    return msgspec.json.encode(message) + b"\n"


def records(
    stream: str, data: Sequence[Raw], emitted_at: int, nulled: Mapping[int, Sequence[str]] | None = None
) -> list[bytes]:
    """One RECORD line for each record, its bytes as they came; line breaks between its tokens are taken out.

    Args:
        stream: Its name.
        data: The records.
        emitted_at: Milliseconds since the epoch.
        nulled: By the index of a record: its fields that are null because it was too large.

    Returns:
        Blocks of whole lines.
    """
    if nulled:
        data = [Raw(bytes(r) + _changes(nulled[n])) if n in nulled else r for n, r in enumerate(data)]
    head = b'{"type":"RECORD","record":{"stream":%b,"emitted_at":%d,"data":' % (msgspec.json.encode(stream), emitted_at)
    step = max(1, _BLOCK * len(data) // (sum(map(len, data)) + 1))
    return [_block(head, data[start : start + step]) for start in range(0, len(data), step)]


def together(blocks: Iterable[bytes | None]) -> Iterator[bytes]:
    """Small blocks as one, because each write lets another thread run, and wakes who reads.

    Args:
        blocks: None where nothing more comes for now, so that nothing may be held back.
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
    """What follows the data of a record that was too large."""
    reason = "SOURCE_RECORD_SIZE_LIMITATION"
    changes = [{"field": name, "change": "NULLED", "reason": reason} for name in nulled]
    return b',"meta":%b' % msgspec.json.encode({"changes": changes})


def _on_one_line(record: Raw) -> bytes:
    text = bytes(record)
    return msgspec.json.format(text, indent=-1) if any(character in text for character in _LINE_BREAKS) else text


def spec(specification: dict[str, Any]) -> bytes:
    """The SPEC message."""
    return line({"type": "SPEC", "spec": specification})


def catalog(streams: list[dict[str, Any]]) -> bytes:
    """The CATALOG message."""
    return line({"type": "CATALOG", "catalog": {"streams": streams}})


def state(stream: str, stream_state: dict[str, Any], record_count: int) -> bytes:
    """The STATE message of a stream, with the number of its records since the previous one."""
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
    """The TRACE message for a stream's progress."""
    return _trace("STREAM_STATUS", stream_status={"stream_descriptor": {"name": stream}, "status": status})


def rate_limited(stream: str, until: float) -> bytes:
    """The TRACE message that a stream waits for a rate limit, until a time in seconds since the epoch."""
    reason = {"type": "RATE_LIMITED", "rate_limited": {"quota_reset": int(until * 1000)}}
    status = {"stream_descriptor": {"name": stream}, "status": "RUNNING", "reasons": [reason]}
    return _trace("STREAM_STATUS", stream_status=status)


def control(config: Mapping[str, Any]) -> bytes:
    """The CONTROL message that gives the platform a changed config; the one message that holds secrets, unmasked."""
    body = {"type": "CONNECTOR_CONFIG", "emitted_at": time.time() * 1000, "connectorConfig": {"config": config}}
    return line({"type": "CONTROL", "control": body})


class Messages:
    """The messages that carry text, with secrets masked in it."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._masked = mask

    def _mask(self, text: str) -> str:
        """Without secrets, and without lone surrogates (from file names, say), which UTF-8 cannot write."""
        return self._masked(text).encode("utf-8", "backslashreplace").decode()

    def log(self, level: str, text: str) -> bytes:
        """A LOG message; `level` is Python's name of it."""
        return line({"type": "LOG", "log": {"level": _LEVELS.get(level, "INFO"), "message": self._mask(text)}})

    def connection_status(self, problem: str | None, seen: str = "") -> bytes:
        """The CONNECTION_STATUS message: what was seen, or what is wrong."""
        status = {"status": "FAILED" if problem else "SUCCEEDED", "message": self._mask(problem or seen)}
        return line({"type": "CONNECTION_STATUS", "connectionStatus": status})

    def error(self, error: SourceError, stream: str | None = None, stack_trace: str = "") -> bytes:
        """The TRACE message of an error."""
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
    """Writes blocks of whole lines, each at once and to its end, from any thread.

    Python's own buffer is left out: with `-u` or PYTHONUNBUFFERED there is none, and a write to the file below may be
    short, because a signal came (a pause by SIGSTOP too) or because the pipe does not block.
    """

    def __init__(self, output: BinaryIO) -> None:
        self._file: RawIOBase | BinaryIO = getattr(output, "raw", output)
        self._lock = Lock()

    def write(self, block: bytes) -> None:
        """Write all of it. Raises OSError if nobody reads any more."""
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
        """Nobody reads: let whatever is still written go nowhere, so that the process can end in peace."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())


def _wait_for(file: RawIOBase | BinaryIO, event: int) -> None:
    """Wait until a file is ready for an event, or its other end is closed."""
    poll = select.poll()
    poll.register(file.fileno(), event)
    poll.poll()


class LogHandler(logging.Handler):
    """Sends log records out as LOG messages."""

    def __init__(self, writer: Writer, messages: Messages) -> None:
        super().__init__()
        self._writer = writer
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        """Write one LOG line."""
        self._writer.write(self._messages.log(record.levelname, record.getMessage()))
