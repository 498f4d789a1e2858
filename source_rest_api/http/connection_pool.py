"""The ways to the origins of a session: what makes connections to each, and those that are free."""

from __future__ import annotations

import io
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3 import exceptions as wire

from source_rest_api.errors import TransientError
from source_rest_api.http import egress_guard, http1, http1_head
from source_rest_api.http.origins import Origin

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from requests import PreparedRequest
    from typing_extensions import Buffer
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    from source_rest_api.http.settings import HttpSettings


class OriginPool:
    """The way to one origin.

    Args:
        origin: Where it leads.
        pool: What makes connections.
    """

    def __init__(self, origin: Origin, pool: HTTPConnectionPool) -> None:
        self.pool = pool
        self.is_forwarded = pool.proxy is not None and origin.scheme == "http"
        """Whether a proxy is told the whole URL, and does not just lead on what is sent."""
        self.host = str(origin).partition("//")[2]
        """For the `Host` header."""
        self.proxy_headers = tuple(pool.proxy_headers.items()) if self.is_forwarded else ()
        self._free: list[http1.Connection] = []
        self._closed = False

    def take(self) -> http1.Connection | None:
        """A connection that is free, if there is one."""
        while self._free:
            try:
                connection = self._free.pop()
            except IndexError:  # another thread was faster
                return None
            if connection.is_open:
                return connection
            connection.close()
        return None

    def give_back(self, connection: http1.Connection) -> None:
        """Take a connection that can be used again."""
        self._free.append(connection)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close what is free, now and later."""
        self._closed = True
        while self._free:
            self._free.pop().close()


class ConnectionPool:
    """Sends what `requests` has prepared. What holds for all requests to an origin is found out once.

    Args:
        settings: Those of the API.
        clock: Seconds, for deadlines.
    """

    def __init__(self, settings: HttpSettings, clock: Callable[[], float]) -> None:
        self.timeouts = (settings.connect_timeout, settings.read_timeout)
        """Seconds: to connect, and for the next bytes."""
        self._seconds = settings.request_timeout
        self._clock = clock
        self._adapter = HTTPAdapter()
        self.by_origin: dict[Origin, OriginPool] = {}
        if egress_guard.is_guarded():
            egress_guard.guard(self._adapter.poolmanager)

    def send(self, request: PreparedRequest, settings: Callable[[], Mapping[str, Any]]) -> http1.RawResponse:
        """Send it on a free connection, or a new one; the answer, when its head has come.

        Args:
            request: With all its headers but `Host`, which it may have.
            settings: What `requests` wants to know for connections to its origin: `verify`, `cert` and `proxies`.

        Raises:
            SourceError, urllib3.exceptions.HTTPError: There is no answer.
            ValueError: It cannot be written as HTTP.
        """
        url, method = str(request.url), str(request.method)
        origin = Origin.of(url)
        route = self.by_origin.get(origin) or self._found(origin, request, **settings())
        path = url[url.index("/", url.index("//") + 2) :].partition("#")[0]
        target = f"{origin}{path}" if route.is_forwarded else path
        host = () if "Host" in request.headers else (("Host", route.host),)
        headers = (*host, *route.proxy_headers, *request.headers.items())
        written = http1_head.written(method, target, headers, request.body)
        connection = route.take()
        if connection is None:
            sock = _connected(route, *self.timeouts)
            connection = http1.Connection(sock, self._seconds, self._clock, route.give_back)
        return connection.ask(written, method)

    def _found(self, origin: Origin, request: PreparedRequest, *, verify: Any, cert: Any, proxies: Any) -> OriginPool:
        made = self._adapter.get_connection_with_tls_context(request, verify, proxies, cert)
        pool = cast("HTTPConnectionPool", made)
        self._adapter.cert_verify(pool, str(request.url), verify, cert)  # type: ignore[no-untyped-call]
        bound(pool, self._seconds, self._clock)
        return self.by_origin.setdefault(origin, OriginPool(origin, pool))

    def close(self) -> None:
        """Close all connections."""
        for route in self.by_origin.values():
            route.close()


def _connected(route: OriginPool, connect_timeout: float, read_timeout: float) -> socket.socket:
    """A new connection, through the proxy if there is one.

    Raises:
        SourceError, urllib3.exceptions.HTTPError: There is none.
    """
    # urllib3 gives connections with their proxy and certificates in no other way.
    connection = cast("HTTPConnection", route.pool._new_conn())  # noqa: SLF001
    connection.timeout = connect_timeout
    try:
        if route.pool.proxy is not None and not route.is_forwarded:
            route.pool._prepare_proxy(connection)  # noqa: SLF001
        if connection.is_closed:
            connection.connect()
    except BaseException as error:
        failure = _failure(error, connection)
        connection.close()
        if failure is error:
            raise
        raise failure from error
    sock: socket.socket = connection.sock
    sock.settimeout(read_timeout)
    return sock


def _failure(error: BaseException, connection: HTTPConnection) -> BaseException:
    """What urllib3 makes of it where it sends requests itself."""
    if not isinstance(error, OSError | wire.HTTPError):
        return error
    if connection.proxy and not connection.has_connected_to_proxy:
        return wire.ProxyError("Cannot connect to proxy.", error)
    if isinstance(error, wire.HTTPError):
        return error
    if isinstance(error, TimeoutError):
        return wire.ConnectTimeoutError("Connecting took too long.")
    return wire.ProtocolError("Connection aborted.", error)


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
