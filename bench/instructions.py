"""Instructions of a page beyond start-up, counted by valgrind: they repeat from run to run, also on a busy machine."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contenders import DLT, FLOOR, OURS, ROOT, Contender, Mode, Task
from bench.rig import Report
from bench.server import MARKER, Orders

if TYPE_CHECKING:
    from bench.server import Server

_FEW, _MANY = 3, 13
"""Pages of the two runs whose difference is counted."""
_SIZES = [1000, 100]
_CASES: list[tuple[Mode, Contender]] = [
    ("full_refresh", OURS),
    ("incremental", OURS),
    ("transformed", OURS),
    ("transformed", DLT),
    ("full_refresh", FLOOR),
]


def measure(api: Server, *, quick: bool = False) -> Report:
    """Pages of 1,000 and of 100 records of 300 B."""
    report = Report("instructions", "Millions of instructions a page of 300 B records, beyond start-up", ["mode", ""])
    sizes = _SIZES[:1] if quick else _SIZES
    report.header += [f"{size} records" for size in sizes]
    counts = {case: [_of_a_page(api, *case, size) for size in sizes] for case in _CASES}
    for (mode, contender), found in counts.items():
        report.rows.append([mode.replace("_", " "), contender.name, *(f"{count / 1e6:.1f}" for count in found)])
    full, incremental, transformed, dlt = (counts[case] for case in _CASES[:4])
    pairs = zip(incremental, full, strict=True)
    report.claim("incremental to full refresh", [one / other for one, other in pairs], "<= 1.25")
    pairs = zip(dlt, transformed, strict=True)
    report.claim("transformed, dlt to ours", [one / other for one, other in pairs], ">= 4")
    return report


def _of_a_page(api: Server, mode: Mode, contender: Contender, size: int) -> float:
    few, many = (_counted(contender, Task(Orders(pages, size), api.base(), mode), api) for pages in (_FEW, _MANY))
    return (many - few) / (_MANY - _FEW)


def _counted(contender: Contender, task: Task, api: Server) -> int:
    """Instructions of a whole process.

    Raises:
        RuntimeError: It failed, or did not read each record once.
    """
    api.serve(task.orders)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = contender.command(task, Path(folder))
        valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={folder}/counts"]
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        done = subprocess.run([*valgrind, *command], env=environment, cwd=folder, capture_output=True, check=False)
    found = re.search(rb"I\s+refs:\s+([\d,]+)", done.stderr)
    if found is None or done.returncode or done.stdout.count(MARKER) != len(task.orders):
        raise RuntimeError(f"{contender.name} failed on {task}: {done.stderr.decode()[-1000:]}")
    return int(found[1].replace(b",", b""))
