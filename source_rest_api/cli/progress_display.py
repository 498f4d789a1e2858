"""Shows the progress of a read on stderr, while somebody watches it on a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from threading import Event, Thread
from typing import TYPE_CHECKING

from source_rest_api.cli.text_table import cut
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from typing_extensions import Self

    from source_rest_api.sync.stream_read import StreamRun

_PAUSE = 0.2
"""Seconds between two updates of the display."""
_MOST_LINES = 12
"""Upper limit of the streams shown at once."""
_CLEAR_LINE, _UP = "\x1b[2K", "\x1b[1A"


class ProgressDisplay:
    """A few lines that are redrawn while a read runs, and stay as it ends.

    Args:
        runs: Returns the streams of the read; none before it has started.
        out: The terminal.
    """

    def __init__(self, runs: Callable[[], Sequence[StreamRun]], out: TextIO | None = None) -> None:
        self._runs = runs
        self._out = out or sys.stderr
        self._done = Event()
        self._drawn = 0
        self._thread = Thread(target=self._draw_until_done, daemon=True, name="progress-display")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._draw()

    def _draw_until_done(self) -> None:
        while not self._done.wait(_PAUSE):
            self._draw()

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns - 1
        lines = [cut(line, width) for line in picture(self._runs(), time.monotonic())]
        self._out.write(_UP * self._drawn + "".join(f"{_CLEAR_LINE}{line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)


def picture(runs: Sequence[StreamRun], now: float) -> list[str]:
    """Returns a line for each current or recent stream, and one for all streams.

    Args:
        runs: The streams of the read.
        now: Monotonic seconds.
    """
    begun = [run for run in runs if run.stream is not None]
    shown = sorted(begun, key=lambda run: run.finished)[:_MOST_LINES]
    done = sum(run.finished for run in runs)
    total = sum(_records(run) for run in begun)
    summary = f"{done} of {counted(len(runs), 'stream')} done, {counted(total, 'record')}"
    return [*(_line(run, now) for run in shown), summary] if runs else []


def _records(run: StreamRun) -> int:
    return 0 if run.stream is None else int(run.stream.stats["records"])


def _line(run: StreamRun, now: float) -> str:
    records = _records(run)
    rate = f", {records / max(now - run.started, 0.001):,.0f}/s" if records and not run.finished else ""
    waits = [] if run.stream is None else run.stream.stats.waits
    waiting = "".join(f", waiting {why}" for why in waits)
    return f"{run.name}: {counted(records, 'record')}{rate}{waiting}{', done' if run.finished else ''}"
