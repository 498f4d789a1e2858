"""Wall time on an API that takes 50 ms to answer: what asking for several pages, or windows, at a time gains."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from bench import rig
from bench.contenders import CDK, DLT, FLOOR, OURS, Contender, Task
from bench.rig import Report, Spread
from bench.server import LATENCY, WINDOWS, Orders, Server

_PAGES = 200
_AT_ONCE = 8
_TITLES = {"full_refresh": "pages by number", "windows": f"{len(WINDOWS)} windows, pages by token"}


def measure(api: Server, *, quick: bool = False) -> Report:
    """Pages by number, and date windows whose pages have tokens."""
    pages = 40 if quick else _PAGES
    slow = api.base(slow=True)
    windows = Task(Orders(pages, 100, windows=True), slow, mode="windows")
    tasks = [Task(Orders(pages, 100), slow, paging="number"), windows]
    runs: list[tuple[Contender, Task]] = []
    for task in tasks:
        api.serve(task.orders)
        runs += [(FLOOR, task), (OURS, task), (OURS, _parallel(task)), (CDK, task), (CDK, _parallel(task)), (DLT, task)]
    begun = Task(Orders(1, 100), api.base(), paging="number")
    api.serve(begun.orders)
    runs.append((OURS, begun))
    runs = [run for run in runs if run[0] is not DLT or run[1].mode != "windows"]  # it has none
    usages = rig.in_turn(1 if quick else 3, {run: partial(rig.read, *run) for run in runs})
    report = Report(
        "latency",
        f"Wall time of {pages} pages at {LATENCY * 1000:.0f} ms each",
        ["", "", "at once", "wall s", "CPU s", "wall / latency", "to ours, one at a time"],
    )
    walls = {run: Spread.of([usage.wall for usage in usages[run]]) for run in runs}
    startup = walls.pop((OURS, begun)).median
    for (contender, task), wall in walls.items():
        single = walls[OURS, replace(task, concurrency=1)]
        report.rows.append(
            [
                _TITLES[task.mode],
                contender.name,
                str(task.concurrency),
                wall.text(),
                Spread.of([usage.cpu for usage in usages[contender, task]]).text(),
                f"{wall.median / (pages * LATENCY):.2f}",
                f"{wall.median / single.median:.2f}",
            ]
        )
        report.values[f"{contender.name} {task.mode} {task.concurrency}"] = wall.median
    for task in tasks:
        alone, parallel = walls[OURS, task].median, walls[OURS, _parallel(task)].median
        what = f"{_TITLES[task.mode]}: one to {_AT_ONCE} at once"
        report.claim(f"{what}, beyond start-up ({startup:.2f} s)", [(alone - startup) / (parallel - startup)], ">= 7")
        report.claim(f"{what}, whole processes", [alone / parallel], ">= 7")
    return report


def _parallel(task: Task) -> Task:
    return replace(task, concurrency=_AT_ONCE)
