"""The form that Airbyte shows for a config, made from the config's own models.

The rules of Airbyte's form: every `oneOf` branch is an object that shares a `const`, there are no free maps and no
`$ref`, required fields come first, and fields stand in groups at the top only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

GROUPS = {
    "connection": ("Connection", ("name", "url_base", "authentication", "start_date")),
    "endpoints": ("Endpoints", ("endpoints", "endpoints_yaml")),
    "defaults": ("Defaults for all endpoints", ("headers", "params", "pagination")),
}
"""Group id: its title, and the fields that stand in it; all others are in the last group."""

LAST_GROUP = ("limits", "Limits and patience")
_ALWAYS_SHOWN = ("start_date", "endpoints", "endpoints_yaml")
_DROPPED = ("discriminator", "additionalProperties", "$defs")


def specification(model: type[BaseModel], documentation_url: str) -> dict[str, Any]:
    """The ConnectorSpecification for a config model."""
    schema = model.model_json_schema(by_alias=True)
    form = _inlined(schema, schema.get("$defs", {}))
    form["$schema"] = "http://json-schema.org/draft-07/schema#"
    form["additionalProperties"] = True
    groups = {name: group for group, (_, names) in GROUPS.items() for name in names}
    for name, field in form["properties"].items():
        field["group"] = groups.get(name, LAST_GROUP[0])
        if name in _ALWAYS_SHOWN:
            field["always_show"] = True
    titles = [(group, title) for group, (title, _) in GROUPS.items()] + [LAST_GROUP]
    form["groups"] = [{"id": group, "title": title} for group, title in titles]
    return {
        "documentationUrl": documentation_url,
        "connectionSpecification": form,
        "supportsIncremental": True,
        "supported_destination_sync_modes": ["overwrite", "append", "append_dedup"],
    }


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A schema in the form's dialect: references resolved, unions of one kind with null reduced to it."""
    if "$ref" in schema:
        definition = definitions[schema["$ref"].rpartition("/")[2]]
        return _inlined({**definition, **{k: v for k, v in schema.items() if k != "$ref"}}, definitions)
    if "anyOf" in schema:
        branch = next(branch for branch in schema["anyOf"] if branch.get("type") != "null")
        outer = {k: v for k, v in schema.items() if k not in {"anyOf", "default"} or (k == "default" and v is not None)}
        return _inlined({**branch, **outer}, definitions)
    result = {key: value for key, value in schema.items() if key not in _DROPPED}
    if isinstance(result.get("default"), dict | list) or result.get("airbyte_secret"):
        result.pop("default", None)
    if result.get("airbyte_secret"):
        result = {key: value for key, value in result.items() if key not in {"format", "writeOnly"}}
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    if "oneOf" in result:
        result["type"] = "object"
        result["oneOf"] = [_branch(_inlined(branch, definitions)) for branch in result["oneOf"]]
    if "items" in result:
        result["items"] = _inlined(result["items"], definitions)
    if "properties" in result:
        required = ("type", *result.get("required", ()))
        ordered = sorted(result["properties"].items(), key=lambda item: item[0] not in required)
        result["properties"] = {
            name: {"order": order, **_inlined(field, definitions)} for order, (name, field) in enumerate(ordered)
        }
    return result


def _branch(schema: dict[str, Any]) -> dict[str, Any]:
    """One kind in a `oneOf`: its `type` is the const by which the form tells it, and always written."""
    schema["properties"]["type"].pop("title", None)
    schema["required"] = ["type", *(name for name in schema.get("required", []) if name != "type")]
    return schema
