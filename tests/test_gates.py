"""A wait that one response demands holds for all requests to its endpoint, and for no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.http.rate_limit_gates import RateLimitGates, Wait


class Clock:
    """Time that passes when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 100), st.floats(0, 50))))
def test_a_gate_stays_closed_for_the_longest_wait(events: list[tuple[str, float, float]]) -> None:
    """However often it is closed, the endpoint waits until the last of the moments it was told; others do not."""
    clock = Clock()
    gates = RateLimitGates(clock)
    until = {name: gates.wait(name).seconds for name in "ab"}
    told = dict(until)
    for endpoint, seconds, passed in events:
        gates.close(endpoint, seconds)
        until[endpoint] = max(until[endpoint], clock.now + seconds)
        clock.now += passed
        for name in "ab":
            wait = gates.wait(name)
            assert wait.seconds == max(until[name] - clock.now, 0.0)
            assert wait.is_news is (until[name] > max(told[name], clock.now) + 1)
            told[name] = until[name] if wait.is_news else told[name]


def test_a_gate_is_open() -> None:
    """Without a refusal, requests do not wait."""
    gates = RateLimitGates(Clock())
    assert [gates.wait("e") for _ in range(3)] == [Wait(0.0)] * 3


def test_after_a_refusal_requests_are_spaced() -> None:
    """Each gets a turn of its own, which it keeps while it waits; a refusal voids all turns."""
    clock = Clock()
    gates = RateLimitGates(clock)
    for _ in range(10):
        gates.wait("e")
        gates.accepted("e", clock.now, {}, 60)
        clock.now += 0.1
    sent = clock.now
    clock.now += 0.1
    assert gates.refused("e", sent, 1.0) == 1
    gates.close("e", 1.0)
    clock.now += 1.0
    waits = [gates.wait("e") for _ in range(3)]
    apart = waits[1].seconds
    assert waits[0].seconds == 0
    assert 0 < apart < 0.3
    assert waits[2].seconds == pytest.approx(2 * apart, rel=0.1)
    assert gates.wait("e", waits[2].turn) == waits[2]
    assert gates.refused("e", clock.now, 1.0) == 2
    gates.close("e", 1.0)
    assert gates.wait("e", waits[2].turn) == Wait(1.0, None, is_news=False)
