"""Sends requests, tries again as the policy says, and answers whole bodies."""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import chain
from threading import Event
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import requests
from urllib3.exceptions import HTTPError

from source_rest_api.errors import BrokenAnswerError, RateLimitedError, SourceError, Stopped
from source_rest_api.formats.datetimes import write
from source_rest_api.http import connection_errors
from source_rest_api.http.body_reader import BodyReader
from source_rest_api.http.concurrency import Pace
from source_rest_api.http.credentials import Static
from source_rest_api.http.error_policy import Verdict
from source_rest_api.http.error_rules import ErrorPolicy
from source_rest_api.http.rate_limits import RateLimitGates
from source_rest_api.http.response import Response, describe
from source_rest_api.http.retry import RetryBudget
from source_rest_api.http.sender import Sender
from source_rest_api.read_stats import ReadStats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from source_rest_api.config.config import Config
    from source_rest_api.http.concurrency import Permits
    from source_rest_api.http.credentials import Auth, Credentials
    from source_rest_api.http.request import Request

_LOG = logging.getLogger("airbyte.source_rest_api.http.requester")
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})

_PARAMETERS = "parameters come from `params`, `body`, `pagination` and `incremental`"
_CENTURY = 3e9
"""Seconds."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Success(Generic[T]):
    value: T


class Requester:
    """One API's connection pool, credentials and patience, shared by all streams and threads.

    Args:
        config: The API.
        url_base: Its URL, filled; credentials are its origin's.
        stop: Set from outside to end all waiting.
        clock: Seconds, for deadlines.
        jitter: Uniform between 0 and 1, for waits.
        credentials: Those of this session, if the authenticator itself is not all there is to them.
        permits: Of which the calling thread holds one, which is given back while it waits.

    Raises:
        ConfigError: `url_base` is not a URL, or `allowed_origins` do not go with it.
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
        self._stop = stop or Event()
        self._clock = clock
        self._jitter = jitter
        self._permits = permits
        self._pace = Pace(config.max_requests_per_second, clock)
        self._gates = RateLimitGates(clock)
        self.on_limit: Callable[[str, float], None] = lambda _endpoint, _seconds: None
        """Called with an endpoint's name and the seconds until its rate limit ends, waited for or not."""
        self._policies = {e.name: ErrorPolicy([*e.errors, *config.errors]) for e in config.streams}
        self._policy = ErrorPolicy(config.errors)
        self._ignored: set[tuple[str, int]] = set()
        self.sender = Sender(
            config,
            url_base,
            credentials or Static(cast("Auth", config.authentication)),
            BodyReader(config.request_timeout, config.limits.body, self._stop, clock),
            clock,
            permits,
            self._refuses,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.connections.close()

    def stream(self, request: Request, read: Callable[[Response], Iterator[T]], ledger: ReadStats) -> Iterator[T]:
        """As `fetch`, for a body that is read while it arrives (`Response.chunks`).

        Once the first result is out, a failure is not tried again: the results would come twice.
        """
        with ExitStack() as opened:

            def begin(response: Response) -> Iterator[T]:
                opened.callback(response.close)
                return _begun(read(response))

            try:
                yield from self.fetch(request, begin, ledger, streamed=True)
            except (requests.RequestException, HTTPError) as error:
                raise connection_errors.judge(error).error from None

    def fetch(
        self,
        request: Request,
        read: Callable[[Response], T],
        ledger: ReadStats | None = None,
        *,
        streamed: bool = False,
    ) -> T:
        """Send a request until its answer can be read, as often and as long as the policy allows.

        Args:
            request: What to ask for.
            read: Makes the result of a successful answer; a `BrokenAnswerError` that it raises is tried again.
            ledger: Where retries and waits are noted.
            streamed: Whether a success is given to `read` before its body has come.

        Raises:
            SourceError: With the place; the last one, if it was tried more than once.
            Stopped: The read was told to stop.
        """
        ledger = ledger or ReadStats()
        patience = RetryBudget(self.retry, self._clock())
        while True:
            self._await_turn(request.endpoint, patience, ledger)
            outcome = self._attempt(request, read, streamed)
            if isinstance(outcome, _Success):
                return outcome.value
            self._wait(0)
            wait = patience.wait(outcome, self._jitter())
            if not self._may_repeat(request, outcome) or not patience.allows(outcome, wait, self._clock()):
                if outcome.limited and outcome.wait:
                    self.on_limit(request.endpoint, outcome.wait)
                raise self._given_up(request, outcome, patience)
            _LOG.info("%s: %s Trying again in %.1f s.", request, outcome.error.message, wait)
            ledger.add(retries=1)
            if not outcome.limited:
                with ledger.waiting("to try again", self._clock):
                    patience.waited(idle=self._pause(wait) - wait)
            elif self._gates.close(request.endpoint, wait):
                self.on_limit(request.endpoint, wait)

    def _await_turn(self, endpoint: str, patience: RetryBudget, ledger: ReadStats) -> None:
        """Wait while the API wants no requests to the endpoint, and until the pace lets another one begin."""
        while (seconds := self._gates.wait(endpoint)) > 0:
            with ledger.waiting("for rate limits", self._clock):
                patience.waited(limited=self._pause(seconds))
        if (seconds := self._pace.wait()) > 0:
            with ledger.waiting("for `max_requests_per_second`", self._clock):
                patience.waited(idle=self._pause(seconds))
        self._wait(0)

    def _pause(self, seconds: float) -> float:
        """Wait, and let others work meanwhile; the seconds it took in all."""
        if seconds <= 0:
            self._wait(0)
            return 0.0
        began = self._clock()
        with nullcontext() if self._permits is None else self._permits.released():
            self._wait(seconds)
        return self._clock() - began

    def _given_up(self, request: Request, verdict: Verdict, patience: RetryBudget) -> SourceError:
        error = verdict.error
        if verdict.limited and verdict.wait:
            ends = datetime.now(timezone.utc) + timedelta(seconds=min(verdict.wait, _CENTURY))
            error.message += f" The limit ends at {write(ends.replace(microsecond=0))}."
        if verdict.faults_request:
            error.message += f" It was asked for {request.asked}; {_PARAMETERS}."
        error.message += patience.history(self._clock())
        return error.at(str(request))

    def _wait(self, seconds: float) -> None:
        """Raise `Stopped` if the read is told to stop before the time is over."""
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise Stopped

    def _refuses(self, request: Request, response: Response) -> bool:
        """Whether an answer says that the credentials are refused."""
        return self._policies.get(request.endpoint, self._policy).refuses_credentials(response)

    def _judged(self, request: Request, response: Response) -> Verdict | Response:
        """What is wrong with an answer, or the answer as it is to be read."""
        judged = self._policies.get(request.endpoint, self._policy).judge(response)
        if isinstance(judged, Response) and judged.is_ignored:
            seen = (request.endpoint, response.status)
            if seen not in self._ignored:
                self._ignored.add(seen)
                _LOG.warning("%s: %s. Counted as no records, as `errors` says.", request, describe(response))
        return judged

    def _may_repeat(self, request: Request, verdict: Verdict) -> bool:
        return verdict.retry and (verdict.refused or self.retry.post or request.method in _IDEMPOTENT)

    def _attempt(self, request: Request, read: Callable[[Response], T], streamed: bool) -> _Success[T] | Verdict:
        began = self._clock()
        outcome = self._outcome(request, read, streamed)
        if self._permits is not None and isinstance(outcome, Verdict) and (outcome.limited or outcome.overload):
            self._permits.pushed_back(self._clock() - began)
        return outcome

    def _outcome(self, request: Request, read: Callable[[Response], T], streamed: bool) -> _Success[T] | Verdict:
        try:
            response = self.sender.send(request, streamed=streamed)
            judged = self._judged(request, response)
            return judged if isinstance(judged, Verdict) else _Success(read(judged))
        except RateLimitedError as error:
            return Verdict(error, retry=True, limited=True, refused=True)
        except BrokenAnswerError as error:
            return Verdict(error, retry=True)
        except SourceError as error:
            return Verdict(error)
        except (requests.RequestException, HTTPError) as error:
            return connection_errors.judge(error)


def _begun(results: Iterator[T]) -> Iterator[T]:
    """The same, after the first has come."""
    return chain([next(results)], results)
