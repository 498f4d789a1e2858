"""The base of every component, and the field types that they share."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from source_rest_api import templates


class Model(BaseModel):
    """A part of the config: frozen, strict about unknown keys, silent about values in its errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )


def _text(value: object) -> object:
    """Numbers and booleans may be written without quotes; JSON's spelling is what APIs expect."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


def _check_template(value: object) -> object:
    if isinstance(value, str):
        templates.check(value)
    return value


def _segments(value: object) -> object:
    return tuple(value.split(".")) if isinstance(value, str) and value else value


def _mapping(value: object) -> object:
    """Read `[{name, value}, ...]` (Airbyte's form has no free maps) as the mapping that it stands for."""
    if not isinstance(value, list):
        return value
    result: dict[str, Any] = {}
    for index, item in enumerate(value):
        if not isinstance(item, dict) or not {"name"} <= set(item) <= {"name", "value"}:
            raise ValueError(f"entry {index} must be an object with `name` and `value`")
        if item["name"] in result:
            raise ValueError(f"the name {item['name']!r} stands there twice; give its values as a list")
        result[item["name"]] = item.get("value", "")
    return result


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Text: TypeAlias = Annotated[str, BeforeValidator(_check_template), BeforeValidator(_text)]
"""Text in which `{{ ... }}` is a template; numbers and booleans are taken as JSON writes them."""

Secret: TypeAlias = Annotated[SecretStr, Field(json_schema_extra={"airbyte_secret": True})]
"""A value that is never shown."""

Path: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(_segments), WithJsonSchema({"type": "string"}, mode="validation")
]
"""Keys from the outside in, written with dots (`data.items`) or, where a key has a dot, as a list."""

Paths: TypeAlias = Annotated[
    tuple[Path, ...],
    BeforeValidator(_one_or_many),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}, mode="validation"),
]
"""One path or several, as a primary key has them."""

NamedTexts: TypeAlias = Annotated[
    dict[str, Text | list[Text]],
    BeforeValidator(_mapping),
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "value"],
                "properties": {
                    "name": {"type": "string", "title": "Name", "order": 0},
                    "value": {"type": "string", "title": "Value", "order": 1},
                },
            },
        },
        mode="validation",
    ),
]
"""Query parameters or headers: a mapping, or an array of `{name, value}`."""
