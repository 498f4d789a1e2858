"""Schema loaders: the JSON schema of a stream's records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from source_rest_api.manifest import document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope


def first(loader: Any) -> Any:
    """Returns a schema loader; of a list of them the first, which counts."""
    if isinstance(loader, list):
        return loader[0] if loader else None
    return loader


def declared(loader: Component | None, scope: Scope, folder: Path | None) -> dict[str, Any] | None:
    """Returns the schema of a stream; None if it is to be inferred from records.

    Args:
        loader: The component.
        scope: What templates read.
        folder: The folder of the manifest.

    Raises:
        ConfigError: The loader has no equivalent here.
    """
    kind = (loader or {}).get("type")
    if loader is None or kind in {None, "DynamicSchemaLoader"}:
        return None
    if kind == "InlineSchemaLoader":
        schema = loader.get("schema")
    elif kind == "JsonFileSchemaLoader":
        schema = _in_file(loader, scope.of(loader), folder)
    else:
        raise document.lacking(loader)
    is_usable = isinstance(schema, dict) and isinstance(schema.get("properties"), dict) and schema["properties"]
    return schema if is_usable else None


def _in_file(loader: Component, scope: Scope, folder: Path | None) -> Any:
    path = str(scope.known(loader.get("file_path") or "schemas/{{ parameters['name'] }}.json", "`file_path`"))
    for file in [] if folder is None else _candidates(folder, path):
        if file.is_file():
            return json.loads(file.read_text(encoding="utf-8"))
    return None


def _candidates(folder: Path, path: str) -> Iterator[Path]:
    parts = path.removeprefix("./").split("/")
    for start in range(len(parts)):
        yield folder.joinpath(*parts[start:])
    yield folder / "schemas" / parts[-1]
