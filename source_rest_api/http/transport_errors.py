"""The failures below HTTP: no connection, no response, or an incomplete one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class TransportError(Exception):
    """A request could not be sent, or its response is incomplete. `__cause__` is the system's or a library's error."""


class InvalidUrlError(TransportError, ValueError):
    """The URL is not valid."""

    def __init__(self) -> None:
        super().__init__("is not a valid URL")


class InvalidHeaderError(TransportError):
    """A header cannot be sent."""


class NotConnectedError(TransportError):
    """The host is unknown, or accepts no connection."""


class ConnectTimeoutError(TransportError):
    """No connection within `connect_timeout`."""


class TlsError(TransportError):
    """TLS failed, for example because of the certificate."""


class ProxyError(TransportError):
    """The proxy did not connect to the API."""


class ReadTimeoutError(TransportError):
    """No data within `read_timeout`."""


class ConnectionLostError(TransportError):
    """The connection was closed or broke, or its bytes are not HTTP."""


class CutShortError(TransportError):
    """The body ended early, or its framing is broken."""


class UnprovenEndError(CutShortError):
    """The TLS connection ended without a closing alert, after a body whose end nothing else shows (RFC 9112, 9.8)."""


class UnansweredError(TransportError):
    """The server closed a kept connection without a byte of the response, which it may do at any time."""

    def __init__(self, *, arrived: bool) -> None:
        super().__init__()
        self.arrived = arrived
        """True if the server may have received the request."""


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, down to the innermost."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
