"""Measures the time until the first output, and the instructions: the form, the check, the first record."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import contenders, rig, valgrind
from bench.contenders import Task
from bench.rig import Report, Spread, Usage
from bench.server import Orders, Server

_VERBS = {"spec": "spec", "check": "check", "read": "read, to the first record"}
_TOOLS = {"ours": contenders.ours, "ours, manifest": contenders.manifest, "CDK": contenders.cdk}


def measure(api: Server, *, quick: bool = False) -> Report:
    """This connector and the CDK."""
    task = Task(Orders(1, 1), api.base())
    api.serve(task.orders)
    jobs = {(tool, verb): partial(_run, tool, verb, task) for verb in _VERBS for tool in _TOOLS}
    rig.in_turn(1, jobs)  # fills caches
    usages = rig.in_turn(3 if quick else 9, jobs)
    counts = _instructions(task, [key for key in jobs if not quick or "CDK" not in key])
    report = Report("startup", "Start-up", ["", "", "wall s", "CPU s", "million instructions", "CDK to this"])
    walls = {key: Spread.of([run.first or run.wall for run in runs]) for key, runs in usages.items()}
    for (tool, verb), wall in walls.items():
        cpu = Spread.of([usage.cpu for usage in usages[tool, verb]])
        ratio = walls["CDK", verb].median / wall.median
        report.rows.append([_VERBS[verb], tool, wall.text(), cpu.text(), counts.get((tool, verb), ""), f"{ratio:.2f}"])
        report.values[f"{tool} {verb}"] = wall.median
    ratios = [walls["CDK", verb].median / walls["ours", verb].median for verb in _VERBS]
    report.claim("CDK to ours", ratios, ">= 1")
    cpus = {key: Spread.of([usage.cpu for usage in runs]).median for key, runs in usages.items()}
    translated = [cpus["ours, manifest", verb] / cpus["ours", verb] for verb in _VERBS]
    report.claim("CPU with a manifest to that with a config", translated, "<= 1.3")
    return report


def _instructions(task: Task, keys: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Millions of instructions of whole processes, by tool and verb. Those of the CDK take minutes to count."""

    def counted(key: tuple[str, str]) -> str:
        tool, verb = key
        with TemporaryDirectory(prefix="bench-") as folder:
            number, _ = valgrind.count(_TOOLS[tool](task, Path(folder), verb), Path(folder))
        return f"{number / 1e6:,.0f}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(keys, pool.map(counted, keys), strict=True))


def _run(tool: str, verb: str, task: Task) -> Usage:
    with TemporaryDirectory(prefix="bench-") as folder:
        return rig.run(_TOOLS[tool](task, Path(folder), verb), Path(folder))
