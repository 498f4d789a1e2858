"""How a config file may spell a value, where Airbyte's form has only one way.

The form has no free maps and no choice of types, so its schema of `params` is an array of `{name, value}`. A file may
also hold a mapping. One type validates both; `InFile` states the second spelling for the JSON Schema of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

IN_FILE = "in_file"
"""Key in a JSON Schema: the keywords that replace those of the form in the schema of the file."""
ALSO = "also_in_file"
"""Key in a JSON Schema: the schema of another spelling in the file."""
LIKE = "like"
"""Key below `ALSO`: the name of a field of the whole config that is spelled alike."""

SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
TEXTS: dict[str, Any] = {
    "type": [*SCALAR["type"], "null", "array"],
    "items": {"type": [*SCALAR["type"], "null"]},
}
SEVERAL: dict[str, Any] = {"type": [*SCALAR["type"], "array"], "items": SCALAR}
PATH: dict[str, Any] = {
    "type": ["string", "array"],
    "minLength": 1,
    "minItems": 1,
    "items": {"type": "string", "minLength": 1},
}
PATHS: dict[str, Any] = {"type": ["string", "array"], "minLength": 1, "items": PATH}


def mapping(value: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keywords of a mapping, or of an array of `{name, value}`, from the schema of its values."""
    item = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "value": value},
        "required": ["name"],
        "additionalProperties": False,
    }
    return {"type": ["object", "array"], "additionalProperties": value, "items": item}


class InFile(Struct, frozen=True, eq=False):
    """Annotates a type with its spelling in files.

    Args:
        keywords: Keywords of JSON Schema that replace those of the form.
        key: `ALSO` if they are the schema of another spelling instead.
    """

    keywords: Mapping[str, Any]
    key: str = IN_FILE

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Returns the schema of the form, with the spelling in files under a key of its own."""
        return {**handler(core_schema), self.key: dict(self.keywords)}


def only_in_python(value: object) -> None:
    """Refuses whatever a file writes in the place of a component of a connector's own.

    Raises:
        ValueError: The file sets it.
    """
    if value is not None:
        raise ValueError("is for connectors in Python; a file cannot set it")
