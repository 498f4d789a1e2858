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
    extra: float = 0.0
    """Seconds that everybody loses who does not know the limit."""
    concurrent: int | None = None
    """The API refuses more requests than that under way together."""
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a read took."""

    seconds: float
    ideal: float
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
    "bucket of 10, 50/s, then 30 s of refusals": Scenario(lambda: LockOut(TokenBucket(50, 10), 30), "exact", extra=30),
    "100 each 10 s, then 30 s of refusals": Scenario(lambda: LockOut(FixedWindow(100, 10), 30), "exact", extra=30),
    "3 under way together": Scenario(partial(TokenBucket, 5000, 5000), "1", concurrent=3),
}


class _Network:
    """A transport to an API that is limited."""

    def __init__(self, time: VirtualTime, scenario: Scenario) -> None:
        self._time = time
        self._scenario = scenario
        self._limiter = scenario.limiter()
        self._under_way = 0
        self._random = random.Random(scenario.seed)
        self.admitted = 0
        self.refused = 0

    def send(self, prepared: Prepared, *, trusted: bool) -> RawResponse:  # noqa: ARG002
        half = self._scenario.latency / 2
        self._under_way += 1
        self._time.wait(half * self._random.uniform(0.95, 1.05))
        now, most = self._time(), self._scenario.concurrent
        ok = (most is None or self._under_way <= most) and self._limiter.admits(now)
        self.admitted += ok
        self.refused += not ok
        headers = CaseInsensitiveDict({"Content-Length": str(len(_BODY)), **self._limiter.says(now)})
        if not ok and (after := self._scenario.retry_after):
            exact = max(math.ceil(self._limiter.opens(now) - now), 1) if after == "exact" else after
            headers["Retry-After"] = str(exact)
        self._time.wait(half * self._random.uniform(0.95, 1.05))
        self._under_way -= 1
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
    return Outcome(time.now, _ideal(scenario), network.refused)


def _ideal(scenario: Scenario) -> float:
    """The least seconds, for someone who knows the limit: each worker asks as soon as it and the limit allow."""
    limiter, now = (scenario.fair or scenario.limiter)(), 0.0
    free = [0.0] * min(scenario.at_once, scenario.concurrent or scenario.at_once)
    for _ in range(scenario.children):
        worker = min(range(len(free)), key=free.__getitem__)
        now = max(now, limiter.opens(max(now, free[worker] + scenario.latency / 2)))
        while not limiter.admits(now):
            now += 1e-6
        free[worker] = now + scenario.latency / 2
    return max(free) + scenario.extra
