"""Pages of the docs as instructions: their files are written, and their programs run, as a reader would do it."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integration_tests.environments import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DO_NOT_TRACK": "1", "AIRBYTE_OFFLINE_MODE": "1"}
_FILE = re.compile(r"^```\w+ (\S+\.\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
"""A block with the name of a file after its language."""
COUNTS: list[tuple[int, int]] = []
"""The counts of the current test: rows found, and rows that the server has."""
_COMMANDS = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Reader:
    """Follows a page in a folder of its own.

    Args:
        folder: Where the files of the page go, and those of the programs.
        programs: Folders whose programs are called by name; the first `python` wins.
        variables: Environment variables.
    """

    folder: Path
    programs: Sequence[Path]
    variables: Mapping[str, str] = field(default_factory=dict)

    def write(self, page: str) -> None:
        """Write the files that a page of docs/ shows."""
        for name, text in _FILE.findall((ROOT / "docs" / page).read_text()):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def type(self, page: str, replaced: Mapping[str, str] | None = None) -> str:
        """What the commands of a page print, typed into a shell with other text in the place of some."""
        commands = "\n".join(_COMMANDS.findall((ROOT / "docs" / page).read_text()))
        for text, other in (replaced or {}).items():
            commands = commands.replace(text, other)
        return self.run("bash", "-e", "-c", commands)

    def run(self, *command: str) -> str:
        """What a program prints; it has to succeed."""
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, env=self._environ)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program as the leader of a process group."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environ,
            start_new_session=True,
        )

    @contextmanager
    def talk(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """Run a program that reads lines and answers with lines; what else it says goes to `talk.log`."""
        with (
            (self.folder / "talk.log").open("a") as log,
            subprocess.Popen(
                command,
                cwd=self.folder,
                text=True,
                stderr=log,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            ) as process,
        ):
            yield process

    @property
    def _environ(self) -> dict[str, str]:
        path = os.pathsep.join([*map(str, self.programs), os.environ["PATH"]])
        places = {"PATH": path, "PYTHONPATH": f"{ROOT}:{self.folder}", "DLT_DATA_DIR": str(self.folder / "dlt")}
        return {**os.environ, **QUIET, **places, **self.variables}


def say(what: str, found: int, truth: int) -> None:
    """Prints a count beside that of the server, and keeps it for the summary of `scripts/integration`."""
    print(f"  {what}: {found:,} of {truth:,}")
    COUNTS.append((found, truth))
