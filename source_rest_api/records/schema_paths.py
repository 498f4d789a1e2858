"""Paths as the records of a JSON schema have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.model import Path


def spelled(path: Path, schema: Mapping[str, Any], place: Callable[[Path], Path | None] = lambda path: path) -> Path:
    """The keys that a path stands for in records of a schema: `@odata.id` may be one key, or two.

    Args:
        path: The path, cut at each of its dots.
        schema: The JSON schema of the records as they are emitted.
        place: The place in emitted records of a path that leads to a field as the API sends it.

    Returns:
        The path as it is if the schema has it in no way.
    """
    return next((keys for keys in raw_json.cuts(path) if _has(schema, place(keys))), path)


def _has(schema: Any, path: Path | None) -> bool:
    for key in path or ():
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        if not isinstance(properties, Mapping) or key not in properties:
            return False
        schema = properties[key]
    return path is not None
