"""The streams of a manifest, each as a manifest of its own whose API is on loopback."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from airbyte_cdk.sources.declarative.parsers.manifest_component_transformer import ManifestComponentTransformer
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver

from source_rest_api.manifest import document, sample, spec
from tests.manifests.any import readings, rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DATE = re.compile(r"(19|20)\d\d-\d\d-\d\d")
_URL = re.compile(r"https?://")
_BASES = {"url", "url_base"}


class Case(NamedTuple):
    """One stream of a manifest."""

    name: str
    manifest: dict[str, Any]
    """A manifest that has only this stream."""
    stream: dict[str, Any]
    """The stream, complete in itself, for the imitation."""
    config: dict[str, Any]
    has_own_code: bool


def of(path: Path, origin: str) -> Iterator[Case]:
    """Yields the streams of the manifest in a file.

    Args:
        path: The file.
        origin: Scheme, host and port of the imitation.
    """
    text = path.read_text(encoding="utf-8")
    loaded = document.load(text)
    config = recent(sample.of(loaded, spec.form(loaded), text))
    config = {name: _home(name, value, text, origin) for name, value in config.items()}
    resolved = ManifestReferenceResolver().preprocess_manifest({"type": "DeclarativeSource", **loaded})
    for stream in _flat(resolved.get("streams") or []):
        own = on_loopback(stream, origin, config)
        manifest = {
            "version": resolved.get("version") or "6.0.0",
            "type": "DeclarativeSource",
            "check": {"type": "CheckStream", "stream_names": [str(stream.get("name"))]},
            "streams": [own],
            **({"spec": resolved["spec"]} if resolved.get("spec") else {}),
        }
        whole = ManifestComponentTransformer().propagate_types_and_parameters("", deepcopy(manifest), {})
        complete = whole["streams"][0]
        name = str(complete.get("name") or "")
        manifest["check"]["stream_names"] = [name]
        own_code = '"class_name"' in json.dumps({**complete, "schema_loader": None})
        yield Case(name, manifest, complete, config, own_code)


def _flat(streams: list[Any]) -> Iterator[dict[str, Any]]:
    for stream in streams:
        if stream.get("type") == "ConditionalStreams":
            yield from _flat(stream.get("streams") or [])
        else:
            yield stream


def on_loopback(value: Any, origin: str, config: dict[str, Any], field: str = "") -> Any:
    """Returns a component whose URLs lead to the imitation: `https://host/path` is `/https/host/path` there."""
    if isinstance(value, dict):
        return {
            name: _without_file(inner) if name == "schema_loader" else on_loopback(inner, origin, config, name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [on_loopback(inner, origin, config, field) for inner in value]
    if not isinstance(value, str):
        return value
    moved = _moved(value, origin)
    if field not in _BASES or not moved or str(readings.evaluated(moved, config)).strip().startswith(origin):
        return moved
    return f"{origin}/{moved}"


def _without_file(loader: Any) -> Any:
    """Returns a schema loader; an empty schema in place of one whose file is not there."""
    is_file = isinstance(loader, dict) and loader.get("type") == "JsonFileSchemaLoader"
    return {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {}}} if is_file else loader


def _moved(text: str, origin: str) -> str:
    return _URL.sub(lambda found: f"{origin}/{found.group()[:-3]}/", text)


def _home(name: str, value: Any, text: str, origin: str) -> Any:
    """Returns a value of a config with its URL on loopback; without scheme where a template has one before it."""
    if not isinstance(value, str) or not _URL.match(value):
        return value
    if re.search(rf"https?://[^\s'\"]*\{{\{{[^}}]*config[^}}]*\b{re.escape(name)}\b", text):
        return _URL.sub("", value).rstrip("/")
    return _moved(value, origin)


def recent(value: Any, name: str = "") -> Any:
    """Returns a config whose dates are those of the rows, so that a step of a day is not a thousand requests."""
    if isinstance(value, dict):
        return {key: recent(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [recent(inner, name) for inner in value]
    date = rows.NOW if re.search("end|until|_to$", name.lower()) else rows.BEGIN
    return _DATE.sub(f"{date:%Y-%m-%d}", value) if isinstance(value, str) else value
