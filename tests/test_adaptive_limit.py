"""The limit goes up to what makes reading faster, and not beyond."""

from __future__ import annotations

import heapq
from itertools import pairwise
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.http.adaptive_limit import AdaptiveLimit

WORKERS = [1, 4, 8, 16, 32]
"""Numbers of requests that a server handles at the same time; further ones wait."""


class Server:
    """A server with some workers, on a virtual clock."""

    def __init__(self, workers: int, spread: float = 0.0, seed: int = 0) -> None:
        self.now = 0.0
        self.seconds = 0.05
        """Median seconds of work for one request."""
        self._spread = spread
        self._random = Random(seed)
        self._free = [0.0] * workers
        self._under_way: list[tuple[float, int, float, str]] = []
        self._sent = 0

    def read(self, limit: AdaptiveLimit | int, requests: int, slow: int = 1) -> list[int]:
        """Send requests, as many at once as the limit says; return the limits after each response.

        Args:
            limit: The limit, or a fixed number.
            requests: Number of requests.
            slow: Number of endpoints; the work of each takes one unit longer than that of the one before.
        """
        last, limits = self._sent + requests, []
        while self._under_way or self._sent < last:
            value = limit if isinstance(limit, int) else limit.value
            if len(self._under_way) < value and self._sent < last:
                self._send(self._sent % slow)
                continue
            self.now, _, began, endpoint = heapq.heappop(self._under_way)
            if isinstance(limit, AdaptiveLimit) and len(self._under_way) + 1 >= value:
                limit.succeeded(self.now, self.now - began, endpoint)
                limits.append(limit.value)
        return limits

    def _send(self, endpoint: int) -> None:
        work = self.seconds * self._random.lognormvariate(0, self._spread) * (1 + endpoint)
        end = max(self.now, heapq.heappop(self._free)) + work
        heapq.heappush(self._free, end)
        heapq.heappush(self._under_way, (end, self._sent, self.now, str(endpoint)))
        self._sent += 1


@pytest.mark.parametrize("slow", [1, 3])
@pytest.mark.parametrize("spread", [0.0, 0.3])
@pytest.mark.parametrize("workers", WORKERS)
def test_it_finds_the_knee(workers: int, spread: float, slow: int) -> None:
    """Reading takes hardly longer than with the best fixed number, and few requests wait at the server.

    With times that vary, a step now and then seems to gain more or less than it does.
    """
    best = []
    for number in (1, 4, 8, 16, 32):
        server = Server(workers, spread)
        server.read(number, 2000, slow)
        best.append(server.now)
    means = []
    for seed in range(5 if spread else 1):
        server = Server(workers, spread, seed)
        means.append(fmean(server.read(AdaptiveLimit(32, 0.0), 2000, slow)))
        assert server.now <= 1.25 * min(best)
    assert fmean(means) <= (1.6 if spread == 0 else 2.5) * max(workers, 6)


def test_it_goes_up_by_half_after_each_measurement() -> None:
    """From 6 to 32 in five steps, with an API that bears them."""
    limits = Server(100).read(AdaptiveLimit(32, 0.0), 200)
    assert sorted(set(limits)) == [6, 9, 14, 21, 32]
    assert limits.count(6) <= 30


def test_it_never_goes_beyond_the_most() -> None:
    """`max_concurrency` holds, also below the initial number."""
    assert AdaptiveLimit(4, 0.0).value == 4
    assert max(Server(100).read(AdaptiveLimit(10, 0.0), 500)) == 10


def test_a_step_that_gains_nothing_is_tried_again_later() -> None:
    """The API may have become faster."""
    server, limit = Server(4), AdaptiveLimit(32, 0.0)
    assert server.read(limit, 500)[-1] <= 9
    server._free += [server.now] * 60
    server.read(limit, 1500)
    assert limit.value == 32


def test_different_endpoints_are_not_compared() -> None:
    """When a slow endpoint follows a fast one, that is no sign of too many requests."""
    limit, now = AdaptiveLimit(32, 0.0), 0.0
    for number in range(400):
        now += 5
        limit.succeeded(now, 0.05, "fast")
        if number > 24:
            limit.succeeded(now, 1.0, "slow")
    assert limit.value == 32


def test_one_round_of_rejections_halves_once() -> None:
    """Requests that ran at the same time are one sign; a later one is another."""
    limit = AdaptiveLimit(8, 0.0)
    for since in (1.0, 1.1, 1.2):
        limit.pushed_back(10.0 + since - 1, since, 6)
    assert limit.value == 3
    limit.pushed_back(11.0, 0.5, 3)
    assert limit.value == 1


def test_after_a_rejection_it_grows_each_round_to_where_it_was() -> None:
    """As with TCP; beyond that only after a while."""
    server, limit = Server(100), AdaptiveLimit(32, 0.0)
    limit.pushed_back(0.0, 0.0, 6)
    assert limit.value == 3
    limits = server.read(limit, 60)
    assert sorted(set(limits)) == [3, 4, 5, 6]
    server.read(limit, 100)
    assert limit.value > 6


def test_a_rate_limit_changes_nothing() -> None:
    """A number of which the API has accepted a full round is not too high."""
    limit = AdaptiveLimit(32, 0.0)
    Server(100).read(limit, 20)
    for now in range(10, 15):
        assert limit.refused(now, 0.1, 6) is False
    assert limit.value == 6


def test_a_limit_on_concurrent_requests_is_found() -> None:
    """The API refuses requests in excess of ten. A step beyond them is tried again after longer and longer times."""
    limit, said, steps = AdaptiveLimit(32, 0.0), [], []
    for now in range(1, 200):
        value = limit.value
        for _ in range(min(value, 10)):
            limit.succeeded(now + 0.5, 0.5, "e")
        if value > 10:
            said.append([limit.refused(now + 0.5, 0.5, value - number) for number in range(value - 10)])
            steps.append(now)
            assert limit.value == 9
    assert [any(each) for each in said] == [all(each) for each in said] == [False, *[True] * (len(said) - 1)]
    pauses = [later - step for step, later in pairwise(steps)]
    assert pauses == sorted(pauses)
    assert 2 < len(steps) < 12


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.booleans(), st.floats(0, 5), st.sampled_from("ab"), st.integers(0, 50)), max_size=200),
)
def test_whatever_happens_it_stays_in_its_bounds(most: int, events: list[tuple[bool, float, str, int]]) -> None:
    """At least one, at most the most."""
    limit, now = AdaptiveLimit(most, 0.0), 0.0
    for ok, seconds, endpoint, used in events:
        now += 0.3
        if ok:
            limit.succeeded(now, seconds, endpoint)
        elif used % 2:
            limit.pushed_back(now, seconds, used)
        else:
            limit.refused(now, seconds, used)
        assert 1 <= limit.value <= most
