"""Bounds the time in which a proxy answers to CONNECT: a byte now and then would keep every socket's timeout away."""

from __future__ import annotations

import io
from http.client import HTTPResponse
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
        self._ends = clock() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        if self._clock() > self._ends:
            raise TransientError(f"The proxy's answer was not complete after {self._seconds:g} s (`request_timeout`).")
        return self._raw.readinto(buffer)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


def bound(pool: HTTPConnectionPool, seconds: float, clock: Callable[[], float]) -> None:
    """Let the proxy of a pool answer within a time.

    Args:
        pool: Whose connections are yet to be made.
        seconds: From the end of the request on.
        clock: Seconds.
    """

    class Answer(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
            super().__init__(sock, *args, **more)
            self.fp = io.BufferedReader(_Timed(self.fp.detach(), seconds, clock))

    kind: Any = pool.ConnectionCls
    pool.ConnectionCls = type(kind.__name__, (kind,), {"response_class": Answer})
