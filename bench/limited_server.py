"""An API with a rate limit, on a loopback port: `GET /parents` lists parents, `GET /children/ID` has a child of one.

`python -m bench.limited_server LIMIT CHILDREN` prints the port and the ideal seconds as JSON, and serves until its
input ends. Then it prints the number of refused requests, and the seconds from the first request to the end of the
last. It needs the connector's own dependencies.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING

from tests.limited_read import BUCKETS, OTHERS, WINDOWS, Scenario, ideal, wait

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMITS = {
    **{f"{name}, `Retry-After: 1`": Scenario(limiter, "1") for name, limiter in {**BUCKETS, **WINDOWS}.items()},
    **{f"{name}, `Retry-After`": Scenario(limiter, "exact") for name, limiter in {**BUCKETS, **WINDOWS}.items()},
    **OTHERS,
}
"""By the names that `bench.real_limits` uses."""


class _Api(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scenario = scenario
        self._refused = 0
        self._limiter = scenario.limiter()
        self._lock = Lock()
        self._began: float | None = None
        self._under_way = 0
        self._ended = 0.0

    @property
    def outcome(self) -> tuple[int, float]:
        """The number of refused requests, and the seconds from the first request to the end of the last."""
        return self._refused, self._ended

    def child(self, number: str) -> tuple[int, Mapping[str, str], bytes]:
        """Answer a request for a child: the status, headers and body."""
        with self._lock:
            self._began = self._began or time.monotonic()
            now, most = time.monotonic() - self._began, self.scenario.concurrent
            ok = (most is None or self._under_way < most) and self._limiter.admits(now)
            headers = dict(self._limiter.says(now))
            self._under_way += ok
            self._refused += not ok
            if not ok and (after := self.scenario.retry_after):
                headers["Retry-After"] = str(wait(self.scenario, self._limiter, now)) if after == "exact" else after
        time.sleep(self.scenario.latency)
        with self._lock:
            self._under_way -= ok
            self._ended = time.monotonic() - self._began
        body = {"data": [{"id": number, "currency": "EUR"}]} if ok else {"error": "slow down"}
        return 200 if ok else 429, headers, json.dumps(body, separators=(",", ":")).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Api

    def do_GET(self) -> None:
        """Answer."""
        _, kind, *rest = self.path.partition("?")[0].split("/")
        if kind == "children":
            status, headers, body = self.server.child(rest[0])
        else:
            ids = [{"id": number} for number in range(self.server.scenario.children)]
            status, headers, body = 200, {}, json.dumps({"data": ids}).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        """Serve a connection. The client may cut it off."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _main(name: str, children: int) -> None:
    scenario = replace(LIMITS[name], children=children)
    api = _Api(scenario)
    Thread(target=api.serve_forever, daemon=True).start()
    print(json.dumps({"port": api.server_address[1], "ideal": ideal(scenario)}), flush=True)
    sys.stdin.read()
    print(json.dumps(api.outcome), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
