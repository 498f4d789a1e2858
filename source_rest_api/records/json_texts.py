"""Parses JSON inside strings: some envelopes contain the actual response as a string."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.formats import raw_json
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from source_rest_api.model import Path


def replaced(value: Raw, path: Path, envelope: Callable[[Raw], None] = lambda _: None) -> Raw:
    """Returns a value in which each string on a path that contains a JSON object or array is replaced by it.

    Args:
        value: The value. Returned unchanged if it has no such string.
        path: The path. `*` is every item or field.
        envelope: Called with each parsed value that the path leads further into.
    """
    inside = raw_json.contained(value)
    value = value if inside is None else inside
    if not path:
        return value
    if inside is not None:
        envelope(inside)
    holder = tree.opened(value)
    changed = False
    for key, rest in tree.keys_at(holder, path):
        inner = replaced(holder[key], rest, envelope)
        changed = changed or inner is not holder[key]
        holder[key] = inner
    return tree.raw(holder) if changed else value
