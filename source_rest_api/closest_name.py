"""Finds the name that a user may have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def closest(given: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a wrong one; None if none is like it."""
    from difflib import get_close_matches  # noqa: PLC0415 -- start-up counts, and most names are right

    return next(iter(get_close_matches(given, known, n=1)), None)
