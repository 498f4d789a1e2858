"""Reads many children from a limited API, on a virtual clock: the real requester and permits, a made-up network."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from requests.structures import CaseInsensitiveDict

from source_rest_api.config import loading
from source_rest_api.http.concurrency import Permits
from source_rest_api.http.request import Request
from source_rest_api.http.requester import Requester
from source_rest_api.http.transport import RawResponse
from tests.limiters import FixedWindow, LockOut, Shared, SlidingWindow, TokenBucket
from tests.virtual_time import VirtualTime

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.http.prepared import Prepared
    from tests.limiters import Limiter

_BODY = b'{"data":[{"id":1}]}'
_FIRST, _GROWTH, _MEASURED = 6, 1.5, 24
"""Number of concurrent requests to begin with, and its growth after so many responses, or after a round of them."""
_WAY_THERE = 0.02
"""Part of the latency before a request arrives, if the API counts the requests under way; otherwise a half."""
_POLL = 0.005
"""Seconds between two looks for a permit."""
_STOPPED = Event()
_STOPPED.set()


@dataclass(frozen=True)
class Scenario:
    """A limit, and how it is met."""

    limiter: Callable[[], Limiter]
    retry_after: str = ""
    """`exact` for the seconds until a request would be admitted, rounded up; a number for always that; or nothing."""
    children: int = 600
    latency: float = 0.05
    at_once: int = 32
    fair: Callable[[], Limiter] | None = None
    """What is left of a shared limit."""
    seeming: Callable[[], Limiter] | None = None
    """Another limit that looks the same to all who do not risk a penalty."""
    concurrent: int | None = None
    """The API refuses more requests than that under way together."""
    stops: tuple[tuple[float, float], ...] = ()
    """Moments at which the client is stopped, and the seconds for which it is."""
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a read took."""

    seconds: float
    known: float
    """Seconds of a client that knows the limit."""
    ideal: float
    """Seconds of a client that learns the limit from one refusal."""
    refusals: int

    @property
    def ratio(self) -> float:
        """Seconds to the least that are possible."""
        return self.seconds / self.ideal


BUCKETS = {
    "bucket of 40, 20/s": partial(TokenBucket, 20, 40),
    "bucket of 10, 50/s": partial(TokenBucket, 50, 10),
    "bucket of 50, 50/s": partial(TokenBucket, 50, 50),
}
WINDOWS = {
    "50 each second": partial(FixedWindow, 50, 1),
    "50 each second, from the middle": partial(FixedWindow, 50, 1, -0.8),
    "50 in any second": partial(SlidingWindow, 50, 1),
    "100 each 5 s": partial(FixedWindow, 100, 5),
    "100 each 5 s, from the end": partial(FixedWindow, 100, 5, -4.7),
    "100 in any 5 s": partial(SlidingWindow, 100, 5),
}
QUOTAS = {
    "50 each second, in headers": Scenario(partial(FixedWindow, 50, 1, headers=True)),
    "100 each 5 s, in headers": Scenario(partial(FixedWindow, 100, 5, headers=True)),
    "5,000 each hour, in headers": Scenario(partial(FixedWindow, 5000, 3600, -3000, headers=True), children=6000),
}
OTHERS = {
    "bucket of 20, 100/s": Scenario(partial(TokenBucket, 100, 20), "1", children=2000),
    "bucket of 10, 50/s, of which another client takes half": Scenario(
        lambda: Shared(TokenBucket(50, 10), 25), "1", fair=partial(TokenBucket, 25, 10)
    ),
    "bucket of 10, 50/s, then 20/s, then 50/s": Scenario(
        partial(TokenBucket, 50, 10, {8: 20, 23: 50}), "1", children=2000
    ),
    "bucket of 10, 50/s, then 30 s of refusals": Scenario(lambda: LockOut(TokenBucket(50, 10), 30), "exact"),
    "100 each 10 s, then 30 s of refusals": Scenario(
        lambda: LockOut(FixedWindow(100, 10), 30), "exact", seeming=partial(FixedWindow, 100, 30)
    ),
    "3 under way together": Scenario(partial(TokenBucket, 5000, 5000), "1", concurrent=3),
    "10 under way together": Scenario(partial(TokenBucket, 5000, 5000), "1", concurrent=10, children=2000),
}


class _Network:
    """A transport to an API that is limited."""

    def __init__(self, time: VirtualTime, scenario: Scenario) -> None:
        self._time = time
        self._scenario = scenario
        self._limiter = scenario.limiter()
        part = _WAY_THERE if scenario.concurrent else 0.5
        self._ways = part * scenario.latency, (1 - part) * scenario.latency
        self._under_way = 0
        self._random = random.Random(scenario.seed)
        self._stops = [*scenario.stops]
        self.admitted = 0
        self.refused = 0

    def send(self, prepared: Prepared, *, trusted: bool) -> RawResponse:  # noqa: ARG002
        there, back = self._ways
        while self._stops and self._time.now >= self._stops[0][0]:
            self._time.skip(self._stops.pop(0)[1])
        self._time.wait(there * self._random.uniform(0.95, 1.05))
        now, most = self._time(), self._scenario.concurrent
        ok = (most is None or self._under_way < most) and self._limiter.admits(now)
        self._under_way += ok
        self.admitted += ok
        self.refused += not ok
        headers = CaseInsensitiveDict({"Content-Length": str(len(_BODY)), **self._limiter.says(now)})
        if not ok and (after := self._scenario.retry_after):
            headers["Retry-After"] = str(wait(self._scenario, self._limiter, now)) if after == "exact" else after
        self._time.wait(back * self._random.uniform(0.95, 1.05))
        self._under_way -= ok
        return RawResponse(200 if ok else 429, headers, iter([_BODY]), lambda: None)

    def close(self) -> None:
        pass


def run(scenario: Scenario) -> Outcome:
    """Read all children."""
    time = VirtualTime()
    config = loading.load({"url_base": "http://api", "endpoints": [{"name": "e", "path": "e"}]})
    permits = Permits(scenario.at_once, time)
    jitter = random.Random(scenario.seed).random
    network = _Network(time, scenario)
    left = scenario.children
    with Requester(config.http("http://api"), time, time, jitter, permits=permits) as requester:
        requester.sender.connections.transport = network

        def work() -> None:
            nonlocal left
            while left > 0:
                if not permits.acquire(_STOPPED):
                    time.wait(_POLL)
                    continue
                if left > 0:
                    left -= 1
                    requester.fetch(Request("GET", "http://api/e", endpoint="e"), lambda response: response)
                permits.release()

        time.run(*[work] * scenario.at_once)
    assert network.admitted == scenario.children
    return Outcome(time.now, _known(scenario), ideal(scenario), network.refused)


def ideal(scenario: Scenario) -> float:
    """Return the least seconds for a client that does not know the limit, but to which one refusal says all.

    Until then its number of concurrent requests grows as ours does, because nobody knows how many the API bears. After
    the refusal it sends nothing while the API asks to wait. Then it knows the limit, also how it will change.
    """
    if scenario.concurrent:
        return _known(scenario)
    limiter = (scenario.seeming or scenario.fair or scenario.limiter)()
    began, number, sent = 0.0, min(_FIRST, scenario.at_once), 0
    for left in range(scenario.children, 0, -1):
        at = began + scenario.latency / 2
        if not limiter.admits(at):
            ready = at + scenario.latency / 2 + wait(scenario, limiter, at)
            return max(_informed(scenario, limiter, [ready] * scenario.at_once, left), _known(scenario))
        began += scenario.latency / number
        sent += 1
        if sent >= max(number, _MEASURED if scenario.latency < 1 else 0):
            number, sent = min(round(number * _GROWTH), scenario.at_once), 0
    return max(began + scenario.latency, _known(scenario))


def _known(scenario: Scenario) -> float:
    """Return the least seconds for a client that knows the limit: workers ask as soon as they and it allow."""
    free = [0.0] * min(scenario.at_once, scenario.concurrent or scenario.at_once)
    return _informed(scenario, (scenario.fair or scenario.limiter)(), free, scenario.children)


def _informed(scenario: Scenario, limiter: Limiter, free: list[float], left: int) -> float:
    """Return when so many children are read, with workers that are free from given moments on."""
    now = 0.0
    for _ in range(left):
        worker = min(range(len(free)), key=free.__getitem__)
        now = max(now, limiter.opens(max(now, free[worker] + scenario.latency / 2)))
        while not limiter.admits(now):
            now += 1e-6
        free[worker] = now + scenario.latency / 2
    return max(free)


def wait(scenario: Scenario, limiter: Limiter, now: float) -> float:
    """Return the seconds that a refusal asks to wait; one if it does not say."""
    if scenario.retry_after == "exact":
        return max(math.ceil(limiter.opens(now) - now), 1)
    return float(scenario.retry_after or 1)
