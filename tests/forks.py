"""`main.py` in its own process, forked from an interpreter that has imported the package and read a config.

That takes most of the time of a command on a small API, and hundreds of tests run one. What is forked has its own
arguments, environment, folder and pipes, runs `main.py` from its first line, and ends as an interpreter ends.
`test_forks.py` compares it with a new interpreter.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DIGITS = 12
"""Digits of the numbers that report a process: its id, then its exit code."""
_AT_START = {"LD_PRELOAD", "TZ"}
"""Environment variables that only a new process reads, beside those of Python itself."""
_ASKING = Lock()


def suit(environment: Mapping[str, str]) -> bool:
    """True if a process with these environment variables may be forked."""
    return not any(name in _AT_START or name.startswith("PYTHON") for name in environment)


class Fork(subprocess.Popen[bytes]):
    """A process that was forked, with pipes for what it writes.

    Args:
        program: What to run, and its arguments.
        environment: All its variables.
    """

    def __init__(self, program: Sequence[str], environment: Mapping[str, str]) -> None:
        # The base's own would start a process; its other methods need no more than this.
        self.args, self.stdin, self.returncode = list(program), None, None
        (out, out_end), (err, err_end), (self._told, told_end) = os.pipe(), os.pipe(), os.pipe()
        wanted = json.dumps([self.args, dict(environment), str(Path.cwd())]).encode()
        with _ASKING:
            socket.send_fds(_origin(), [len(wanted).to_bytes(4, "big") + wanted], [out_end, err_end, told_end])
        for end in (out_end, err_end, told_end):
            os.close(end)
        self.stdout, self.stderr = os.fdopen(out, "rb"), os.fdopen(err, "rb")
        self.pid = self._number()

    def poll(self) -> int | None:
        """The exit code, -n after signal n, if it has ended."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, -n after signal n, when it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not, so many seconds later.
        """
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = self._number()
            os.close(self._told)
        return self.returncode

    def communicate(self, input: None = None, timeout: None = None) -> tuple[bytes, bytes]:  # type: ignore[override]  # noqa: A002, ARG002
        """Returns the remaining output, once the process has ended."""
        with self, ThreadPoolExecutor(1) as pool:
            errors = pool.submit(_rest, self.stderr)
            return _rest(self.stdout), errors.result()

    def _number(self) -> int:
        return int(os.read(self._told, _DIGITS))


def _rest(pipe: IO[bytes] | None) -> bytes:
    return b"" if pipe is None or pipe.closed else pipe.read()


@cache
def _origin() -> socket.socket:
    """Starts the forking process, which runs as long as our end of the connection is open."""
    ours, its = socket.socketpair()
    process = subprocess.Popen([sys.executable, __file__, str(its.fileno())], pass_fds=[its.fileno()])
    its.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(asked: socket.socket) -> None:
    """Forks a process per request, and one that watches it; returns in the forked process."""
    while True:
        head, pipes, _, _ = socket.recv_fds(asked, 4, 3)
        if not head:
            sys.exit()
        wanted = b""
        while len(wanted) < int.from_bytes(head, "big"):
            wanted += asked.recv(int.from_bytes(head, "big") - len(wanted))
        if os.fork() == 0:
            asked.close()
            return _watched(pipes, *json.loads(wanted))
        for pipe in pipes:
            os.close(pipe)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _watched(pipes: list[int], arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Return in a process like a new one; tell its id and exit code."""
    *outputs, told = pipes
    pid = os.fork()
    if pid:
        for pipe in (*outputs, 0, 1, 2):
            os.close(pipe)
        os.write(told, b"%*d" % (_DIGITS, pid))
        _, status = os.waitpid(pid, 0)
        os.write(told, b"%*d" % (_DIGITS, os.waitstatus_to_exitcode(status)))
        os._exit(0)
    os.close(told)
    for pipe, standard in zip(outputs, (1, 2), strict=True):
        os.dup2(pipe, standard)
        os.close(pipe)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = arguments


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[0] = str(Path(__file__).parent.parent)
    import source_rest_api.cli.command_line  # noqa: F401 -- for what is forked
    from source_rest_api.config import loading

    # The first one builds all components.
    loading.load({"url_base": "https://api.example.com", "endpoints": [{"name": "rows", "path": "rows"}]})

    # Pages that the collector would write to are copied for each that is forked.
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_path(sys.argv[0], run_name="__main__")
