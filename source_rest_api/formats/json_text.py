"""Reads and writes whole JSON documents: those that users write, and files that are kept for them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec


def load(text: str) -> Any:
    """Parses one JSON document (RFC 8259).

    Raises:
        ValueError: The text is not valid JSON. The message states line and column, and quotes nothing of the text.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"not valid JSON{_place(text) or f': {error}'}") from None
    except RecursionError:
        raise ValueError("not valid JSON: it is nested too deeply") from None


def _place(text: str) -> str:
    """Returns line, column and reason of the first error; "" if Python's own parser, which states them, sees none."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        reason = error.msg.partition(": '")[0]
        return f" in line {error.lineno}, column {error.colno}: {reason[0].lower()}{reason[1:]}"
    except (ValueError, RecursionError):
        return ""
    return ""


def replace(file: Path, value: Any) -> None:
    """Replaces a file atomically: a reader sees either the old document or the new one. It keeps its mode.

    Raises:
        OSError: The file cannot be written.
    """
    from tempfile import NamedTemporaryFile  # noqa: PLC0415 -- start-up counts

    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
        new.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        new.flush()
        os.fsync(new.fileno())
    if file.exists():
        Path(new.name).chmod(file.stat().st_mode & 0o777)
    Path(new.name).replace(file)
