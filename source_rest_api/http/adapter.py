"""Opens the connections of `requests` and urllib3: to allowed addresses, with a timeout for each response's head."""

from __future__ import annotations

import io
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from source_rest_api.errors import TransientError
from source_rest_api.http import egress_guard
from source_rest_api.http.transport_errors import NotConnectedError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from typing_extensions import Buffer
    from urllib3.poolmanager import PoolManager


class BoundedAdapter(HTTPAdapter):
    """Opens connections for the transport on `requests`, and those through proxies.

    In Airbyte's cloud they go to public addresses only (`egress_guard`). With a proxy, the proxy decides which
    addresses are allowed.

    Args:
        seconds: Timeout for the head of a response, from the end of its request. The socket's own timeout restarts
            with each byte, so a server that sends a head byte by byte would never time out.
        clock: Monotonic seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._response_class = _timed_response(seconds, clock)
        super().__init__()

    def init_poolmanager(self, *given: Any, **more: Any) -> None:
        """Create the manager of direct connections."""
        super().init_poolmanager(*given, **more)
        if egress_guard.is_guarded():
            self.poolmanager.pool_classes_by_scheme = {"http": _GuardedHTTPPool, "https": _GuardedHTTPSPool}
        self._bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        """Return the manager of a proxy's connections."""
        known = self.proxy_manager.get(proxy)
        manager = super().proxy_manager_for(proxy, **more)
        if manager is not known:
            self._bound(manager)
        return manager

    def _bound(self, manager: PoolManager) -> None:
        """Apply the timeout to all connections that the manager opens from now on."""
        pools: dict[str, Any] = dict(manager.pool_classes_by_scheme)
        manager.pool_classes_by_scheme = {scheme: self._bounded(pool) for scheme, pool in pools.items()}

    def _bounded(self, pool: Any) -> Any:
        kind = pool.ConnectionCls
        bounded = type(kind.__name__, (kind,), {"response_class": self._response_class})
        return type(pool.__name__, (pool,), {"ConnectionCls": bounded})


class _GuardedHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        raise egress_guard.no_tls()


class _GuardedHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        try:
            return egress_guard.connected(self.host, self.port, cast("float", self.timeout))
        except NotConnectedError as error:
            raise NewConnectionError(self, str(error)) from error


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTPConnection


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPSConnection


def _timed_response(seconds: float, clock: Callable[[], float]) -> type[HTTPResponse]:
    class Response(HTTPResponse):
        """A response read by `http.client`: to a request, or from a proxy to CONNECT, which has only a head."""

        def __init__(self, sock: socket.socket, *given: Any, **more: Any) -> None:
            super().__init__(sock, *given, **more)
            self._timed = _Timed(self.fp.detach(), seconds, clock)
            self.fp = io.BufferedReader(self._timed)

        def begin(self) -> None:
            self._timed.what = "response's head"
            super().begin()
            self._timed.ends = None  # the body has limits of its own

    return Response


class _Timed(io.RawIOBase):
    """A socket's stream with a deadline. Checked before each read; the socket's own timeout limits the read itself."""

    def __init__(self, raw: io.RawIOBase, seconds: float, clock: Callable[[], float]) -> None:
        self._raw = raw
        self._seconds = seconds
        self._clock = clock
        self.ends: float | None = clock() + seconds
        self.what = "proxy's response"

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
