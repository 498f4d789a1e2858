"""Reads the body of an answer, within bounds of time and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import Stopped, TransientError
from source_rest_api.http import compression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from source_rest_api.http.transport import RawResponse

_MEGABYTE = 1 << 20
"""A body that is read while it arrives has `request_timeout` for each. Less would blame one lost packet; a bound for
all of it would forbid large files."""
_PACKED = 8
"""The part of the largest body up to which it does not matter how small it was packed."""


class BodyReader:
    """Reads bodies.

    Args:
        timeout: Seconds, for a whole body or, where it is read as it arrives, for each megabyte.
        largest: Bytes that a whole body may come to, content coding undone.
        stop: Set from outside to end it.
        clock: Seconds.
    """

    def __init__(self, timeout: float, largest: int, stop: Event, clock: Callable[[], float]) -> None:
        self._timeout = timeout
        self.largest = largest
        self._stop = stop
        self._clock = clock

    def chunks(self, answer: RawResponse) -> Iterator[bytes]:
        """The body as it arrives. `request_timeout` bounds the wait for each megabyte, not the time of who reads it."""
        waited, size = 0.0, 0
        with answer:
            arriving = answer.chunks
            while True:
                before = self._clock()
                chunk = next(arriving, b"")
                waited, size = waited + self._clock() - before, size + len(chunk)
                if not chunk:
                    return
                if self._stop.is_set():
                    raise Stopped
                if waited > self._timeout:
                    raise TransientError(f"The answer came too slowly ({self._timeout:g} s `request_timeout`).")
                if size >= _MEGABYTE:
                    waited, size = 0.0, 0
                yield chunk

    def whole(self, answer: RawResponse, deadline: float) -> bytes:
        """The body, content coding undone.

        Args:
            answer: Its head has come.
            deadline: On the clock.

        Raises:
            TransientError: It is not complete by then, or is broken.
            ConfigError: It is too large, or compressed in a way that was not asked for.
        """
        coding = answer.headers.get("Content-Encoding", "")
        arrived = _Counted(self._until(answer, deadline))
        # What is wrong with an error is what its status says, however it is packed.
        plain = compression.plain(arrived, coding, lenient=not answer.ok)
        return compression.joined(arrived.in_proportion(plain, self.largest // _PACKED), self.largest)

    def _until(self, answer: RawResponse, deadline: float) -> Iterator[bytes]:
        for chunk in answer.chunks:
            if self._stop.is_set():
                raise Stopped
            if self._clock() > deadline:
                raise TransientError(f"The answer was not complete after {self._timeout:g} s (`request_timeout`).")
            yield chunk


class _Counted:
    """Chunks as they arrive, and the bytes that they were."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self._size += len(chunk)
        return chunk

    def in_proportion(self, inflated: Iterator[bytes], free: int) -> Iterator[bytes]:
        """What comes of them; raises ConfigError if it is a bomb of more than `free` bytes."""
        given = 0
        for part in inflated:
            given += len(part)
            compression.check_growth(self._size, given, free)
            yield part
