"""Sends one request: credentials on it, within its origin, along redirects."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urljoin

import requests

from source_rest_api import compression, rate_limits
from source_rest_api.connections import Connections
from source_rest_api.errors import ConfigError
from source_rest_api.origin import Origin
from source_rest_api.page import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.concurrency import Permits
    from source_rest_api.config import Config
    from source_rest_api.credentials import Auth, Credentials
    from source_rest_api.transfer import Transfer

_MAX_REDIRECTS = 5
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
        config: The API.
        url_base: Its URL, filled; requests go to its origin only.
        credentials: Those of this session.
        transfer: Reads bodies.
        clock: Seconds, for deadlines.
        permits: Are told how long answers take.
        refuses: Whether an answer says that the credentials are refused.

    Raises:
        ConfigError: `url_base` is not a URL.
    """

    def __init__(
        self,
        config: Config,
        url_base: str,
        credentials: Credentials,
        transfer: Transfer,
        clock: Callable[[], float],
        permits: Permits | None,
        refuses: Callable[[Request, Response], bool],
    ) -> None:
        self.connections = Connections(config)
        self._home = _home(url_base)
        self._credentials = credentials
        self._timeouts = (config.connect_timeout, config.read_timeout)
        self._request_timeout = config.request_timeout
        self.transfer = transfer
        self._clock = clock
        self._permits = permits
        self._refuses = refuses

    def send(self, request: Request, *, streamed: bool) -> Response:
        """Send it, and follow redirects (RFC 9110, section 15.4), within the origin of `url_base`.

        Args:
            request: What to ask for.
            streamed: Whether the body of a success is left to be read while it arrives.

        Raises:
            SourceError: The request cannot be sent, or its answer cannot be read.
            requests.RequestException, urllib3.exceptions.HTTPError: There is no whole answer.
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
        auth = self._credentials.current()
        response = self._exchange(request, auth, streamed)
        if self._refuses(request, response) and self._credentials.renew(auth, response):
            response = self._exchange(request, self._credentials.current(), streamed)
        return response

    def _exchange(self, request: Request, auth: Auth, streamed: bool) -> Response:
        began = self._clock()
        deadline = began + self._request_timeout
        try:
            prepared = self.prepared(request, auth)
            settings = self.connections.settings(str(prepared.url))
            answer = self.connections.session.send(prepared, timeout=self._timeouts, allow_redirects=False, **settings)
        except requests.RequestException:
            raise
        except ValueError:
            raise ConfigError(
                "The request cannot be written as HTTP: check `authentication`, `headers` and `params` for line "
                "breaks and unusual characters."
            ) from None
        if self._permits is not None and answer.ok:
            self._permits.succeeded(self._clock() - began, request.endpoint)
            remaining, reset = rate_limits.allowance(answer.headers)
            if remaining is not None and reset is not None:
                self._permits.allowed(remaining, reset)
        if streamed and answer.ok and answer.status_code not in _REDIRECTS:
            chunks = compression.plain(self.transfer.chunks(answer), answer.headers.get("Content-Encoding", ""))
            return Response(answer.status_code, answer.headers, b"", str(prepared.url), chunks, answer.close)
        with answer:
            return Response(
                answer.status_code, answer.headers, self.transfer.whole(answer, deadline), str(prepared.url)
            )

    def prepared(self, request: Request, auth: Auth) -> requests.PreparedRequest:
        """As it will be sent.

        A blank in a parameter is `%20`, which all servers read; some OData servers refuse `+`. The origin is checked
        here, because parsers differ in how they read odd URLs.
        """
        prepared = self.connections.session.prepare_request(
            requests.Request(
                request.method,
                request.url,
                params=urlencode(request.params, doseq=True, quote_via=quote),
                headers=_headers(request),
                data=None if request.body is None else request.body.encode(),
                auth=auth,
            )
        )
        origin = Origin.of(prepared.url)
        if origin != self._home:
            raise ConfigError(
                f"The API leads to another origin, {origin}: nothing is sent there, credentials least of all. "
                "If that is where the API lives, set `url_base` to it."
            )
        return prepared


def _home(url_base: str) -> Origin:
    try:
        return Origin.of(requests.Request("GET", url_base).prepare().url)
    except ValueError:
        raise ConfigError("`url_base` is not a valid URL.") from None


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
