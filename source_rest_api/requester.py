"""Sends requests, tries again as the policy says, and answers whole bodies."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from source_rest_api import error_policy
from source_rest_api.error_policy import Verdict
from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError, TransientError
from source_rest_api.page import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from source_rest_api.config import Config

_LOG = logging.getLogger("airbyte.source_rest_api.requester")
_CHUNK = 1 << 18
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


class Stopped(Exception):  # noqa: N818 -- not an error: somebody asked for it
    """The read was told to stop while it waited."""


class Requester:
    """One API's connection pool, credentials and patience, shared by all streams and threads.

    Args:
        config: The API.
        url_base: Its URL, filled; requests go to its origin only.
        stop: Set from outside to end all waiting.
        clock: Seconds, for deadlines.
        jitter: Uniform between 0 and 1, for waits.
    """

    def __init__(
        self,
        config: Config,
        url_base: str,
        stop: Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.retry = config.retry
        self._home = _origin(url_base)
        self._authenticator = config.authentication
        self._timeouts = (config.connect_timeout, config.read_timeout)
        self._request_timeout = config.request_timeout
        self._stop = stop or Event()
        self._clock = clock
        self._jitter = jitter
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "source-rest-api"
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=config.max_concurrency)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def fetch(self, request: Request, read: Callable[[Response], T]) -> T:
        """Send a request until its answer can be read, as often and as long as the policy allows.

        Args:
            request: What to ask for.
            read: Makes the result of a successful answer; a `BrokenAnswerError` that it raises is tried again.

        Raises:
            SourceError: With the place; the last one, if it was tried more than once.
            Stopped: The read was told to stop.
        """
        started = self._clock()
        limited = 0.0
        attempt = 0
        while True:
            attempt += 1
            verdict = self._attempt(request, read)
            if not isinstance(verdict, Verdict):
                return verdict.value
            wait = self._wait(verdict, attempt)
            tried = self._clock() - started - limited
            if not self._may_retry(request, verdict, attempt, wait, limited if verdict.limited else tried):
                _add_history(verdict, attempt, self._clock() - started)
                raise verdict.error.at(str(request)) from None
            _LOG.info("%s: %s Trying again in %.1f s.", request, verdict.error.message, wait)
            if self._stop.wait(wait):
                raise Stopped
            limited += wait if verdict.limited else 0.0

    def _wait(self, verdict: Verdict, attempt: int) -> float:
        backoff = self.retry.backoff(attempt, self._jitter())
        return backoff if verdict.wait is None else max(verdict.wait, 0.0) + self._jitter() / 2

    def _may_retry(self, request: Request, verdict: Verdict, attempt: int, wait: float, spent: float) -> bool:
        if not verdict.retry or not (verdict.refused or self.retry.post or request.method in _IDEMPOTENT):
            return False
        if verdict.limited:
            return spent + wait <= self.retry.rate_limit_seconds
        return attempt < self.retry.max_attempts and spent + wait <= self.retry.max_seconds

    def _attempt(self, request: Request, read: Callable[[Response], T]) -> _Success[T] | Verdict:
        try:
            response = self._follow(request)
            return error_policy.judge(response) or _Success(read(response))
        except BrokenAnswerError as error:
            return Verdict(error, retry=True)
        except SourceError as error:
            return Verdict(error)
        except requests.RequestException as error:
            return _transport_verdict(error)

    def _follow(self, request: Request) -> Response:
        """Send it, and follow redirects (RFC 9110, section 15.4), within the origin of `url_base`."""
        for _ in range(_MAX_REDIRECTS + 1):
            self._stay_home(request.url)
            response = self._send(request)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return response
            request = request.at_url(urljoin(response.url, location))
        raise ConfigError(f"The API redirects more than {_MAX_REDIRECTS} times: check `url_base` and `path`.")

    def _stay_home(self, url: str) -> None:
        if _origin(url) != self._home:
            raise ConfigError(
                f"The API leads to another origin, {_shown_origin(url)}: nothing is sent there, credentials least of "
                "all. If that is where the API lives, set `url_base` to it."
            )

    def _send(self, request: Request) -> Response:
        deadline = self._clock() + self._request_timeout
        with self._session.request(
            request.method,
            request.url,
            params=request.params,
            headers=dict(request.headers),
            json=request.body,
            auth=self._authenticator,
            timeout=self._timeouts,
            allow_redirects=False,
            stream=True,
        ) as answer:
            return Response(answer.status_code, answer.headers, self._body(answer, deadline), answer.url)

    def _body(self, answer: requests.Response, deadline: float) -> bytes:
        chunks = []
        for chunk in answer.iter_content(_CHUNK):
            chunks.append(chunk)
            if self._stop.is_set():
                raise Stopped
            if self._clock() > deadline:
                raise TransientError(
                    f"The answer was not complete after {self._request_timeout:g} s (`request_timeout`)."
                )
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _transport_verdict(error: requests.RequestException) -> Verdict:
    """What a failure below HTTP means."""
    detail = f"{type(error).__name__}: {_cause(error)}"
    if isinstance(error, requests.exceptions.SSLError):
        return Verdict(ConfigError("The TLS certificate of the API cannot be verified: check `url_base`.", detail))
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return Verdict(ConfigError("The URL is not valid: check `url_base` and `path`.", detail))
    if isinstance(error, requests.exceptions.InvalidHeader):
        return Verdict(ConfigError("A header is not valid: check `headers` and `authentication`.", detail))
    if isinstance(error, requests.exceptions.ConnectTimeout):
        message = "No connection within `connect_timeout`: check `url_base`, network and firewall."
        return Verdict(TransientError(message, detail), retry=True, refused=True)
    if isinstance(error, requests.exceptions.ReadTimeout):
        return Verdict(TransientError("The API sent nothing within `read_timeout`.", detail), retry=True)
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return Verdict(BrokenAnswerError("The answer's body was cut or its compression is broken.", detail), retry=True)
    message = f"The API cannot be reached ({_reason(error)}): check `url_base`, network and firewall."
    return Verdict(TransientError(message, detail), retry=True)


def _cause(error: BaseException) -> str:
    """The innermost reason; the outer ones repeat the URL, query and all."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {error}"


def _reason(error: requests.RequestException) -> str:
    lowered = _cause(error).lower()
    for sign, reason in (
        ("refused", "connection refused"),
        ("name or service not known", "unknown host name"),
        ("temporary failure in name resolution", "name resolution failed"),
        ("reset", "connection reset"),
        ("proxy", "proxy failed"),
    ):
        if sign in lowered:
            return reason
    return "connection lost"


def _add_history(verdict: Verdict, attempt: int, seconds: float) -> None:
    if attempt > 1:
        verdict.error.message += f" Tried {attempt} times in {seconds:.0f} s."


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return (
        parts.scheme.lower(),
        parts.hostname,
        parts.port or {"http": 80, "https": 443}.get(parts.scheme.lower()),
    )


def _shown_origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
