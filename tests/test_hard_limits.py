"""Reading from an API that is limited takes hardly longer than the limit demands, and few requests are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.connector import Connector
from tests.api import Answer, Api, Call
from tests.limited_read import BUCKETS, OTHERS, QUOTAS, WINDOWS, Scenario, run
from tests.limiters import FixedWindow, TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.limiters import Limiter


@pytest.mark.parametrize("retry_after", ["exact", "1", ""])
@pytest.mark.parametrize("limiter", [*BUCKETS.values()], ids=BUCKETS)
def test_a_token_bucket(limiter: Callable[[], Limiter], retry_after: str) -> None:
    """The rate is learned, whatever the burst, and whether or not the API says how long to wait."""
    outcome = run(Scenario(limiter, retry_after))
    assert outcome.ratio <= 1.25
    assert outcome.refusals <= 0.05 * 600


@pytest.mark.parametrize("retry_after", ["exact", "1", ""])
@pytest.mark.parametrize("limiter", [*WINDOWS.values()], ids=WINDOWS)
def test_a_window(limiter: Callable[[], Limiter], retry_after: str) -> None:
    """A window is told from a bucket, its requests are sent at once, and the next one is waited for."""
    outcome = run(Scenario(limiter, retry_after))
    assert outcome.ratio <= 1.3
    assert outcome.refusals <= 0.1 * 600


@pytest.mark.parametrize("scenario", [*QUOTAS.values()], ids=QUOTAS)
def test_a_quota_in_headers(scenario: Scenario) -> None:
    """A quota is used up at full speed, hardly a request is refused, and the next quota is waited for."""
    outcome = run(scenario)
    assert outcome.ratio <= 1.25
    assert outcome.refusals <= 0.02 * scenario.children


@pytest.mark.parametrize(
    ("scenario", "most"), [*zip(OTHERS.values(), [1.25, 1.25, 1.25, 1.25, 1.25, 1.4, 1.5], strict=True)], ids=OTHERS
)
def test_other_limits(scenario: Scenario, most: float) -> None:
    """A limit may be shared, change, punish or count otherwise: it is not met at its best, but within bounds."""
    outcome = run(scenario)
    assert outcome.ratio <= most
    assert outcome.refusals <= 0.05 * scenario.children


@pytest.mark.parametrize("latency", [0.01, 0.2, 1.0])
@pytest.mark.parametrize("at_once", [2, 8, 32])
@pytest.mark.parametrize("limiter", [TokenBucket, FixedWindow])
def test_any_latency_and_concurrency(limiter: Callable[..., Limiter], at_once: int, latency: float) -> None:
    """It hardly depends on how fast the API is, or on the number of threads."""
    outcome = run(Scenario(lambda: limiter(20, 10), "1", children=300, latency=latency, at_once=at_once))
    assert outcome.ratio <= 1.25


@pytest.mark.parametrize("latency", [0.002, 0.02])
@pytest.mark.parametrize(
    "stops",
    [[(0.004, 16.0)], [(1.05, 12.0)], [(0.01, 2.0), (3.2, 3.0)], [(1.03, 0.3), (1.1, 0.3), (1.2, 0.3)]],
    ids=["at first", "after a refusal", "twice", "thrice in a row"],
)
def test_a_client_that_is_stopped_for_a_while(stops: list[tuple[float, float]], latency: float) -> None:
    """A pause without requests is no sign of a lower rate, or of a window."""
    scenario = Scenario(partial(TokenBucket, 50, 10), "1", children=200, latency=latency, stops=tuple(stops))
    outcome = run(scenario)
    assert outcome.seconds - sum(seconds for _, seconds in stops) <= 2.5 * outcome.ideal


def test_without_a_limit_nothing_waits() -> None:
    """Without a refusal, soon all threads are busy all the time."""
    outcome = run(Scenario(lambda: TokenBucket(5000, 5000), children=5000))
    assert outcome.refusals == 0
    assert outcome.ratio == pytest.approx(1.0, abs=0.08)


def test_it_is_the_same_each_time() -> None:
    """The simulation depends on nothing but its seed."""
    scenario = Scenario(BUCKETS["bucket of 10, 50/s"], "1")
    assert run(scenario) == run(scenario)
    assert run(scenario) != run(replace(scenario, seed=1))


@pytest.mark.slow
@pytest.mark.usefixtures("no_proxy")
def test_in_earnest(api: Api) -> None:
    """The children of 200 parents arrive, over real connections, from an API that accepts 50 a second."""
    bucket, lock, began, refused = TokenBucket(50, 10), Lock(), monotonic(), 0
    api.get("/parents")(lambda _: [{"id": number} for number in range(200)])

    @api.get("/children/{id}")
    def children(call: Call) -> Any:
        nonlocal refused
        with lock:
            if bucket.admits(monotonic() - began):
                return [{"id": call.path_params["id"]}]
            refused += 1
        return Answer({"error": "slow down"}, status=429, headers={"Retry-After": "1"})

    endpoints = [{"name": "parents", "path": "parents"}, {"name": "children", "path": "children/{{ parents.id }}"}]
    session = Connector().session({"url_base": api.url, "endpoints": endpoints})
    stream = {"name": "children", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    chosen = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
    lines = b"".join(session.read({"streams": [chosen]}, {})).splitlines()
    assert sum(b'"RECORD"' in line for line in lines) == 200
    assert session.complete
    assert refused <= 30
    assert monotonic() - began < 30, "3.8 s are ideal; 16 s is what it takes if each refusal stops it for a second"


@pytest.mark.usefixtures("no_proxy")
def test_a_limit_of_the_day_ends_well(api: Api) -> None:
    """What was read is kept, the error says when to go on, and the next sync reads the rest."""
    is_used_up = True

    @api.get("/rows")
    def rows(call: Call) -> Any:
        page = int(call.arg("page", "1"))
        if page == 3 and is_used_up:
            return Answer({"error": "daily quota"}, status=429, headers={"Retry-After": "40000"})
        return [{"id": page}] if page <= 4 else []

    pagination = {"type": "page_number", "page_param": "page"}
    config = {"url_base": api.url, "endpoints": [{"name": "rows", "path": "rows", "pagination": pagination}]}
    stream = {"name": "rows", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    catalog = {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
    first, second = Connector().session(config), Connector().session(config)
    messages = [json.loads(line) for line in b"".join(first.read(catalog, {})).splitlines()]
    assert [each["record"]["data"]["id"] for each in messages if each["type"] == "RECORD"] == [1, 2]
    assert "The limit ends at" in json.dumps(messages)
    *_, state = (each["state"] for each in messages if each["type"] == "STATE")
    is_used_up = False
    lines = b"".join(second.read(catalog, {"rows": state["stream"]["stream_state"]})).splitlines()
    read = {each["record"]["data"]["id"] for each in map(json.loads, lines) if each["type"] == "RECORD"}
    assert {3, 4} <= read
    assert second.complete
