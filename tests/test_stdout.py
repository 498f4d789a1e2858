"""Output arrives complete for any kind of stdout and any stop; a closed reader is noticed at once."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from contextlib import suppress
from fcntl import ioctl
from termios import FIONREAD
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.protocol.messages import Writer
from tests.api import Answer, Api, Call
from tests.process import MAIN, PROGRAM, Run, arguments, catalog, check, collect, launch

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ROWS = [{"id": n, "text": f"row {n} " * 50} for n in range(20_000)]
PAGE = 1000
CATALOG = catalog(rows="full_refresh")
UNBUFFERED = (sys.executable, "-u", str(MAIN))
PYTHONS = pytest.mark.parametrize(
    ("program", "env"),
    [(PROGRAM, {"PYTHONUNBUFFERED": ""}), (PROGRAM, {"PYTHONUNBUFFERED": "1"}), (UNBUFFERED, {})],
    ids=["buffered", "PYTHONUNBUFFERED", "-u"],
)


@pytest.fixture
def api() -> Iterator[Api]:
    """An API with a table of many pages."""
    with Api() as api:

        @api.get("/rows")
        def rows(call: Call) -> Any:
            page = int(call.arg("page"))
            return ROWS[page * PAGE - PAGE : page * PAGE]

        yield api
    assert api.errors == []


def config(api: Api) -> dict[str, Any]:
    """All pages of the table."""
    pagination = {"type": "page_number", "page_size_param": "per_page", "page_size": PAGE}
    endpoint = {"name": "rows", "path": "/rows", "primary_key": "id", "pagination": pagination}
    return {"url_base": api.url, "endpoints": [endpoint]}


def started(folder: Path, api: Api, program: Sequence[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A read, whose reader has not begun to read."""
    return launch([*program, *arguments(folder, "read", config=config(api), catalog=CATALOG)], env)


def fill(pipe: int) -> None:
    """Wait until a pipe is full, because its writer wrote more than it holds."""
    held = before = -1
    while held < 1 << 15 or held != before:
        time.sleep(0.03)
        before, held = held, int.from_bytes(ioctl(pipe, FIONREAD, b"\0" * 4), sys.byteorder)


def rest(process: subprocess.Popen[bytes], read: bytes) -> Run:
    """The whole run of a process whose output was partly read, checked."""
    done = collect(process, 60)
    done.stdout = read + done.stdout
    check(done, "read", CATALOG)
    return done


@PYTHONS
def test_a_process_that_is_stopped_and_continued_loses_nothing(
    program: Sequence[str], env: dict[str, str], api: Api, tmp_path: Path
) -> None:
    """A signal cuts a write short wherever it is; each record arrives, once, and COMPLETE is true."""
    process = started(tmp_path, api, program, env)
    assert process.stdout
    pipe, read = process.stdout.fileno(), b""
    for _ in range(8):
        fill(pipe)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.02)
        process.send_signal(signal.SIGCONT)
        read += os.read(pipe, 1 << 20) + os.read(pipe, 1 << 20)
    done = rest(process, read)
    assert (done.code, done.data("rows")) == (0, ROWS)


@PYTHONS
def test_a_signal_in_the_middle_of_a_write_cuts_no_line(
    program: Sequence[str], env: dict[str, str], api: Api, tmp_path: Path
) -> None:
    """The printed records are the first of the table, all lines are complete, and the status follows."""
    process = started(tmp_path, api, program, env)
    assert process.stdout
    fill(process.stdout.fileno())
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    done = rest(process, b"")
    found = done.data("rows")
    assert (done.code, done.statuses("rows")[-1]) == (143, "INCOMPLETE")
    assert 0 < len(found) < len(ROWS)
    assert found == ROWS[: len(found)]


class Short(io.RawIOBase):
    """A file that accepts a scripted number of bytes at a time, or none for now."""

    def __init__(self, takes: Sequence[int | None]) -> None:
        self.read_end, self.end = os.pipe()
        self.takes = list(takes)
        self.taken = b""

    def writable(self) -> bool:
        """True: the stream can be written."""
        return True

    def fileno(self) -> int:
        """A pipe that is writable, so that nothing waits for it."""
        return self.end

    def write(self, block: Any) -> int | None:
        """Accept the scripted numbers of bytes, then all."""
        most = self.takes.pop(0) if self.takes else len(block)
        self.taken += b"" if most is None else bytes(block[:most])
        return None if most is None else min(most, len(block))

    def close(self) -> None:
        """Give the pipe back."""
        if not self.closed:
            os.close(self.read_end)
            os.close(self.end)
        super().close()


@given(st.lists(st.binary(max_size=50)), st.lists(st.integers(1, 9) | st.none()), st.booleans())
def test_every_write_is_complete(blocks: list[bytes], takes: list[int | None], buffered: bool) -> None:
    """However little a file takes at once, with Python's buffer before it or without."""
    with Short(takes) as raw, io.BufferedWriter(raw) if buffered else raw as output:
        writer = Writer(output)  # type: ignore[arg-type]
        for block in blocks:
            writer.write(block)
        assert raw.taken == b"".join(blocks)


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_pipe_that_somebody_made_non_blocking_gets_everything(buffering: int) -> None:
    """Another process may make the shared pipe non-blocking; the writer waits while it is full."""
    read, write = os.pipe()
    block = b"".join(b"%d\n" % n for n in range(100_000))
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "wb", buffering) as output:
        writer = Writer(output)
        os.set_blocking(write, False)
        thread = Thread(target=writer.write, args=[block])
        thread.start()
        time.sleep(0.1)
        assert reader.read(len(block)) == block
        thread.join()


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_write_that_nobody_reads_to_its_end_is_an_error(buffering: int) -> None:
    """The reader goes away in the middle of it."""
    read, write = os.pipe()
    with suppress(BrokenPipeError), os.fdopen(write, "wb", buffering) as output:
        writer = Writer(output)

        def leave() -> None:
            fill(read)
            os.close(read)

        closing = Thread(target=leave)
        closing.start()
        with pytest.raises(BrokenPipeError):
            writer.write(b"x" * (1 << 20))
        closing.join()


def test_the_writer_says_when_nobody_reads_any_more() -> None:
    """Without a write, and not too early; a file that is not a pipe has no reader to lose."""
    gone = Event()
    read, write = os.pipe()
    with os.fdopen(write, "wb") as output:
        Writer(output).watch(gone.set)
        assert not gone.wait(0.1)
        os.close(read)
        assert gone.wait(5)
    Writer(io.BytesIO()).watch(gone.clear)
    assert gone.is_set()


LIMITED = Answer("", status=429, headers={"Retry-After": "50"})
SILENT = Answer("", delay=50)


@pytest.mark.parametrize("command", ["check", "discover", "read"])
@pytest.mark.parametrize(("answer", "seconds"), [(LIMITED, 2), (SILENT, 6)], ids=["rate limit", "no answer"])
def test_a_reader_that_goes_away_ends_a_wait(command: str, answer: Answer, seconds: float, tmp_path: Path) -> None:
    """Waits for a rate limit end at once; a running request has a few seconds."""
    with Api() as api:
        api.get("/rows")(lambda _: answer)
        files = {"catalog": CATALOG} if command == "read" else {}
        process = launch([*PROGRAM, *arguments(tmp_path, command, config=config(api), **files)])
        assert process.stdout
        assert process.stderr
        while not api.requests:
            time.sleep(0.02)
        time.sleep(0.3)
        process.stdout.close()
        gone = time.monotonic()
        assert process.wait(timeout=20) == 1
        assert time.monotonic() - gone < seconds
        assert process.stderr.read() == b""
        process.stderr.close()
