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
    from collections.abc import Iterator

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


def places(holder: Any, path: Path) -> Iterator[tuple[Any, Any]]:
    """Where a path leads: each time the object or array, and the key or index in it; opened on the way.

    Keys are found as `raw_json.find` finds them; `*` is every field or item. What is absent is left out.
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
    elif isinstance(holder, dict):
        for length in range(len(path), 0, -1):
            key = ".".join(path[:length])
            if key in holder:
                yield key, path[length:]
                return
    elif isinstance(holder, list) and path[0].lstrip("-").isdecimal() and -len(holder) <= int(path[0]) < len(holder):
        yield int(path[0]), path[1:]


def put(record: dict[str, Any], path: Path, value: Any, setting: str) -> None:
    """Set the field at a path; objects on the way that are absent or null are made.

    Raises:
        ConfigError: On the way stands something else.
    """
    for key in path[:-1]:
        inner = opened(record.get(key))
        if inner is None or (isinstance(inner, Raw) and raw_json.kind(inner) == "null"):
            inner = {}
        if not isinstance(inner, dict):
            raise ConfigError(f"`{setting}` has no place for `{'.'.join(path)}`: `{key}` is no object in a record.")
        record[key] = inner
        record = inner
    record[path[-1]] = value
