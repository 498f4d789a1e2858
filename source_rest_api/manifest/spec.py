"""The spec of a manifest: the form for its config, which values are secrets, and how the config is put in order."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from source_rest_api.manifest import document
from source_rest_api.manifest.interpolation import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_rest_api.manifest.document import Component

_PASSED = {"advanced_auth": "advanced_auth", "documentation_url": "documentationUrl"}


def specification(manifest: Component) -> dict[str, Any]:
    """Returns the ConnectorSpecification of a manifest."""
    spec = _spec(manifest)
    found: dict[str, Any] = {"connectionSpecification": form(manifest)}
    for given, name in _PASSED.items():
        if spec.get(given):
            found[name] = _without_types(spec[given])
    return {**found, "supportsIncremental": True}


def form(manifest: Component) -> dict[str, Any]:
    """Returns the JSON schema of the config."""
    spec = _spec(manifest)
    schema = spec.get("connection_specification") or spec.get("connectionSpecification")
    return schema if isinstance(schema, dict) else {"type": "object", "properties": {}, "additionalProperties": True}


def _spec(manifest: Component) -> Component:
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


def normalized(manifest: Component, config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config after the rules of the spec that move, add and remove fields."""
    rules = _spec(manifest).get("config_normalization_rules") or {}
    changed = deepcopy(dict(config))
    migrations = [step for each in rules.get("config_migrations") or [] for step in each.get("transformations") or []]
    for step in [*migrations, *(rules.get("transformations") or [])]:
        {"ConfigAddFields": _add, "ConfigRemapField": _remap, "ConfigRemoveFields": _remove}.get(
            str(step.get("type")), _ignore
        )(step, changed)
    return changed


def _add(step: Component, config: dict[str, Any]) -> None:
    scope = Scope(config)
    if step.get("condition") and not scope.value(step["condition"]):
        return
    for field in step.get("fields") or []:
        path = [scope.text(key) for key in field.get("path") or []]
        _holder(config, path)[path[-1]] = scope.value(field.get("value"))


def _remap(step: Component, config: dict[str, Any]) -> None:
    path = [str(key) for key in step.get("field_path") or []]
    holder = _holder(config, path)
    if path[-1] in holder:
        known = step.get("map") or {}
        holder[path[-1]] = known.get(holder[path[-1]], holder[path[-1]])


def _remove(step: Component, config: dict[str, Any]) -> None:
    if step.get("condition") and not Scope(config).value(step["condition"]):
        return
    for path in step.get("field_pointers") or []:
        _holder(config, path).pop(path[-1], None)


def _ignore(_step: Component, _config: dict[str, Any]) -> None:
    """A transformation of the connector's own, which its streams name if they need it."""


def _holder(config: dict[str, Any], path: list[str]) -> dict[str, Any]:
    for key in path[:-1]:
        inner = config.setdefault(key, {})
        config = inner if isinstance(inner, dict) else {}
    return config
