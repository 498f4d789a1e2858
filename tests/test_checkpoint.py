"""States come soon, and large ones seldom."""

from __future__ import annotations

from typing import Any

import pytest

from source_rest_api.state.checkpoint import Checkpoint

MANY = [str(number) for number in range(100_000)]


@pytest.mark.parametrize(
    ("state", "pause"),
    [
        ({"cursor": "a"}, 0.5),
        ({"cursors": dict.fromkeys(MANY, "a")}, 10.5),
        ({"reading": {"done": MANY, "slices": []}}, 10.5),
        ({"reading": {"slices": [{"partition": name} for name in MANY]}}, 10.5),
        ({"rows": {"of": "#", "keys": "k" * 4_000_000, "added": "a" * 500_000}}, 10.5),
    ],
    ids=["one", "cursors", "done", "slices", "rows"],
)
def test_the_pause_grows_with_the_state(state: dict[str, Any], pause: float) -> None:
    """Half a second, and for 100,000 partitions twenty times as long, whatever holds them."""
    checkpoint = Checkpoint(0.5, 0.0)
    assert (checkpoint.due(0.49), checkpoint.due(0.5)) == (False, True)
    checkpoint.count(3)
    checkpoint.taken(state, 1.0)
    assert (checkpoint.records, checkpoint.repeats(state), checkpoint.repeats({})) == (0, True, False)
    assert (checkpoint.due(0.99 + pause), checkpoint.due(1.0 + pause)) == (False, True)
