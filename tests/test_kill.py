"""Kill a read anywhere, resume from the last STATE: no row is missing, and few come twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.shop import MODES, PAGE, PAGINATION, Destination, Shop, sync

if TYPE_CHECKING:
    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")


def killed(api: Api, seed: int, way: tuple[str, str, int], most_changes: int) -> tuple[Shop, Destination]:
    """Three runs that were killed, with changes between them, and one that came to its end."""
    pagination, mode, workers = way
    shop, destination = Shop(seed), Destination()
    shop.serve(api)
    for _ in range(3):
        sync(shop, api, pagination, mode, destination, shop.random.randrange(2, 24), workers)
        destination.crash()
        if most_changes:
            shop.change(shop.random.randrange(1, most_changes))
    sync(shop, api, pagination, mode, destination, None, workers)
    assert destination.complete
    return shop, destination


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pagination", PAGINATION)
def test_no_row_is_lost(pagination: str, mode: str, workers: int, api: Api) -> None:
    """For every pagination and mode, the rows covered by STATEs add up to the table."""
    for seed in range(2):
        shop, destination = killed(api, seed, (pagination, mode, workers), 0)
        got = {row["id"] for row in destination.durable}
        assert got == set(shop.rows)
        assert destination.duplicates <= 3 * PAGE * workers


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pagination", PAGINATION)
def test_changes_between_runs_lose_nothing(pagination: str, mode: str, workers: int, api: Api) -> None:
    """Rows inserted, updated and deleted between the runs: the last version of each has arrived."""
    for seed in range(3):
        shop, destination = killed(api, seed, (pagination, mode, workers), 12)
        if mode == "full_refresh":  # it goes on where it was: what changed meanwhile is for the next one
            destination.durable = []
        sync(shop, api, pagination, mode, destination, None, workers)
        newest: dict[int, int] = {}
        for row in destination.durable:
            newest[row["id"]] = max(row["version"], newest.get(row["id"], 0))
        assert {key: row["version"] for key, row in shop.rows.items()}.items() <= newest.items()
