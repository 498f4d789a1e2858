"""Records decoded only as deep as they change; all other parts keep the exact bytes that the API sent.

An opened value is a dict or list whose values are opened too, undecoded (`Raw`), or new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_rest_api.model import Path


def opened(value: Any) -> Any:
    """Decodes one level of an object or array, so its fields or items can change; returns other values unchanged."""
    if not isinstance(value, Raw):
        return value
    kind = raw_json.kind(value)
    if kind == "object":
        return raw_json.fields(value)
    return raw_json.items(value) if kind == "array" else value


def raw(value: Any) -> Raw:
    """Encodes an opened value as JSON."""
    return value if isinstance(value, Raw) else Raw(raw_json.encode(value))


def append(record: Raw, fields: bytes) -> Raw:
    """Returns an object with the fields of another one, encoded, at its end. No name may be in both."""
    if fields == b"{}":
        return record
    own = bytes(record)[:-1].rstrip()
    return Raw(own + (b"" if own == b"{" else b",") + fields[1:])


def find(value: Any, path: Sequence[str], absent: Any = None) -> Any:
    """Finds the value at a path in an opened or decoded value, by the rules of `raw_json.find`.

    Returns:
        The value; `absent` if a key is missing; None if the path meets a null, or goes beyond the end of an array.
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
    """Yields the ends of a path, each as an object or array and the key or index in it. Opens the values on the way.

    Follows a path by the rules of `find`; `*` is every field or item, and `**` any number of levels. Absent values are
    skipped.
    """
    if path[0] == raw_json.ANY_DEPTH:
        yield from places(holder, path[1:])
        for key, _ in keys_at(holder, (raw_json.WILDCARD,)):
            holder[key] = opened(holder[key])
            yield from places(holder[key], path)
        return
    for key, rest in keys_at(holder, path):
        if not rest:
            yield holder, key
        else:
            holder[key] = opened(holder[key])
            yield from places(holder[key], rest)


def keys_at(holder: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    """Yields the keys or indexes at which a path begins in an opened value, each with the rest of the path."""
    if path[0] == raw_json.WILDCARD and isinstance(holder, dict | list):
        yield from ((key, path[1:]) for key in (list(holder) if isinstance(holder, dict) else range(len(holder))))
    elif (found := raw_json.step(holder, path)) is not None:
        yield found[0], tuple(found[1])


def without_nulls(value: Any) -> Any:
    """Returns a value without null fields, also in nested objects."""
    value = opened(value)
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(inner) for name, inner in value.items() if not _is_null(inner)}


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, Raw) and raw_json.kind(value) == "null")


def put(record: dict[str, Any], path: Path, value: Any, setting: str) -> None:
    """Sets the value at a path, where `find` finds it. Creates objects on the way that are absent or null.

    Raises:
        ConfigError: A value on the way is not an object.
    """
    holder: Any = record
    key, rest = raw_json.step(holder, path) or (path[0], path[1:])
    while rest:
        inner = opened(holder.get(key) if isinstance(holder, dict) else holder[key])
        if _is_null(inner):
            inner = {}
        holder[key] = inner
        found = raw_json.step(inner, rest)
        if found is None and not isinstance(inner, dict):
            raise ConfigError(
                f"`{setting}` cannot set `{'.'.join(path)}`: `{key}` is not an object in a record. Choose another path."
            )
        holder, (key, rest) = inner, found or (rest[0], rest[1:])
    holder[key] = value
