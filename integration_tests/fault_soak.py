"""A long read of an API on which nothing can be relied: every fault at random, and the process watched from outside.

Nothing may be lost, the read has to end well, and memory, threads and open files have to stay where they were.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from source_rest_api.sync.worker_pool import MOST_THREADS
from tests.api import Answer, Api
from tests.process import catalog, start
from tests.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.api import Call
    from tests.watch import Sample

RATE = 0.01
"""Share of the requests, for each fault."""
PAGE = 100
EACH = 8
"""Streams for each paging."""
TIMEOUT = 0.5
"""Seconds for the next bytes; what stalls does it for longer."""
GROWTH, MEGABYTES, SPARE = 1.1, 8, 4
"""Flat is: from the second tenth of the time to the last, memory grows by a tenth and 8 MB at most, open files by 4,
and threads by 4 beyond the most that the pool makes."""

_SIZED = {"page_size_param": "limit", "page_size": PAGE}
PAGINATION: dict[str, dict[str, Any]] = {
    "numbers": {"type": "page_number", **_SIZED},
    "offsets": {"type": "offset", "limit": PAGE},
    "tokens": {"type": "cursor", "cursor_path": "next", "cursor_param": "after", **_SIZED},
    "urls": {"type": "next_url", "next_url_path": "next", **_SIZED},
    "links": {"type": "link_header", **_SIZED},
    "keys": {"type": "last_record", "field": "id", "param": "after", **_SIZED},
}
STREAMS = [f"{kind}{number}" for kind in PAGINATION for number in range(EACH)]


def _damaged(body: bytes) -> bytes:
    packed = bytearray(gzip.compress(body, mtime=0))
    packed[-6] ^= 1  # of the checksum
    return bytes(packed)


FAULTS: dict[str, Callable[[bytes], Answer]] = {
    "500": lambda _: Answer("", 500),
    "502 in HTML": lambda _: Answer("<html>Bad Gateway</html>", 502, {"Content-Type": "text/html"}),
    "503, at once": lambda _: Answer("", 503, {"Retry-After": "0"}),
    "503, in a second": lambda _: Answer("", 503, {"Retry-After": "1"}),
    "429, at once": lambda _: Answer("", 429, {"Retry-After": "0"}),
    "429, in a second": lambda _: Answer("", 429, {"Retry-After": "1"}),
    "408": lambda _: Answer("", 408),
    "a rate limit with status 200": lambda _: Answer({"error": "ratelimited"}),
    "HTML with status 200": lambda _: Answer("<html>maintenance</html>", headers={"Content-Type": "text/html"}),
    "an empty body": lambda _: Answer(""),
    "half of the JSON": lambda body: Answer(body[: len(body) // 2]),
    "a body that is cut": lambda body: Answer(body, cut=len(body) // 2),
    "chunks that are cut": lambda body: Answer(body, cut=len(body) // 2, chunked=True),
    "a length that is too large": lambda body: Answer(body, 200, {"Content-Length": str(len(body) + 9)}, cut=len(body)),
    "a length that is too small": lambda body: Answer(body, 200, {"Content-Length": str(len(body) - 9)}),
    "a wrong checksum": lambda body: Answer(_damaged(body), 200, {"Content-Encoding": "gzip"}),
    "no gzip": lambda body: Answer(body, 200, {"Content-Encoding": "gzip"}),
    "a reset": lambda _: Answer(reset=True),
    "no HTTP": lambda _: Answer(raw=b"220 mail.example.com ESMTP\r\n"),
    "a stall": lambda body: Answer(body, delay=3 * TIMEOUT),
    "a stall in the body": lambda body: Answer(body[:2], drip=3 * TIMEOUT),
    "a body in single bytes": lambda body: Answer(body, drip=0),
}
"""Responses in place of a page."""


@dataclass
class Server:
    """Endless lists of numbered rows, which end when the time is over."""

    seconds: float
    seed: int
    began: float = 0.0
    most: Counter[str] = field(default_factory=Counter)
    """The rows of each stream up to the end of the last page that was asked for; all of them, once the time is over."""
    played: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def serve(self, api: Api) -> None:
        """Answer all streams."""
        for stream in STREAMS:
            api.get(f"/{stream}")(lambda call, stream=stream: self._answer(api, stream, call))  # type: ignore[misc]

    def _answer(self, api: Api, stream: str, call: Call) -> Answer:
        limit = int(call.arg("limit", str(PAGE)))
        after = call.arg("after")
        first = int(after) + 1 if after else int(call.arg("offset", "0")) or (int(call.arg("page", "1")) - 1) * limit
        with self._lock:
            api.requests.clear()  # it would grow for ever itself
            self.requests += 1
            self.began = self.began or time.monotonic()
            over = time.monotonic() - self.began > self.seconds
            if not over:
                self.most[stream] = max(self.most[stream], first + limit)
            end = self.most[stream]
            number = int(self._random.random() / RATE)
        page = _page(api, stream, first, min(first + limit, end), more=not over or first + limit < end)
        if number >= len(FAULTS):
            return page
        name = list(FAULTS)[number]
        with self._lock:
            self.played[name] += 1
        return FAULTS[name](page.payload())


def _page(api: Api, stream: str, first: int, end: int, *, more: bool) -> Answer:
    rows = ",".join(f'{{"id":{number},"text":"row {number} of {stream}"}}' for number in range(first, end))
    kind = stream.rstrip("0123456789")
    following = f"{api.url}/{stream}?limit={PAGE}&after={end - 1}"
    told = {"tokens": str(end - 1), "urls": following}.get(kind) if more else None
    headers = {"Link": f'<{following}>; rel="next"'} if more and kind == "links" else {}
    return Answer(f'{{"rows":[{rows}],"next":{json.dumps(told)}}}', headers=headers)


def config_for(api: Api) -> dict[str, Any]:
    """The config that reads it, with patience for many faults in a row."""
    return {
        "url_base": api.url,
        "max_concurrency": 8,
        "read_timeout": TIMEOUT,
        "request_timeout": 20,
        "retry": {"max_attempts": 30},
        "endpoints": [
            {
                "name": stream,
                "path": stream,
                "records_path": "rows",
                "primary_key": "id",
                "pagination": PAGINATION[stream.rstrip("0123456789")],
            }
            for stream in STREAMS
        ],
    }


_RECORD = re.compile(rb'"stream":"(\w+)".*?"id":(\d+)')


@dataclass
class Arrived:
    """The records that arrived, by stream and key, and the other messages that matter."""

    rows: dict[str, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in STREAMS})
    twice: int = 0
    complete: int = 0
    errors: list[str] = field(default_factory=list)

    def take(self, line: bytes) -> None:
        """Take one line."""
        if line.startswith(b'{"type":"RECORD"'):
            found = _RECORD.search(line)
            assert found is not None, line
            seen, number = self.rows[found[1].decode()], int(found[2])
            seen.extend(bytes(max(number + 1 - len(seen), 0)))
            self.twice += seen[number]
            seen[number] = 1
        elif line.startswith(b'{"type":"TRACE"'):
            trace = json.loads(line)["trace"]
            self.complete += trace.get("stream_status", {}).get("status") == "COMPLETE"
            if "error" in trace:
                self.errors.append(trace["error"]["message"])

    def lost(self, most: Counter[str]) -> int:
        """Rows of the server that have not come."""
        return sum(most[stream] - sum(seen[: most[stream]]) for stream, seen in self.rows.items())


@dataclass(frozen=True)
class Outcome:
    """The result of one read."""

    server: Server
    arrived: Arrived
    code: int
    seconds: float
    samples: Sequence[Sample]

    def check(self) -> None:
        """Raise AssertionError unless nothing was lost, all ended well, and nothing grew."""
        assert self.arrived.errors == []
        assert self.arrived.lost(self.server.most) == 0
        assert (self.arrived.complete, self.code) == (len(STREAMS), 0)
        early, late = self._tenth(1), self._tenth(9)
        assert late.megabytes <= early.megabytes * GROWTH + MEGABYTES, (early, late)
        assert late.threads <= max(early.threads, MOST_THREADS) + SPARE, (early, late)
        assert late.files <= early.files + SPARE, (early, late)

    def _tenth(self, number: int) -> Sample:
        """Returns the median of one tenth of the time; tenths count from 0."""
        tenth = len(self.samples) // 10
        part = self.samples[number * tenth : (number + 1) * tenth]
        return type(part[0])(*(statistics.median(getattr(s, name) for s in part) for name in vars(part[0])))

    def __str__(self) -> str:
        rows = sum(self.server.most.values())
        early, late = self._tenth(1), self._tenth(9)
        peak = max(sample.most for sample in self.samples)
        faults = sum(self.server.played.values())
        return "\n".join(
            [
                f"{self.seconds:.0f} s, exit {self.code}, {self.arrived.complete} of {len(STREAMS)} streams COMPLETE",
                f"{self.server.requests} requests, {faults} of them with one of {len(self.server.played)} faults",
                f"{rows} rows, lost {self.arrived.lost(self.server.most)}, delivered twice {self.arrived.twice}",
                f"second tenth of the time: {_told(early)}; last: {_told(late)}; at the most {peak:.0f} MB",
                f"memory in each tenth: {', '.join(f'{self._tenth(number).megabytes:.0f}' for number in range(10))} MB",
                *self.arrived.errors,
            ]
        )


def _told(sample: Sample) -> str:
    return f"{sample.megabytes:.0f} MB, {sample.threads:.0f} threads, {sample.files:.0f} open files"


def soak(seconds: float, seed: int = 0) -> Outcome:
    """Read for so many seconds."""
    server, arrived = Server(seconds, seed), Arrived()
    with Api() as api, TemporaryDirectory() as folder:
        server.serve(api)
        modes = catalog(**dict.fromkeys(STREAMS, "full_refresh"))
        began = time.monotonic()
        with start(Path(folder), "read", config=config_for(api), catalog=modes) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            stderr: list[bytes] = []
            reader = Thread(target=stderr.extend, args=[process.stderr], daemon=True)
            reader.start()
            with Watch(process, every=max(seconds / 400, 0.05)) as watch:
                for line in process.stdout:
                    arrived.take(line)
                process.wait()
            reader.join()
        arrived.errors += [line.decode("utf-8", "replace") for line in stderr]
        assert api.errors == []
    return Outcome(server, arrived, process.returncode, time.monotonic() - began, watch.samples)


def main(seconds: float) -> None:
    """Read for so many seconds, and say what was seen."""
    outcome = soak(seconds, int(time.time()))
    print(outcome)
    outcome.check()


if __name__ == "__main__":
    main(float(sys.argv[1]))
