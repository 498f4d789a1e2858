"""JSON inside the texts of a JSON value: envelopes whose field has the real response as a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.formats import raw_json
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from source_rest_api.model import Path


def replaced(value: Raw, path: Path, envelope: Callable[[Raw], None] = lambda _: None) -> Raw:
    """Returns a value in which the texts on a path that contain an object or array as JSON are replaced by it.

    Args:
        value: The value. It is returned itself if it has no such text.
        path: The path. `*` is every item or field.
        envelope: Called with each value that was in a text, if the path leads further into it.
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
