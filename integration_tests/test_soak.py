"""Short runs of `scripts/soak`: kill -9 at any message, and every fault at random; no row is lost."""

from __future__ import annotations

import pytest

from integration_tests.fault_soak import FAULTS, soak
from integration_tests.soak import rounds


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("part", range(4))
def test_killed_reads_lose_nothing(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five rounds of three kills each, four times in parallel: each paging and mode that the rounds come by."""
    monkeypatch.setenv("NO_PROXY", "*")
    assert sum(1 for _ in rounds(5, 5 * part)) == 5


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_read_through_all_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty seconds of an API on which nothing can be relied: all rows, a good end, and nothing that grows."""
    monkeypatch.setenv("NO_PROXY", "*")
    outcome = soak(20)
    outcome.check()
    assert len(outcome.server.played) > len(FAULTS) / 2
