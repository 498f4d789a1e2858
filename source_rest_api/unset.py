"""Settings that Airbyte's form always sends, although the user did not set them.

The form selects the first branch of each union and sends an empty object for each group, and nobody can unselect them.
So an optional union begins with a branch that means "not set", and an empty group is not set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

_EMPTY: tuple[object, ...] = (None, [], {}, "", False, {"type": "none"})
"""Values of a field that is not set; the last one is that of an optional union."""


def group(value: object) -> object:
    """Returns a group of fields unchanged, or None if all of them are empty or not set."""
    empty = isinstance(value, dict) and all(inner in _EMPTY for inner in value.values())
    return None if empty else value


class UnsetBranch(Struct, frozen=True):
    """Annotates an optional union: its first branch, `{type: …}`, validates as None.

    Args:
        kind: The `type` of the branch.
        title: Its title in the form.
        description: What it means, for the form.
    """

    kind: str
    title: str
    description: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Returns the schema of the union, preceded by the test for the branch."""
        return core_schema.no_info_before_validator_function(self._unset, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Returns the JSON schema of the union with the branch in front."""
        union = next(kind for kind in handler(schema)["anyOf"] if kind.get("type") != "null")
        kind = {"const": self.kind, "default": self.kind, "title": "Type", "type": "string"}
        branch = {
            "type": "object",
            "title": self.title,
            "description": self.description,
            "properties": {"type": kind},
        }
        return {"oneOf": [branch, *union.get("oneOf", [union])]}

    def _unset(self, value: object) -> object:
        if not isinstance(value, dict) or value.get("type", self.kind if not value else None) != self.kind:
            return value
        if len(value) > 1:
            raise ValueError(f"`type: {self.kind}` has no other fields: remove them, or set another `type`")
        return None
