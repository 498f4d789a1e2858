"""The JSON Schema of a config file, for editors: the models' own schema, with the short forms that a file may use."""

from __future__ import annotations

from typing import Any

from source_rest_api.config.config import Config
from source_rest_api.spellings import ALSO, IN_FILE, LIKE

_OF_THE_FORM = frozenset(
    {"airbyte_secret", "discriminator", "format", "multiline", "pattern_descriptor", "title", "writeOnly", "order"}
)
"""Keywords that only Airbyte's form reads."""
_NAMED = frozenset({"properties", "$defs"})
"""Keywords whose value is a mapping of names to schemas."""
_VARIABLE = r"\$\{[A-Za-z_]\w*\}"
"""A text that reads the environment, which may stand for a number, a boolean or a date."""


def file_schema() -> dict[str, Any]:
    """The schema of the whole file."""
    schema = _file(Config.model_json_schema(by_alias=True))
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Config of source-rest-api",
        **schema,
        "patternProperties": {"^_": {}},
        "anyOf": [{"required": ["endpoints"]}, {"required": ["endpoints_yaml"]}],
    }


def _file(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema in the spelling of files."""
    other = schema.get(ALSO)
    if other and LIKE in other:
        other = {"$ref": f"#/properties/{other[LIKE]}"}
    result = {name: value for name, value in schema.items() if name not in {*_OF_THE_FORM, IN_FILE, ALSO}}
    result |= _nested(result)
    if _is_tagged(schema):
        result |= _tagged(schema)
    result |= schema.get(IN_FILE, {})
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    if result.get("type") in ("integer", "number", "boolean"):
        result |= {"type": [result["type"], "string"], "pattern": f"^{_VARIABLE}$"}
    elif "pattern" in result:
        result["pattern"] += f"|{_VARIABLE}"
    choices = [*([other] if other else []), *([{"type": "null"}] if _may_be_null(schema) else [])]
    return _with(result, choices) if choices else result


def _nested(schema: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _NAMED:
            nested[name] = {key: _file(inner) for key, inner in value.items()}
        elif name in {"oneOf", "anyOf", "allOf"}:
            nested[name] = [_file(inner) for inner in value]
        elif name in {"items", "additionalProperties"} and isinstance(value, dict):
            nested[name] = _file(value)
    return nested


def _is_tagged(schema: dict[str, Any]) -> bool:
    """True for a branch of a union, which its `type` names."""
    return "const" in schema.get("properties", {}).get("type", {})


def _tagged(schema: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a branch: only the one that means "not set" may be an empty object."""
    if "additionalProperties" not in schema:
        return {"additionalProperties": False}
    return {"required": ["type", *schema.get("required", [])]}


def _may_be_null(schema: dict[str, Any]) -> bool:
    nullable = any(inner.get("type") == "null" for inner in schema.get("anyOf", []))
    return "default" in schema and schema["default"] is None and not nullable and len(schema) > 1


def _with(schema: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    """A schema that also accepts further choices."""
    told: dict[str, Any] = {name: schema[name] for name in ("description", "default") if name in schema}
    rest = {name: value for name, value in schema.items() if name not in told}
    told["anyOf"] = [rest, *choices]
    return told
