"""Measures the time until the first output: the form, the check, the first record."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import contenders, rig
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
    report = Report("startup", "Start-up", ["", "", "wall s", "CPU s", "CDK to this"])
    walls = {key: Spread.of([run.first or run.wall for run in runs]) for key, runs in usages.items()}
    for (tool, verb), wall in walls.items():
        cpu = Spread.of([usage.cpu for usage in usages[tool, verb]])
        ratio = walls["CDK", verb].median / wall.median
        report.rows.append([_VERBS[verb], tool, wall.text(), cpu.text(), f"{ratio:.2f}"])
        report.values[f"{tool} {verb}"] = wall.median
    ratios = [walls["CDK", verb].median / walls["ours", verb].median for verb in _VERBS]
    report.claim("CDK to ours", ratios, ">= 1")
    cpus = {key: Spread.of([usage.cpu for usage in runs]).median for key, runs in usages.items()}
    translated = [cpus["ours, manifest", verb] / cpus["ours", verb] for verb in _VERBS]
    report.claim("CPU with a manifest to that with a config", translated, "<= 1.3")
    return report


def _run(tool: str, verb: str, task: Task) -> Usage:
    with TemporaryDirectory(prefix="bench-") as folder:
        return rig.run(_TOOLS[tool](task, Path(folder), verb), Path(folder))
