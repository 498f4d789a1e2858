"""Our own transport: for each origin of a session, a pool that opens connections and keeps the free ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from source_rest_api.http import http1, http1_head
from source_rest_api.http.direct_connections import DirectConnections
from source_rest_api.http.origins import Origin
from source_rest_api.http.request import IDEMPOTENT
from source_rest_api.http.transport_errors import UnansweredError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from source_rest_api.http.prepared import Prepared
    from source_rest_api.http.settings import HttpSettings
    from source_rest_api.http.transport import ConnectionOptions, FindOptions, RawResponse


class Connections(Protocol):
    """Opens connections to one origin."""

    @property
    def is_forwarded(self) -> bool:
        """True if the requests go to a forwarding proxy, which needs the whole URL, and not through a tunnel."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Headers of each request to a forwarding proxy."""

    def connect(self, timeout: float) -> socket.socket:
        """Return the socket of a new connection, after its TLS handshake.

        Raises:
            SourceError, TransportError: The connection failed.
        """


class OriginPool:
    """The connections to one origin.

    Args:
        origin: The origin.
        connections: Opens connections.
    """

    def __init__(self, origin: Origin, connections: Connections) -> None:
        self.connections = connections
        self.own_headers = (("Host", str(origin).partition("//")[2]), *connections.headers)
        """Headers of each request, besides its own."""
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
        self._connect_timeout = settings.connect_timeout
        self._read_timeout = settings.read_timeout
        self._seconds = settings.request_timeout
        self._options = options
        self._clock = clock
        self.by_origin: dict[tuple[Origin, bool], OriginPool] = {}
        """The pools. Connections that may send the client certificate have their own."""

    def send(self, prepared: Prepared, *, trusted: bool) -> RawResponse:
        """Send a request on a free or a new connection, and return the response when its head has arrived.

        Servers may close an idle connection at any moment. The request is then sent again on a new connection, if it
        has not arrived or may be repeated (RFC 9112, section 9.3.1).
        """
        url, method = prepared.url, prepared.method
        origin = Origin.of(url)
        place = origin, trusted
        route = self.by_origin.get(place) or self._found(place, prepared, self._options(url, trusted=trusted))
        target = url[url.index("/", url.index("//") + 2) :].partition("#")[0]
        if route.connections.is_forwarded:
            target = f"{origin}{target}"
        own = route.own_headers[1:] if "Host" in prepared.headers else route.own_headers
        written = http1_head.written(method, target, (*own, *prepared.headers.pairs()), prepared.body)
        kept = route.take()
        if kept is not None:
            try:
                return kept.ask(written, method)
            except UnansweredError as error:
                if error.arrived and method not in IDEMPOTENT:
                    raise
        sock = route.connections.connect(self._connect_timeout)
        sock.settimeout(self._read_timeout)
        return http1.Connection(sock, self._seconds, self._clock, route.give_back).ask(written, method)

    def _found(self, place: tuple[Origin, bool], prepared: Prepared, options: ConnectionOptions) -> OriginPool:
        connections: Connections
        if options.proxy is None:
            connections = DirectConnections(place[0], options)
        else:
            from source_rest_api.http.proxied_connections import ProxiedConnections  # noqa: PLC0415 -- start-up counts

            connections = ProxiedConnections(prepared, options, self._seconds, self._clock)
        # Without a lock: if two threads are first, one creates a pool in vain, and both use the same one.
        return self.by_origin.setdefault(place, OriginPool(place[0], connections))

    def close(self) -> None:
        """Close all connections."""
        for route in self.by_origin.values():
            route.close()
