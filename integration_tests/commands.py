"""Runs `main.py` as a user does, and sorts what it printed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integration_tests.environments import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Output:
    """The output of one command."""

    code: int
    messages: list[dict[str, Any]]
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def states(self) -> list[dict[str, Any]]:
        """The states in the order of their arrival, as `--state` takes them."""
        return [message["state"] for message in self.messages if message["type"] == "STATE"]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors of all streams."""
        return [m["trace"]["error"] for m in self.messages if m["type"] == "TRACE" and m["trace"]["type"] == "ERROR"]

    @property
    def status(self) -> dict[str, Any]:
        """The answer of `check`."""
        return self._only("CONNECTION_STATUS")["connectionStatus"]  # type: ignore[no-any-return]

    @property
    def catalog(self) -> list[dict[str, Any]]:
        """The answer of `discover`."""
        return self._only("CATALOG")["catalog"]["streams"]  # type: ignore[no-any-return]

    def _only(self, kind: str) -> dict[str, Any]:
        [message] = [message for message in self.messages if message["type"] == kind]
        return message


def main(command: str, folder: Path, config: Any, catalog: dict[str, str] | None = None, state: Any = None) -> Output:
    """Run a command.

    Args:
        command: spec, check, discover or read.
        folder: Where its files go.
        config: The config.
        catalog: Stream names and their sync modes.
        state: States of the last sync.
    """
    files = {"config": config, "catalog": catalog and _configured(catalog), "state": state}
    arguments = []
    for name, value in files.items():
        if value is not None:
            (folder / f"{name}.json").write_text(json.dumps(value))
            arguments += [f"--{name}", str(folder / f"{name}.json")]
    done = subprocess.run([sys.executable, ROOT / "main.py", command, *arguments], stdout=subprocess.PIPE, check=False)
    output = Output(done.returncode, [json.loads(line) for line in done.stdout.splitlines()])
    for message in output.messages:
        if message["type"] == "RECORD":
            output.records.setdefault(message["record"]["stream"], []).append(message["record"]["data"])
    return output


def _configured(modes: dict[str, str]) -> dict[str, Any]:
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": [mode]},
                "sync_mode": mode,
                "destination_sync_mode": "append",
            }
            for name, mode in modes.items()
        ]
    }
