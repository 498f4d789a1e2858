"""The spec of a manifest: the form for its config, and which values are secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.manifest import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.manifest.document import Component

_PASSED = {"advanced_auth": "advanced_auth", "documentation_url": "documentationUrl"}


def specification(manifest: Component) -> dict[str, Any]:
    """Returns the ConnectorSpecification of a manifest."""
    spec = of(manifest)
    found: dict[str, Any] = {"connectionSpecification": form(manifest)}
    for given, name in _PASSED.items():
        if spec.get(given):
            found[name] = _without_types(spec[given])
    return {**found, "supportsIncremental": True}


def form(manifest: Component) -> dict[str, Any]:
    """Returns the JSON schema of the config."""
    spec = of(manifest)
    schema = spec.get("connection_specification") or spec.get("connectionSpecification")
    return schema if isinstance(schema, dict) else {"type": "object", "properties": {}, "additionalProperties": True}


def of(manifest: Component) -> Component:
    """Returns the spec of a manifest, with the references resolved."""
    spec = document.referred(manifest, manifest.get("spec") or {})
    return spec if isinstance(spec, dict) else {}


def _without_types(value: Any) -> Any:
    """Returns a component as the protocol has it: without the `type` and the parameters of a manifest."""
    if not isinstance(value, dict):
        return value
    return {name: inner for name, inner in value.items() if name not in {"type", document.PARAMETERS}}


def secrets(schema: Any, config: Any) -> Iterator[str]:
    """Yields the values of a config that its form marks as secrets."""
    if not isinstance(schema, dict):
        return
    if schema.get("airbyte_secret"):
        yield from _texts(config)
        return
    for branch in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from secrets(branch, config)
    if isinstance(config, dict):
        for name, inner in (schema.get("properties") or {}).items():
            if name in config:
                yield from secrets(inner, config[name])
    if isinstance(config, list):
        for item in config:
            yield from secrets(schema.get("items"), item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
