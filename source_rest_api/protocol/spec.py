"""Generates the form that Airbyte shows for a config from the config's own models.

Airbyte's form has rules. Every `oneOf` branch is an object with a `const` property of the same name. Free maps and
`$ref` are not allowed. Required fields come first. Only top-level fields belong to groups.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from source_rest_api.spellings import ALSO, IN_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

GROUPS = {
    "connection": ("Connection", ("name", "url_base", "authentication", "secrets", "start_date", "tls", "proxy_url")),
    "endpoints": ("Endpoints", ("endpoints", "endpoints_yaml")),
    "defaults": ("Defaults for all endpoints", ("headers", "params", "pagination")),
}
"""Title and fields of each group, by group ID; all other fields belong to the last group."""

LAST_GROUP = ("limits", "Limits and retries")
_ALWAYS_SHOWN = {"start_date", "endpoints", "endpoints_yaml"}
_FIRST_OF_ENDPOINT = ("primary_key", "records_path", "params", "headers", "pagination", "incremental")
"""The fields of an endpoint that people need first; all other optional fields are folded."""
_FIRST_OF_BRANCH = {
    "api_key": ("name", "in"),
    "basic": ("password",),
    "oauth2": ("grant_type", "client_secret", "refresh_token", "scopes"),
    "login": ("username", "token_path"),
    "jwt": ("issuer", "subject", "audience", "token_url"),
    "oauth1": ("token", "token_secret"),
    "page_number": ("page_param", "page_size_param", "page_size"),
    "offset": ("offset_param", "limit_param", "limit"),
    "cursor": ("cursor_path", "cursor_param", "page_size_param", "page_size"),
    "last_record": ("page_size_param", "page_size"),
    "next_url": ("next_url_path",),
    "link_header": ("page_size_param", "page_size"),
    "datetime": ("start_param", "format", "record_format"),
    "integer": ("start_param",),
    "token": ("token_path", "start_param"),
    "form": ("fields",),
    "graphql": ("variables",),
    "csv": ("delimiter",),
    "objects": ("paths",),
}
"""The same for the branches of unions, by their `type`."""
_FIRST_OF_ITEM = {"errors": ("status", "action", "message")}
"""The same for the items of a list, by its name."""
_OF_FILES = re.compile(r" ?In a (?:config )?file[^.]*(?:\.(?! |$)[^.]*)*\.")
"""A sentence about the spelling in config files, which the form leaves out."""
_DROPPED = ("discriminator", "additionalProperties", "$defs", IN_FILE, ALSO)


def specification(model: type[BaseModel]) -> dict[str, Any]:
    """Returns the ConnectorSpecification for a config model."""
    return {
        "connectionSpecification": _without_files(form(model)),
        "supportsIncremental": True,
        "supported_destination_sync_modes": ["overwrite", "append", "append_dedup"],
    }


def form(model: type[BaseModel]) -> dict[str, Any]:
    """Returns the form for a config model, whose descriptions also tell the spelling in config files."""
    schema = model.model_json_schema(by_alias=True)
    form = _inlined(schema, schema.get("$defs", {}))
    form["$schema"] = "http://json-schema.org/draft-07/schema#"
    form["additionalProperties"] = True
    for name in _ALWAYS_SHOWN & form["properties"].keys():
        form["properties"][name]["always_show"] = True
    if "endpoints" in form["properties"]:
        _group(form)
        _put_first(form["properties"]["endpoints"]["items"], _FIRST_OF_ENDPOINT)
    return form


def _without_files(schema: Any) -> Any:
    """Returns a form whose descriptions speak to somebody who fills it in."""
    if isinstance(schema, list):
        return [_without_files(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _OF_FILES.sub("", value) if name == "description" and isinstance(value, str) else _without_files(value)
        for name, value in schema.items()
    }


def _group(form: dict[str, Any]) -> None:
    """Assigns the fields of the generic connector to groups; other connectors have a small form without groups."""
    groups = {name: group for group, (_, names) in GROUPS.items() for name in names}
    for name, field in form["properties"].items():
        field["group"] = groups.get(name, LAST_GROUP[0])
    titles = [(group, title) for group, (title, _) in GROUPS.items()] + [LAST_GROUP]
    form["groups"] = [{"id": group, "title": title} for group, title in titles]


def _put_first(schema: dict[str, Any], names: Sequence[str]) -> None:
    """Moves optional fields behind the required ones, and shows them always. Names that are no fields are ignored."""
    fields = schema["properties"]
    shown = [name for name in names if name in fields]
    order = dict.fromkeys([*schema.get("required", ()), *shown, *fields])
    schema["properties"] = {name: {**fields[name], "order": number} for number, name in enumerate(order)}
    for name in shown:
        schema["properties"][name]["always_show"] = True


def _inlined(schema: dict[str, Any], definitions: dict[str, Any], *, branch: bool = False) -> dict[str, Any]:
    """Returns a schema in the form's dialect: references are resolved, and `X | null` becomes `X`.

    A branch of a `oneOf` keeps its `type`: the form recognizes the branch by this `const` and always sends it.
    Elsewhere the form does not show `type`.
    """
    if "$ref" in schema:
        definition = definitions[schema["$ref"].rpartition("/")[2]]
        outer = {key: value for key, value in schema.items() if key != "$ref"}
        return _inlined({**definition, **outer}, definitions, branch=branch)
    if "anyOf" in schema:
        kind = next(kind for kind in schema["anyOf"] if kind.get("type") != "null")
        outer = {key: value for key, value in schema.items() if key != "anyOf"}
        return _inlined({**kind, **outer}, definitions)
    result = {key: value for key, value in schema.items() if key not in _DROPPED}
    if result.get("airbyte_secret") or not isinstance(result.get("default"), str | int | float):
        result.pop("default", None)
    if result.get("airbyte_secret"):
        result = {key: value for key, value in result.items() if key not in {"format", "writeOnly"}}
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    if "oneOf" in result:
        result["type"] = "object"
        result["oneOf"] = [_inlined(kind, definitions, branch=True) for kind in result["oneOf"]]
        for kind in result["oneOf"]:
            _put_first(kind, _FIRST_OF_BRANCH.get(kind["properties"]["type"]["const"], ()))
    if "items" in result:
        result["items"] = _inlined(result["items"], definitions)
    if "properties" in result:
        _order(result, branch=branch)
        result["properties"] = {
            name: {"order": order, **_inlined(field, definitions)}
            for order, (name, field) in enumerate(result["properties"].items())
        }
        for name in result["properties"].keys() - result.get("required", ()):
            _let_alone(result["properties"][name])
        for name, first in _FIRST_OF_ITEM.items():
            if name in result["properties"]:
                _put_first(result["properties"][name]["items"], first)
    return result


def _let_alone(field: dict[str, Any]) -> None:
    """Drops `required` from an optional object and those in it; otherwise the form wants the fields that nobody set.

    It shows these fields, because whoever wants the object has to fill them in.
    """
    if field.get("type") == "object":
        for name in field.pop("required", ()):
            field["properties"][name]["always_show"] = True
        for inner in field.get("properties", {}).values():
            _let_alone(inner)


def _order(schema: dict[str, Any], *, branch: bool) -> None:
    """Moves the required fields of an object to the front."""
    fields = {name: field for name, field in schema["properties"].items() if "const" not in field}
    required = [name for name in fields if name in schema.get("required", [])]
    if branch:
        kind = {key: value for key, value in schema["properties"]["type"].items() if key != "title"}
        fields["type"] = kind
        required.insert(0, "type")
    if required:
        schema["required"] = required
    schema["properties"] = {name: fields[name] for name in [*required, *(n for n in fields if n not in required)]}
