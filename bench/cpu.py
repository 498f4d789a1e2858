"""CPU per record, beyond what starting costs: this connector against the field and the floor.

Start-up is the same command on an endpoint with one record; what is left is divided by the other records.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bench import rig
from bench.contenders import ALL, CDK, DLT, FLOOR, MANIFEST, OURS, Contender, Task
from bench.rig import Report, Spread, Usage
from bench.server import Orders

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.contenders import Mode
    from bench.server import Server

_ONE = Orders(pages=1, page_size=1)
_WHOLE = [MANIFEST, *ALL]
_CONTENDERS: dict[Mode, list[Contender]] = {
    "full_refresh": _WHOLE,
    "incremental": _WHOLE,
    "transformed": [OURS, MANIFEST, CDK, DLT],
}
_SIZES = [Orders(400, 1000), Orders(1500, 100), Orders(100, 1000, 3000), Orders(800, 100, 3000)]
_QUICK = [Orders(300, 1000)]
_HEADER = ["mode", "page", "record", "", "records", "µs CPU a record", "records a CPU s", "wall s", "peak MB"]


class _Run(NamedTuple):
    """The work to measure; `orders` is None for start-up."""

    mode: Mode
    orders: Orders | None
    contender: str


def measure(api: Server, *, quick: bool = False) -> Report:
    """All contenders, page sizes, record sizes and modes."""
    sizes = _QUICK if quick else _SIZES
    jobs = {
        _Run(mode, orders, contender.name): _job(api, contender, orders, mode)
        for mode, contenders in _CONTENDERS.items()
        for orders in [None, *sizes]
        for contender in contenders
    }
    rig.in_turn(1, {run: job for run, job in jobs.items() if run.orders is None})  # fills caches
    usages = rig.in_turn(2 if quick else 3, jobs)
    report = Report(
        "cpu",
        "CPU per record beyond start-up, one request after the other",
        [*_HEADER, "to ours", "to floor", "to CDK"],
    )
    medians = {mode: {orders: _rows(report, usages, mode, orders) for orders in sizes} for mode in _CONTENDERS}
    cases = [case for mode in ("full_refresh", "incremental") for case in medians[mode].values()]
    report.claim("CDK to ours", [case[CDK.name] / case[OURS.name] for case in cases], ">= 20")
    same = [case[CDK.name] / case[MANIFEST.name] for case in cases]
    report.claim("CDK to ours, on the same manifest", same, ">= 20")
    report.claim("dlt to ours", [case[DLT.name] / case[OURS.name] for case in cases], ">= 8")
    report.claim("ours to floor", [case[OURS.name] / case[FLOOR.name] for case in cases], "<= 1.5")
    transformed = [case[CDK.name] / case[OURS.name] for case in medians["transformed"].values()]
    report.claim("transformed, CDK to ours", transformed, ">= 3")
    transformed = [case[DLT.name] / case[OURS.name] for case in medians["transformed"].values()]
    report.claim("transformed, dlt to ours", transformed, ">= 4")
    seen_twice = [
        medians["incremental"][orders][OURS.name] / medians["full_refresh"][orders][OURS.name] for orders in sizes
    ]
    report.claim("incremental to full refresh, ours", seen_twice, "<= 1.25")
    report.values = {
        f"{mode} {orders.name}": case for mode, by_size in medians.items() for orders, case in by_size.items()
    }
    return report


def _job(api: Server, contender: Contender, orders: Orders | None, mode: Mode) -> Callable[[], Usage]:
    own = _ONE if orders is None else contender.orders(orders)
    api.serve(own)
    return partial(rig.read, contender, Task(own, api.base(), mode))


def _rows(report: Report, usages: dict[_Run, list[Usage]], mode: Mode, orders: Orders) -> dict[str, float]:
    """The rows of one case; each contender's median."""
    spreads = {}
    for contender in _CONTENDERS[mode]:
        start = Spread.of([usage.cpu for usage in usages[_Run(mode, None, contender.name)]])
        runs = usages[_Run(mode, orders, contender.name)]
        spreads[contender.name] = Spread.of([(run.cpu - start.median) / (run.records - 1) * 1e6 for run in runs])
    for name, spread in spreads.items():
        runs = usages[_Run(mode, orders, name)]
        report.rows.append(
            [
                mode.replace("_", " "),
                str(orders.page_size),
                f"{orders.record_bytes} B",
                name,
                str(runs[0].records),
                spread.text(),
                f"{1e6 / spread.median:,.0f}",
                f"{Spread.of([run.wall for run in runs]).median:.2f}",
                f"{Spread.of([run.peak for run in runs]).median:.0f}",
                *(_ratio(spread, spreads.get(other.name)) for other in (OURS, FLOOR, CDK)),
            ]
        )
    return {name: spread.median for name, spread in spreads.items()}


def _ratio(spread: Spread, other: Spread | None) -> str:
    return "" if other is None else f"{spread.median / other.median:.2f}"
