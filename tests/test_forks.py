"""A forked process behaves like a new interpreter."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests import forks
from tests.api import Answer
from tests.forks import Fork
from tests.process import MAIN, PROGRAM, Run, arguments, catalog, collect, launch, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api

NEW = [sys.executable, "-u", str(MAIN)]
"""Unlike `PROGRAM`, it is not forked."""
ENDPOINT = {"name": "rows", "path": "rows", "primary_key": "id", "pagination": {"type": "page_number"}}


def shown(run: Run) -> tuple[int, list[str], bytes]:
    """Exit code and lines, sorted, because threads log too, and without what differs from run to run.

    A slow run has states between the pages, too.
    """
    timeless = re.sub(rb'"emitted_at":[\d.]+|[\d.]+ (ms|s)\b|"completed_at":"[^"]*"', b"", run.stdout)
    return run.code, sorted(line for line in timeless.decode().splitlines() if '"reading":' not in line), run.stderr


@pytest.mark.parametrize(
    "given",
    [
        ["spec"],
        ["check"],
        ["discover"],
        ["read"],
        ["read", "--debug"],
        ["read", "--state", "/nowhere"],
        ["read", "--no-such-option"],
        ["--help"],
        [],
    ],
    ids=" ".join,
)
def test_it_says_the_same(given: list[str], api: Api, tmp_path: Path) -> None:
    """Each command, in order or not: the same exit code, and the same lines on both pipes."""
    api.get("/rows")(lambda call: [{"id": 1}, {"id": 2}] if call.arg("page") == "1" else [])
    files: dict[str, Any] = {}
    if given and given[0] in {"check", "discover", "read"}:
        files["config"] = {"url_base": api.url, "endpoints": [ENDPOINT]}
    if given and given[0] == "read":
        files["catalog"] = catalog(rows="full_refresh")
    command = arguments(tmp_path, *given, **files) if given else []
    forked, new = launch([*PROGRAM, *command]), launch([*NEW, *command])
    assert (type(forked), isinstance(new, Fork)) == (Fork, False)
    ours, theirs = collect(forked, 60), collect(new, 60)
    assert ours.stdout or ours.stderr
    assert shown(ours) == shown(theirs)


def test_it_is_killed(api: Api, tmp_path: Path) -> None:
    """Signals reach it and no other process; what it wrote before can be read."""
    api.get("/rows")(lambda call: [{"id": 1}] if call.arg("page") == "1" else Answer([], delay=50))
    files = {
        "config": {"url_base": api.url, "endpoints": [ENDPOINT]},
        "catalog": catalog(rows="full_refresh", more="full_refresh"),
    }
    process, other = start(tmp_path, "read", **files), start(tmp_path, "read", **files)
    while len(api.requests) < 4:
        time.sleep(0.02)
    assert (process.poll(), other.poll()) == (None, None)
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 60)[0]
    process.kill()
    written, errors = process.communicate()
    assert json.loads(written.splitlines()[0])["type"]
    assert (process.returncode, process.poll(), errors) == (-signal.SIGKILL, -signal.SIGKILL, b"")
    assert other.poll() is None
    other.terminate()
    other.communicate()
    assert other.returncode == 128 + signal.SIGTERM


def test_it_has_its_own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder, variables and arguments are those of the moment; ours stay as they are."""
    program = tmp_path / "program.py"
    program.write_text("import os, sys\nprint(os.getcwd(), os.environ['A'], os.environ.get('B'), sys.argv)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("B", "unseen")
    written, _ = Fork([str(program), "x"], {"A": "1"}).communicate()
    assert written.decode() == f"{tmp_path} 1 None {[str(program), 'x']}\n"
    assert os.environ["B"] == "unseen"


@pytest.mark.parametrize("name", ["LD_PRELOAD", "TZ", "PYTHONHASHSEED"])
def test_what_only_a_new_process_heeds(name: str) -> None:
    """These variables take a new interpreter."""
    assert not forks.suit({name: "x"})
    assert forks.suit({"NO_PROXY": "*", "LOG_LEVEL": "debug"})
