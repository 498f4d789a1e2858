"""Sends one request: puts credentials on it, keeps to allowed origins, and follows redirects."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from msgspec.structs import replace

from source_rest_api.errors import ConfigError
from source_rest_api.http import compression, rate_limits
from source_rest_api.http.client import HttpClient
from source_rest_api.http.origins import Origin, canonical
from source_rest_api.http.prepared import query, with_query
from source_rest_api.http.response import Response
from source_rest_api.http.transport_errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.http.body_reader import BodyReader
    from source_rest_api.http.concurrency import Permits
    from source_rest_api.http.credentials import Auth, Credentials
    from source_rest_api.http.per_endpoint import PerEndpoint
    from source_rest_api.http.prepared import Prepared
    from source_rest_api.http.request import Request
    from source_rest_api.http.settings import HttpSettings

_LOG = logging.getLogger("airbyte.source_rest_api.http.sender")
_MAX_REDIRECTS = 5
"""The limit that RFC 2068 recommended; more redirects are most likely a loop."""
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)

_NOT_TRUSTED = (
    "The request carried no credentials: if you trust this origin, set `credentials: true` for it in `allowed_origins`"
)
_NO_CREDENTIALS = (
    "The request carried no credentials of `authentication`: set it, or correct the key in `headers` or `params`"
)


class Sender:
    """One API's connections and credentials, shared by all threads.

    Args:
        settings: The HTTP settings of the API.
        credentials: The credentials of this session.
        bodies: Reads bodies.
        clock: Monotonic seconds, for deadlines.
        permits: Concurrency permits; adapt to response times and rate limit headers.
        refuses: Returns True if a response rejects the credentials.
    """

    def __init__(
        self,
        settings: HttpSettings,
        credentials: PerEndpoint[Credentials],
        bodies: BodyReader,
        clock: Callable[[], float],
        permits: Permits | None,
        refuses: Callable[[Request, Response], bool],
    ) -> None:
        self.connections = HttpClient(settings, clock)
        self.origins = settings.origins
        self._log = settings.log
        self.credentials = credentials
        self._request_timeout = settings.request_timeout
        self._bodies = bodies
        self._clock = clock
        self._permits = permits
        self._refuses = refuses
        self._secured: set[Origin] = set()

    def send(self, request: Request, *, streamed: bool) -> Response:
        """Send a request and follow redirects (RFC 9110, section 15.4), to allowed origins only.

        Args:
            request: The request to send.
            streamed: True to leave the body of a success unread, for the caller to read while it arrives.

        Raises:
            SourceError: The request cannot be sent, or its response cannot be read.
            TransportError: The response is missing or incomplete.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._authorized(request, streamed)
            if response.status not in _REDIRECTS or not (location := response.headers.get("Location")):
                return response
            request = _redirected(request, response, location)
        raise ConfigError(f"The API redirected more than {_MAX_REDIRECTS} times: check `url_base` and `path`.")

    def _authorized(self, request: Request, streamed: bool) -> Response:
        """Send a request; send it once more if the API rejects the credentials and they could be renewed."""
        prepared = self.prepared(request)
        if not self._origins_trust(request, prepared):
            alone = self.prepared(_alone(request, prepared))
            alone.headers.pop("Cookie", None)
            return replace(self._exchange(request, alone, None, streamed), unsigned=_NOT_TRUSTED)
        credentials = self.credentials.of(request.endpoint)
        auth = credentials.current()
        response = self._exchange(request, prepared, auth, streamed)
        if self._refuses(request, response) and credentials.renew(auth, response):
            prepared = self.prepared(request)
            response = self._exchange(request, prepared, credentials.current(), streamed)
        if response.status == HTTPStatus.UNAUTHORIZED and _is_same(prepared, self.prepared(request)):
            return replace(response, unsigned=_NO_CREDENTIALS)
        return response

    def _exchange(self, request: Request, prepared: Prepared, auth: Auth | None, streamed: bool) -> Response:
        """Send a prepared request, with credentials unless `auth` is None, and read its response."""
        began = self._clock()
        deadline = began + self._request_timeout
        self._log.sending()
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
            url, largest = prepared.url, self._bodies.largest
            response = Response(answer.status, answer.headers, b"", url, chunks, answer.close, largest)
            self._log.answered(request, response, self._clock() - began, streamed=True)
            return response
        with answer:
            body = self._bodies.whole(answer, deadline)
        response = Response(answer.status, answer.headers, body, prepared.url)
        self._log.answered(request, response, self._clock() - began, streamed=False)
        return response

    def prepared(self, request: Request) -> Prepared:
        """Return the request as it will be sent, but without credentials."""
        with _AsHttp():
            url = with_query(canonical(request.url), query(request.params))
            body = None if request.body is None else request.body.encode()
            prepared = self.connections.prepare(request.method, url, _headers(request), body)
        secured = self.origins.of(request.endpoint).secured(url)
        return prepared if secured is None else self.prepared(self._secure(request, secured))

    def _secure(self, request: Request, url: str) -> Request:
        origin = Origin.of(url)
        if origin not in self._secured:
            self._secured.add(origin)
            _LOG.info("%s: The API returned an http:// URL for a host read over TLS. Using %s.", request, origin)
        return request.at_url(url)

    def _origins_trust(self, request: Request, prepared: Prepared) -> bool:
        """Return True if the credentials may go with it.

        Checks the prepared URL, not the request's: URL parsers disagree on odd URLs, and only this one is sent.
        """
        return self.origins.of(request.endpoint).trusts(Origin.of(prepared.url))


def _is_same(sent: Prepared, bare: Prepared) -> bool:
    """Return True if an authenticator changed nothing in a request."""
    headers = [{**each.headers, "Content-Length": None} for each in (sent, bare)]
    return headers[0] == headers[1] and (sent.url, sent.body) == (bare.url, bare.body)


class _AsHttp:
    """Turns a `ValueError` while a request is prepared or sent into a `ConfigError`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError) and not isinstance(error, TransportError):
            raise ConfigError(
                "The request cannot be written as HTTP: check `authentication`, `headers` and `params` for line breaks "
                "and unusual characters."
            ) from None


def _alone(request: Request, prepared: Prepared) -> Request:
    """Return the request reduced to its URL, for an origin that receives nothing from the config.

    Raises:
        ConfigError: The request has a body or parameters.
    """
    if request.body is not None or request.params:
        raise ConfigError(
            f"The API leads to {Origin.of(prepared.url)}, but a body or parameters may go only to origins that receive "
            "credentials. For a signed URL, remove them from the endpoint: set `pagination: {type: none}`, and each "
            "parameter of `params` to `[]`. If you trust this origin, set `credentials: true` for it in "
            "`allowed_origins`."
        )
    return replace(request, headers={})


def _headers(request: Request) -> dict[str, str]:
    """Return the headers, with the `Content-Type` of the body unless the user sets it."""
    headers = dict(request.headers)
    if request.body is not None and "content-type" not in map(str.lower, headers):
        headers["Content-Type"] = request.body.content_type
    return headers


def _redirected(request: Request, response: Response, location: str) -> Request:
    """Return the request that a redirect leads to. It carries no parameters but those in the new URL."""
    from source_rest_api.formats.link_header import as_utf8  # noqa: PLC0415 -- start-up counts

    try:
        following = request.at_url(urljoin(response.url, as_utf8(location)))
    except ValueError:
        raise ConfigError("The API redirects to a URL that is not valid: check `url_base` and `path`.") from None
    return replace(following, method="GET", body=None) if response.status == HTTPStatus.SEE_OTHER else following
