"""Shows the progress of a read on stderr, while somebody watches it on a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from threading import Event, Thread
from typing import TYPE_CHECKING

from source_rest_api.cli.text_table import aligned, cut
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from typing_extensions import Self

    from source_rest_api.sync.stream_read import StreamRun

_PAUSE = 0.2
"""Seconds between two updates of the display."""
_MOST_STREAMS = 12
"""Upper limit of the streams shown at once."""
_MINUTE, _HOUR = 60, 3600
_CLEAR_LINE, _UP = "\x1b[2K", "\x1b[1A"


class ProgressDisplay:
    """A few lines that are redrawn while a read runs, and stay when it ends.

    Args:
        runs: Returns the streams of the read; none before it has started.
        out: The terminal.
    """

    def __init__(self, runs: Callable[[], Sequence[StreamRun]], out: TextIO | None = None) -> None:
        self._runs = runs
        self._out = out or sys.stderr
        self._done = Event()
        self._drawn = 0
        self._began = time.monotonic()
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
        size = shutil.get_terminal_size()
        lines = picture(self._runs(), self._began, time.monotonic(), size.columns - 1, size.lines - 2)
        self._out.write(_UP * self._drawn + "".join(f"{_CLEAR_LINE}{line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)


def picture(runs: Sequence[StreamRun], began: float, now: float, width: int, height: int) -> list[str]:
    """Returns a line for each current or recent stream, and one for all streams.

    Args:
        runs: The streams of the read.
        began: Monotonic seconds when the read began.
        now: Monotonic seconds.
        width: Columns of the terminal.
        height: Upper limit of the streams shown.
    """
    begun = [run for run in runs if run.stats is not None or run.finished]
    shown = sorted(begun, key=lambda run: run.finished)[: max(min(height, _MOST_STREAMS), 0)]
    rows = [[cut(run.name, width // 4), *_row(run, now)] for run in shown]
    ended, failed = sum(run.finished for run in runs), sum(run.failed for run in runs)
    told = [
        f"{ended - failed} of {counted(len(runs), 'stream')} done",
        *([f"{failed} incomplete"] if failed else []),
        _of_records(sum(map(_records, begun))),
        _duration(now - began),
    ]
    return [cut(line, width) for line in [*aligned(rows), ", ".join(told)]] if runs else []


def _records(run: StreamRun) -> int:
    return 0 if run.stats is None else int(run.stats["records"])


def _of_records(count: int) -> str:
    return f"{count:,} record{'s' * (count != 1)}"


def _row(run: StreamRun, now: float) -> list[str]:
    """Returns the records, and what the stream does now."""
    records, expected = _records(run), run.expected
    if run.finished:
        return [_of_records(records), "", "incomplete" if run.failed else "done"]
    rate = records / max(now - run.began, 0.001)
    doing = [] if run.stats is None else [f"waiting {why}" for why in run.stats.waits]
    if expected is not None and records and not doing:
        doing = [f"{_duration(max(expected - records, 0) / rate)} left"]
    return [
        _of_records(records) if expected is None else f"{records:,} of {_of_records(expected)}",
        f"{rate:,.0f}/s" if records else "",
        ", ".join(doing),
    ]


def _duration(seconds: float) -> str:
    """Returns a time to two digits or so."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"
