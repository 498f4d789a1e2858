"""Sends requests, tries again as the policy says, and answers whole bodies."""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import chain
from threading import Event
from typing import TYPE_CHECKING, Generic, TypeVar, cast
from urllib.parse import urljoin

import requests
from urllib3.exceptions import HTTPError

from source_rest_api import compression, error_policy, transport
from source_rest_api.concurrency import Pace
from source_rest_api.connections import Connections
from source_rest_api.credentials import Static
from source_rest_api.error_policy import Verdict
from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError
from source_rest_api.origin import Origin
from source_rest_api.page import Request, Response
from source_rest_api.patience import Patience
from source_rest_api.transfer import Stopped, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from source_rest_api.concurrency import Permits
    from source_rest_api.config import Config
    from source_rest_api.credentials import Auth, Credentials

_LOG = logging.getLogger("airbyte.source_rest_api.requester")
_MAX_REDIRECTS = 5
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)

T = TypeVar("T")


@dataclass(frozen=True)
class _Success(Generic[T]):
    value: T


class Requester:
    """One API's connection pool, credentials and patience, shared by all streams and threads.

    Args:
        config: The API.
        url_base: Its URL, filled; requests go to its origin only.
        stop: Set from outside to end all waiting.
        clock: Seconds, for deadlines.
        jitter: Uniform between 0 and 1, for waits.
        credentials: Those of this session, if the authenticator itself is not all there is to them.
        permits: Of which the calling thread holds one, which is given back while it waits.

    Raises:
        ConfigError: `url_base` is not a URL.
    """

    def __init__(
        self,
        config: Config,
        url_base: str,
        stop: Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        credentials: Credentials | None = None,
        permits: Permits | None = None,
    ) -> None:
        self.retry = config.retry
        self._home = _home(url_base)
        self._credentials = credentials or Static(cast("Auth", config.authentication))
        self._timeouts = (config.connect_timeout, config.read_timeout)
        self._request_timeout = config.request_timeout
        stop = stop or Event()
        self._transfer = Transfer(config.request_timeout, stop, clock)
        self._stop = stop
        self._clock = clock
        self._jitter = jitter
        self._permits = permits
        self._pace = Pace(config.max_requests_per_second, clock)
        self._judge: Callable[[Response], Verdict | None] = error_policy.judge
        self._connections = Connections(config)
        self._session = self._connections.session

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()

    def stream(self, request: Request, read: Callable[[Response], Iterator[T]]) -> Iterator[T]:
        """As `fetch`, for a body that is read while it arrives (`Response.chunks`).

        Once the first result is out, a failure is not tried again: the results would come twice.
        """
        with ExitStack() as opened:

            def begin(response: Response) -> Iterator[T]:
                opened.callback(response.close)
                return _begun(read(response))

            try:
                yield from self.fetch(request, begin, streamed=True)
            except (requests.RequestException, HTTPError) as error:
                raise transport.judge(error).error from None

    def fetch(self, request: Request, read: Callable[[Response], T], *, streamed: bool = False) -> T:
        """Send a request until its answer can be read, as often and as long as the policy allows.

        Args:
            request: What to ask for.
            read: Makes the result of a successful answer; a `BrokenAnswerError` that it raises is tried again.
            streamed: Whether a success is given to `read` before its body has come.

        Raises:
            SourceError: With the place; the last one, if it was tried more than once.
            Stopped: The read was told to stop.
        """
        patience = Patience(self.retry, self._clock())
        while True:
            self._wait(self._pace.wait())
            began = self._clock()
            outcome = self._attempt(request, read, streamed)
            if isinstance(outcome, _Success):
                return outcome.value
            if self._permits is not None and (outcome.limited or outcome.overload):
                self._permits.pushed_back(self._clock() - began)
            wait = patience.wait(outcome, self._jitter())
            if not self._may_repeat(request, outcome) or not patience.allows(outcome, wait, self._clock()):
                outcome.error.message += patience.history(self._clock())
                raise outcome.error.at(str(request)) from None
            _LOG.info("%s: %s Trying again in %.1f s.", request, outcome.error.message, wait)
            with nullcontext() if self._permits is None else self._permits.released(self._stop):
                self._wait(wait)

    def _wait(self, seconds: float) -> None:
        """Raise `Stopped` if the read is told to stop before the time is over."""
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise Stopped

    def _may_repeat(self, request: Request, verdict: Verdict) -> bool:
        return verdict.retry and (verdict.refused or self.retry.post or request.method in _IDEMPOTENT)

    def _attempt(self, request: Request, read: Callable[[Response], T], streamed: bool) -> _Success[T] | Verdict:
        try:
            response = self._follow(request, streamed)
            return self._judge(response) or _Success(read(response))
        except BrokenAnswerError as error:
            return Verdict(error, retry=True)
        except SourceError as error:
            return Verdict(error)
        except (requests.RequestException, HTTPError) as error:
            return transport.judge(error)

    def _follow(self, request: Request, streamed: bool) -> Response:
        """Send it, and follow redirects (RFC 9110, section 15.4), within the origin of `url_base`."""
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._send(request, streamed)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return response
            request = _redirected(request, response, location)
        raise ConfigError(f"The API redirects more than {_MAX_REDIRECTS} times: check `url_base` and `path`.")

    def _send(self, request: Request, streamed: bool) -> Response:
        """Send it, and once more if its credentials are refused and there are newer ones."""
        auth = self._credentials.current()
        response = self._exchange(request, auth, streamed)
        if response.status == HTTPStatus.UNAUTHORIZED and self._credentials.renew(auth, response):
            response = self._exchange(request, self._credentials.current(), streamed)
        return response

    def _exchange(self, request: Request, auth: Auth, streamed: bool) -> Response:
        began = self._clock()
        deadline = began + self._request_timeout
        try:
            prepared = self._prepared(request, auth)
            settings = self._connections.settings(str(prepared.url))
            answer = self._session.send(prepared, timeout=self._timeouts, allow_redirects=False, **settings)
        except requests.RequestException:
            raise
        except ValueError:
            raise ConfigError(
                "The request cannot be written as HTTP: check `authentication`, `headers` and `params` for line "
                "breaks and unusual characters."
            ) from None
        if self._permits is not None and answer.ok:
            self._permits.succeeded(self._clock() - began, request.endpoint)
        if streamed and answer.ok and answer.status_code not in _REDIRECTS:
            chunks = compression.plain(self._transfer.chunks(answer), answer.headers.get("Content-Encoding", ""))
            return Response(answer.status_code, answer.headers, b"", str(prepared.url), chunks, answer.close)
        with answer:
            return Response(
                answer.status_code, answer.headers, self._transfer.whole(answer, deadline), str(prepared.url)
            )

    def _prepared(self, request: Request, auth: Auth) -> requests.PreparedRequest:
        """As it will be sent. The origin is checked here, because parsers differ in how they read odd URLs."""
        prepared = self._session.prepare_request(
            requests.Request(
                request.method,
                request.url,
                params=request.params,
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


def _begun(results: Iterator[T]) -> Iterator[T]:
    """The same, after the first has come."""
    return chain([next(results)], results)


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
