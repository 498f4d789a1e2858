"""The beginning of a text that somebody else wrote, as errors and the log quote it."""

from __future__ import annotations

CUT = "…"
"""Ends a text that was cut. The mask looks before it for the beginning of a secret."""
LONGEST = 500
"""Characters of the longest excerpt; so far back the mask looks."""


def excerpt(text: str | bytes, most: int = 200) -> str:
    """Return a text's beginning on one line, with `…` if there is more.

    Nothing else may cut a text that errors or the log show: only before this `…` part of a secret is recognised.

    Args:
        text: Bytes are read as UTF-8.
        most: Characters, `LONGEST` at most.
    """
    if isinstance(text, bytes):
        text = text[: 4 * (most + 1)].decode("utf-8", "replace")
    text = text.strip()
    shown = printable(text[:most])
    return shown + CUT if len(text) > most else shown


def printable(text: str) -> str:
    """Replaces control characters with spaces: a text of somebody else may not move the cursor or change colors."""
    return "".join(character if character.isprintable() else " " for character in text)
