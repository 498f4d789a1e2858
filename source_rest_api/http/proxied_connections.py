"""Opens connections through a proxy, with `requests` and urllib3: credentials, tunnels and TLS are their work."""

from __future__ import annotations

from http.client import HTTPException
from typing import TYPE_CHECKING, cast

from urllib3 import exceptions as wire

from source_rest_api.errors import ConfigError
from source_rest_api.http.adapter import BoundedAdapter
from source_rest_api.http.requests_errors import as_transport_errors
from source_rest_api.http.transport_errors import InvalidUrlError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    from source_rest_api.http.prepared import Prepared
    from source_rest_api.http.transport import ConnectionOptions


class ProxiedConnections:
    """Opens connections to one origin through its proxy.

    Args:
        prepared: A request to the origin.
        options: The proxy and the certificates.
        seconds: Timeout for the proxy's response.
        clock: Monotonic seconds.

    Raises:
        ConfigError: The URL of the proxy is not valid, or the proxy is not an HTTP proxy.
    """

    def __init__(
        self, prepared: Prepared, options: ConnectionOptions, seconds: float, clock: Callable[[], float]
    ) -> None:
        adapter = BoundedAdapter(seconds, clock)
        if str(options.proxy).lower().startswith("socks"):
            raise _no_http_proxy()
        proxies = {scheme: str(options.proxy) for scheme in ("http", "https")}
        self.is_forwarded = prepared.url.startswith("http:")
        """True if the requests go to a forwarding proxy, which needs the whole URL, and not through a tunnel."""
        # The client certificate is for the API. If the requests are forwarded, the only TLS is that of the proxy.
        verify, cert = options.ca_bundle or True, None if self.is_forwarded else options.certificate
        try:
            with as_transport_errors:
                made = adapter.get_connection_with_tls_context(prepared.for_requests(), verify, proxies, cert)
                adapter.cert_verify(made, f"{made.scheme}:", verify, cert)  # type: ignore[no-untyped-call]
        except InvalidUrlError:
            raise _no_http_proxy() from None
        self._pool = cast("HTTPConnectionPool", made)
        self.headers = tuple(self._pool.proxy_headers.items()) if self.is_forwarded else ()
        """Headers of each request to a forwarding proxy."""

    def connect(self, timeout: float) -> socket.socket:
        """Return the socket of a new connection, after its TLS handshake.

        Raises:
            SourceError, TransportError: The connection failed.
        """
        # urllib3 has no public way to open a connection with its proxy and certificates.
        connection = cast("HTTPConnection", self._pool._new_conn())  # noqa: SLF001
        connection.timeout = timeout
        with as_transport_errors:
            try:
                if not self.is_forwarded:
                    self._pool._prepare_proxy(connection)  # noqa: SLF001
                if connection.is_closed:
                    connection.connect()
            except BaseException as error:
                failure = _failure(error, connection)
                connection.close()
                if failure is error:
                    raise
                raise failure from error
        if hasattr(connection.sock, "suppress_ragged_eofs"):
            connection.sock.suppress_ragged_eofs = False  # as without a proxy
        sock: socket.socket = connection.sock
        return sock


def _no_http_proxy() -> ConfigError:
    return ConfigError(
        "The URL of the proxy is not that of an HTTP proxy, such as `http://proxy.example.com:3128`: correct "
        "`proxy_url`, or the environment variables `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY`. SOCKS is not supported."
    )


def _failure(error: BaseException, connection: HTTPConnection) -> BaseException:
    """Return the error that urllib3 would raise if it sent the request itself."""
    if not isinstance(error, OSError | HTTPException | wire.HTTPError):
        return error
    # Only the response to CONNECT is read here as HTTP.
    if connection.proxy and (isinstance(error, HTTPException) or not connection.has_connected_to_proxy):
        return wire.ProxyError("Cannot connect to proxy.", error)
    if isinstance(error, wire.HTTPError):
        return error
    if isinstance(error, TimeoutError):
        return wire.ConnectTimeoutError("Connecting took too long.")
    return wire.ProtocolError("Connection aborted.", error)
