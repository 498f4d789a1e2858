"""Cost by the amount of work: it must grow no faster than the work.

Each row has the cost of one unit of work, beyond start-up, and how it compares with the smallest amount of the same
kind. Parents are in `bench.parents`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from multiprocessing import Process
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench import rig
from bench.contenders import ROOT, RUNTIME, written
from bench.rig import Report, Usage
from bench.server import CHILDREN, Orders

if TYPE_CHECKING:
    from bench.server import Server

_SMALL = 60
_MB = 1_000_000
_NOTHING = Orders(1, 1)
_SHORT = 5.0
"""CPU seconds. A shorter run is repeated, and the cheapest counts, because start-up varies by as much as it costs."""
_ROUNDS = 3


@dataclass(frozen=True)
class _Case:
    """An amount of work of one kind."""

    kind: str
    amount: str
    orders: Orders
    unit: str
    units: float
    streams: int = 1
    is_parents: bool = False


def measure(api: Server, *, quick: bool = False) -> Report:
    """Numbers of records, streams and parents, and sizes of records and pages."""
    header = ["", "", "CPU s", "wall s", "peak MB", "µs CPU a unit", "unit", "to the least amount"]
    report = Report("scale", "Cost by the amount of work", header)
    least: dict[str, tuple[float, float]] = {}
    growth: dict[str, list[float]] = {}
    api.serve(_NOTHING)
    startup = min(_read(api, _Case("", "", _NOTHING, "", 1)).cpu for _ in range(2 * _ROUNDS))
    for case in _cases(quick=quick):
        usage = _cheapest(api, case)
        api.forget(case.orders)
        cost = max(usage.cpu - startup, 0.0) / case.units * 1e6
        first, peak = least.setdefault(case.kind, (cost, usage.peak))
        growth.setdefault(case.kind, []).append(cost / first)
        seconds = [f"{usage.cpu:.2f}", f"{usage.wall:.2f}", f"{usage.peak:.0f}"]
        ratios = f"{cost / first:.2f} (memory {usage.peak / peak:.2f})"
        report.rows.append([case.kind, case.amount, *seconds, f"{cost:,.2f}", case.unit, ratios])
        report.values[f"{case.kind} {case.amount}"] = {"cpu": cost, "peak": usage.peak}
    for kind, ratios in growth.items():
        report.claim(f"{kind}: cost of a unit, most to least work", [ratios[-1]], "<= 1.25")
    return report


def _cases(*, quick: bool) -> list[_Case]:
    largest = -1 if quick else None
    records = [Orders(count // 1000, 1000, _SMALL) for count in (10**5, 10**6, 10**7)[:largest]]
    total = _MB * (10 if quick else 100)
    sizes = [Orders(total // _MB, _MB // size, size) for size in (_SMALL, 300, 3000, 100_000, _MB)]
    pages = [Orders(total // size, size // 1000, 1000) for size in (_MB, 10 * _MB, 100 * _MB)[:largest]]
    parents = [Orders(count // 1000, 1000, _SMALL) for count in (10**3, 10**4, 10**5)[:largest]]
    counts, few = (10, 100, 1000)[:largest], Orders(1, 10)
    return [
        *(_Case("records of 60 B", f"{len(each):,}", each, "record", len(each)) for each in records),
        *(_Case("size of a record", f"{each.record_bytes:,} B", each, "kB", _kilobytes(each)) for each in sizes),
        *(
            _Case("size of a page", f"{len(each) // each.pages // 1000:,} MB", each, "kB", _kilobytes(each))
            for each in pages
        ),
        *(_Case("streams of 10 records", f"{count:,}", few, "stream", count, streams=count) for count in counts),
        *(_Case("parents", f"{len(each):,}", each, "parent", len(each), is_parents=True) for each in parents),
    ]


def _kilobytes(orders: Orders) -> float:
    """Return the size of all pages; about, without making large ones."""
    return len(orders) * len(next(Orders(1, 10, orders.record_bytes).texts(1))) / 10 / 1000


def _cheapest(api: Server, case: _Case) -> Usage:
    """Read all records, several times if that is quick."""
    writer = Process(target=api.serve, args=(case.orders,))  # a child's peak begins with what this process holds
    writer.start()
    writer.join()
    usages = [_read(api, case)]
    while usages[0].cpu < _SHORT and len(usages) < _ROUNDS:
        usages.append(_read(api, case))
    return min(usages, key=lambda usage: usage.cpu)


def _read(api: Server, case: _Case) -> Usage:
    """Read all records once.

    Raises:
        RuntimeError: It failed, or did not read each record.
    """
    pages = {"type": "cursor", "cursor_path": "next", "cursor_param": "page"}
    endpoint = {"path": case.orders.name, "records_path": "data", "pagination": pages}
    endpoints: list[dict[str, Any]] = [{**endpoint, "name": f"orders{n}"} for n in range(case.streams)]
    if case.is_parents:
        endpoints = [
            {**endpoint, "name": "parents"},
            {"name": "orders0", "path": "children/{{ parents.id }}", "records_path": "data"},
        ]
    with TemporaryDirectory(prefix="bench-") as folder:
        config = {"url_base": api.base(), "endpoints": endpoints}
        files = {"config": config, "catalog": {"streams": [_configured(f"orders{n}") for n in range(case.streams)]}}
        command = [str(RUNTIME / "python"), str(ROOT / "main.py"), "read"]
        for name, value in files.items():
            command += [f"--{name}", written(Path(folder), f"{name}.json", value)]
        usage = rig.run(command, Path(folder))
    records = CHILDREN * len(case.orders) if case.is_parents else case.streams * len(case.orders)
    if usage.records != records:
        raise RuntimeError(f"read {usage.records} records of {records}: {json.dumps(case.amount)} {case.kind}")
    return usage


def _configured(name: str) -> dict[str, Any]:
    stream = {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    return {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
