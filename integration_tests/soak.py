"""The kill oracle on processes: kill -9 at a random message, keep what a STATE covered, resume, compare with the table.

Each round takes a paging and a mode, kills `main.py read` three times, changes rows between the runs, and lets it end.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.api import Api
from tests.process import start
from tests.shop import MODES, PAGE, PAGINATION, Destination, Shop, catalog_for, config_for

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = 3
WORKERS = 4
ROWS = 300
BOUND = WORKERS * PAGE
"""Rows that may come twice for each kill, where positions do not shift: a page of each slice in flight."""
COUNTED = {"page_number", "offset"}
SECONDS = 0.02
"""Before each answer, so that a read lasts long enough for several states."""


def rounds(count: int, seed: int = 0) -> Iterator[tuple[str, str, Destination]]:
    """Play rounds, each with the next paging and mode.

    Raises:
        AssertionError: A row of the table has not arrived, or too many came twice.
    """
    ways = list(product(PAGINATION, MODES))
    for number in range(count):
        pagination, mode = ways[(seed + number) % len(ways)]
        shop = Shop(seed + number, ROWS, real=True, delay=SECONDS)
        with Api() as api, TemporaryDirectory() as folder:
            shop.serve(api)
            yield pagination, mode, _round(shop, api, Path(folder), pagination, mode)


def _round(shop: Shop, api: Api, folder: Path, pagination: str, mode: str) -> Destination:
    destination = Destination()
    for _ in range(KILLS):
        _run(api, folder, (pagination, mode), destination, shop.random.randrange(2, ROWS // KILLS))
        destination.crash()
        shop.change(shop.random.randrange(10))
    _run(api, folder, (pagination, mode), destination, None)
    assert destination.complete, (pagination, mode)
    repeated, kept = destination.duplicates, list(destination.durable)
    if mode == "full_refresh":  # what changed behind the page that a run went on from is for the next one
        destination = Destination()
    _run(api, folder, (pagination, mode), destination, None)
    newest: dict[int, int] = {}
    for row in destination.durable:
        newest[row["id"]] = max(row["version"], newest.get(row["id"], 0))
    lost = {key: row for key, row in shop.rows.items() if newest.get(key, 0) < row["version"]}
    assert not lost, (pagination, mode, shop.seed, lost)
    assert repeated <= KILLS * BOUND or pagination in COUNTED, (pagination, mode, repeated)
    destination.durable = kept
    return destination


def _run(api: Api, folder: Path, way: tuple[str, str], destination: Destination, kill: int | None) -> None:
    """Run the connector, and kill it after so many messages."""
    state = [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": saved}}
        for name, saved in destination.state.items()
    ]
    config: dict[str, Any] = config_for(api, *way, WORKERS)
    with start(folder, "read", config=config, catalog=catalog_for(way[1]), state=state) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            if number == kill:
                process.kill()
                break
            destination.take(json.loads(line))
    destination.complete = process.returncode == 0


def main(count: int) -> None:
    """Play rounds, and say what came."""
    began = time.monotonic()
    twice: dict[bool, list[int]] = {True: [], False: []}
    for number, (pagination, _, destination) in enumerate(rounds(count, int(time.time())), 1):
        twice[pagination in COUNTED].append(destination.duplicates)
        print(f"\r{number} of {count} rounds, rows lost 0", end="", file=sys.stderr, flush=True)
    print(f"\n{count} rounds of {KILLS} kills in {time.monotonic() - began:.0f} s: rows lost 0")
    for counted, found in twice.items():
        positions = "page numbers and offsets" if counted else "tokens, links and keys"
        bound = "slices begin again where rows moved" if counted else f"{BOUND} at most: a page of each slice"
        kills = max(KILLS * len(found), 1)
        print(f"{positions}: delivered twice {sum(found)}, {sum(found) / kills:.1f} a kill ({bound})")


if __name__ == "__main__":
    main(int(sys.argv[1]))
