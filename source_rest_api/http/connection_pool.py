"""Our own transport: for each origin of a session, a pool that opens connections and keeps the free ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from urllib3 import exceptions as wire

from source_rest_api.http import http1, http1_head
from source_rest_api.http.adapter import BoundedAdapter
from source_rest_api.http.origins import Origin
from source_rest_api.http.request import IDEMPOTENT
from source_rest_api.http.transport import UnansweredError, as_transport_errors

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from requests import PreparedRequest
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    from source_rest_api.http.settings import HttpSettings
    from source_rest_api.http.transport import ConnectionOptions, FindOptions, RawResponse


class OriginPool:
    """The connections to one origin.

    Args:
        origin: The origin.
        pool: Opens connections.
    """

    def __init__(self, origin: Origin, pool: HTTPConnectionPool) -> None:
        self.pool = pool
        self.is_forwarded = pool.proxy is not None and origin.scheme == "http"
        """True if the requests go to a forwarding proxy, which needs the whole URL, and not through a tunnel."""
        self.host = str(origin).partition("//")[2]
        """Value of the `Host` header."""
        self.proxy_headers = tuple(pool.proxy_headers.items()) if self.is_forwarded else ()
        self._free: list[http1.Connection] = []
        self._closed = False

    def take(self) -> http1.Connection | None:
        """Return a free connection, or None. `append` and `pop` of a list are atomic, so this needs no lock."""
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
        """Put back a connection that can be reused."""
        self._free.append(connection)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close the free connections, and those that are put back later."""
        self._closed = True
        while self._free:
            self._free.pop().close()


class ConnectionPool:
    """Our own transport. It finds the options of connections once per origin, not for each request.

    Args:
        settings: The HTTP settings of the API.
        options: Finds the connection options.
        clock: Monotonic seconds, for deadlines.
    """

    def __init__(self, settings: HttpSettings, options: FindOptions, clock: Callable[[], float]) -> None:
        self._timeouts = (settings.connect_timeout, settings.read_timeout)
        self._seconds = settings.request_timeout
        self._options = options
        self._clock = clock
        self._adapter = BoundedAdapter(settings.request_timeout, clock)
        self.by_origin: dict[tuple[Origin, bool], OriginPool] = {}
        """The pools. Connections that may send the client certificate have their own."""

    def send(self, prepared: PreparedRequest, *, trusted: bool) -> RawResponse:
        """Send a request on a free or a new connection, and return the response when its head has arrived.

        Servers may close an idle connection at any moment. The request is then sent again on a new connection, if it
        has not arrived or may be repeated (RFC 9112, section 9.3.1).
        """
        url, method = str(prepared.url), str(prepared.method)
        with as_transport_errors:
            origin = Origin.of(url)
            place = origin, trusted
            route = self.by_origin.get(place) or self._found(place, prepared, self._options(url, trusted=trusted))
            path = url[url.index("/", url.index("//") + 2) :].partition("#")[0]
            target = f"{origin}{path}" if route.is_forwarded else path
            host = () if "Host" in prepared.headers else (("Host", route.host),)
            headers = (*host, *route.proxy_headers, *prepared.headers.items())
            written = http1_head.written(method, target, headers, prepared.body)
            kept = route.take()
            if kept is not None:
                try:
                    return kept.ask(written, method)
                except UnansweredError as error:
                    if error.arrived and method not in IDEMPOTENT:
                        raise
            sock = _connected(route, *self._timeouts)
            return http1.Connection(sock, self._seconds, self._clock, route.give_back).ask(written, method)

    def _found(self, place: tuple[Origin, bool], prepared: PreparedRequest, options: ConnectionOptions) -> OriginPool:
        verify, cert = options["verify"], options["cert"]
        made = self._adapter.get_connection_with_tls_context(prepared, verify, options["proxies"], cert)
        pool = cast("HTTPConnectionPool", made)
        self._adapter.cert_verify(pool, str(prepared.url), verify, cert)  # type: ignore[no-untyped-call]
        # Without a lock: if two threads are first, one creates a pool in vain, and both use the same one.
        return self.by_origin.setdefault(place, OriginPool(place[0], pool))

    def close(self) -> None:
        """Close all connections."""
        for route in self.by_origin.values():
            route.close()


def _connected(route: OriginPool, connect_timeout: float, read_timeout: float) -> socket.socket:
    """Return the socket of a new connection, through the proxy if there is one.

    Raises:
        SourceError, urllib3.exceptions.HTTPError: The connection failed.
    """
    # urllib3 has no public way to open a connection with its proxy and certificates.
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
    """Return the error that urllib3 would raise if it sent the request itself."""
    if not isinstance(error, OSError | wire.HTTPError):
        return error
    if connection.proxy and not connection.has_connected_to_proxy:
        return wire.ProxyError("Cannot connect to proxy.", error)
    if isinstance(error, wire.HTTPError):
        return error
    if isinstance(error, TimeoutError):
        return wire.ConnectTimeoutError("Connecting took too long.")
    return wire.ProtocolError("Connection aborted.", error)
