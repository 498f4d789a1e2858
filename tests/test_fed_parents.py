"""A parent that is selected too is read once: its rows feed its own stream and its children."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from itertools import islice
from threading import Event, Timer
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.connector import Connector
from tests.api import Answer
from tests.process import catalog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

PAGED = {"type": "page_number", "page_size_param": "limit", "page_size": 5}
SHOPS = {"name": "shops", "path": "shops", "primary_key": "id"}
BY_TIME = {**SHOPS, "incremental": {"cursor_field": "at", "start_param": "since"}}
ORDERS = {"name": "orders", "path": "shops/{{ shops.id }}/orders", "primary_key": "id"}
LINES = {"name": "lines", "path": "orders/{{ orders.id }}/lines", "primary_key": "id"}
BOTH = {"shops": "full_refresh", "orders": "full_refresh"}
COUNT = 23


def served(api: Api) -> None:
    """Shops with three orders each, and each order with two lines."""

    def page(call: Call, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        first = (int(call.arg("page", "1")) - 1) * 5
        return rows[first : first + 5]

    @api.get("/shops")
    def shops(call: Call) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [{"id": n, "at": f"2024-01-{n:02d}"} for n in range(1, COUNT + 1)]
        return page(call, [row for row in rows if row["at"] >= call.arg("since")])

    @api.get("/shops/{id}/orders")
    def orders(call: Call) -> list[dict[str, Any]]:
        return page(call, [{"id": int(call.path_params["id"]) * 10 + n} for n in range(3)])

    @api.get("/orders/{id}/lines")
    def lines(call: Call) -> list[dict[str, Any]]:
        return page(call, [{"id": int(call.path_params["id"]) * 10 + n} for n in range(2)])


EXPECTED = {
    "shops": list(range(1, COUNT + 1)),
    "orders": [shop * 10 + n for shop in range(1, COUNT + 1) for n in range(3)],
    "lines": [(shop * 10 + n) * 10 + k for shop in range(1, COUNT + 1) for n in range(3) for k in range(2)],
}


class Reader:
    """Reads a family, and keeps what STATEs have covered."""

    def __init__(self, url: str, *endpoints: dict[str, Any], workers: int = 1, **config: Any) -> None:
        self.config = {
            "url_base": url,
            "endpoints": list(endpoints),
            "max_concurrency": workers,
            "pagination": PAGED,
            "retry": {"max_attempts": 1},
            **config,
        }
        self.durable: dict[str, Counter[int]] = {}
        self.states: dict[str, Any] = {}
        self.ends: dict[str, str] = {}
        self.errors: list[dict[str, Any]] = []

    def sync(self, modes: Mapping[str, str], messages: int | None = None, stop: Event | None = None) -> None:
        """Read to the end, or until so many messages have come."""
        session = Connector().session(self.config, stop)
        session.pause = 0
        waiting: dict[str, list[int]] = {}
        blocks = session.read(catalog(**modes), self.states)
        for message in islice((json.loads(line) for block in blocks for line in block.splitlines()), messages):
            if message["type"] == "RECORD":
                record = message["record"]
                waiting.setdefault(record["stream"], []).append(record["data"]["id"])
            elif message["type"] == "STATE":
                stream = message["state"]["stream"]
                name = stream["stream_descriptor"]["name"]
                self.states[name] = stream["stream_state"]
                self.durable.setdefault(name, Counter()).update(waiting.pop(name, []))
            elif message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
                status = message["trace"]["stream_status"]
                self.ends[status["stream_descriptor"]["name"]] = status["status"]
            elif message["type"] == "TRACE":
                self.errors.append(message["trace"]["error"])
        blocks.close()  # type: ignore[attr-defined]

    def arrived(self, name: str) -> list[int]:
        """The ids of a stream, each once."""
        return sorted(self.durable.get(name, ()))


def asked(api: Api) -> Counter[str]:
    """How often each request came, without those ahead that bring nothing."""
    return Counter(call.target for call in api.requests)


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("order", [("shops", "orders", "lines"), ("lines", "orders", "shops"), ("orders", "shops")])
@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_each_request_once(mode: str, order: tuple[str, ...], workers: int, api: Api) -> None:
    """Parents and parents of parents, in any order in the catalog; the rows of each stream are right."""
    served(api)
    parent = SHOPS if mode == "full_refresh" else BY_TIME
    reader = Reader(api.url, parent, ORDERS, LINES, workers=workers)
    reader.sync({name: mode if name == "shops" else "full_refresh" for name in order})
    assert reader.ends == dict.fromkeys(order, "COMPLETE")
    assert set(asked(api).values()) == {1}
    for name in order:
        assert reader.durable[name] == Counter(EXPECTED[name])


@pytest.mark.parametrize(
    ("settings", "states"),
    [({}, {"shops": {"version": 2, "cursor": "2024-01-20"}}), ({"start_date": "2024-01-20"}, {})],
    ids=["a state", "a start date"],
)
def test_another_request_is_another_read(settings: dict[str, Any], states: dict[str, Any], api: Api) -> None:
    """The parent's own stream reads less than its children need."""
    served(api)
    reader = Reader(api.url, BY_TIME, ORDERS, **settings)
    reader.states = states
    reader.sync({"shops": "incremental", "orders": "full_refresh"})
    assert reader.arrived("shops") == [20, 21, 22, 23]
    assert reader.arrived("orders") == EXPECTED["orders"]


def test_by_intervals_it_is_read_once(api: Api) -> None:
    """A parent that is read in steps has a start for its children too."""
    served(api)
    steps = {"cursor_field": "at", "start_param": "since", "end_param": "until", "step": "P10Y"}
    parent = {**SHOPS, "incremental": {**steps, "start_date": "2024-01-20"}}
    reader = Reader(api.url, parent, ORDERS)
    reader.sync({"shops": "incremental", "orders": "full_refresh"})
    assert reader.arrived("shops") == [20, 21, 22, 23]
    assert sum(call.path == "/shops" and call.arg("page", "1") == "1" for call in api.requests) == 1
    assert reader.arrived("orders") == [row for row in EXPECTED["orders"] if row >= 200]


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("modes", ["full_refresh", "incremental"])
def test_killed_anywhere_nothing_is_lost(modes: str, workers: int, api: Api) -> None:
    """Each run but the last cut off, with the states of both: the states of a child and of its parent are their own."""
    served(api)
    rng = random.Random(workers)
    for _ in range(4):
        reader = Reader(api.url, BY_TIME, ORDERS, LINES, workers=workers)
        chosen = {"shops": modes, "orders": "full_refresh", "lines": "full_refresh"}
        for _ in range(4):
            reader.sync(chosen, rng.randrange(3, 120))
        reader.sync(chosen)
        assert set(reader.ends.values()) == {"COMPLETE"}
        for name in chosen:
            assert reader.arrived(name) == EXPECTED[name]


@pytest.mark.parametrize("workers", [1, 8])
def test_the_parent_fails(workers: int, api: Api) -> None:
    """Its children fail with its error, after the rows that came; nothing hangs."""
    served(api)

    @api.get("/shops")
    def shops(call: Call) -> Any:
        return Answer(status=500) if call.arg("page") == "2" else [{"id": n} for n in range(1, 6)]

    reader = Reader(api.url, SHOPS, ORDERS, workers=workers)
    reader.sync(BOTH)
    assert reader.ends == {"shops": "INCOMPLETE", "orders": "INCOMPLETE"}
    assert [error["stream_descriptor"]["name"] for error in reader.errors] == ["shops", "orders"]
    assert all("HTTP 500" in error["message"] for error in reader.errors)


@pytest.mark.parametrize("workers", [1, 8])
def test_a_state_that_is_none_is_told_by_both(workers: int, api: Api) -> None:
    """The parent cannot even be opened: the child does not wait for it."""
    served(api)
    reader = Reader(api.url, SHOPS, ORDERS, workers=workers)
    reader.states = {"shops": {"what": 1}}
    reader.sync(BOTH)
    assert reader.ends == {"shops": "INCOMPLETE", "orders": "INCOMPLETE"}


@pytest.mark.parametrize("workers", [1, 4])
def test_stopped_while_children_wait(workers: int, api: Api) -> None:
    """The read ends soon."""
    served(api)

    @api.get("/shops")
    def shops(_: Call) -> Any:
        return Answer([{"id": 1}], delay=30)

    stop = Event()
    Timer(0.5, stop.set).start()
    began = time.monotonic()
    reader = Reader(api.url, SHOPS, ORDERS, workers=workers)
    reader.sync(BOTH, stop=stop)
    assert time.monotonic() - began < 15
    assert set(reader.ends.values()) == {"INCOMPLETE"}
