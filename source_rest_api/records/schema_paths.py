"""Resolves paths against the JSON schema of records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.model import Path


def spelled(path: Path, schema: Mapping[str, Any], place: Callable[[Path], Path | None] = lambda path: path) -> Path:
    """Returns the keys of a path in the records of a schema: `@odata.id` may be one key or two.

    Args:
        path: The path, split at each dot.
        schema: The JSON schema of the emitted records.
        place: Maps a path in the API's records to the path in emitted records.

    Returns:
        The keys; the unchanged path if the schema does not have it.
    """
    return next((keys for keys in raw_json.cuts(path) if _has(schema, place(keys))), path)


def _has(schema: Any, path: Path | None) -> bool:
    for key in path or ():
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        if not isinstance(properties, Mapping) or key not in properties:
            return False
        schema = properties[key]
    return path is not None
