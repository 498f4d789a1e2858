"""The interface to the network: sends a prepared request and returns the head of its response, then its body.

Two transports implement it, both with the egress guard and the deadlines: `connection_pool`, our own, and
`requests_transport`, for tests that replace the way `requests` sends. A session uses the same one throughout.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from typing_extensions import Self

    from source_rest_api.http.prepared import Prepared

_FIRST_ERROR = HTTPStatus.BAD_REQUEST.value
"""The lowest status of an error."""

TransportName: TypeAlias = Literal["own", "requests"]


class RawResponse:
    """A response whose head has arrived.

    Args:
        status: The status.
        headers: The headers; names are case-insensitive.
        chunks: The body as it arrives, still compressed; raises `TransportError` if it is cut short.
        close: Stops reading the body. A connection with the rest of a body on it is closed, not reused.
        cookies: Each `Set-Cookie` that the session does not know yet.
    """

    __slots__ = ("chunks", "close", "cookies", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        chunks: Iterator[bytes],
        close: Callable[[], None],
        cookies: Sequence[str] = (),
    ) -> None:
        self.status = status
        self.headers = headers
        self.chunks = chunks
        self.close = close
        self.cookies = cookies

    @property
    def ok(self) -> bool:
        """True if the status is not an error."""
        return self.status < _FIRST_ERROR

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ConnectionOptions(NamedTuple):
    """How to connect to an origin."""

    proxy: str | None
    """URL of the proxy; None to connect directly."""
    ca_bundle: str | None
    """Path of the certificate authorities to trust, a file or a folder; None for those of `certifi`."""
    certificate: tuple[str, str] | None
    """Paths of the client certificate and its key; None if it has none, or may not be sent there."""


class FindOptions(Protocol):
    """Finds the connection options in the config and the environment."""

    def __call__(self, url: str, *, trusted: bool) -> ConnectionOptions:
        """Return the options; they are the same for all URLs of an origin.

        Args:
            url: A URL of the origin.
            trusted: True if the client certificate may be sent there.
        """


class Transport(Protocol):
    """Sends prepared requests."""

    def send(self, prepared: Prepared, *, trusted: bool) -> RawResponse:
        """Send a request, and return the response when its head has arrived.

        Args:
            prepared: The request, with its credentials.
            trusted: True if the client certificate may be sent there.

        Raises:
            TransportError: There is no response.
            SourceError: The address is not allowed, or the head did not arrive in time.
            ValueError: The request cannot be written as HTTP.
        """

    def close(self) -> None:
        """Close all connections."""
