"""Reads the streams of a folder of manifests by this connector and by the CDK, and compares what came.

python -m tests.manifests.compare FOLDER [--only NAME] [--details FILE]
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
from tests.manifests.any.rows import MARK, NOW
from tests.manifests.any.worker import Outcome

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

ENGINES = ("ours", "cdk")
_SECONDS = 30
"""How long one stream may take."""
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
    kind, detail = _kind(ours, cdk)
    return Verdict(manifest, ours.name, kind, ours, cdk, detail)


def _kind(ours: Outcome, cdk: Outcome) -> tuple[str, str]:
    if ours.has_own_code:
        return "own code", ""
    if ours.failed or cdk.failed or cdk.looped:
        if ours.failed and (cdk.failed or cdk.looped):
            return "both failed", ours.failed
        return ("ours failed", ours.failed) if ours.failed else ("CDK failed", cdk.failed or "it loops")
    exact, others = _set(ours.records, _exact), _set(cdk.records, _exact)
    if exact == others:
        return ("identical" if exact else "both empty"), ""
    mine, theirs = _set(ours.records, _form), _set(cdk.records, _form)
    if mine == theirs:
        return "form only", _first(exact - others, others - exact)
    marks, other = _set(ours.records, _mark), _set(cdk.records, _mark)
    if marks == other:
        return "values differ", _first(mine - theirs, theirs - mine)
    if marks > other:
        return "ours more", f"{len(marks - other)} more than {len(other)}"
    if marks < other:
        return "CDK more", f"{len(other - marks)} more than {len(marks)}"
    return "other records", _first(mine - theirs, theirs - mine)


def _set(records: list[dict[str, Any]], text: Any) -> set[str]:
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
    if isinstance(value, int | float):
        return f"{float(value):g}"
    with suppress(ValueError):
        return f"{float(value):g}"
    return _UUID.sub("uuid", _NOW.sub("now", _MOMENT.sub(r"\1T\2Z", value)))


def _first(mine: set[str], theirs: set[str]) -> str:
    one, other = (json.loads(min(found)) if found else {} for found in (mine, theirs))
    names = [name for name in {**one, **other} if one.get(name, "absent") != other.get(name, "absent")]
    shown = {name: [one.get(name, "absent"), other.get(name, "absent")] for name in names[:3]}
    return json.dumps(shown)[:300]


def read(paths: list[Path], jobs: int) -> dict[tuple[str, str], list[Outcome]]:
    """Reads all streams of manifests by both engines, each manifest and engine in a process of its own."""
    context = multiprocessing.get_context("fork")
    waiting = deque((path, engine) for path in paths for engine in ENGINES)
    found: dict[tuple[str, str], list[Outcome]] = {(path.stem, engine): [] for path, engine in waiting}
    running: dict[Connection, tuple[ForkProcess, Path, str, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            path, engine = waiting.popleft()
            receiver, sender = context.Pipe(duplex=False)
            begin = len(found[path.stem, engine])
            process = context.Process(target=worker.run, args=(path, engine, begin, sender), daemon=True)
            process.start()
            sender.close()
            running[receiver] = (process, path, engine, time.monotonic() + _SECONDS)
        wait(list(running), timeout=1)
        for receiver, (process, path, engine, deadline) in list(running.items()):
            outcomes = found[path.stem, engine]
            try:
                while receiver.poll():
                    outcomes.append(receiver.recv())
                    running[receiver] = (process, path, engine, time.monotonic() + _SECONDS)
                    deadline = running[receiver][3]
            except EOFError:
                process.join()
                if process.exitcode:
                    print(f"{path.stem}: the process of {engine} ended with {process.exitcode}", file=sys.stderr)
                del running[receiver]
                continue
            if time.monotonic() > deadline:
                process.kill()
                process.join()
                del running[receiver]
                outcomes.append(Outcome("", failed=f"it takes more than {_SECONDS} seconds"))
                waiting.appendleft((path, engine))
    return found


def compared(paths: list[Path], jobs: int = 2) -> list[Verdict]:
    """Reads and compares the streams of manifests."""
    found = read(paths, jobs)
    verdicts = []
    for path in paths:
        mine, theirs = (found[path.stem, engine] for engine in ENGINES)
        for one, other in zip(mine, theirs, strict=False):
            one.name = one.name or other.name
            one.has_own_code = one.has_own_code or other.has_own_code
            verdicts.append(verdict(path.stem, one, other))
    return verdicts


def lines(verdicts: list[Verdict]) -> list[str]:
    """Returns the table of the kinds, and the streams where the CDK has more."""
    counts = Counter(each.kind for each in verdicts)
    both = [each for each in verdicts if each.kind in {"identical", "form only"}]
    found = [f"{count:5} {kind}" for kind, count in counts.most_common()]
    ours, cdk = (sum(len(getattr(each, engine).requests) for each in both) for engine in ENGINES)
    return [*found, f"requests of identical streams: {ours} of ours, {cdk} of the CDK"]


def main() -> None:
    """Compares the manifests of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--details", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    paths = [path for path in sorted(given.folder.glob("*.yaml")) if not given.only or path.stem in given.only]
    verdicts = compared(paths, given.jobs)
    print("\n".join(lines(verdicts)))
    for each in verdicts:
        if each.kind not in {"identical", "form only", "own code"}:
            print(f"{each.kind}: {each.manifest} {each.stream}: {each.detail[:250]}")
    if given.details:
        given.details.write_text(json.dumps([asdict(each) for each in verdicts]), encoding="utf-8")


if __name__ == "__main__":
    main()
