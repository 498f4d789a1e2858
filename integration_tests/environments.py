"""Environments of their own for what integration tests need, made by `scripts/setup` from their locks."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def environment(name: str) -> Path:
    """The folder with the programs of an environment, made if it is not there.

    Raises:
        RuntimeError: It cannot be installed.
    """
    return _made(name) / "bin"


def installed(name: str) -> Path:
    """The folder with the programs of an environment; the test is skipped, and says so, if it cannot be installed."""
    try:
        return environment(name)
    except RuntimeError as error:
        pytest.skip(f"{name} cannot be installed: {error}")


def modules(name: str) -> Path:
    """The folder with the modules of an environment for Node.js, made if it is not there.

    Raises:
        RuntimeError: It cannot be installed.
    """
    return _made(name) / "node_modules"


def _made(name: str) -> Path:
    (ROOT / ".tmp").mkdir(exist_ok=True)
    with (ROOT / ".tmp" / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        done = subprocess.run([ROOT / "scripts/setup", name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"scripts/setup {name} failed: {done.stderr}")
    return ROOT / f".venv-{name}"
