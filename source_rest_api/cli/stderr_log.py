"""The log of the commands whose stdout is for people: on stderr, as text."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class StderrLog(logging.Handler):
    """Writes log records to stderr.

    Args:
        mask: Masks secrets.
    """

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__()
        self._mask = mask

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line."""
        told = self._mask(record.getMessage()).encode("utf-8", "backslashreplace").decode()
        print(f"{record.levelname.lower()}: {told}", file=sys.stderr)  # noqa: T201 -- stdout is for the result
