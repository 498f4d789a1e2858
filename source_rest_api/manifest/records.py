"""Record selectors and transformations: which part of a body is the records, and what becomes of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import document, interpolation
from source_rest_api.templates import templates
from source_rest_api.templates.functions import camel_case_to_snake_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

_TYPES = {"string": "string", "integer": "int", "number": "float"}
"""The filter that gives a value its `value_type`."""

_OF_RECIPES = {
    "cells": "cells",
    "columns": "columns_path",
    "records_key_field": "records_key_field",
    "wrap_scalars_as": "wrap_scalars_as",
}
"""Fields of an extractor that a recipe made, and their options of an endpoint."""


def select(selector: Component, endpoint: dict[str, Any], scope: Scope) -> None:
    """Sets where the records of an endpoint stand in a body.

    Raises:
        ConfigError: The extractor has no equivalent here.
    """
    extractor = selector.get("extractor") or {}
    scope = scope.of(extractor)
    is_union = extractor.get("mode", "union") == "union" and not extractor.get("skip_empty_records")
    if extractor.get("type") == "CombinedExtractor" and is_union:
        inner = extractor.get("extractors") or []
        endpoint["records_paths"] = [_path(each, scope.of(each)) or ["$"] for each in inner]
    elif extractor.get("type") == "DpathExtractor":
        endpoint["records_path"] = _path(extractor, scope) or ["$"]
        for field, option in _OF_RECIPES.items():
            if extractor.get(field):
                endpoint[option] = extractor[field]
        if extractor.get("record_expander"):
            endpoint["explode"] = _expanded(extractor["record_expander"], scope)
    else:
        raise document.lacking(extractor)
    endpoint["allow_missing_records"] = True


def normalize(selector: Component, endpoint: dict[str, Any]) -> None:
    """Has the values of an endpoint's records cast by its schema, if its selector says so."""
    if selector.get("schema_normalization") == "Default":
        endpoint["cast_all"] = True


def _path(extractor: Component, scope: Scope) -> list[str]:
    if extractor.get("type") != "DpathExtractor":
        raise document.lacking(extractor)
    given = extractor.get("field_path")
    if given is None:
        given = extractor.get("field_pointer") or []
    path = [str(scope.known(key, "`field_path`")) for key in ([given] if isinstance(given, str) else given)]
    if "**" in path:
        raise ConfigError("`**` in `field_path` has no equivalent here")
    return [key for key in path if key != ""]


def _expanded(expander: Component, scope: Scope) -> dict[str, Any]:
    for name in ("remain_original_record", "merge_parent"):
        if scope.value(expander.get(name)):
            raise ConfigError(f"`{name}` has no equivalent here")
    if expander.get("on_no_records") not in {None, "skip"}:
        raise ConfigError(f"`on_no_records: {expander['on_no_records']}` has no equivalent here")
    path = [str(scope.known(key, "`expand_records_from_field`")) for key in expander["expand_records_from_field"]]
    kept = {}
    for field in expander.get("parent_fields") or []:
        [*above, name] = [scope.text(key) for key in field["record_path"]]
        if above:
            raise ConfigError("a `record_path` inside an object has no equivalent here")
        kept[name] = ".".join(scope.text(key) for key in field["parent_path"])
    return {"path": path, "keep": kept}


def condition(record_filter: Component | None, scope: Scope) -> str | None:
    """Returns the condition of a record filter.

    Raises:
        ConfigError: It has no equivalent here.
    """
    if not record_filter:
        return None
    if record_filter.get("type") != "RecordFilter":
        raise document.lacking(record_filter)
    given = record_filter.get("condition")
    return scope.of(record_filter).expression(given) if given else None


class Transformations:
    """The transformations of one stream, as options of its endpoint.

    Args:
        endpoint: The endpoint.
        scope: What templates read.
    """

    def __init__(self, endpoint: dict[str, Any], scope: Scope) -> None:
        self._endpoint = endpoint
        self._scope = scope
        self.added: dict[str, str] = {}
        """The expressions of added fields, which later templates and other streams read."""
        self._renamed = ""
        """The transformation that gave the fields other names."""

    def apply(self, transformation: Component) -> None:
        """Adds one transformation.

        Raises:
            ConfigError: It has no equivalent here.
        """
        kind = str(transformation.get("type"))
        apply = self._KINDS.get(kind)
        if apply is None:
            raise document.lacking(transformation)
        apply(self, transformation)

    def _add(self, transformation: Component) -> None:
        when = transformation.get("condition")
        for field in transformation.get("fields") or []:
            scope = self._scope.of(field)._replace(added=dict(self.added))
            name = self._name([scope.text(key) for key in field.get("path") or []])
            self._endpoint.setdefault("add_fields", {})[name] = self._value(field, when, scope, name)

    def _name(self, path: list[str]) -> str:
        if not path or any("." in key or not key for key in path):
            raise ConfigError(f"`AddFields` to `{'/'.join(path)}`, a name with a dot, has no equivalent here")
        return ".".join(path)

    def _value(self, field: Component, when: Any, scope: Scope, name: str) -> Any:
        given = field.get("value")
        kind = str(field.get("value_type") or "")
        if not (isinstance(given, str) and templates.has_holes(given)) or scope.is_fixed(given):
            value = scope.value(given)
            if kind == "string":
                value = str(value)
            elif isinstance(value, str):
                value = interpolation.literal(value)
            expression = scope.expression(value)
            if not when and not isinstance(value, dict | list):
                self.added[name] = expression[3:-3]
                return interpolation.plain(value) if isinstance(value, str) else value
        else:
            if self._renamed and "record" in interpolation.names(given):
                raise ConfigError(f"`AddFields` reads the record after `{self._renamed}`, which has no equivalent here")
            expression = scope.expression(given)
        inner = expression[2:-2].strip()
        if kind in _TYPES:
            inner = f"({inner}) | {_TYPES[kind]}"
        self.added[name] = inner
        if when:
            inner = f"({inner}) if ({scope.expression(when)[2:-2].strip()})"
        return f"{{{{ {inner} }}}}"

    def _remove(self, transformation: Component) -> None:
        pointers = [[self._scope.text(key) for key in given] for given in transformation.get("field_pointers") or []]
        condition = transformation.get("condition")
        when = _of_value(self._scope.expression(condition)) if condition else None
        if "remove_fields" in self._endpoint and when != self._endpoint.get("remove_when"):
            raise ConfigError("`RemoveFields` with different conditions have no equivalent here")
        for pointer in pointers:
            added = self._endpoint.get("add_fields", {})
            if when is None and added.pop(".".join(pointer), None) is not None:
                continue
            self._endpoint.setdefault("remove_fields", []).append(_without_last_wildcards(pointer))
            if when is not None:
                self._endpoint["remove_when"] = when

    def _cast(self, transformation: Component) -> None:
        if transformation["fields"]:
            self._endpoint.setdefault("cast", {}).update(transformation["fields"])

    def _snake(self, _: Component) -> None:
        self._rename("snake_case", "KeysToSnakeCase", camel_case_to_snake_case)

    def _lower(self, _: Component) -> None:
        self._rename("lower_case", "KeysToLower", str.lower)

    def _rename(self, option: str, kind: str, change: Callable[[str], str]) -> None:
        added = self._endpoint.get("add_fields")
        if added:
            self._endpoint["add_fields"] = {change(name): value for name, value in added.items()}
        self._endpoint[option] = True
        self._renamed = kind

    def _replace(self, transformation: Component) -> None:
        old, new = (self._scope.text(transformation.get(name)) for name in ("old", "new"))
        if self._endpoint.get("add_fields"):
            raise ConfigError("`KeysReplace` after `AddFields` has no equivalent here")
        self._endpoint.setdefault("replace_in_names", {})[old] = new
        self._renamed = "KeysReplace"

    def _flatten_at(self, transformation: Component) -> None:
        path = [self._scope.text(key) for key in transformation.get("field_path") or []]
        if transformation.get("key_transformation") or "*" in path:
            raise ConfigError("`DpathFlattenFields` with other names has no equivalent here")
        if self._endpoint.get("flatten") or self._endpoint.get("unwrap"):
            raise ConfigError("several `DpathFlattenFields` have no equivalent here")
        if transformation.get("replace_record"):
            self._endpoint["unwrap"] = path
        else:
            keep = {} if transformation.get("delete_origin_value") else {"keep": True}
            self._endpoint["flatten"] = {"type": "objects", "paths": [path], "prefix": False, "depth": 1, **keep}
        self._renamed = "DpathFlattenFields"

    def _flatten(self, transformation: Component) -> None:
        if self._scope.config is not None or self._scope.value(transformation.get("flatten_lists")) is not False:
            raise ConfigError("`FlattenFields` has an equivalent only in an imported connector, and without lists")
        if self._endpoint.get("flatten") or self._endpoint.get("add_fields"):
            raise ConfigError("`FlattenFields` after another change has no equivalent here")
        self._endpoint["flatten"] = {"type": "objects", "prefix": False}
        self._renamed = "FlattenFields"

    _KINDS: dict[str, Callable[[Transformations, Component], None]] = {  # noqa: RUF012 -- never changed
        "AddFields": _add,
        "Cast": _cast,
        "DpathFlattenFields": _flatten_at,
        "KeysReplace": _replace,
        "KeysToLower": _lower,
        "KeysToSnakeCase": _snake,
        "FlattenFields": _flatten,
        "RemoveFields": _remove,
    }


def _of_value(condition: str) -> str:
    """Returns a condition on the CDK's `property` as one on `value`."""
    return re.sub(r"\bproperty\b", "value", condition)


def _without_last_wildcards(pointer: list[str]) -> list[str]:
    """Returns the path of the fields that a pointer removes; `*` at its end is every field of an object."""
    if pointer[-1] == "*":
        raise ConfigError(f"`RemoveFields` of `{'/'.join(pointer)}` has no equivalent here")
    return pointer
