"""The rules of a manifest's spec that put the config in order, and check it."""

from __future__ import annotations

import json
import logging
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import spec
from source_rest_api.manifest.interpolation import Scope
from source_rest_api.manifest.own_code.components import Components, failure
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_rest_api.manifest.document import Component

_LOG = logging.getLogger("airbyte.source_rest_api.manifest.config_rules")
_LONGEST = 200
_FALSE = (None, "", False, "False", "false")


def applied(manifest: Component, config: Mapping[str, Any], components: Components | None = None) -> dict[str, Any]:
    """Returns the config after the rules that move, add and remove fields, and checks it.

    Args:
        manifest: The manifest.
        config: The config as the user wrote it.
        components: The classes of the connector.

    Raises:
        ConfigError: The config is not as the rules say, or a class fails.
    """
    rules = spec.of(manifest).get("config_normalization_rules") or {}
    components = components or Components()
    changed = deepcopy(dict(config))
    migrations = [step for each in rules.get("config_migrations") or [] for step in each.get("transformations") or []]
    for step in [*migrations, *(rules.get("transformations") or [])]:
        change = _CHANGES.get(str(step.get("type")))
        if change is not None:
            change(step, changed)
        elif _runs(step, components):
            _call(step, "CustomConfigTransformation", "transform", changed, changed, components)
    for rule in rules.get("validations") or []:
        for value in _checked(rule, changed):
            _check(rule.get("validation_strategy") or {}, value, changed, components)
    return changed


def _add(step: Component, config: dict[str, Any]) -> None:
    scope = Scope(config)
    if step.get("condition") and scope.value(step["condition"]) in _FALSE:
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
    if step.get("condition") and Scope(config).value(step["condition"]) in _FALSE:
        return
    for path in step.get("field_pointers") or []:
        _holder(config, path).pop(path[-1], None)


_CHANGES = {"ConfigAddFields": _add, "ConfigRemapField": _remap, "ConfigRemoveFields": _remove}


def _holder(config: dict[str, Any], path: list[str]) -> dict[str, Any]:
    for key in path[:-1]:
        inner = config.setdefault(key, {})
        config = inner if isinstance(inner, dict) else {}
    return config


def _runs(component: Component, components: Components) -> bool:
    """True if the class of a rule can run; if not, the log says so."""
    found = components.has(component)
    if not found:
        name = component.get("class_name") or component.get("type")
        _LOG.warning("The rule `%s` for the config does not run: put `components.py` beside the manifest.", name)
    return found


def _call(
    component: Component, kind: str, method: str, value: Any, config: Mapping[str, Any], components: Components
) -> None:
    made = components.built(component, kind, config)
    try:
        getattr(made, method)(value)
    except ValueError as error:  # what a check raises
        raise ConfigError(f"The config is not valid: {error}") from None
    except Exception as error:
        raise failure(component, error) from error


def _checked(rule: Component, config: Mapping[str, Any]) -> Iterator[Any]:
    """Yields the values that a rule checks; one that the config does not have is not checked."""
    scope = Scope(config)
    if rule.get("type") == "PredicateValidator":
        yield scope.value(rule.get("value"))
        return
    path = tuple(scope.text(key) for key in rule.get("field_path") or ())
    yield from (holder[key] for holder, key in tree.places(deepcopy(dict(config)), path))


def _check(strategy: Component, value: Any, config: Mapping[str, Any], components: Components) -> None:
    if strategy.get("type") != "ValidateAdheresToSchema":
        if _runs(strategy, components):
            _call(strategy, "CustomValidationStrategy", "validate", value, config, components)
        return
    import jsonschema  # noqa: PLC0415 -- few manifests have such rules; start-up counts

    schema = strategy.get("base_schema") or {}
    try:
        parsed = json.loads(value) if isinstance(value, str) and value[:1] in {"{", "["} else value
    except ValueError:
        parsed = value
    try:
        jsonschema.validate(parsed, json.loads(schema) if isinstance(schema, str) else schema)
    except jsonschema.ValidationError as error:
        place = "`.`".join(map(str, error.absolute_path)) or "the value"
        rule = f"{error.validator}: {json.dumps(error.validator_value)}"[:_LONGEST]
        raise ConfigError(f"The config is not as the manifest wants it: {place} does not keep to `{rule}`.") from None
