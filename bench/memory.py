"""Peak memory by the number of records: it must not grow with them."""

from __future__ import annotations

from functools import partial

from bench import rig
from bench.contenders import ALL, CDK, OURS, Task
from bench.rig import Report, Spread
from bench.server import Orders, Server

_PAGE = 1000
_RECORD = 60
_FEW = 100_000
_MANY = 10_000_000


def measure(api: Server, *, quick: bool = False) -> Report:
    """Everybody on few small records, this connector on many."""
    few, many = (Orders(records // _PAGE, _PAGE, _RECORD) for records in (_FEW, _MANY // 10 if quick else _MANY))
    runs = [*((contender, few) for contender in ALL), (OURS, many)]
    for orders in (few, many):
        api.serve(orders)
    jobs = {run: partial(rig.read, run[0], Task(run[1], api.base(), "incremental")) for run in runs}
    usages = rig.in_turn(1 if quick else 3, jobs)
    api.forget(many)
    report = Report("memory", "Peak resident memory, small records", ["", "records", "peak MB", "wall s", "to ours"])
    peaks = {run: Spread.of([usage.peak for usage in usages[run]]) for run in runs}
    for (contender, orders), peak in peaks.items():
        wall = Spread.of([usage.wall for usage in usages[contender, orders]])
        ratio = peak.median / peaks[OURS, few].median
        report.rows.append([contender.name, f"{len(orders):,}", peak.text(0), wall.text(1), f"{ratio:.2f}"])
        report.values[f"{contender.name} {len(orders)}"] = peak.median
    report.claim("ours, many to few", [peaks[OURS, many].median / peaks[OURS, few].median], "<= 1.1")
    report.claim("ours, many, to CDK, few", [peaks[OURS, many].median / peaks[CDK, few].median], "<= 1")
    return report
