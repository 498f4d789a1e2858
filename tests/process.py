"""Runs `main.py` as the process that a user runs, and holds what every run has to keep."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airbyte_cdk.models import AirbyteMessageSerializer

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN = Path(__file__).parent.parent / "main.py"
TOKEN = "a-secret+token/for=tests"


@dataclass
class Run:
    """What one command printed."""

    code: int
    lines: list[bytes]
    messages: list[dict[str, Any]]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of all messages of a kind: RECORD, STATE, LOG, ..."""
        keys = {"CONNECTION_STATUS": "connectionStatus"}
        return [message[keys.get(kind, kind.lower())] for message in self.messages if message["type"] == kind]

    def data(self, stream: str) -> list[dict[str, Any]]:
        """The records of a stream."""
        return [record["data"] for record in self.bodies("RECORD") if record["stream"] == stream]

    @property
    def states(self) -> list[dict[str, Any]]:
        """The states, as `--state` takes them."""
        return self.bodies("STATE")

    def statuses(self, stream: str) -> list[str]:
        """The statuses of a stream, in their order."""
        traces = [trace["stream_status"] for trace in self.bodies("TRACE") if trace["type"] == "STREAM_STATUS"]
        return [trace["status"] for trace in traces if trace["stream_descriptor"]["name"] == stream]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The ERROR traces."""
        return [trace["error"] for trace in self.bodies("TRACE") if trace["type"] == "ERROR"]


def start(folder: Path, command: str, *options: str, **files: Any) -> subprocess.Popen[bytes]:
    """Begin a command; each file is given by its option: `config`, `catalog`, `state`."""
    arguments = [sys.executable, str(MAIN), command, *options]
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        arguments += [f"--{name}", str(path)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(folder: Path, command: str, *options: str, **files: Any) -> Run:
    """Run a command to its end."""
    return finish(start(folder, command, *options, **files), command, files.get("catalog"))


def finish(process: subprocess.Popen[bytes], command: str, catalog: Any = None) -> Run:
    """Wait for the end of a command, and check what holds for every run."""
    with process:
        stdout, stderr = process.communicate(timeout=60)
    assert stderr == b""
    assert stdout.endswith(b"\n") or not stdout
    lines = stdout.splitlines()
    messages = [_strict(line) for line in lines]
    done = Run(process.returncode, lines, messages)
    for form in (TOKEN, "a-secret%2Btoken%2Ffor%3Dtests"):
        assert form.encode() not in stdout
    if command == "read" and isinstance(catalog, dict):
        _check_read(done, [configured["stream"]["name"] for configured in catalog["streams"]])
    return done


def _strict(line: bytes) -> dict[str, Any]:
    """One message, by RFC 8259 and by the protocol."""
    message: dict[str, Any] = json.loads(line, object_pairs_hook=_unique, parse_constant=_refuse)
    AirbyteMessageSerializer.load(json.loads(line))
    return message


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = Counter(name for name, _ in pairs)
    assert not names or max(names.values()) == 1, names
    return dict(pairs)


def _refuse(constant: str) -> float:
    raise AssertionError(constant) if math.isnan(float(constant)) else AssertionError("infinity")


def _check_read(done: Run, streams: list[str]) -> None:
    ends = [_check_stream(done, stream) for stream in streams]
    complete = all(ends)
    assert (done.code == 0) == (complete and not done.errors)


def _check_stream(done: Run, stream: str) -> bool:
    """The order of a stream's messages, and its counts. Whether it is complete."""
    statuses = done.statuses(stream)
    assert statuses[-1:] in (["COMPLETE"], ["INCOMPLETE"]), statuses
    assert statuses[:-1] in ([], ["STARTED"], ["STARTED", "RUNNING"]), statuses
    own = [message for message in done.messages if _stream_of(message) == stream]
    assert own[-1].get("trace", {}).get("stream_status", {}).get("status") == statuses[-1]
    records = [message for message in own if message["type"] == "RECORD"]
    if records:
        assert "RUNNING" in statuses
        assert own.index(records[0]) >= 2
    counted = sum(state["sourceStats"]["recordCount"] for state in done.states if _name(state) == stream)
    assert counted <= len(records)
    assert statuses[-1] == "INCOMPLETE" or counted == len(records)
    return statuses[-1] == "COMPLETE"


def _stream_of(message: Mapping[str, Any]) -> str | None:
    if message["type"] == "RECORD":
        return str(message["record"]["stream"])
    if message["type"] == "STATE":
        return _name(message["state"])
    status = message.get("trace", {}).get("stream_status")
    return str(status["stream_descriptor"]["name"]) if status else None


def _name(state: Mapping[str, Any]) -> str:
    return str(state["stream"]["stream_descriptor"]["name"])


def catalog(**modes: str) -> dict[str, Any]:
    """A configured catalog: each stream with its sync mode."""
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": mode,
                "destination_sync_mode": "append",
            }
            for name, mode in modes.items()
        ]
    }
