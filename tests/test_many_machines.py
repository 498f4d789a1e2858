"""docs/many-machines.md: one stream read by two processes, each with its own part and state."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.formats import yaml_text
from tests.api import Api, Call
from tests.process import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parent.parent / "docs/many-machines.md").read_text()
CONFIG = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
COMMANDS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)[0]
PERFORMANCE = (Path(__file__).parent.parent / "docs/performance.md").read_text()
RECORDS, DAY = 10**9, 86400
MEETING = "2024-07-01T00:00:00Z"
ROWS = [
    {"id": f"{month}-{day}", "created_at": f"2024-{month:02}-{day:02}T00:00:00Z"}
    for month in range(1, 13)
    for day in range(1, 29)
]


def received(path: Path) -> Iterator[Any]:
    """The records in a file of messages."""
    for line in path.read_text().splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            yield message["record"]["data"]


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose first column has this heading; numbers without commas."""
    lines = PAGE[PAGE.index(f"| {heading} |") :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace(",", "") for cell in line.strip("|").split("|")] for line in lines]


def test_the_requests_follow_from_the_page_size() -> None:
    """10⁹ records a day, in pages of so many."""
    for size, day, second in table("records a page"):
        assert int(day) == RECORDS // int(size)
        assert float(second) == pytest.approx(RECORDS / int(size) / DAY, rel=0.01)


def test_the_cpu_time_follows_from_what_was_measured() -> None:
    """Each figure is that of docs/performance.md, times 10⁹."""
    for record, page, micros, hours, cores in table("record"):
        size, mode = record.replace("3 kB", "3000 B").split(" B ", 1)
        measured = rf"^\| {mode} \| {page} \| {size} B \| ours \| \d+ \| {micros} "
        assert re.search(measured, PERFORMANCE, re.MULTILINE), record
        seconds = float(micros) * RECORDS / 1e6
        assert float(hours) == pytest.approx(seconds / 3600, abs=0.06)
        assert float(cores) == pytest.approx(seconds / DAY, abs=0.006)


def test_the_machines_follow_from_the_rate() -> None:
    """11,574 records a second, by what one process loads."""
    for _, rate, machines in table("step"):
        assert int(machines[0]) == -(-RECORDS // (int(rate) * DAY))


def test_two_processes_read_all_of_a_stream(tmp_path: Path) -> None:
    """Each row arrives once, but for the one at the moment where the parts meet. The last state leads on."""
    rows = [*ROWS]
    with Api() as api:

        @api.get("/events")
        def events(call: Call) -> Any:
            return [row for row in rows if call.arg("from") <= row["created_at"] <= call.arg("to", "9")]

        (tmp_path / "events.yaml").write_text(CONFIG.replace("https://api.example.com", api.url))
        commands = COMMANDS.replace("python main.py", f"{sys.executable} {MAIN}")
        subprocess.run(["bash", "-ec", commands], cwd=tmp_path, check=True)
        first, second = (list(received(tmp_path / f"{name}.jsonl")) for name in ("first", "second"))
        counts = Counter(row["id"] for row in [*first, *second])
        assert set(counts) == {row["id"] for row in ROWS}
        assert {key for key, count in counts.items() if count > 1} <= {"7-1"}
        assert {row["created_at"] for row in first} & {row["created_at"] for row in second} <= {MEETING}

        rows.append({"id": "new", "created_at": "2025-02-01T00:00:00Z"})
        config = yaml_text.load((tmp_path / "events.yaml").read_text())
        del config["endpoints"][0]["incremental"]["end_date"]
        (tmp_path / "later.yaml").write_text(json.dumps(config))
        command = [sys.executable, str(MAIN), "read", "--config", "later.yaml", "--keep-state", "second.json"]
        environ = {**os.environ, "FROM": MEETING}
        with (tmp_path / "later.jsonl").open("w") as output:
            subprocess.run(command, cwd=tmp_path, env=environ, stdout=output, check=True)
        later = [row["id"] for row in received(tmp_path / "later.jsonl")]
        assert later.count("new") == 1
        assert len(later) <= 2
