"""Instructions of a page beyond start-up, counted by valgrind: they repeat from run to run, also on a busy machine."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from bench import valgrind
from bench.contenders import DLT, FLOOR, OURS, Contender, Mode, Task
from bench.rig import Report, read
from bench.server import MARKER, Orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.server import Server

_Case: TypeAlias = "tuple[Mode, Contender]"

_PAGES, _MORE = 3, 13
"""Pages of the two runs of a case whose difference is counted, with small pages. Large ones take one run more, because
the start-up is the same."""
_LARGE, _SMALL = 1000, 100
"""Records of a page."""
_CASES: list[_Case] = [
    ("full_refresh", OURS),
    ("incremental", OURS),
    ("transformed", OURS),
    ("transformed", DLT),
    ("full_refresh", FLOOR),
]


def measure(api: Server, *, quick: bool = False) -> Report:
    """Pages of 1,000 and of 100 records of 300 B. Quick: only of ours, full refresh and transformed."""
    cases = [_CASES[0], _CASES[2]] if quick else _CASES
    counts = _of_pages(api, cases)
    report = Report("instructions", "Millions of instructions a page of 300 B records, beyond start-up", ["mode", ""])
    report.header += [f"{size:,} records" for size in (_LARGE, _SMALL)]
    for (mode, contender), found in counts.items():
        report.rows.append([mode.replace("_", " "), contender.name, *(f"{count / 1e6:.1f}" for count in found)])
    if not quick:
        full, incremental, transformed, dlt = (counts[case] for case in _CASES[:4])
        report.claim("incremental to full refresh", _ratios(incremental, full), "<= 1.25")
        report.claim("transformed, dlt to ours", _ratios(dlt, transformed), ">= 4")
    return report


def _ratios(ones: tuple[float, float], others: tuple[float, float]) -> list[float]:
    return [one / other for one, other in zip(ones, others, strict=True)]


def _of_pages(api: Server, cases: Sequence[_Case]) -> dict[_Case, tuple[float, float]]:
    """Instructions of a large and of a small page, by case."""
    orders = [Orders(_PAGES, _SMALL), Orders(_MORE, _SMALL), Orders(_MORE, _LARGE)]
    for each in orders:
        api.serve(each)
    for mode, contender in cases:
        read(contender, Task(orders[0], api.base(), mode))  # compiles Python's bytecode, which would count
    jobs = [(contender, Task(each, api.base(), mode)) for mode, contender in cases for each in orders]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        totals = list(pool.map(lambda job: _counted(*job), jobs))
    counts = {}
    for case, (few, more, large) in zip(cases, zip(*[iter(totals)] * len(orders), strict=True), strict=True):
        small = (more - few) / (_MORE - _PAGES)
        counts[case] = (large - few + _PAGES * small) / _MORE, small
    return counts


def _counted(contender: Contender, task: Task) -> int:
    """Instructions of a whole process.

    Raises:
        RuntimeError: It failed, or did not read each record once.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        counted, printed = valgrind.count(contender.command(task, Path(folder)), Path(folder))
    if printed.count(MARKER) != len(task.orders):
        raise RuntimeError(f"{contender.name} did not read each record once: {task}")
    return counted
