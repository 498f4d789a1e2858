"""Writes a changed config back to its file."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import msgspec

from source_rest_api.errors import ConfigError


def check_writable(path: str) -> None:
    """Raise ConfigError, before anything changes, if the file cannot be replaced."""
    if path.endswith((".yaml", ".yml")):
        raise ConfigError("`--update-config` needs a config file in JSON: in YAML, comments would be lost.")
    if not os.access(Path(path).resolve().parent, os.W_OK):
        raise ConfigError(f"`--update-config` cannot write to the folder of {path}.")


def save(path: str, config: dict[str, Any]) -> None:
    """Replace the file in one step: whoever reads it sees the old or the new config, whole.

    Raises:
        ConfigError: It cannot be written.
    """
    file = Path(path).resolve()
    try:
        mode = file.stat().st_mode & 0o777
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
            new.write(msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")
            new.flush()
            os.fsync(new.fileno())
        Path(new.name).chmod(mode)
        Path(new.name).replace(file)
    except OSError as error:
        raise ConfigError(f"The config file {path} cannot be written: {error.strerror}.") from None
