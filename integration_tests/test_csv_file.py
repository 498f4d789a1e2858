"""A large CSV file over HTTPS needs an endpoint of a few lines, and no more memory than a small one.

`CSV_ROWS=1000000` reads a million rows in place of the 200,000 of every day.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import msgspec
import pytest

from integration_tests.environments import ROOT
from tests.authority import Authority
from tests.process import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROWS = int(os.environ.get("CSV_ROWS", "200000"))
COLUMNS = ["id", "customer", "note", "amount"]
AUTHORITY = Authority()


def _row(number: int) -> list[str]:
    """A row whose texts hold what CSV puts in quotes, and more than one script."""
    note = ('line one\nline "two"', "a,b;c", "Größe 京都", "", " spaces ")[number % 5]
    return [str(number), f"customer {number % 997}", note, f"{number / 8:.3f}"]


def _write(path: Path, count: int) -> str:
    """Write the file; the digest of its rows."""
    digest = hashlib.sha256()
    with path.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for number in range(count):
            row = _row(number)
            writer.writerow(row)
            digest.update(repr(row).encode())
    return digest.hexdigest()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's signature
        """Say nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The URL at which a folder's files are, over TLS."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    server.socket = AUTHORITY.server().wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _read(folder: Path, url: str) -> tuple[int, str, float]:
    """Read the file by `main.py`: how many rows came, their digest, and the megabytes that it took at most."""
    config = {
        "url_base": url,
        "tls": {"ca_bundle": AUTHORITY.pem},
        "endpoints": [{"name": "sales_data", "path": "sales.csv", "decoder": {"type": "csv"}}],
    }
    files = {"config": config, "catalog": catalog(sales_data="full_refresh")}
    command = [sys.executable, str(ROOT / "main.py"), "read"]
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
        command += [f"--{name}", str(folder / f"{name}.json")]
    count, megabytes, digest, last = 0, 0.0, hashlib.sha256(), b""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        for line in process.stdout:
            last = line
            message = msgspec.json.decode(line)
            if message["type"] == "RECORD":
                count += 1
                digest.update(repr([message["record"]["data"][name] for name in COLUMNS]).encode())
            if message["type"] != "RECORD" or count % 10_000 == 0:
                megabytes = max(megabytes, _peak(process.pid))
    assert (process.returncode, b'"COMPLETE"' in last) == (0, True)
    return count, digest.hexdigest(), megabytes


def _peak(pid: int) -> float:
    """Megabytes of a process at its peak; none if it has just ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return max((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), default=0.0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc, to see the memory of a process")
def test_memory_does_not_grow_with_a_file(tmp_path: Path) -> None:
    """Every row arrives unchanged, and ten times the rows take the same memory."""
    peaks = []
    with _served(tmp_path) as url:
        for rows in (ROWS // 10, ROWS):
            written = _write(tmp_path / "sales.csv", rows)
            count, digest, megabytes = _read(tmp_path, url)
            assert (count, digest) == (rows, written)
            peaks.append(megabytes)
    print(f"{ROWS // 10} rows: {peaks[0]:.1f} MB; {ROWS} rows: {peaks[1]:.1f} MB")
    assert 0 < peaks[1] < peaks[0] + 10
