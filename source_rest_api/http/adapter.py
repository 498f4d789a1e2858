"""What opens sockets, for every transport: it leads only where it may, and heads of responses come in time."""

from __future__ import annotations

import io
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

from source_rest_api.errors import TransientError
from source_rest_api.http import egress_guard

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from typing_extensions import Buffer
    from urllib3.poolmanager import PoolManager


class BoundedAdapter(HTTPAdapter):
    """Makes connections, for `requests` and for our own pool.

    In Airbyte's cloud they lead to public addresses only (`egress_guard`). Where there is a proxy, the proxy decides
    where they lead.

    Args:
        seconds: In which the head of a response has to come, from the end of its request on. The timeout of a socket
            begins anew with each byte, so that a head that dribbles would never end.
        clock: Seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._response_class = _timed_response(seconds, clock)
        super().__init__()

    def init_poolmanager(self, *given: Any, **more: Any) -> None:
        """Make the manager of direct connections."""
        super().init_poolmanager(*given, **more)
        if egress_guard.is_guarded():
            egress_guard.guard(self.poolmanager)
        self._bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        """The manager of a proxy's connections."""
        known = self.proxy_manager.get(proxy)
        manager = super().proxy_manager_for(proxy, **more)
        if manager is not known:
            self._bound(manager)
        return manager

    def _bound(self, manager: PoolManager) -> None:
        """Let connections that are yet to be made read responses within the time."""
        pools: dict[str, Any] = dict(manager.pool_classes_by_scheme)
        manager.pool_classes_by_scheme = {scheme: self._bounded(pool) for scheme, pool in pools.items()}

    def _bounded(self, pool: Any) -> Any:
        kind = pool.ConnectionCls
        bounded = type(kind.__name__, (kind,), {"response_class": self._response_class})
        return type(pool.__name__, (pool,), {"ConnectionCls": bounded})


def _timed_response(seconds: float, clock: Callable[[], float]) -> type[HTTPResponse]:
    class Response(HTTPResponse):
        """What `http.client` reads: the response to a request, or that of a proxy to CONNECT, which only has a head."""

        def __init__(self, sock: socket.socket, *given: Any, **more: Any) -> None:
            super().__init__(sock, *given, **more)
            self._timed = _Timed(self.fp.detach(), seconds, clock)
            self.fp = io.BufferedReader(self._timed)

        def begin(self) -> None:
            self._timed.what = "answer's head"
            super().begin()
            self._timed.ends = None  # the body has bounds of its own

    return Response


class _Timed(io.RawIOBase):
    """What a socket gives, up to a moment. It is looked at before each read, which the socket's own timeout bounds."""

    def __init__(self, raw: io.RawIOBase, seconds: float, clock: Callable[[], float]) -> None:
        self._raw = raw
        self._seconds = seconds
        self._clock = clock
        self.ends: float | None = clock() + seconds
        self.what = "proxy's answer"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        if self.ends is not None and self._clock() > self.ends:
            raise TransientError(f"The {self.what} was not complete after {self._seconds:g} s (`request_timeout`).")
        return self._raw.readinto(buffer)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()
