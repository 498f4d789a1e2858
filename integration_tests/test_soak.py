"""kill -9 at any message, in every paging and mode: no row is lost. `scripts/soak 500` plays more of it."""

from __future__ import annotations

import pytest

from integration_tests.soak import rounds


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("part", range(4))
def test_killed_reads_lose_nothing(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five rounds of three kills each, four times in parallel: each paging and mode that the rounds come by."""
    monkeypatch.setenv("NO_PROXY", "*")
    assert sum(1 for _ in rounds(5, 5 * part)) == 5
