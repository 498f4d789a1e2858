"""Reads the streams of a folder of manifests by this connector and by the CDK, and compares what came.

python -m tests.manifests.compare FOLDER [--only NAME ...] [--details FILE] [--jobs N] [--minutes N]

The API of each stream is imitated on loopback. The manifest is that of the file, but for its hosts. Classes of
Python are not in such a folder, so their streams are counted and left out. A folder of 286 manifests takes half an
hour on two idle cores; a stream that takes longer than 60 seconds is ended.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.manifests.any import worker
from tests.manifests.any.api import MOST
from tests.manifests.any.rows import MARK, NOW
from tests.manifests.any.worker import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

ENGINES = ("ours", "cdk")
_SECONDS = 60
"""How long one stream may take."""
KINDS = {
    "identical": "the same records",
    "form only": "the same values, written in another form",
    "both empty": "no records in both",
    "ours more": "this connector has more records",
    "CDK failed": f"the CDK fails, or exceeds {MOST} requests or {_SECONDS} seconds; this connector reads the stream",
    "CDK more": "the CDK has more records",
    "ours failed": "this connector fails; the CDK does not",
    "values differ": "the same records with other values",
    "other records": "each has records that the other has not",
    "both failed": "both fail",
    "own code": "needs classes of Python, which are not in the folder",
}
"""What may become of a stream."""
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:?00)?")
_NOW = re.compile(rf"{NOW:%Y-%m-%d}T\d\d:\d\d:\d\dZ")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Verdict:
    """How the readings of a stream differ."""

    manifest: str
    stream: str
    kind: str
    ours: Outcome
    cdk: Outcome
    detail: str = ""


def verdict(manifest: str, ours: Outcome, cdk: Outcome) -> Verdict:
    """Compares two readings of a stream."""
    if ours.has_own_code:
        kind, detail = "own code", ""
    elif ours.failed or cdk.failed or cdk.looped:
        kind, detail = _failure(ours, cdk)
    else:
        kind, detail = _difference(ours.records, cdk.records)
    return Verdict(manifest, ours.name, kind, ours, cdk, detail)


def _failure(ours: Outcome, cdk: Outcome) -> tuple[str, str]:
    if not ours.failed:
        return "CDK failed", f"it sends more than {MOST} requests" if cdk.looped else cdk.failed
    return ("both failed" if cdk.failed or cdk.looped else "ours failed"), ours.failed


def _difference(ours: list[dict[str, Any]], cdk: list[dict[str, Any]]) -> tuple[str, str]:
    exact, other = _texts(ours, _exact), _texts(cdk, _exact)
    if exact == other:
        return ("identical" if exact else "both empty"), ""
    mine, theirs = _texts(ours, _form), _texts(cdk, _form)
    if mine == theirs:
        return "form only", _first(exact - other, other - exact)
    marks, marked = _texts(ours, _mark), _texts(cdk, _mark)
    kind = (
        ("values differ" if marks == marked else "ours more")
        if marks >= marked
        else ("CDK more" if marks < marked else "other records")
    )
    return kind, f"{len(marks)}, the CDK {len(marked)}: {_first(mine - theirs, theirs - mine)}"


def _texts(records: list[dict[str, Any]], text: Callable[[Any], str]) -> set[str]:
    return set(map(text, records))


def _exact(record: Any) -> str:
    return json.dumps(record, sort_keys=True)


def _mark(record: Any) -> str:
    return str(record.get(MARK) or _form(record))


def _form(record: Any) -> str:
    return json.dumps(_plain(record), sort_keys=True)


def _plain(value: Any) -> Any:
    """Returns a value without what the engines write in different ways: nulls, numbers as texts, moments."""
    if isinstance(value, dict):
        items = {name: _plain(inner) for name, inner in value.items()}
        return {name: inner for name, inner in items.items() if inner not in (None, "", {}, [])}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return str(value) if value is not None else None
    with suppress(ValueError):
        return f"{float(value):g}"
    return _UUID.sub("uuid", _NOW.sub("now", _MOMENT.sub(r"\1T\2Z", value)))


def _first(mine: set[str], theirs: set[str]) -> str:
    """Shows the first fields that differ in records that only one engine has."""
    one, other = (json.loads(min(found)) if found else {} for found in (mine, theirs))
    names = [name for name in {**one, **other} if one.get(name, "absent") != other.get(name, "absent")]
    shown = {name: [one.get(name, "absent"), other.get(name, "absent")] for name in names[:3]}
    return json.dumps(shown)[:300]


@dataclass
class _Reading:
    """A process that reads the streams of a manifest by one engine."""

    process: ForkProcess
    path: Path
    engine: str
    deadline: float


class Pool:
    """Processes that read manifests, each killed when a stream takes too long, and followed by one for the rest."""

    def __init__(self, paths: list[Path], jobs: int) -> None:
        self._context = multiprocessing.get_context("fork")
        self._jobs = jobs
        self._waiting = deque((path, engine) for path in paths for engine in ENGINES)
        self._running: dict[Connection, _Reading] = {}
        self.found: dict[tuple[str, str], list[Outcome]] = {(path.stem, engine): [] for path, engine in self._waiting}

    def run(self, minutes: float) -> None:
        """Reads all manifests, or those that fit into a time."""
        end = time.monotonic() + minutes * 60
        while (self._waiting or self._running) and time.monotonic() < end:
            while self._waiting and len(self._running) < self._jobs:
                self._start(*self._waiting.popleft())
            wait(list(self._running), timeout=1)
            for receiver in list(self._running):
                self._look(receiver)
        for reading in self._running.values():
            reading.process.kill()
            reading.process.join()

    def _start(self, path: Path, engine: str) -> None:
        receiver, sender = self._context.Pipe(duplex=False)
        begin = len(self.found[path.stem, engine])
        process = self._context.Process(target=worker.run, args=(path, engine, begin, sender), daemon=True)
        process.start()
        sender.close()
        self._running[receiver] = _Reading(process, path, engine, time.monotonic() + _SECONDS)

    def _look(self, receiver: Connection) -> None:
        """Takes what a process has read, and ends it if it is late."""
        reading = self._running[receiver]
        outcomes = self.found[reading.path.stem, reading.engine]
        try:
            while receiver.poll():
                outcomes.append(receiver.recv())
                reading.deadline = time.monotonic() + _SECONDS
        except EOFError:
            reading.process.join()
            del self._running[receiver]
            if reading.process.exitcode:
                outcomes.append(Outcome("", failed=f"its process ended with {reading.process.exitcode}"))
        else:
            if time.monotonic() > reading.deadline:
                reading.process.kill()
                reading.process.join()
                del self._running[receiver]
                outcomes.append(Outcome("", failed=f"it takes more than {_SECONDS} seconds"))
                self._waiting.appendleft((reading.path, reading.engine))


def compared(paths: list[Path], jobs: int, minutes: float) -> list[Verdict]:
    """Reads and compares the streams of manifests, as many as fit into a time."""
    pool = Pool(paths, jobs)
    pool.run(minutes)
    verdicts = []
    for path in paths:
        mine, theirs = (pool.found[path.stem, engine] for engine in ENGINES)
        for one, other in zip(mine, theirs, strict=False):
            one.name = one.name or other.name
            one.has_own_code = one.has_own_code or other.has_own_code
            verdicts.append(verdict(path.stem, one, other))
    return verdicts


def lines(verdicts: list[Verdict]) -> list[str]:
    """Returns the table of the kinds, and the streams that need an explanation."""
    counts = Counter(each.kind for each in verdicts)
    both = [each for each in verdicts if each.kind in {"identical", "form only"}]
    ours, cdk = (sum(len(getattr(each, engine).requests) for each in both) for engine in ENGINES)
    shown = [each for each in verdicts if each.kind not in {"identical", "form only", "own code"}]
    return [
        "| streams | |",
        "|---|---|",
        *(f"| {counts[kind]} | {text} |" for kind, text in KINDS.items() if counts[kind]),
        "",
        f"Requests for the identical streams: {ours}, by the CDK {cdk}.",
        "",
        *(f"{each.kind}: {each.manifest}, {each.stream}: {each.detail[:250]}" for each in shown),
    ]


def main() -> None:
    """Compares the manifests of a folder."""
    parser = argparse.ArgumentParser(description="Compare this connector with the CDK on a folder of manifests.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="names of manifests; all by default")
    parser.add_argument("--details", type=Path, help="a file for all readings, as JSON")
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time")
    parser.add_argument("--minutes", type=float, default=90, help="the end, whatever is left")
    given = parser.parse_args()
    paths = [path for path in sorted(given.folder.glob("*.yaml")) if not given.only or path.stem in given.only]
    verdicts = compared(paths, given.jobs, given.minutes)
    sys.stdout.write("\n".join([*lines(verdicts), ""]))
    if given.details:
        given.details.write_text(json.dumps([asdict(each) for each in verdicts]), encoding="utf-8")


if __name__ == "__main__":
    main()
