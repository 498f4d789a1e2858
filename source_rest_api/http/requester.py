"""Sends requests and retries them as the error policy allows, until a response can be read."""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack, nullcontext
from datetime import datetime, timedelta, timezone
from itertools import chain
from threading import Event
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from source_rest_api.errors import BrokenAnswerError, RateLimitedError, SourceError, Stopped
from source_rest_api.formats.datetimes import write
from source_rest_api.http import connection_errors
from source_rest_api.http.body_reader import BodyReader
from source_rest_api.http.concurrency import Pace
from source_rest_api.http.credentials import Static, answer_of
from source_rest_api.http.error_policy import Verdict
from source_rest_api.http.job_slots import JobSlots
from source_rest_api.http.per_endpoint import PerEndpoint
from source_rest_api.http.rate_limit_gates import RateLimitGates
from source_rest_api.http.request import IDEMPOTENT
from source_rest_api.http.response import Response, describe
from source_rest_api.http.retry import RetryBudget
from source_rest_api.http.sender import Sender
from source_rest_api.http.transport_errors import TransportError
from source_rest_api.read_stats import ReadStats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from typing_extensions import Self

    from source_rest_api.http.concurrency import Permits
    from source_rest_api.http.credentials import Credentials
    from source_rest_api.http.prepared import Prepared
    from source_rest_api.http.request import Request
    from source_rest_api.http.settings import HttpSettings

_LOG = logging.getLogger("airbyte.source_rest_api.http.requester")
_PARAMETERS = "parameters come from `params`, `body`, `pagination` and `incremental`"
_CENTURY = 3e9
"""Seconds. A longer rate limit would end at a date that `datetime` cannot express."""

T = TypeVar("T")


class _Success(Struct, Generic[T], frozen=True):
    value: T


class Requester:
    """One API's connections, credentials, rate limits and retries, shared by all streams and threads.

    Args:
        settings: The HTTP settings of the API.
        stop: Set from outside to end all waiting.
        clock: Monotonic seconds, for deadlines.
        jitter: Returns a number uniform between 0 and 1, for waits.
        credentials: The credentials of this session, for all endpoints or for each; by default none.
        permits: Concurrency permits. The calling thread holds one, and releases it while it waits.
        bodies: Reads bodies; by default until `stop` is set.
    """

    def __init__(
        self,
        settings: HttpSettings,
        stop: Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        credentials: PerEndpoint[Credentials] | Credentials | None = None,
        permits: Permits | None = None,
        bodies: BodyReader | None = None,
    ) -> None:
        self.retry = settings.retry
        self.log = settings.log
        self._stop = stop or Event()
        self._clock = clock
        self._jitter = jitter
        self._permits = permits
        self._pace = Pace(settings.requests_per_second, clock)
        self._shared_paces = [(frozenset(names), Pace(rate, clock)) for names, rate in settings.shared_rates]
        self._gates = RateLimitGates(clock)
        self.job_slots = JobSlots(settings.concurrent_jobs, self._pause)
        self.on_limit: Callable[[str, float], None] = lambda _endpoint, _seconds: None
        """Called with an endpoint's name and the seconds until its rate limit ends, even if nobody waits for that.
        Call it without holding any lock of this package, because it takes the lock of the worker pool."""
        self._policies = settings.policies
        self._ignored: set[tuple[str, int]] = set()
        self.sender = Sender(
            settings,
            credentials if isinstance(credentials, PerEndpoint) else PerEndpoint(credentials or Static(_nothing)),
            bodies or BodyReader(settings.request_timeout, settings.largest_body, self._stop, clock),
            clock,
            permits,
            self._refuses,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.connections.close()

    def answer(self, endpoint: str) -> Mapping[str, Any]:
        """Return the values of an endpoint's token response, for templates; may request a token first."""
        return answer_of(self.sender.credentials.of(endpoint))

    def stream(self, request: Request, read: Callable[[Response], Iterator[T]], stats: ReadStats) -> Iterator[T]:
        """Send a request like `fetch`, but read the body while it arrives (`Response.chunks`).

        A failure after the first result is not retried, because the results would be duplicated.
        """
        with ExitStack() as opened:

            def begin(response: Response) -> Iterator[T]:
                opened.callback(response.close)
                return _begun(read(response))

            try:
                yield from self.fetch(request, begin, stats, streamed=True)
            except TransportError as error:
                raise connection_errors.judge(error).error from None

    def fetch(
        self,
        request: Request,
        read: Callable[[Response], T],
        stats: ReadStats | None = None,
        *,
        streamed: bool = False,
    ) -> T:
        """Send a request until its response can be read, within the limits of the retry settings.

        Args:
            request: The request to send.
            read: Reads the result from a successful response; a `BrokenAnswerError` from it leads to a retry.
            stats: Counts retries and waits.
            streamed: True to call `read` before the body of a successful response has arrived.

        Raises:
            SourceError: The last attempt failed; the error names the request.
            Stopped: The read was stopped.
        """
        stats = stats or ReadStats()
        patience, is_retry = RetryBudget(self.retry, self._clock()), False
        while True:
            began = self._await_turn(request.endpoint, patience, stats)
            request = request.renewed() if is_retry else request
            outcome = self._attempt(request, read, streamed, began)
            if isinstance(outcome, _Success):
                return outcome.value
            self._wait(0)
            is_rate_limit = outcome.limited and not self._exceeds_concurrency(began)
            in_a_row = self._gates.refused(request.endpoint, began, outcome.wait) if is_rate_limit else 1
            wait = patience.wait(outcome, self._jitter(), in_a_row)
            if not self._may_repeat(request, outcome) or not patience.allows(outcome, wait, self._clock()):
                if outcome.limited and outcome.wait and self._gates.is_news(request.endpoint, outcome.wait):
                    self.on_limit(request.endpoint, outcome.wait)
                raise self._given_up(request, outcome, patience)
            _LOG.info("%s: %s Retrying in %.1f s.", request, outcome.error.message, wait)
            stats.add(retries=1)
            if is_rate_limit:
                self._gates.close(request.endpoint, wait)
            elif outcome.limited:
                with stats.waiting("for rate limits", self._clock):
                    patience.waited(limited=self._pause(wait))
            else:
                with stats.waiting("for retries", self._clock):
                    patience.waited(idle=self._pause(wait) - wait)
            is_retry = True

    def _exceeds_concurrency(self, began: float) -> bool:
        """Return True if the API refused a request because of too many concurrent ones, not because of their rate."""
        return self._permits is not None and self._permits.refused(self._clock() - began)

    def _await_turn(self, endpoint: str, patience: RetryBudget, stats: ReadStats) -> float:
        """Wait until the endpoint's rate limit and the request pace allow another request; return the time."""
        wait = self._gates.wait(endpoint)
        while wait.seconds > 0:
            if wait.is_news:
                self.on_limit(endpoint, wait.seconds)
            else:
                with stats.waiting("for rate limits", self._clock):
                    patience.waited(limited=self._pause(wait.seconds))
            wait = self._gates.wait(endpoint, wait.turn)
        shared = [pace.wait() for names, pace in self._shared_paces if endpoint in names]
        if (seconds := max([self._pace.wait(), *shared])) > 0:
            with stats.waiting("for `max_requests_per_second`", self._clock):
                patience.waited(idle=self._pause(seconds))
        self._wait(0)
        return self._clock()

    def _pause(self, seconds: float) -> float:
        """Wait with the permit released, so that other threads may work; return the seconds it took in total."""
        if seconds <= 0:
            self._wait(0)
            return 0.0
        began = self._clock()
        with nullcontext() if self._permits is None else self._permits.released(self._wait):
            self._wait(seconds)
        return self._clock() - began

    def _given_up(self, request: Request, verdict: Verdict, patience: RetryBudget) -> SourceError:
        error = verdict.error
        if verdict.limited and verdict.wait:
            ends = datetime.now(timezone.utc) + timedelta(seconds=min(verdict.wait, _CENTURY))
            error.message += f" The limit ends at {write(ends.replace(microsecond=0))}."
        if verdict.faults_request:
            from source_rest_api.http import interval_advice  # noqa: PLC0415 -- start-up counts

            error.message += f" The request sent {request.asked}; {_PARAMETERS}.{interval_advice.advice(error.message)}"
        error.message += patience.history(self._clock())
        error.is_exhausted = True
        return error.at(str(request))

    def _wait(self, seconds: float) -> None:
        """Wait; raise `Stopped` if the read is stopped before the time is over."""
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise Stopped

    def _refuses(self, request: Request, response: Response) -> bool:
        """Return True if a response rejects the credentials."""
        return self._policies.of(request.endpoint).refuses_credentials(response)

    def _judged(self, request: Request, response: Response) -> Verdict | Response:
        """Return the response to read, or the verdict on a failure; warn once of each ignored error."""
        policy = self._policies.of(request.endpoint)
        judged = policy.judge(response, conditional=request.is_conditional, asynchronous=request.is_asynchronous)
        if isinstance(judged, Response) and judged.is_ignored:
            seen = (request.endpoint, response.status)
            if seen not in self._ignored:
                self._ignored.add(seen)
                _LOG.warning(
                    "%s: Ignored %s: a rule in `errors` treats it as a page without records.",
                    request,
                    request.discreet(describe(response)),
                )
        return judged

    def _may_repeat(self, request: Request, verdict: Verdict) -> bool:
        repeatable = self.retry.post or request.is_repeatable or request.method in IDEMPOTENT
        return verdict.retry and (verdict.refused or repeatable)

    def _attempt(
        self, request: Request, read: Callable[[Response], T], streamed: bool, began: float
    ) -> _Success[T] | Verdict:
        outcome = self._outcome(request, read, streamed, began)
        if isinstance(outcome, Verdict):
            outcome.error.message = request.discreet(outcome.error.message)
            outcome.error.detail = request.discreet(outcome.error.detail)
        if self._permits is not None and isinstance(outcome, Verdict) and outcome.overload:
            self._permits.pushed_back(self._clock() - began)
        return outcome

    def _outcome(
        self, request: Request, read: Callable[[Response], T], streamed: bool, began: float
    ) -> _Success[T] | Verdict:
        try:
            response = self.sender.send(request, streamed=streamed)
            judged = self._judged(request, response)
            if isinstance(judged, Verdict):
                return judged
            value = read(judged)
            self._gates.accepted(request.endpoint, began, response.headers, self.retry.rate_limit_seconds)
            return _Success(value)
        except RateLimitedError as error:
            again = not error.is_exhausted  # a request for a token had its own retries
            return Verdict(error, retry=again, limited=True, refused=True)
        except BrokenAnswerError as error:
            return Verdict(error, retry=not error.is_exhausted)
        except SourceError as error:
            return Verdict(error)
        except TransportError as error:
            return connection_errors.judge(error)


def _nothing(request: Prepared) -> Prepared:
    """Return the request unchanged: no credentials."""
    return request


def _begun(results: Iterator[T]) -> Iterator[T]:
    """Return the same results, after the first one has arrived."""
    return chain([next(results)], results)
