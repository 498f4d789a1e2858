"""Reads the body of an answer, within bounds of time and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.compression import LARGEST_BODY
from source_rest_api.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    import requests

_CHUNK = 1 << 18
_MEGABYTE = 1 << 20


class Stopped(Exception):  # noqa: N818 -- not an error: somebody asked for it
    """The read was told to stop while it waited."""


class Transfer:
    """Reads bodies.

    Args:
        timeout: Seconds, for a whole body or, where it is read as it arrives, for each megabyte.
        stop: Set from outside to end it.
        clock: Seconds.
    """

    def __init__(self, timeout: float, stop: Event, clock: Callable[[], float]) -> None:
        self._timeout = timeout
        self._stop = stop
        self._clock = clock

    def chunks(self, answer: requests.Response) -> Iterator[bytes]:
        """The body as it arrives. `request_timeout` bounds the wait for each megabyte, not the time of who reads it."""
        waited, size = 0.0, 0
        with answer:
            while True:
                before = self._clock()
                chunk = answer.raw.read1(_CHUNK, decode_content=False)
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

    def whole(self, answer: requests.Response, deadline: float) -> bytes:
        """The body, content coding undone.

        Args:
            answer: Its head has come.
            deadline: On the clock.

        Raises:
            TransientError: It is not complete by then.
            ConfigError: It is too large.
        """
        chunks = []
        size = 0
        # `read1` gives what has arrived; `read`, and all that is built on it, would wait until a chunk is full.
        while chunk := answer.raw.read1(_CHUNK, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if self._stop.is_set():
                raise Stopped
            if self._clock() > deadline:
                raise TransientError(f"The answer was not complete after {self._timeout:g} s (`request_timeout`).")
            if size > LARGEST_BODY:
                raise ConfigError(f"The answer is larger than {LARGEST_BODY >> 20} MB: ask for smaller pages.")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
