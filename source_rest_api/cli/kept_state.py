"""Keeps the state of a read in a file, from which the next read starts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from source_rest_api.cli import input_file
from source_rest_api.errors import ConfigError
from source_rest_api.formats import json_text
from source_rest_api.protocol import state_file

_STATE = b'{"type":"STATE"'
_PAUSE = 1.0
"""Seconds between two replacements of the file."""


class KeptState:
    """The state file of `--keep-state`: a list of stream states, which `--state` takes too.

    Args:
        path: Path of the file. It need not exist.

    Raises:
        ConfigError: The file is not a state, or its folder cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._file = Path(path).resolve()
        if not os.access(self._file.parent, os.W_OK):
            raise ConfigError(f"`--keep-state` cannot write to the folder of {path}. Make the folder writable.")
        self.states = state_file.load(input_file.load_states(path)) if self._file.exists() else {}
        self._saved = time.monotonic()
        self._changed = False

    def note(self, block: bytes) -> None:
        """Takes the states in a block of lines, which must have been written. Saves them at most once a second."""
        if _STATE not in block:
            return
        for line in block.splitlines():
            if line.startswith(_STATE):
                self.states |= state_file.load(msgspec.json.decode(line))
                self._changed = True
        if time.monotonic() - self._saved > _PAUSE:
            self.save()

    def save(self) -> None:
        """Writes the file, if a state changed.

        Raises:
            ConfigError: The file cannot be written.
        """
        if not self._changed:
            return
        try:
            json_text.replace(self._file, state_file.dump(self.states))
        except OSError as error:
            raise ConfigError(f"The state file {self._file} cannot be written: {error.strerror}.") from None
        self._saved = time.monotonic()
        self._changed = False
