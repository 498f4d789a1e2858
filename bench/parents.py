"""Peak memory and states by the number of parents: what grows is the state, by an entry for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import rig
from bench.contenders import ROOT, RUNTIME, written
from bench.rig import Report, Usage
from bench.server import CHILDREN, Orders, Server

_PAGE = 1000
_RECORD = 60
_FEW = 10_000
_MANY = 100_000
_MODES = {"full_refresh": "full refresh", "incremental": "incremental"}
_STATE = b'{"type":"STATE"'


@dataclass
class _States:
    """Counts the bytes of the STATE lines in a stream of pieces of lines."""

    count: int = 0
    total: int = 0
    largest: int = 0
    """Bytes."""
    _rest: bytes = b""

    def __call__(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(_STATE):
                self.count, self.total = self.count + 1, self.total + len(line)
                self.largest = max(self.largest, len(line))


def measure(api: Server, *, quick: bool = False) -> Report:
    """This connector on few and many parents, each of which is asked for its children."""
    few, many = (Orders(count // (10 if quick else 1) // _PAGE, _PAGE, _RECORD) for count in (_FEW, _MANY))
    title = f"{CHILDREN} children of each of many parents"
    report = Report(
        "parents",
        title,
        ["mode", "parents", "peak MB", "wall s", "CPU s", "states", "MB of states", "largest state, MB"],
    )
    peaks: dict[tuple[str, Orders], float] = {}
    for mode, told in _MODES.items():
        for parents in (few, many):
            api.serve(parents)
            usage, states = _read(mode, parents, api.base())
            peaks[mode, parents] = usage.peak
            numbers = [f"{usage.peak:.0f}", f"{usage.wall:.1f}", f"{usage.cpu:.1f}", f"{states.count}"]
            sizes = [f"{states.total / 1e6:.1f}", f"{states.largest / 1e6:.2f}"]
            report.rows.append([told, f"{len(parents):,}", *numbers, *sizes])
            report.values[f"{mode} {len(parents)}"] = usage.peak
    report.claim("memory, many to few", [peaks[mode, many] / peaks[mode, few] for mode in _MODES], "<= 2")
    return report


def _read(mode: str, parents: Orders, base: str) -> tuple[Usage, _States]:
    """Read the children of all parents once.

    Raises:
        RuntimeError: It failed, or did not read each child.
    """
    states = _States()
    with TemporaryDirectory(prefix="bench-") as folder:
        command = [str(RUNTIME / "python"), str(ROOT / "main.py"), "read"]
        for name, value in {"config": _config(parents, base), "catalog": _catalog(mode)}.items():
            command += [f"--{name}", written(Path(folder), f"{name}.json", value)]
        usage = rig.run(command, Path(folder), states)
    if usage.records != CHILDREN * len(parents):
        raise RuntimeError(f"read {usage.records} children of {len(parents)} parents")
    return usage, states


def _config(parents: Orders, base: str) -> dict[str, Any]:
    pages = {"type": "cursor", "cursor_path": "next", "cursor_param": "page"}
    return {
        "url_base": base,
        "start_date": "2020-01-01T00:00:00Z",
        "endpoints": [
            {"name": "parents", "path": parents.name, "records_path": "data", "pagination": pages},
            {
                "name": "children",
                "path": "children/{{ parents.id }}",
                "records_path": "data",
                "primary_key": ["id"],
                "incremental": {"cursor_field": "updated_at", "start_param": "since"},
            },
        ],
    }


def _catalog(mode: str) -> dict[str, Any]:
    stream = {"name": "children", "json_schema": {}, "supported_sync_modes": list(_MODES)}
    return {"streams": [{"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}]}
