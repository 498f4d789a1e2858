"""Bounds the time in which the head of an answer comes: a byte now and then would keep every socket's timeout away."""

from __future__ import annotations

import io
from http.client import HTTPResponse
from math import inf
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import TransientError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from typing_extensions import Buffer
    from urllib3.connectionpool import HTTPConnectionPool


class _Timed(io.RawIOBase):
    """What a socket gives, up to a moment. It is looked at before each read, which the socket's own timeout bounds."""

    def __init__(self, raw: io.RawIOBase, seconds: float, clock: Callable[[], float]) -> None:
        self._raw = raw
        self._seconds = seconds
        self._clock = clock
        self.ends = clock() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        if self._clock() > self.ends:
            raise TransientError(f"The answer's head was not complete after {self._seconds:g} s (`request_timeout`).")
        return self._raw.readinto(buffer)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


def bound(pool: HTTPConnectionPool, seconds: float, clock: Callable[[], float]) -> None:
    """Let every answer of a pool's connections have its head within a time; that of a proxy to CONNECT too.

    Args:
        pool: Whose connections are yet to be made.
        seconds: From the end of the request on.
        clock: Seconds.
    """

    class Answer(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
            super().__init__(sock, *args, **more)
            self._timed = _Timed(self.fp.detach(), seconds, clock)
            self.fp = io.BufferedReader(self._timed)

        def begin(self) -> None:
            super().begin()
            self._timed.ends = inf  # of the body `Transfer` takes care, which may be read for hours

    kind: Any = pool.ConnectionCls
    pool.ConnectionCls = type(kind.__name__, (kind,), {"response_class": Answer})
