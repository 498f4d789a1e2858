"""The main job, end to end, on the sample shop: check, discover, a full read, then only what changed.

`scripts/demo` runs it. The connector's messages go to stdout as they come; what is for people goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration_tests.sample_api import Shop

ROOT = Path(__file__).parent.parent


@dataclass
class Run:
    """The output of one command."""

    code: int
    seconds: float
    records: Counter[str] = field(default_factory=Counter)
    pages: dict[str, str] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    catalog: list[dict[str, Any]] = field(default_factory=list)


def main() -> int:
    """Run the demo; 0 if everything that the shop has arrived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quiet", action="store_true", help="do not print the connector's messages")
    quiet = parser.parse_args().quiet
    with Shop() as shop, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        config = json.loads((ROOT / "secrets/config.example.json").read_text())
        arguments = ["--config", _write(work / "config.json", {**config, "url_base": shop.url})]
        catalog = ["--catalog", str(ROOT / "integration_tests/configured_catalog.json")]
        _say(f"\n1. check: does the config fit the API at {shop.url}?")
        checked = _run("check", *arguments, quiet=quiet)
        _say("\n2. discover: which streams are there, and what do their records look like?")
        discovered = _run("discover", *arguments, quiet=quiet)
        _say("\n3. read everything")
        full = _run("read", *arguments, *catalog, quiet=quiet)
        _table(full)
        complete = dict(full.records) == {name: len(rows) for name, rows in shop.tables.items()}
        _change(shop)
        _say("\n4. three rows changed, one is new: read again, from the state just printed")
        state = _write(work / "state.json", list(full.states.values()))
        again = _run("read", *arguments, *catalog, "--state", state, quiet=quiet)
        _table(again)
    ok = complete and not any(run.code for run in (checked, discovered, full, again))
    _say("\nAll rows of the shop arrived." if ok else "\nSomething is missing.")
    return 0 if ok else 1


def _change(shop: Shop) -> None:
    for key in (1, 2):
        shop.touch("customers", key, vip=True)
    shop.touch("orders", 7, status="shipped")
    shop.insert("orders", {"id": 1_000_000, "customer_id": 1, "status": "open", "total": 1, "items": [], "note": None})


def _run(*arguments: str, quiet: bool) -> Run:
    command = [sys.executable, str(ROOT / "main.py"), *arguments]
    _say(f"   $ python main.py {' '.join(arguments)}")
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        run = Run(0, 0.0)
        for line in process.stdout:
            if not quiet:
                sys.stdout.buffer.write(line)
            _note(run, json.loads(line))
    sys.stdout.flush()
    run.code, run.seconds = process.returncode, time.monotonic() - started
    _say(f"   exit code {run.code}, {run.seconds:.1f} s")
    return run


def _note(run: Run, message: dict[str, Any]) -> None:
    """Take from a message what the table shows."""
    kind = message["type"]
    if kind == "RECORD":
        run.records[message["record"]["stream"]] += 1
    elif kind == "STATE":
        run.states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
    elif kind == "LOG" and message["log"]["message"].startswith("Stream "):
        name, _, account = message["log"]["message"].removeprefix("Stream ").partition(": ")
        run.pages[name] = next(
            (part.split()[0] for part in account.split(", ") if part.endswith((" page", " pages"))), ""
        )
    elif kind == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
        status = message["trace"]["stream_status"]
        run.statuses[status["stream_descriptor"]["name"]] = status["status"]


def _table(run: Run) -> None:
    row = "   {:<10} {:>8} {:>6}  {:<11} {}"
    _say(row.format("stream", "records", "pages", "status", "state"))
    for name, status in run.statuses.items():
        state = json.dumps(run.states[name]["stream"]["stream_state"]) if name in run.states else "-"
        _say(row.format(name, run.records[name], run.pages.get(name, "-"), status, state))


def _write(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value))
    return str(path)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
