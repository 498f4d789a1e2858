"""Reads the body of a response, within limits of time and size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from source_rest_api.errors import Stopped, TransientError
from source_rest_api.http import compression
from source_rest_api.http.transport_errors import UnprovenEndError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from source_rest_api.http.transport import RawResponse

_MEGABYTE = 1 << 20
"""A streamed body has `request_timeout` for each megabyte. With smaller steps, one lost packet could be a timeout; a
limit for the whole body would forbid large files."""
_PACKED = 8
"""Divisor of the maximum body size: up to an eighth of it, the compression ratio does not matter."""


class BodyReader:
    """Reads response bodies, at once or while they arrive.

    Args:
        timeout: Seconds for a whole body, or for each megabyte of a streamed body.
        largest: Maximum bytes of a whole body, after decompression.
        stop: Set from outside to stop reading.
        clock: Monotonic seconds.
    """

    def __init__(self, timeout: float, largest: int, stop: Event, clock: Callable[[], float]) -> None:
        self._timeout = timeout
        self.largest = largest
        self._stop = stop
        self._clock = clock

    def chunks(self, answer: RawResponse) -> Iterator[bytes]:
        """Yield the body as it arrives. `request_timeout` limits the wait for each megabyte, not the caller's work."""
        waited, size = 0.0, 0
        with answer:
            shows_end = compression.shows_end(answer.headers.get("Content-Encoding", ""))
            arriving = with_own_end(answer.chunks) if shows_end else answer.chunks
            while True:
                before = self._clock()
                chunk = next(arriving, b"")
                waited, size = waited + self._clock() - before, size + len(chunk)
                if not chunk:
                    return
                if self._stop.is_set():
                    raise Stopped
                if waited > self._timeout:
                    raise TransientError(
                        f"One megabyte of the response took longer than {self._timeout:g} s (`request_timeout`). "
                        "If the connection is slow, raise `request_timeout`."
                    )
                if size >= _MEGABYTE:
                    waited, size = 0.0, 0
                yield chunk

    def whole(self, answer: RawResponse, deadline: float) -> bytes:
        """Return the whole body, decompressed.

        Args:
            answer: A response whose head has arrived.
            deadline: Time on the clock at which the body must be complete.

        Raises:
            TransientError: The body is not complete by then, or is damaged.
            ConfigError: The body is too large, or its compression is not supported.
        """
        coding = answer.headers.get("Content-Encoding", "")
        chunks = with_own_end(answer.chunks)  # JSON and XML show their end
        arrived = _Counted(chunks, partial(self._check, deadline))
        # An error response is judged by its status, even if its body cannot be decompressed.
        plain = compression.plain(arrived, coding, lenient=not answer.ok)
        return compression.joined(arrived.in_proportion(plain, self.largest // _PACKED), self.largest)

    def _check(self, deadline: float) -> None:
        """Raise an error if the read was stopped, or the body is late."""
        if self._stop.is_set():
            raise Stopped
        if self._clock() > deadline:
            raise TransientError(
                f"The response was not complete after {self._timeout:g} s (`request_timeout`). Set a smaller page "
                "size, or raise `request_timeout`."
            )


def with_own_end(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a body whose format shows its end, so that it does not matter how the connection ended."""
    try:  # noqa: SIM105 -- `suppress` takes longer
        yield from chunks
    except UnprovenEndError:
        pass


class _Counted:
    """Chunks as they arrive; counts their bytes.

    Args:
        chunks: The chunks.
        check: Called after each chunk; raises an error to stop.
    """

    def __init__(self, chunks: Iterator[bytes], check: Callable[[], None]) -> None:
        self._chunks = chunks
        self._check = check
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self._check()
        self._size += len(chunk)
        return chunk

    def in_proportion(self, inflated: Iterator[bytes], free: int) -> Iterator[bytes]:
        """Yield the decompressed parts; raise ConfigError for a decompression bomb of more than `free` bytes."""
        given = 0
        for part in inflated:
            given += len(part)
            compression.check_growth(self._size, given, free)
            yield part
