"""Opens connections to an origin, without a proxy."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.http import egress_guard
from source_rest_api.http.transport_errors import (
    ConnectTimeoutError,
    InvalidUrlError,
    NotConnectedError,
    TlsError,
    TransportError,
)

if TYPE_CHECKING:
    from source_rest_api.http.origins import Origin
    from source_rest_api.http.transport import ConnectionOptions


class DirectConnections:
    """Opens connections to one origin. In Airbyte's cloud they go to public addresses only, over TLS (`egress_guard`).

    Args:
        origin: The origin.
        options: The certificates.

    Raises:
        ConfigError: The certificates cannot be read.
    """

    is_forwarded = False
    headers = ()

    def __init__(self, origin: Origin, options: ConnectionOptions) -> None:
        self._host, self._port = origin.host, origin.port or 0
        self._context = _tls(options) if origin.scheme == "https" else None

    def connect(self, timeout: float) -> socket.socket:
        """Return the socket of a new connection, after its TLS handshake.

        Args:
            timeout: Seconds for each address, and for each step of the handshake.

        Raises:
            TransportError: There is no connection.
            ConfigError: The address is not allowed.
        """
        sock = self._connected(timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is None:
                return sock
            # Otherwise Python treats a reset as an ordinary end.
            return self._context.wrap_socket(sock, server_hostname=self._host.rstrip("."), suppress_ragged_eofs=False)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise _failure(error) from error
            raise

    def _connected(self, timeout: float) -> socket.socket:
        try:
            if egress_guard.is_guarded():
                if self._context is None:
                    raise egress_guard.no_tls()
                return egress_guard.connected(self._host, self._port, timeout)
            return socket.create_connection((self._host, self._port), timeout)
        except TimeoutError as error:
            raise ConnectTimeoutError from error
        except OSError as error:
            raise NotConnectedError from error
        except UnicodeError as error:  # a part of the host name is empty or too long
            raise InvalidUrlError from error


def _tls(options: ConnectionOptions) -> ssl.SSLContext:
    bundle = options.ca_bundle or _public_authorities()
    try:
        is_folder = Path(bundle).is_dir()
        context = ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)
        if options.certificate is not None:
            context.post_handshake_auth = True  # servers may ask for the certificate once they know the path
            context.load_cert_chain(*options.certificate)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        raise ConfigError(
            f"The TLS certificates cannot be read ({reason}): check `tls`, or the environment variables "
            "`REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE`."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    return context


def _public_authorities() -> str:
    import certifi  # noqa: PLC0415 -- start-up counts, and some APIs have no TLS

    return certifi.where()


def _failure(error: OSError) -> TransportError:
    """Return the failure of a handshake."""
    if isinstance(error, TimeoutError):
        return ConnectTimeoutError()
    return TlsError() if isinstance(error, ssl.SSLError) else NotConnectedError()
