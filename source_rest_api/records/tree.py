"""A record opened as far as something in it changes: all else stays the bytes that the API wrote.

An opened value is a dict or list whose values are opened in their turn, undecoded (`Raw`), or new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_rest_api.model import Path

encode = msgspec.json.Encoder(decimal_format="number").encode


def opened(value: Any) -> Any:
    """A value whose own fields or items can be changed, if it has any."""
    if not isinstance(value, Raw):
        return value
    kind = raw_json.kind(value)
    if kind == "object":
        return raw_json.fields(value)
    return raw_json.items(value) if kind == "array" else value


def raw(value: Any) -> Raw:
    """The JSON text of a value."""
    return value if isinstance(value, Raw) else Raw(encode(value))


def find(value: Any, path: Sequence[str], absent: Any = None) -> Any:
    """The value at a path of an opened or decoded value, as `raw_json.find` finds it in one that is undecoded.

    Returns:
        `absent` if there is no such key; None if the path stops at a null, or at the end of an array.
    """
    while path:
        found = raw_json.step(value, path)
        if found is None:
            ends = value is None or (isinstance(value, list) and raw_json.is_index(path[0]))
            return None if ends else absent
        key, path = found
        value = opened(value[key])
    return value


def places(holder: Any, path: Path) -> Iterator[tuple[Any, Any]]:
    """The ends of a path: each time the object or array, and the key or index in it; opened on the way.

    A path is followed as `find` follows it; `*` is every field or item. What is absent is left out.
    """
    for key, rest in _keys(holder, path):
        if not rest:
            yield holder, key
        else:
            holder[key] = opened(holder[key])
            yield from places(holder[key], rest)


def _keys(holder: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    if path[0] == raw_json.WILDCARD and isinstance(holder, dict | list):
        yield from ((key, path[1:]) for key in (list(holder) if isinstance(holder, dict) else range(len(holder))))
    elif (found := raw_json.step(holder, path)) is not None:
        yield found[0], tuple(found[1])


def put(record: dict[str, Any], path: Path, value: Any, setting: str) -> None:
    """Set the value at a path, where `find` finds it; objects on the way that are absent or null are made.

    Raises:
        ConfigError: On the way stands something else.
    """
    holder: Any = record
    key, rest = raw_json.step(holder, path) or (path[0], path[1:])
    while rest:
        inner = opened(holder.get(key) if isinstance(holder, dict) else holder[key])
        if inner is None or (isinstance(inner, Raw) and raw_json.kind(inner) == "null"):
            inner = {}
        holder[key] = inner
        found = raw_json.step(inner, rest)
        if found is None and not isinstance(inner, dict):
            raise ConfigError(f"`{setting}` has no place for `{'.'.join(path)}`: `{key}` is no object in a record.")
        holder, (key, rest) = inner, found or (rest[0], rest[1:])
    holder[key] = value
