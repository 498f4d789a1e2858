"""A clock that jumps: a library, put before the system's own, that adds seconds to what the time is said to be."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

COMPILER = shutil.which("cc")
_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *found) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, found);
    long shift = 0;
    FILE *file = id == CLOCK_REALTIME ? fopen(getenv("CLOCK_SHIFT"), "r") : NULL;
    if (file) {
        if (fscanf(file, "%ld", &shift) == 1) found->tv_sec += shift;
        fclose(file);
    }
    return result;
}
"""


@dataclass(frozen=True)
class Clock:
    """The library, and the file that says by how much it is wrong."""

    library: Path
    shift: Path

    @property
    def env(self) -> dict[str, str]:
        """What puts it before a process."""
        return {"LD_PRELOAD": str(self.library), "CLOCK_SHIFT": str(self.shift)}

    def jump(self, seconds: int) -> None:
        """Be wrong by so many seconds from now on."""
        self.shift.write_text(str(seconds))


def build(folder: Path) -> Clock:
    """Compile it."""
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(_SOURCE)
    assert COMPILER
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return Clock(library, folder / "shift")
