"""Sends one request: credentials on it, within its origin, along redirects."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urljoin

from msgspec.structs import replace
from requests import RequestException

from source_rest_api.errors import ConfigError
from source_rest_api.http import compression, rate_limits
from source_rest_api.http.client import HttpClient
from source_rest_api.http.origins import Origin, canonical
from source_rest_api.http.response import Response
from source_rest_api.http.transport import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests import PreparedRequest

    from source_rest_api.http.body_reader import BodyReader
    from source_rest_api.http.concurrency import Permits
    from source_rest_api.http.credentials import Auth, Credentials
    from source_rest_api.http.request import ParamValue, Request
    from source_rest_api.http.settings import HttpSettings

_LOG = logging.getLogger("airbyte.source_rest_api.http.sender")
_MAX_REDIRECTS = 5
"""As RFC 2068 advised; whoever needs more goes round in a circle."""
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)


class Sender:
    """One API's connection pool and credentials, shared by all threads.

    Args:
        settings: Those of the API.
        credentials: Those of this session.
        bodies: Reads bodies.
        clock: Seconds, for deadlines.
        permits: Are told how long answers take.
        refuses: Whether an answer says that the credentials are refused.
    """

    def __init__(
        self,
        settings: HttpSettings,
        credentials: Credentials,
        bodies: BodyReader,
        clock: Callable[[], float],
        permits: Permits | None,
        refuses: Callable[[Request, Response], bool],
    ) -> None:
        self.connections = HttpClient(settings, clock)
        self.origins = settings.origins
        self._credentials = credentials
        self._request_timeout = settings.request_timeout
        self._bodies = bodies
        self._clock = clock
        self._permits = permits
        self._refuses = refuses
        self._secured: set[Origin] = set()

    def send(self, request: Request, *, streamed: bool) -> Response:
        """Send it, and follow redirects (RFC 9110, section 15.4), to allowed origins only.

        Args:
            request: What to ask for.
            streamed: Whether the body of a success is left to be read while it arrives.

        Raises:
            SourceError: The request cannot be sent, or its answer cannot be read.
            TransportError: There is no whole answer.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._authorized(request, streamed)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return response
            request = _redirected(request, response, location)
        raise ConfigError(f"The API redirects more than {_MAX_REDIRECTS} times: check `url_base` and `path`.")

    def _authorized(self, request: Request, streamed: bool) -> Response:
        """Send it, and once more if its credentials are refused and there are newer ones."""
        prepared = self.prepared(request)
        if not self._origins_trust(prepared):
            alone = self.prepared(_alone(request, prepared))
            alone.headers.pop("Cookie", None)
            return self._exchange(request, alone, None, streamed)
        auth = self._credentials.current()
        response = self._exchange(request, prepared, auth, streamed)
        if self._refuses(request, response) and self._credentials.renew(auth, response):
            response = self._exchange(request, self.prepared(request), self._credentials.current(), streamed)
        return response

    def _exchange(self, request: Request, prepared: PreparedRequest, auth: Auth | None, streamed: bool) -> Response:
        """Send it with credentials, or without any to an origin that gets none."""
        began = self._clock()
        deadline = began + self._request_timeout
        with _AsHttp():
            if auth is not None:
                prepared.prepare_auth(auth)
            answer = self.connections.send(prepared, trusted=auth is not None)
        if self._permits is not None and answer.ok:
            self._permits.succeeded(self._clock() - began, request.endpoint)
            remaining, reset = rate_limits.allowance(answer.headers)
            if remaining is not None and reset is not None:
                self._permits.allowed(remaining, reset)
        if streamed and answer.ok and answer.status not in _REDIRECTS:
            chunks = compression.plain(self._bodies.chunks(answer), answer.headers.get("Content-Encoding", ""))
            url, largest = str(prepared.url), self._bodies.largest
            return Response(answer.status, answer.headers, b"", url, chunks, answer.close, largest)
        with answer:
            return Response(answer.status, answer.headers, self._bodies.whole(answer, deadline), str(prepared.url))

    def prepared(self, request: Request) -> PreparedRequest:
        """As it will be sent, but for the credentials.

        A blank in a parameter is `%20`, which all servers read; some OData servers refuse `+`.
        """
        with _AsHttp():
            url = _with_query(canonical(request.url), request.params)
            body = None if request.body is None else request.body.encode()
            prepared = self.connections.prepare(request.method, url, _headers(request), body)
        secured = self.origins.secured(url)
        return prepared if secured is None else self.prepared(self._secure(request, secured))

    def _secure(self, request: Request, url: str) -> Request:
        origin = Origin.of(url)
        if origin not in self._secured:
            self._secured.add(origin)
            _LOG.info("%s: The API gives http:// URLs for a host that is asked over TLS; %s is asked.", request, origin)
        return request.at_url(url)

    def _origins_trust(self, prepared: PreparedRequest) -> bool:
        """Whether the credentials go with it. It is asked of what is sent: parsers differ in how they read odd URLs."""
        return self.origins.trusts(Origin.of(prepared.url))


class _AsHttp:
    """Says of what cannot be written as HTTP where it comes from."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RequestException):
            raise TransportError from error
        if isinstance(error, ValueError):
            raise ConfigError(
                "The request cannot be written as HTTP: check `authentication`, `headers` and `params` for line breaks "
                "and unusual characters."
            ) from None


def _with_query(url: str, params: Mapping[str, ParamValue]) -> str:
    """A URL with parameters after those that it has."""
    if not params:
        return url
    url, mark, fragment = url.partition("#")
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}{urlencode(params, doseq=True, quote_via=quote)}{mark}{fragment}"


def _alone(request: Request, prepared: PreparedRequest) -> Request:
    """The request for an origin that gets nothing of the config: its URL.

    Raises:
        ConfigError: There is more to it.
    """
    if request.body is not None or request.params:
        raise ConfigError(
            f"The API leads to {Origin.of(prepared.url)} with a body or parameters, which go only where credentials "
            "may go: set `credentials` of this origin in `allowed_origins`, if it may have them."
        )
    return replace(request, headers={})


def _headers(request: Request) -> dict[str, str]:
    """Its headers, with the kind of its body unless the user says it."""
    headers = dict(request.headers)
    if request.body is not None and "content-type" not in map(str.lower, headers):
        headers["Content-Type"] = request.body.content_type
    return headers


def _redirected(request: Request, response: Response, location: str) -> Request:
    """The request that a redirect asks for. It carries no parameters but those of its URL."""
    try:
        following = request.at_url(urljoin(response.url, location))
    except ValueError:
        raise ConfigError("The API redirects to a URL that is not valid.") from None
    return replace(following, method="GET", body=None) if response.status == HTTPStatus.SEE_OTHER else following
