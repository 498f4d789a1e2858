"""Ends a command in an orderly way on SIGTERM, on SIGINT, and when nobody reads stdout any more."""

from __future__ import annotations

import os
import signal
from threading import Event, Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_LAST_SECONDS = 4.5
"""Seconds after a signal or the end of the reader until the process is killed, for example if its output is blocked."""


class Ending:
    """Sets `stop` when the command has to end, and ends the process if that takes too long."""

    def __init__(self) -> None:
        self.stop = Event()
        self.signal = 0
        """The last one that came."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def reader_gone(self) -> None:
        """Notes that nobody reads stdout any more: all waits end. The next write fails, which sets the exit code."""
        self._end(1)

    def _receive(self, number: int, _: FrameType | None) -> None:
        self.signal = number
        self._end(128 + number)

    def _end(self, code: int) -> None:
        self.stop.set()
        last = Timer(_LAST_SECONDS, os._exit, [code])
        last.daemon = True
        last.start()
