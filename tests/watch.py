"""Watches a process while it runs: its memory, threads and open files, as the system tells them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

    from typing_extensions import Self


@dataclass(frozen=True)
class Sample:
    """One measurement."""

    megabytes: float
    """Resident."""
    most: float
    """The most megabytes so far."""
    threads: int
    files: int


@dataclass
class Watch:
    """Samples of a process, one every so many seconds."""

    process: subprocess.Popen[bytes]
    every: float = 0.05
    samples: list[Sample] = field(default_factory=list)
    _stop: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def peak(self) -> Sample:
        """The most of each."""
        return Sample(
            max((sample.megabytes for sample in self.samples), default=0),
            max((sample.most for sample in self.samples), default=0),
            max((sample.threads for sample in self.samples), default=0),
            max((sample.files for sample in self.samples), default=0),
        )

    def _look(self) -> None:
        proc = Path(f"/proc/{self.process.pid}")
        while not self._stop.wait(self.every):
            try:
                status = (proc / "status").read_text()
                files = len(list((proc / "fd").iterdir()))
            except OSError:
                return
            told = dict(re.findall(r"(VmRSS|VmHWM|Threads):\s*(\d+)", status))
            if "VmRSS" in told:
                self.samples.append(
                    Sample(int(told["VmRSS"]) / 1024, int(told["VmHWM"]) / 1024, int(told["Threads"]), files)
                )
