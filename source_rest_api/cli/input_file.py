"""Loads the JSON and YAML files that the command line names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from source_rest_api.errors import ConfigError
from source_rest_api.formats import json_text

STDIN = "-"
"""The path that stands for stdin."""
_MESSAGE = b'{"type":'
_RECORD = _MESSAGE + b'"RECORD"'


def load(path: str, what: str) -> Any:
    """Loads a JSON file, a YAML file, or either from stdin.

    Args:
        path: Path of the file, or `-` for stdin.
        what: What it holds, for errors: `config`, `catalog`.

    Raises:
        ConfigError: The file cannot be read, or holds neither. The message states line and column.
    """
    name = _name(path, what)
    text = _text(path, name)
    try:
        return json_text.load(text)
    except ValueError as error:
        if path != STDIN and not path.endswith((".yaml", ".yml")):
            raise ConfigError(f"{name} is {error}.") from None
    from source_rest_api.formats import yaml_text  # noqa: PLC0415 -- most configs are JSON; start-up counts

    try:
        return yaml_text.load(text)
    except ValueError as error:
        raise ConfigError(f"{name} is {error}.") from None


def load_states(path: str) -> Any:
    """Loads a state file: a JSON document, or the lines that `read` printed, whole as they are.

    An incomplete last line is ignored: a read that was killed leaves one.

    Returns:
        What `protocol.state_file.load` takes.

    Raises:
        ConfigError: The file cannot be read, or holds neither.
    """
    try:
        with Path(path).open("rb") as file:
            printed = file.peek(len(_MESSAGE)).startswith(_MESSAGE)
            lines = [line for line in file if not line.startswith(_RECORD)]
    except OSError as error:
        raise ConfigError(f"{_name(path, 'state')} cannot be read: {error.strerror}.") from None
    if not printed:
        return load(path, "state")
    if len(lines) > 1 and not lines[-1].endswith(b"\n"):
        del lines[-1]
    try:
        return [json_text.load(line.decode()) for line in lines]
    except ValueError as error:
        raise ConfigError(f"A message in the state file {path} is {error}.") from None


def _name(path: str, what: str) -> str:
    return f"The {what} on stdin" if path == STDIN else f"The {what} file {path}"


def _text(path: str, name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is not UTF-8 text.") from None
