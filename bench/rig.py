"""Measures whole processes, in turn, and says how their medians compare."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

from bench.contenders import ROOT
from bench.server import MARKER, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bench.contenders import Contender, Task

RESULTS = ROOT / ".tmp/bench"
"""The latest results, for the docs and the plot; quick runs write to a subfolder."""
_CHUNK = 1 << 20
_TAIL = 1000
"""Bytes of the output that are kept, for errors."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Usage:
    """The resources that a process used, from the operating system."""

    cpu: float
    """Seconds, user and system."""
    wall: float
    """Seconds from start to exit."""
    first: float
    """Seconds from start to the first record; 0 if there is none."""
    peak: float
    """MB, resident."""
    records: int


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(values: list[float]) -> Spread:
        """Their summary."""
        return Spread(median(values), min(values), max(values))

    def text(self, digits: int = 2) -> str:
        """For a table: median, and least to most."""
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}-{self.most:.{digits}f})"


@dataclass
class Report:
    """The report of a benchmark: a table, and the claimed ratios."""

    name: str
    title: str
    header: list[str]
    rows: list[list[str]] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    """The figures by themselves, for the plot."""

    def claim(self, what: str, ratios: list[float], aim: str) -> None:
        """Note ratios, one a case, and what all of them should be: `>= 20` or `<= 1.5`."""
        sign, limit = aim.split()
        reached = min(ratios) >= float(limit) if sign == ">=" else max(ratios) <= float(limit)
        found = f"{min(ratios):.3g}x" if len(ratios) == 1 else f"{min(ratios):.3g}x to {max(ratios):.3g}x"
        self.claims.append(f"{what}: {found} (aim {aim}x: {'reached' if reached else 'not reached'})")

    def __str__(self) -> str:
        table = [self.header, ["---"] * len(self.header), *self.rows]
        lines = [f"| {' | '.join(cells)} |" for cells in table]
        return "\n".join([f"### {self.title}", "", *lines, "", *(f"- {claim}" for claim in self.claims), ""])

    def publish(self, folder: Path) -> None:
        """Print it, and keep it in a folder."""
        print(self, flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.json").write_text(json.dumps({**asdict(self), "text": str(self)}, indent=2))


def machine() -> str:
    """Returns the machine of the measurement."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


@contextmanager
def server() -> Iterator[Server]:
    """The API, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Server(Path(folder)) as api:
        yield api


def in_turn(rounds: int, jobs: Mapping[Key, Callable[[], Usage]]) -> dict[Key, list[Usage]]:
    """Run all jobs, then all again, so that a machine whose speed drifts is unfair to none."""
    usages: dict[Key, list[Usage]] = {key: [] for key in jobs}
    for _ in range(rounds):
        for key, job in jobs.items():
            usages[key].append(job())
    return usages


def read(contender: Contender, task: Task) -> Usage:
    """Run a contender once on a task.

    Raises:
        RuntimeError: It failed, or did not read each record once.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        usage = run(contender.command(task, Path(folder)), Path(folder))
    if usage.records != len(task.orders):
        raise RuntimeError(f"{contender.name} read {usage.records} records of {len(task.orders)}: {task}")
    return usage


def environment(folder: Path) -> dict[str, str]:
    """The environment of every process: it holds nothing of ours, and what the Dockerfile sets."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }


def run(command: list[str], folder: Path, look: Callable[[bytes], object] = len, *, may_fail: bool = False) -> Usage:
    """Run a process in its environment, and read what it prints to the end.

    Args:
        command: What to run.
        folder: Where it runs.
        look: Called with each piece of what it prints.
        may_fail: True if it may give up.

    Raises:
        RuntimeError: Its exit code is not 0, and it may not fail.
    """
    errors = folder / "stderr"
    started = time.monotonic()
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, env=environment(folder), cwd=folder
        ) as process,
    ):
        assert process.stdout is not None
        records, first, tail = 0, 0.0, b""
        while chunk := os.read(process.stdout.fileno(), _CHUNK):
            found = (tail + chunk).count(MARKER) - tail.count(MARKER)
            if found and not records:
                first = time.monotonic() - started
            records += found
            look(chunk)
            tail = (tail + chunk)[-_TAIL:]
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not may_fail:
        told = tail.decode(errors="replace") + errors.read_text()[-_TAIL:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {told}")
    return Usage(used.ru_utime + used.ru_stime, wall, first, used.ru_maxrss / 1024, records)
