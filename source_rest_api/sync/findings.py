"""Findings of `check`: failures, which would lose or repeat data, and doubts."""

from __future__ import annotations

from msgspec import Struct


class Finding(Struct, frozen=True):
    """One finding: what was sent, what was seen, and the setting to change, in a sentence or two."""

    text: str
    fails: bool = True
    """False for a doubt, which leaves the check a success."""
    where: str = ""
    """The request whose response showed it."""
