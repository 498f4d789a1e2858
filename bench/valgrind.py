"""Counts the instructions of a process: they repeat from run to run, also on a busy machine."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from bench import rig

if TYPE_CHECKING:
    from pathlib import Path


def count(command: list[str], folder: Path) -> tuple[int, bytes]:
    """Returns the instructions of a whole process, and what it printed.

    Args:
        command: What to run. It should have run before, because compiling its bytecode would count.
        folder: Where it runs.

    Raises:
        RuntimeError: It failed.
    """
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={folder}/counts"]
    environment = {**rig.environment(folder), "PYTHONHASHSEED": "0"}
    done = subprocess.run([*valgrind, *command], env=environment, cwd=folder, capture_output=True, check=False)
    found = re.search(rb"I\s+refs:\s+([\d,]+)", done.stderr)
    if found is None or done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.decode()[-1000:]}")
    return int(found[1].replace(b",", b"")), done.stdout
