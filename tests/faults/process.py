"""L: the life of the process: its reader, signals, the disk, records that cannot be written, many streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

from tests.api import Answer
from tests.faults.case import UPDATED, ago, configured, endpoint, rows
from tests.faults.row import Table
from tests.faults.values import large
from tests.process import arguments, strict
from tests.watch import Watch

if TYPE_CHECKING:
    from tests.faults.case import Case

table = Table()
BYTES_TEXT = {"text": """{{ "b'abc'" }}"""}
"""What the CDK makes bytes of, which it then cannot write; nothing of ours is unwritable."""


@table.row("L-01", "the reader closes stdout after 30 lines", "exit code not 0 within 5 s, and no more requests")
def _(case: Case) -> None:
    case.most_requests = 10_000
    case.api.get("/rows")(lambda call: {"rows": rows(200, first=int(call.arg("page", "1")) * 200)})
    process = case.start("read", case.config())
    assert process.stdout
    for _ in range(30):
        process.stdout.readline()
    process.stdout.close()
    gone = time.monotonic()
    try:
        code = process.wait(timeout=5)
        asked = len(case.api.requests)
        case.seen = f"exit {code} after {time.monotonic() - gone:.1f} s"
        time.sleep(0.3)
        assert (code != 0, len(case.api.requests)) == (True, asked)
    except subprocess.TimeoutExpired:
        case.seen = "still running after 5 s"
        raise AssertionError(case.seen) from None
    finally:
        process.kill()
        process.communicate()


@table.row(
    "L-02",
    "the reader stops for 2 minutes, then goes on; records of 200 kB",
    "bounded memory, no row lost",
    scale="3 s in the tests",
)
def _(case: Case) -> None:
    case.most_requests = 1000
    large(case, 500, 200_000)
    config = case.config()
    process = case.start("read", config)
    with Watch(process) as watch:
        while not case.api.requests:
            time.sleep(0.02)
        time.sleep(case.seconds(120, 3))
        done = case.finish(process, "read", config, seconds=60, megabytes=10_000)
    case.seen = f"{watch.peak.most:.0f} MB, {case.seen}"
    case.complete(done)
    assert watch.peak.most < 250


def signalled(case: Case, number: signal.Signals, code: int) -> None:
    """The first interval is done, a request of the second is under way."""
    since = ago(48)
    hanging = lambda call, body: Answer(body, delay=60 if call.arg("since") > since else 0)  # noqa: E731
    case.serve(rows(48, since=since), hanging, size=50)
    windowed = {**UPDATED, "end_param": "until", "step": "P1D"}
    config = case.config(endpoint(incremental=windowed, pagination=None), start_date=since)
    process = case.start("read", config)
    while len(case.api.requests) < 2:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(number)
    done = case.finish(process, "read", config, seconds=5)
    case.seen += f", {len(done.states)} states"
    assert done.code == code
    assert done.statuses("rows")[-1:] == ["INCOMPLETE"]
    assert done.states
    assert b"Traceback" not in done.stdout


@table.row("L-03", "SIGTERM with a request under way", "the state of what is done, INCOMPLETE, exit 143 within 5 s")
def _(case: Case) -> None:
    signalled(case, signal.SIGTERM, 143)


@table.row("L-04", "SIGINT with a request under way", "the same with exit 130, no traceback")
def _(case: Case) -> None:
    signalled(case, signal.SIGINT, 130)


@table.row("L-05", "SIGKILL while it writes", "at most the last line is cut; from the last state no row is lost")
def _(case: Case) -> None:
    large(case, 100, 50_000)
    config = case.config()
    process = case.start("read", config)
    assert process.stdout
    said = b"".join(process.stdout.readline() for _ in range(20))
    process.kill()
    lines = (said + process.stdout.read()).split(b"\n")
    process.communicate()
    for line in lines[:-1]:
        strict(line)
    messages = [json.loads(line) for line in lines[:-1]]
    states = [message["state"] for message in messages if message["type"] == "STATE"]
    rest = case.read(state=states or None)
    assert rest.code == 0
    found = {message["record"]["data"]["id"] for message in messages if message["type"] == "RECORD"}
    assert found | {row["id"] for row in rest.data("rows")} == set(range(100))


def unwritable(case: Case, count: int) -> None:
    """A template gives every record a value that Python cannot write as JSON, or none does."""
    case.answer("rows", {"rows": rows(count)})
    case.answer("other", {"rows": rows(5)})
    done = case.read(endpoint(pagination=None, add_fields=BYTES_TEXT), endpoint("other", pagination=None), seconds=40)
    assert all(done.statuses(name)[-1:] in (["COMPLETE"], ["INCOMPLETE"]) for name in ("rows", "other"))
    assert (done.code == 0) == (len(done.data("rows")) == count)


@table.row("L-06", "2,000 records with a value that cannot be written", "all rows, or a clean failure with statuses")
def _(case: Case) -> None:
    unwritable(case, 2000)


@table.row("L-07", "the same with 30,000, more than a queue holds", "the same; it ends")
def _(case: Case) -> None:
    unwritable(case, 30_000)


@table.row(
    "L-09",
    "stdout is a full disk; a pipe that does not block (EAGAIN)",
    "exit code not 0; every row or exit code not 0",
)
def _(case: Case) -> None:
    case.most_requests = 2000
    large(case, 200, 5_000)
    config = case.config()
    command = [
        *case.subject.program,
        *arguments(case.folder, "read", config=case.subject.config(config), catalog=configured(config)),
    ]
    if Path("/dev/full").exists():
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=30)
        assert done.returncode not in {0, -9}
        assert not case.ours or done.stderr == b""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with subprocess.Popen(command, stdout=write, stderr=subprocess.DEVNULL) as process:
        os.close(write)
        time.sleep(1)
        with os.fdopen(read, "rb") as pipe:
            said = pipe.read()
    records = sum(line.startswith(b'{"type":"RECORD"') for line in said.split(b"\n"))
    case.seen = f"{records} of 200 rows, exit {process.returncode}"
    assert process.returncode != 0 or records == 200
    for line in said.split(b"\n")[:-1]:
        strict(line)


@table.row(
    "L-10",
    "many streams, each with many partitions",
    "memory is flat, threads are bounded",
    scale="40 streams of 50 partitions, not 500 of 1,000",
)
def _(case: Case) -> None:
    streams, partitions = 40, 50
    case.most_requests = streams * (partitions + 1) + 100
    case.api.get("/parents")(lambda _: {"rows": [{"id": n} for n in range(partitions)]})
    case.api.get("/parents/{id}/{name}")(lambda call: {"rows": [{"id": call.path_params["id"], "pad": "x" * 1000}]})
    children = [
        endpoint(f"children{n}", path=f"/parents/{{{{ parents.id }}}}/children{n}", pagination=None)
        for n in range(streams)
    ]
    config = case.config(endpoint("parents", pagination=None), *children, max_concurrency=4)
    process = case.start("read", config)
    with Watch(process) as watch:
        done = case.finish(process, "read", config, seconds=90)
    case.seen = f"{watch.peak.most:.0f} MB, {watch.peak.threads} threads, {watch.peak.files} files, {case.seen}"
    assert done.code == 0
    assert len(done.bodies("RECORD")) == streams * partitions + partitions
    assert watch.peak.most < 200
    assert watch.peak.threads < 30


@table.row(
    "L-11",
    "one stream is rate-limited for 10 minutes, others are not",
    "the others are COMPLETE long before it",
    scale="4 s",
)
def _(case: Case) -> None:
    seconds = 4.0

    def limited(call: Any) -> Any:
        first = next(c for c in case.api.requests if c.path == "/limited")
        return Answer("", 429, {"Retry-After": "2"}) if call.at - first.at < seconds else {"rows": rows(1)}

    case.api.get("/limited")(limited)
    names = [f"fast{n}" for n in range(4)]
    for name in names:
        case.answer(name, {"rows": rows(3)})
    whole = [endpoint(name, pagination=None) for name in ("limited", *names)]
    config = case.config(*whole, max_concurrency=2, retry=None)
    process = case.start("read", config)
    ends: dict[str, float] = {}
    assert process.stdout
    last = Timer(45, process.kill)
    last.start()
    for line in process.stdout:
        status = json.loads(line).get("trace", {}).get("stream_status", {})
        if status.get("status") == "COMPLETE":
            ends[status["stream_descriptor"]["name"]] = time.monotonic()
    process.communicate()
    last.cancel()
    case.seen = f"{len(ends)} of 5 COMPLETE"
    assert set(ends) == {"limited", *names}
    early = ends["limited"] - max(ends[name] for name in names)
    case.seen = f"the others end {early:.1f} s before it"
    assert early > seconds / 2
