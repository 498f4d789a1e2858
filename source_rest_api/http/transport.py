"""The seam to the network: a prepared request goes out, the head of its response comes back, then its body.

Two transports keep this contract, each with the guard of addresses and the deadlines: `connection_pool`, which is ours,
and `requests_transport`, for tests that put something in place of how `requests` sends. A session has one of them from
its beginning to its end.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

from requests import RequestException
from urllib3 import exceptions as wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from requests import PreparedRequest
    from typing_extensions import Self

TransportName: TypeAlias = Literal["own", "requests"]


class TransportError(Exception):
    """A request could not be sent, or got no whole response. Its cause is the error of urllib3 or `requests`."""


class _TransportErrors:
    """Turns the errors of urllib3 and `requests` into `TransportError`s."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RequestException | wire.HTTPError):
            raise TransportError from error


as_transport_errors = _TransportErrors()


class RawResponse:
    """A response whose head has come.

    Args:
        status: Its status.
        headers: Looked up without regard to case.
        chunks: Its body as it comes, content coding left on; raises `TransportError` where it is cut.
        close: Reads no more of it. A connection that holds the rest of a body is of no further use.
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
        """True if it is no error."""
        return self.status < HTTPStatus.BAD_REQUEST

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ConnectionOptions(TypedDict):
    """What `requests` wants to know for connections to an origin."""

    proxies: Any
    verify: Any
    cert: Any


class FindOptions(Protocol):
    """Finds the options of connections by the config and the environment."""

    def __call__(self, url: str, *, trusted: bool) -> ConnectionOptions:
        """The options; they are the same for all URLs of an origin.

        Args:
            url: Where to.
            trusted: True if the client certificate may be shown there.
        """


class Transport(Protocol):
    """Sends prepared requests."""

    def send(self, prepared: PreparedRequest, *, trusted: bool) -> RawResponse:
        """Send a request; the response, when its head has come.

        Args:
            prepared: With its credentials.
            trusted: True if the client certificate may be shown there.

        Raises:
            TransportError: There is no response.
            SourceError: The address is refused, or the head did not come in time.
            ValueError: It cannot be written as HTTP.
        """

    def close(self) -> None:
        """Close all connections."""
