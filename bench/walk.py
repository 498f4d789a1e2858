"""The walk of a page through the package: the modules that it enters, and the changes from one to another.

    python -m bench.walk [FOLDER]       a checkout, by default this one

Start-up is left out: the walk is that of the middle pages of a read, in the threads that read and write them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGES, SKIPPED = 20, 5
"""Pages of the read, and those at either end that do not count."""
PACKAGE = "source_rest_api"


class _Rows(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        page = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
        rows = [{"id": 10 * page + n, "updated_at": "2024-01-01T00:00:00Z"} for n in range(10)] if page <= PAGES else []
        body = json.dumps({"data": rows}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Walk:
    """Notes the calls into modules of the package."""

    def __init__(self) -> None:
        self.entered: Counter[str] = Counter()
        self.packages: set[str] = set()
        self.changes = 0
        self.is_counting = False
        self._last = threading.local()

    def note(self, frame: Any, event: str, _: object) -> None:
        """Is called by Python at each call and return."""
        if event != "call" or not self.is_counting:
            return
        _, found, inner = frame.f_code.co_filename.rpartition(f"/{PACKAGE}/")
        if not found:
            return
        self.entered[inner] += 1
        self.packages.add(inner.partition("/")[0] if "/" in inner else "the root")
        self.changes += getattr(self._last, "module", inner) != inner
        self._last.module = inner


def walk() -> tuple[int, int, float]:
    """Reads pages, one after the other.

    Returns:
        Modules and packages that a page enters, and changes of module a page.
    """
    from source_rest_api.connector import Connector  # noqa: PLC0415 -- of the checkout that is asked for

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Rows)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = {"name": "rows", "path": "rows", "records_path": "data", "primary_key": "id"}
    config = {
        "url_base": f"http://127.0.0.1:{server.server_port}",
        "max_concurrency": 1,
        "endpoints": [
            {**endpoint, "pagination": {"type": "page_number"}, "incremental": {"cursor_field": "updated_at"}}
        ],
        "start_date": "2023-01-01T00:00:00Z",
    }
    stream = {"name": "rows", "json_schema": {}, "supported_sync_modes": ["incremental"]}
    catalog = {"streams": [{"stream": stream, "sync_mode": "incremental", "cursor_field": ["updated_at"]}]}
    noted = Walk()
    threading.setprofile(noted.note)
    sys.setprofile(noted.note)
    records = 0
    for block in Connector().session(config).read(catalog, {}):
        records += block.count(b'"type":"RECORD"')
        noted.is_counting = 10 * SKIPPED <= records < 10 * (PAGES - SKIPPED)
    sys.setprofile(None)
    threading.setprofile(None)  # type: ignore[arg-type]
    server.shutdown()
    return len(noted.entered), len(noted.packages), noted.changes / (PAGES - 2 * SKIPPED)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1]).resolve()
        command = [sys.executable, str(Path(__file__).resolve())]
        sys.exit(
            subprocess.run(
                command, cwd=folder, env={"PYTHONPATH": str(folder), "NO_PROXY": "*"}, check=False
            ).returncode
        )
    modules, packages, changes = walk()
    print(f"a page enters {modules} modules in {packages} packages, with {changes:.0f} changes from one to another")
