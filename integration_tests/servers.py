"""API servers that this project did not write, as processes on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

needs_node = pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js 20 or later with npm")


def free_port() -> int:
    """Returns a port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    command: Sequence[str | Path],
    url: str,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    seconds: float = 600,
) -> Iterator[None]:
    """Run a server until the block ends.

    Args:
        command: The program and its arguments.
        url: What answers, with whatever status, as soon as it is up.
        folder: Where it runs.
        environ: Environment variables beside those of this process.
        seconds: How long it may take to come up; on a busy machine that can be minutes.
    """
    variables = {**os.environ, **(environ or {})}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            _wait_for(url, process, seconds)
            yield
        finally:
            # Some servers leave processes behind when only the first of them is asked to end.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(url: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _answers(url):
        assert process.poll() is None, "the server has ended"
        assert time.monotonic() < deadline, f"the server did not answer within {seconds:.0f} s"
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=5)
    except (requests.ConnectionError, requests.Timeout):
        return False
    return True
