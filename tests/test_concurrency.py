"""As many concurrent requests as the API bears, never more than allowed, in the order of arrival."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from threading import Barrier, Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.config import loading
from source_rest_api.errors import ConfigError
from source_rest_api.http.concurrency import Pace, Permits
from source_rest_api.http.request import Request
from source_rest_api.http.requester import Requester
from tests.api import Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Callable

GO = Event()
"""Never set."""


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(permits: Permits) -> int:
    """Take all permits that are to be had; how many."""
    stopped = Event()
    stopped.set()
    count = 0
    while permits.acquire(stopped):
        count += 1
    return count


def answers(permits: Permits, count: int, seconds: float = 1.0) -> None:
    """Have requests answered while all permits are in use."""
    for _ in range(count):
        taken(permits)
        permits.succeeded(seconds)


@pytest.mark.parametrize(("most", "first"), [(1, 1), (3, 3), (6, 6), (8, 6), (100, 6)])
def test_it_begins_with_a_few(most: int, first: int) -> None:
    """A new API gets only a few concurrent requests at first, and never more than allowed."""
    assert taken(Permits(most, Clock())) == first


def test_what_is_not_used_does_not_grow() -> None:
    """Sequential requests prove nothing about concurrent ones."""
    permits = Permits(100, Clock())
    assert permits.acquire(GO)
    for _ in range(50):
        permits.succeeded(1.0)
    assert permits.limit == 6


@given(
    st.integers(1, 20),
    st.lists(
        st.tuples(st.sampled_from(["take", "give", "ok", "no", "allowed", "tick"]), st.integers(-5, 50)), max_size=60
    ),
)
def test_whatever_happens_the_number_stays_in_its_bounds(most: int, events: list[tuple[str, int]]) -> None:
    """At least one, at most what is allowed, whatever the API does in whatever order."""
    clock, stopped = Clock(), Event()
    stopped.set()
    permits, held = Permits(most, clock), 0
    for event, number in events:
        before = permits.limit
        if event == "take":
            assert permits.acquire(stopped) is (held < before)
            held += held < before
        elif event == "give" and held:
            permits.release()
            held -= 1
        elif event == "ok":
            permits.succeeded(abs(number) / 10)
            assert permits.limit <= max(before + 1, before * 1.5)
        elif event == "no":
            permits.pushed_back(abs(number))
            assert permits.limit <= before
        elif event == "allowed":
            permits.allowed(number, 10)
            assert permits.limit <= max(number, 1)
        else:
            clock.now += abs(number)
        assert 1 <= permits.limit <= most


def test_what_the_api_allows_bounds_it_for_as_long_as_it_says() -> None:
    """If the API allows two more requests in ten seconds, eight threads send no more."""
    clock = Clock()
    permits = Permits(4, clock)
    permits.allowed(2, 10.0)
    assert taken(permits) == 2
    clock.now = 10.0
    assert taken(permits) == 2


def started(work: Callable[[], None]) -> Thread:
    """Run it in a thread."""
    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_nobody_is_passed_over() -> None:
    """Permits are granted in the order of the requests."""
    permits = Permits(1)
    assert permits.acquire(GO)
    order: list[int] = []

    def ask(number: int) -> None:
        permits.acquire(GO)
        order.append(number)
        permits.release()

    threads = []
    for number in range(5):
        threads.append(started(lambda number=number: ask(number)))  # type: ignore[misc]
        while len(permits._queue) <= number:
            pass
    permits.release()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_a_stop_ends_the_wait_for_a_permit() -> None:
    """A stopped waiter gets no permit and delays nobody."""
    permits, stop = Permits(1), Event()
    assert permits.acquire(GO)
    given: list[bool] = []
    waiting = started(lambda: given.append(permits.acquire(stop)))
    stop.set()
    waiting.join()
    assert given == [False]
    permits.release()
    assert permits.acquire(GO)


@pytest.mark.parametrize("failing", [False, True])
def test_who_waits_lets_others_work(*, failing: bool) -> None:
    """A permit is free while its holder waits, and it is held again afterwards, also after an error."""
    permits = Permits(1, Clock())
    assert permits.acquire(GO)
    with suppress(KeyError), permits.released():
        assert taken(permits) == 1
        permits.release()
        if failing:
            raise KeyError
    assert taken(permits) == 0
    permits.release()
    assert taken(permits) == 1


def test_who_has_waited_goes_on_whatever_the_others_do() -> None:
    """The others may be waiting for it, so it does not wait for one of them to give its permit back."""
    permits = Permits(1, Clock())
    assert permits.acquire(GO)
    with permits.released():
        assert permits.acquire(GO)
    assert permits._held == 2
    permits.release()
    permits.release()
    assert taken(permits) == 1


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 10), max_size=30))
def test_beginnings_are_spread(per_second: float, pauses: list[float]) -> None:
    """However they come, two beginnings are an interval apart, and none waits longer than those before it make it."""
    clock = Clock()
    pace = Pace(per_second, clock)
    begins: list[float] = []
    for pause in pauses:
        clock.now += pause
        wait = pace.wait()
        assert 0 <= wait <= (len(begins) + 1) / per_second
        begins.append(clock.now + wait)
    assert all(b - a >= 1 / per_second * 0.999 for a, b in pairwise(begins))


def test_without_a_pace_nobody_waits() -> None:
    """By default the number of requests per second is unlimited."""
    pace = Pace(None, Clock())
    assert [pace.wait() for _ in range(5)] == [0.0] * 5


class Waits(Event):
    """Time that passes only during waits, as the stop event of a requester."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waits: list[float] = []
        self.during: Callable[[], object] = lambda: None

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        self.during()
        self.now += timeout or 0.0
        return self.is_set()


def requester(api: Api, clock: Waits, permits: Permits | None = None, **settings: Any) -> Requester:
    """Make one that waits for nothing in earnest."""
    config = loading.load({"url_base": api.url, "endpoints": [{"name": "e", "path": "e"}], **settings})
    return Requester(config.http(api.url), clock, clock, lambda: 0.0, permits=permits)


@pytest.mark.usefixtures("no_proxy")
def test_requests_keep_the_pace(api: Api) -> None:
    """`max_requests_per_second: 0.5` begins one in two seconds, retries too."""
    api.get("/e")(lambda call: Answer(status=500) if call.number == 1 else {})
    clock = Waits()
    with requester(api, clock, max_requests_per_second=0.5) as asking:
        for _ in range(3):
            asking.fetch(Request("GET", f"{api.url}/e"), lambda response: response)
    assert (clock.now, len(api.requests)) == (6.0, 4)


@pytest.mark.usefixtures("no_proxy")
def test_some_endpoints_share_a_lower_rate(api: Api) -> None:
    """They wait for each other, and no other endpoint waits for them."""
    for path in ("/e", "/f", "/g"):
        api.get(path)(lambda _: {})
    clock = Waits()
    endpoints = [{"name": name, "path": name} for name in "efg"]
    rates = [{"endpoints": ["e", "f"], "max_requests_per_second": 0.1}]
    config = loading.load(
        {"url_base": api.url, "endpoints": endpoints, "request_rates": rates, "max_requests_per_second": 1}
    )
    begun = []
    with Requester(config.http(api.url), clock, clock, lambda: 0.0) as asking:
        for name in "gefgge":
            asking.fetch(Request("GET", f"{api.url}/{name}", endpoint=name), lambda response: response)
            begun.append((name, clock.now))
    assert begun == [("g", 0.0), ("e", 1.0), ("f", 10.0), ("g", 10.0), ("g", 11.0), ("e", 20.0)]


def test_a_rate_of_an_unknown_endpoint_is_an_error() -> None:
    """With the closest name."""
    rates = [{"endpoints": ["order"], "max_requests_per_second": 1}]
    with pytest.raises(ConfigError, match=r"request_rates\[0\]\.endpoints: no endpoint `order`, did you mean `orders`"):
        loading.load({"url_base": "https://h", "endpoints": [{"name": "orders", "path": "o"}], "request_rates": rates})


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize(("status", "limit"), [(429, 3), (503, 3), (500, 6), (200, 6)])
def test_the_requester_says_how_it_went_and_waits_without_a_permit(api: Api, status: int, limit: int) -> None:
    """If the API pushes back, the limit is halved, and the permit is free until the retry."""
    api.get("/e")(lambda call: Answer({}, status=status if call.number == 0 else 200))
    clock = Waits()
    permits = Permits(7, clock)
    taken(permits)
    held: list[int] = []

    def others_finish() -> None:
        held.append(permits._held)
        for _ in range(permits._held):
            permits.release()

    clock.during = others_finish
    with requester(api, clock, permits) as asking:
        asking.fetch(Request("GET", f"{api.url}/e", endpoint="e"), lambda response: response)
    assert permits.limit == limit
    assert held == ([] if status == 200 else [5])


@pytest.mark.usefixtures("no_proxy")
def test_a_time_out_is_a_push(api: Api) -> None:
    """An API that does not answer in time has too much to do."""
    api.get("/e")(lambda _: Answer({}, delay=5))
    clock = Waits()
    permits = Permits(4, clock)
    taken(permits)
    once = {"max_attempts": 1}
    with requester(api, clock, permits, read_timeout=0.1, retry=once) as asking, pytest.raises(Exception, match="read"):
        asking.fetch(Request("GET", f"{api.url}/e"), lambda response: response)
    assert permits.limit == 2


@pytest.mark.usefixtures("no_proxy")
def test_threads_share_one_limit(api: Api) -> None:
    """The server never sees more at the same time than there are permits."""
    together = Barrier(4, timeout=30)
    under_way: list[int] = []
    now: set[int] = set()

    def handle(call: Call) -> Any:
        now.add(call.number)
        together.wait()
        under_way.append(len(now))
        together.wait()
        now.discard(call.number)
        return {}

    api.get("/e")(handle)
    permits, stop = Permits(4), Event()
    config = loading.load({"url_base": api.url, "max_concurrency": 4, "endpoints": [{"name": "e", "path": "e"}]})
    with Requester(config.http(api.url), stop, permits=permits) as asking:

        def work() -> None:
            permits.acquire(stop)
            asking.fetch(Request("GET", f"{api.url}/e"), lambda response: response)
            permits.release()

        threads = [started(work) for _ in range(12)]
        for thread in threads:
            thread.join(60)
    assert under_way == [4] * 12
