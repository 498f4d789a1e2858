"""A wait that one response demands holds for all requests to its endpoint, and for no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.http.rate_limits import RateLimitGates


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
    until = {"a": 0.0, "b": 0.0}
    for endpoint, seconds, passed in events:
        known = max(until[endpoint], clock.now)
        assert gates.close(endpoint, seconds) is (clock.now + seconds > known + 1)
        until[endpoint] = max(known, clock.now + seconds)
        clock.now += passed
        for name in "ab":
            assert gates.wait(name) == max(until[name] - clock.now, 0.0)


def test_a_gate_is_open() -> None:
    """Without a demanded wait, requests do not wait."""
    assert RateLimitGates(Clock()).wait("e") == 0.0
