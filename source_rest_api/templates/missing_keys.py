"""Explains a missing key that a template reads: where it is missing, and what to change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from source_rest_api.closest_name import closest

if TYPE_CHECKING:
    from collections.abc import Iterable

_MISSING = re.compile(r"'dict object' has no attribute '(?P<key>[^']*)'(?P<hint>.*)")
_INTERVALS = frozenset({"stream_interval", "stream_slice"})
_NO_START = (
    "`{0}.start_time` has no value, because no setting says where the first sync begins: set `incremental` and "
    "`start_date` (or `incremental.start`, if it counts), or give a default, such as `{0}.start_time or '2024-01-01'`"
)


def hint(key: str, known: Iterable[str]) -> str:
    """Returns the end of a sentence about a missing key: a suggestion, if a key is similar."""
    close = closest(key, known)
    return f", did you mean `{close}`?" if close else ""


def reason(message: str, references: Iterable[tuple[str, ...]]) -> str:
    """Returns Jinja's reason for a failed template in the user's words, if a key is missing.

    Args:
        message: Jinja's message.
        references: The names that the template reads, with the keys below them.
    """
    missing = _MISSING.fullmatch(message)
    if missing is None:
        return message
    key, close = missing["key"], missing["hint"]
    owners = sorted(".".join(path[: path.index(key, 1)]) for path in references if key in path[1:])
    owner = owners[0] if owners else ""
    if key == "start_time" and owner in _INTERVALS:
        return _NO_START.format(owner)
    if owner == "config":
        advice = f"set it, or give a default: `config.get('{key}', …)`"
    elif owner:
        advice = f"correct the name, or give a default: `{owner}.{key} or …`"
    else:
        return message
    named = "the config" if owner == "config" else f"`{owner}`"
    return f"{named} has no `{key}`" + (f"{close} {advice[0].upper()}{advice[1:]}" if close else f": {advice}")
