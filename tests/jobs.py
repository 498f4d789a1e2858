"""An API of report jobs: a table of jobs, each with its files, and the rows that a reader has to get."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from source_rest_api import Connector
from tests.api import Answer
from tests.process import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.api import Api, Call
    from tests.shop import Destination

Row = dict[str, Any]
NOW = datetime(2024, 1, 5, tzinfo=timezone.utc)
"""The end of a read."""
SECRET = "5ecret-signature"


@dataclass
class Job:
    """One job in the table."""

    number: int
    asked: Row
    """The body of the request that created it."""
    polls: int = 0
    deleted: bool = False
    aborted: bool = False
    began: float = field(default_factory=time.monotonic)


class Jobs:
    """The table of jobs. Each job passes through `statuses`, one with each poll, and stays at the last.

    Args:
        api: The server.
        rows: What a job gives, by the body that asked for it; by default all rows.
        files: Number of files of a result.
    """

    def __init__(self, api: Api, rows: list[Row], files: int = 1, form: str = "jsonl") -> None:
        self.rows = rows
        self.files = files
        self.form = form
        self.statuses: list[str] = ["QUEUED", "RUNNING", "DONE"]
        self.of_job: dict[int, list[str]] = {}
        """Statuses of single jobs, by their numbers; the first is 1."""
        self.jobs: dict[int, Job] = {}
        self.downloads: list[tuple[int, int]] = []
        """The job and the file of each download."""
        self.faults: dict[tuple[int, int], list[Answer]] = {}
        """Answers to give before a file's own, by job and file."""
        self.running: set[int] = set()
        self.most_running = 0
        self._lock = Lock()
        self._api = api
        api.post("/reports")(self._create)
        api.get("/reports/{id}")(self._poll)
        api.route("DELETE", "/reports/{id}")(self._delete)
        api.post("/reports/{id}/abort")(self._abort)
        api.get("/files/{id}/{file}")(self._file)

    @property
    def url(self) -> str:
        """The address of `url_base`."""
        return self._api.url

    def given(self, job: Job) -> list[Row]:
        """The rows of a job: those of its interval."""
        since, until = job.asked.get("since") or "", job.asked.get("until") or "9"
        return [row for row in self.rows if since <= row["day"] < until]

    def _create(self, call: Call) -> Answer:
        with self._lock:
            number = len(self.jobs) + 1
            self.jobs[number] = Job(number, call.json() if call.body else {})
            self.running.add(number)
            self.most_running = max(self.most_running, len(self.running))
        return Answer({"reportId": f"r{number}"}, 202, {"Location": f"{self.url}/reports/r{number}"})

    def _poll(self, call: Call) -> Any:
        number = int(call.path_params["id"][1:])
        job = self.jobs.get(number)
        if job is None or job.deleted:
            return Answer({"error": "no such job"}, 404)
        statuses = self.of_job.get(number, self.statuses)
        status = statuses[min(job.polls, len(statuses) - 1)]
        job.polls += 1
        if status not in {"QUEUED", "RUNNING"}:
            self.running.discard(number)
        if status != "DONE":
            return {"status": status, "message": f"report {number} is {status.lower()}"}
        links = [f"{self.url}/files/{number}/{index}?sig={SECRET}-{job.polls}" for index in range(self.files)]
        return {"status": status, "urls": links, "url": links[0] if links else None}

    def _file(self, call: Call) -> Any:
        number, index = int(call.path_params["id"]), int(call.path_params["file"])
        self.downloads.append((number, index))
        faults = self.faults.get((number, index))
        if faults:
            return faults.pop(0)
        if call.arg("sig") != f"{SECRET}-{self.jobs[number].polls}":
            return Answer({"error": "expired"}, 403)
        content = encoded(self.given(self.jobs[number])[index :: self.files], self.form)
        return Answer(content, headers={"Content-Type": "binary/octet-stream"})

    def _delete(self, call: Call) -> Answer:
        self.jobs[int(call.path_params["id"][1:])].deleted = True
        return Answer(status=204)

    def _abort(self, call: Call) -> Answer:
        number = int(call.path_params["id"][1:])
        self.jobs[number].aborted = True
        self.running.discard(number)
        return Answer({})

    def config(self, job: Mapping[str, Any] | None = None, endpoint: Mapping[str, Any] | None = None) -> Row:
        """The config that reads the reports."""
        return {
            "url_base": self.url,
            "start_date": "2024-01-01",
            "max_concurrency": 4,
            "retry": {"max_attempts": 1},
            "endpoints": [
                {
                    "name": "rows",
                    "path": "reports",
                    "http_method": "POST",
                    "primary_key": "id",
                    "decoder": {"type": self.form}
                    if self.form != "zip"
                    else {"type": "zip", "decoder": {"type": "csv"}},
                    "schema": {"type": "object", "properties": {}},
                    "job": {
                        "poll": {"path": "reports/{{ creation_response.reportId }}"},
                        "status_path": "status",
                        "completed": "DONE",
                        "running": ["QUEUED", "RUNNING"],
                        "failed": "FATAL",
                        "timeout": "EXPIRED",
                        "skipped": "CANCELLED",
                        "urls_path": "urls",
                        "poll_seconds": 0.01,
                        **(job or {}),
                    },
                    **(endpoint or {}),
                }
            ],
        }


def encoded(rows: Sequence[Row], form: str) -> bytes:
    """The rows as a file."""
    if form == "json":
        return json.dumps(rows).encode()
    if form == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    table = "id,day\r\n" + "".join(f"{row['id']},{row['day']}\r\n" for row in rows)
    if form == "csv":
        return gzip.compress(table.encode())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("rows.csv", table)
    return packed.getvalue()


def days(count: int, per_day: int = 4) -> list[Row]:
    """So many days of rows from the start of 2024 on."""
    return [{"id": f"{day:02}-{n}", "day": f"2024-01-{day + 1:02}"} for day in range(count) for n in range(per_day)]


INCREMENTAL: Row = {
    "incremental": {"cursor_field": "day", "step": "P1D", "format": "%Y-%m-%d"},
    "body": {
        "type": "json",
        "value": {"since": "{{ stream_interval.start_time }}", "until": "{{ stream_interval.end_time }}"},
    },
}
"""One job a day."""


def chosen(mode: str = "full_refresh") -> Row:
    """The configured catalog."""
    return catalog(rows=mode)


def read(
    config: Row,
    mode: str,
    destination: Destination,
    kill: int | None = None,
    now: Callable[[], datetime] = lambda: NOW,
) -> list[Row]:
    """Reads until the end, or until so many messages have come, and gives the messages that came."""
    session = Connector().session(config)
    session.now = now
    session.pause = 3600  # whatever has to be in the state at once is there without waiting
    blocks = session.read(chosen(mode), destination.state)
    came = list(islice((json.loads(line) for block in blocks for line in block.splitlines()), kill))
    for message in came:
        destination.take(message)
    destination.complete = kill is None and session.complete
    blocks.close()  # type: ignore[attr-defined]
    return came


def errors(messages: Sequence[Row]) -> list[str]:
    """The messages of the errors."""
    return [message["trace"]["error"]["message"] for message in messages if "error" in message.get("trace", {})]
