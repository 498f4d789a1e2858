"""Runs `main.py` as the process that a user runs, and holds what every run has to keep."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from airbyte_cdk.models import AirbyteMessageSerializer

from tests import forks
from tests.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAIN = Path(__file__).parent.parent / "main.py"
PROGRAM = (sys.executable, str(MAIN))
TOKEN = "a-secret+token/for=tests"
_SHORTEST_SECRET = 8
_SECRET_NAMES = frozenset(
    {
        "api_key",
        "client_key",
        "client_secret",
        "password",
        "private_key",
        "proxy_url",
        "refresh_token",
        "secret",
        "token",
    }
)


@dataclass
class Run:
    """The output of one command, and its time and memory."""

    code: int
    stdout: bytes
    stderr: bytes
    config: Any
    seconds: float
    peak: float
    """MB of memory, resident."""
    killed: bool
    """True if the command had to be killed, because it did not end."""

    @cached_property
    def lines(self) -> list[bytes]:
        """Returns the lines of stdout."""
        return self.stdout.split(b"\n")[: -1 if self.stdout.endswith(b"\n") else None] if self.stdout else []

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        """The lines, decoded; without those that are no messages."""
        found = []
        for line in self.lines:
            with suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict) and "type" in message:
                    found.append(message)
        return found

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
        return [status["status"] for status in self.status_bodies(stream)]

    def status_bodies(self, stream: str) -> list[dict[str, Any]]:
        """The same with all that they say."""
        traces = [trace["stream_status"] for trace in self.bodies("TRACE") if trace["type"] == "STREAM_STATUS"]
        return [trace for trace in traces if trace["stream_descriptor"]["name"] == stream]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The ERROR traces."""
        return [trace["error"] for trace in self.bodies("TRACE") if trace["type"] == "ERROR"]


def start(folder: Path, command: str, *options: str, **files: Any) -> subprocess.Popen[bytes]:
    """Begin a command; each file is given by its option: `config`, `catalog`, `state`."""
    return launch([*PROGRAM, *arguments(folder, command, *options, **files)])


def arguments(folder: Path, command: str, *options: str, **files: Any) -> list[str]:
    """Write the files of a command, and give its arguments."""
    made = [command, *options]
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        made += [f"--{name}", str(path)]
    return made


def launch(command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a process with `env` added to our environment; `main.py` is forked where that makes no difference."""
    environment = {**os.environ, **(env or {})}
    if tuple(command[: len(PROGRAM)]) == PROGRAM and forks.suit(env or {}):
        return forks.Fork(command[1:], environment)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def run(folder: Path, command: str, *options: str, **files: Any) -> Run:
    """Run a command to its end."""
    return finish(start(folder, command, *options, **files), command, files.get("catalog"))


def finish(process: subprocess.Popen[bytes], command: str, catalog: Any = None, seconds: float = 60) -> Run:
    """Wait for the end of a command, and check what holds for every run."""
    done = collect(process, seconds)
    check(done, command, catalog)
    return done


def collect(process: subprocess.Popen[bytes], seconds: float) -> Run:
    """Wait for the end of a command, at most so many seconds, and take what it printed."""
    assert process.stdout
    assert process.stderr
    began = time.monotonic()
    said: list[bytes] = []
    stderr = Thread(target=lambda pipe: said.append(pipe.read()), args=[process.stderr], daemon=True)
    stderr.start()
    last = Timer(seconds, process.kill)
    last.start()
    with process, Watch(process) as watch:
        stdout = process.stdout.read()
        stderr.join()
        process.wait()
    took = time.monotonic() - began
    last.cancel()
    return Run(
        code=process.returncode,
        stdout=stdout,
        stderr=b"".join(said),
        config=_config(process.args),
        seconds=took,
        peak=watch.peak.most,
        killed=took >= seconds,
    )


def check(done: Run, command: str, catalog: Any = None) -> None:
    """Checks that hold for every run of the connector."""
    assert not done.killed, f"still running after {done.seconds:.0f} s"
    assert done.stderr == b""
    assert done.stdout.endswith(b"\n") or not done.stdout
    for line in done.lines:
        strict(line)
    check_secrets(done)
    if command == "read" and isinstance(catalog, dict):
        _check_read(done, [configured["stream"]["name"] for configured in catalog["streams"]])


def check_secrets(done: Run) -> None:
    """No secret of the config is in the output, in any form; CONTROL messages may contain them."""
    shown = b"\n".join(line for line in done.lines if not line.startswith(b'{"type":"CONTROL"')) + done.stderr
    for secret in {TOKEN, *_secrets(done.config)}:
        for form in forms(secret):
            assert form.encode() not in shown, f"a secret is shown: {form}"


def forms(secret: str) -> set[str]:
    """Returns the forms that a secret may have in a text."""
    found = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        b64encode(secret.encode()).decode(),
        b64encode(f":{secret}".encode()).decode(),
    }
    found |= {line for line in secret.splitlines() if "-----" not in line}
    return {form for form in found if len(form) >= _SHORTEST_SECRET}


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    """The secrets in a config, as told by the names of its keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner)
    elif isinstance(value, str) and name in _SECRET_NAMES and len(value) >= _SHORTEST_SECRET:
        yield value


def _config(arguments: Any) -> Any:
    """The config as the process left it: tokens that it was given are in it."""
    for option, path in pairwise(arguments):
        if option == "--config":
            with suppress(OSError, ValueError):
                return json.loads(Path(path).read_text())
    return None


def strict(line: bytes) -> dict[str, Any]:
    """Parses one message strictly by RFC 8259 and by the protocol."""
    message: dict[str, Any] = json.loads(line, object_pairs_hook=_unique, parse_constant=_refuse)
    AirbyteMessageSerializer.load(message)
    return message


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    assert len(found) == len(pairs), [name for name, _ in pairs]
    return found


def _refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is not JSON")


def _check_read(done: Run, streams: list[str]) -> None:
    ends = [_check_stream(done, stream) for stream in streams]
    complete = all(ends)
    assert (done.code == 0) == (complete and not done.errors)


def _check_stream(done: Run, stream: str) -> bool:
    """The order of a stream's messages, and its counts. Whether it is complete."""
    statuses = done.statuses(stream)
    assert statuses[-1:] in (["COMPLETE"], ["INCOMPLETE"]), statuses
    assert statuses[:2] in (statuses[-1:], ["STARTED", statuses[-1]], ["STARTED", "RUNNING"]), statuses
    assert set(statuses[2:-1]) <= {"RUNNING"}, statuses  # said again while a rate limit is waited out
    own = [message for message in done.messages if _stream_of(message) == stream]
    assert own[-1].get("trace", {}).get("stream_status", {}).get("status") == statuses[-1]
    records = [message for message in own if message["type"] == "RECORD"]
    if records:
        assert "RUNNING" in statuses
        assert own.index(records[0]) >= 2
    _check_counts(own)
    if statuses[-1] == "COMPLETE":
        _check_account(done, stream, len(records))
    return statuses[-1] == "COMPLETE"


def _check_account(done: Run, stream: str, records: int) -> None:
    """A stream closes with one line for people, whose number of records is that of the RECORD lines."""
    told = [log["message"] for log in done.bodies("LOG")]
    pattern = re.compile(
        rf"Stream {re.escape(stream)}: (\d+) records?(?:, (\d+) of them filtered out)?.*; end: ", re.DOTALL
    )
    [found] = filter(None, map(pattern.match, told))
    assert int(found[1]) - int(found[2] or 0) == records, found[0]


def _check_counts(own: list[dict[str, Any]]) -> None:
    """Each state counts the records since the one before; none says the same twice with records between."""
    count, before = 0, None
    for message in own:
        count += message["type"] == "RECORD"
        if message["type"] == "STATE":
            state = message["state"]
            assert state["sourceStats"]["recordCount"] == count, (state, count)
            assert not count or state["stream"] != before, state
            count, before = 0, state["stream"]
    assert not count or own[-1]["trace"]["stream_status"]["status"] == "INCOMPLETE"


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
