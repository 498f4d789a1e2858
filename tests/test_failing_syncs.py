"""Syncs that fail or are slow, as docs/troubleshooting.md describes them: each prints what to change.

A failed normalization is in `integration_tests/warehouse`, because it needs dbt.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api import Answer, Api, Call
from tests.process import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parent.parent / "docs/troubleshooting.md").read_text()
CASES = dict(re.findall(r"^\*\*(.+?)\*\*(.*?)(?=^\*\*|^## )", PAGE, re.DOTALL | re.MULTILINE))
PATIENCE = {"retry": {"max_attempts": 1}}
RECORDS = 120
"""Number of records of a megabyte each."""


def read(
    folder: Path, api: str, settings: dict[str, Any], *arguments: str, limit: int = 0
) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and messages of a read, with at most so many megabytes of memory."""
    config = {"url_base": api, "endpoints": [{"name": "rows", "path": "rows", "primary_key": "id"}], **settings}
    (folder / "config.json").write_text(json.dumps(config))
    bound = f"ulimit -v {limit << 10}; " if limit else ""
    command = f'{bound}MALLOC_ARENA_MAX=1 exec "$@"'
    program = [sys.executable, str(MAIN), "read", "--config", str(folder / "config.json"), *arguments]
    done = subprocess.run(["bash", "-c", command, "-", *program], stdout=subprocess.PIPE, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def errors(messages: list[dict[str, Any]]) -> list[str]:
    """The sentences of all errors."""
    traces = [message["trace"] for message in messages if message["type"] == "TRACE"]
    return [trace["error"]["message"] for trace in traces if trace["type"] == "ERROR"]


@contextmanager
def nobody_accepts() -> Iterator[str]:
    """The URL of a host that answers no attempt to connect, as behind a firewall."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)  # its queue is full after one or two
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_each_case_of_the_guide_is_on_the_page() -> None:
    """Timeout, out of memory, failed normalization, slow sync."""
    assert list(CASES) == ["Connection timeout.", "Out of memory", "Normalization failed", "A slow sync."]


@pytest.mark.parametrize(
    ("setting", "slowness"),
    [("read_timeout", {"delay": 30}), ("request_timeout", {"drip": 0.05})],
)
def test_an_api_that_is_too_slow(api: Api, tmp_path: Path, setting: str, slowness: dict[str, float]) -> None:
    """The error names the request and the setting that ended the wait."""
    api.get("/rows")(lambda _: Answer([{"id": 1}] * 50, **slowness))  # type: ignore[arg-type]
    code, messages = read(tmp_path, api.url, {setting: 0.3, **PATIENCE})
    [error] = errors(messages)
    assert code == 1
    assert error.startswith(f"Stream rows, page 1, GET {api.url}/rows: ")
    assert f"raise `{setting}`" in error


def test_a_host_that_does_not_answer(tmp_path: Path) -> None:
    """The error names the network, which the connector cannot mend."""
    with nobody_accepts() as url:
        code, messages = read(tmp_path, url, {"connect_timeout": 0.3, **PATIENCE})
    [error] = errors(messages)
    assert code == 1
    assert "No connection within `connect_timeout`: check `url_base`, the network and the firewall." in error


def test_pages_that_do_not_fit_into_the_memory(api: Api, tmp_path: Path) -> None:
    """The error says to make pages smaller. Smaller pages of the same stream fit into the same memory."""

    @api.get("/rows")
    def rows(call: Call) -> list[dict[str, Any]]:
        size, page = int(call.arg("size")), int(call.arg("page"))
        return [{"id": n, "text": "x" * 1_000_000} for n in range((page - 1) * size, min(page * size, RECORDS))]

    paging = {"type": "page_number", "page_size_param": "size"}
    code, messages = read(tmp_path, api.url, {"pagination": {**paging, "page_size": RECORDS}}, limit=220)
    assert code == 1
    [error] = errors(messages)
    assert error.startswith("Stream rows: The connector ran out of memory. Set a smaller `page_size`")
    code, messages = read(tmp_path, api.url, {"pagination": {**paging, "page_size": 2}}, limit=220)
    assert (code, errors(messages)) == (0, [])
    found = [message["record"]["data"]["id"] for message in messages if message["type"] == "RECORD"]
    assert sorted(found) == list(range(RECORDS))


def test_a_slow_sync_says_where_the_time_goes(api: Api, tmp_path: Path) -> None:
    """With `--debug`, the log has the time of each request, and its last line of the stream the sums."""
    api.get("/rows")(lambda call: Answer([{"id": 1}] if call.arg("page") == "1" else [], delay=0.1))
    code, messages = read(tmp_path, api.url, {"pagination": {"type": "page_number"}}, "--debug")
    logs = [message["log"]["message"] for message in messages if message["type"] == "LOG"]
    times = [int(time) for time in re.findall(r"200, (\d+) ms, \d+ bytes", "\n".join(logs))]
    assert code == 0
    assert len(times) == 2
    assert min(times) >= 100
    assert logs[-1].startswith("Stream rows: 1 record, 2 pages, ")
