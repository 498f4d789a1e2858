"""Spark reads streams with two executors, one of which is killed: each row arrives, and none twice.

`local-cluster` starts executors as processes of their own. The truth is the table of the API.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.environments import ROOT, installed
from integration_tests.pages import say
from tests.api import Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.real_server,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("java") is None, reason="needs Java 17 or later"),
]
START = datetime(2024, 1, 1, tzinfo=timezone.utc)
PAGE = 50
CLUSTER = "local-cluster[2,1,1024]"


class Events(Api):
    """4,000 events of 200 days, some of them at the very borders of slices, and the most requests at once."""

    def __init__(self, delay: float = 0.0) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = [self.row(number, number * 72) for number in range(4000)]
        self.lists = {name: [{"id": f"{name}{number}"} for number in range(120)] for name in "abcd"}
        self.at_once, self.most = 0, 0
        self.lock_of_count = Lock()
        self.get("/events")(lambda call: self.counted(call, delay))
        self.get("/numbers")(self.numbered)
        self.get("/lists/{name}")(lambda call: self.page(call, self.lists[call.path_params["name"]]))

    def row(self, number: int, minutes: float) -> dict[str, Any]:
        return {"id": number, "at": f"{START + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}", "amount": "1.10"}

    def counted(self, call: Call, delay: float) -> Answer:
        with self.lock_of_count:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(delay)
        end = call.arg("to", "9")
        found = self.page(call, [row for row in self.rows if call.arg("from") <= row["at"] <= end])
        with self.lock_of_count:
            self.at_once -= 1
        return found

    def numbered(self, call: Call) -> Answer:
        first, last = int(call.arg("first")), int(call.arg("last"))
        return self.page(call, [row for row in self.rows if first <= row["id"] <= last])

    def page(self, call: Call, rows: list[dict[str, Any]]) -> Answer:
        first = (int(call.arg("page", "1")) - 1) * PAGE
        return Answer({"data": rows[first : first + PAGE], "pages": -(-len(rows) // PAGE)})

    def config(self, folder: Path, **settings: Any) -> str:
        """The path of a config for this API."""
        numbers = {"cursor_field": "id", "start_param": "first", "end_param": "last"}
        config = {
            **settings,
            "url_base": self.url,
            "start_date": f"{START:%Y-%m-%dT%H:%M:%SZ}",
            "max_concurrency": 8,
            "pagination": {"type": "page_number", "total_pages_path": "pages"},
            "endpoints_yaml": json.dumps(
                [
                    {
                        "name": "numbers",
                        "path": "numbers",
                        "primary_key": "id",
                        "incremental": {"type": "integer", **numbers, "start": 0, "end": 9999, "step": 1000},
                    }
                ]
            ),
            "endpoints": [
                {
                    "name": "events",
                    "path": "events",
                    "primary_key": "id",
                    "incremental": {
                        "cursor_field": "at",
                        "start_param": "from",
                        "end_param": "to",
                        "step": "P30D",
                        "end_date": "2024-08-01T00:00:00Z",
                    },
                },
                {
                    "name": "lists",
                    "path": "lists/{{ name }}",
                    "primary_key": "id",
                    "partitions": {"name": list("abcd")},
                },
            ],
        }
        path = folder / "config.json"
        path.write_text(json.dumps(config))
        return str(path)


@contextmanager
def job(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start the job in Spark's environment, and end all of its processes with the block."""
    spark = installed("spark")
    [home] = spark.parent.glob("lib/python*/site-packages/pyspark")
    environ = {
        "PYTHONPATH": str(ROOT),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": str(spark / "python"),
        "PYSPARK_DRIVER_PYTHON": str(spark / "python"),
    }
    command: list[str | Path] = [spark / "python", ROOT / "integration_tests/spark/job.py", *arguments]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environ},
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            for pid in processes(process.pid):
                os.kill(pid, signal.SIGKILL)


def processes(session: int, having: str = "") -> list[int]:
    """The processes of a session whose command line has a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            command = (path / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[3]) == session and having in command:
            found.append(int(path.name))
    return found


def finished(folder: Path, *arguments: str) -> None:
    """Run the job to its end."""
    with job(folder, *arguments) as process:
        assert process.wait(900) == 0, (folder / "log").read_text()[-3000:]


def read(folder: Path, name: str) -> list[Any]:
    """The records that the job has written; a line that it is writing does not count."""
    texts = [path.read_text() for path in (folder / name).glob("*.json")]
    rows = [json.loads(line) for text in texts for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(row["record"]) for row in rows if "record" in row]


def test_executors_share_a_stream_and_one_is_killed(tmp_path: Path) -> None:
    """All rows arrive once, the limit of concurrent requests holds, and the merged state leads on."""
    with Events(delay=0.3) as api:
        config = api.config(tmp_path)
        with job(tmp_path, CLUSTER, config, "events", "first") as process:
            deadline = time.monotonic() + 900
            while len(api.requests) < 12:
                assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
                assert time.monotonic() < deadline
                time.sleep(0.1)
            victims = processes(process.pid, "CoarseGrainedExecutorBackend")
            assert len(victims) == 2
            os.kill(victims[0], signal.SIGKILL)
            assert process.wait(900) == 0, (tmp_path / "log").read_text()[-3000:]
        assert Counter(row["id"] for row in read(tmp_path, "first")) == Counter(row["id"] for row in api.rows)
        say("events, one of two executors killed", len(read(tmp_path, "first")), len(api.rows))
        assert sorted(read(tmp_path, "first"), key=lambda row: int(row["id"])) == api.rows
        assert 1 < api.most <= 8

        api.rows.append(api.row(9000, 205 * 1440))
        before = len(api.requests)
        finished(tmp_path, CLUSTER, config, "events", "second", (tmp_path / "first-state.json").read_text())
        assert [row["id"] for row in read(tmp_path, "second")] == [9000]
        assert len(api.requests) - before < 10
        say("events, from the merged state", len(read(tmp_path, "second")), 1)


def test_executors_share_the_rate_of_requests(tmp_path: Path) -> None:
    """Slices of numbers, of an endpoint in `endpoints_yaml`: all rows arrive once, no faster than the API allows."""
    with Events() as api:
        rate, tasks = 20, 10
        config = api.config(tmp_path, max_requests_per_second=rate)
        finished(tmp_path, CLUSTER, config, "numbers", "first", "", "2")
        assert Counter(row["id"] for row in read(tmp_path, "first")) == Counter(row["id"] for row in api.rows)
        say("numbers, by ten tasks", len(read(tmp_path, "first")), len(api.rows))
        seconds = api.requests[-1].at - api.requests[0].at
        assert len(api.requests) <= tasks + rate * seconds  # each task sends its first request at once

        api.rows.append(api.row(9000, 205 * 1440))
        finished(tmp_path, CLUSTER, config, "numbers", "second", (tmp_path / "first-state.json").read_text())
        assert [row["id"] for row in read(tmp_path, "second")] == [9000]
        say("numbers, from the merged state", len(read(tmp_path, "second")), 1)


def test_each_value_of_a_list_is_a_task(tmp_path: Path) -> None:
    """All rows of all values arrive once."""
    with Events() as api:
        finished(tmp_path, "local[2]", api.config(tmp_path), "lists", "rows")
        expected = [row["id"] for rows in api.lists.values() for row in rows]
        assert sorted(row["id"] for row in read(tmp_path, "rows")) == sorted(expected)
        say("lists, by four tasks", len(read(tmp_path, "rows")), len(expected))


def test_a_streaming_query_reads_what_is_new(tmp_path: Path) -> None:
    """The offsets are states: later batches have only new rows, also after the query was started again."""
    with Events() as api:
        config = api.config(tmp_path)
        for round_number in range(2):
            with job(tmp_path, "local[2]", config, "events", "rows", "stream") as process:
                for number in (1, 2):
                    count = len(api.rows) if round_number == 0 and number == 1 else len(api.rows) + 1
                    if count > len(api.rows):
                        api.rows.append(
                            api.row(9000 + 10 * round_number + number, 206 * 1440 + 10 * round_number + number)
                        )
                    deadline = time.monotonic() + 900
                    while len(read(tmp_path, "rows")) < count:
                        assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
                        assert time.monotonic() < deadline, len(read(tmp_path, "rows"))
                        time.sleep(0.5)
                (tmp_path / "rows-stop").touch()
                assert process.wait(600) == 0
            (tmp_path / "rows-stop").unlink()
        assert Counter(row["id"] for row in read(tmp_path, "rows")) == Counter(row["id"] for row in api.rows)
        say("events, by a streaming query in two runs", len(read(tmp_path, "rows")), len(api.rows))
