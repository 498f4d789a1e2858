"""Models that are built when a config uses them, not together with the model that may contain them.

A config uses a few of the many models it may contain, and pydantic would build them all. Values, errors and JSON
schemas are those that pydantic gives without these annotations.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import Field, TypeAdapter
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue


class WhenUsed:
    """Annotates a model, or `Model | None`: the first value builds the model."""

    def __init__(self) -> None:
        self._whole: Any = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Returns a schema without those of the models."""
        self._whole = source
        models = [each for each in get_args(source) if each is not NoneType]
        return core_schema.nullable_schema(_deferred(*models)) if models else _deferred(source)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Returns the JSON schema with those of the models."""
        whole: TypeAdapter[Any] = TypeAdapter(self._whole)
        return handler(core_schema.chain_schema([whole.core_schema]))  # inside another schema it keeps its descriptions


class ByType(WhenUsed):
    """Annotates a union of models: the field `type` of a value chooses the model, as `Field(discriminator="type")`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Returns a schema without those of the models."""
        self._whole = Annotated[source, Field(discriminator="type")]
        choices = {str(model.model_fields["type"].default): _deferred(model) for model in get_args(source)}
        dumped_by_itself = core_schema.simple_ser_schema("any")
        return core_schema.tagged_union_schema(choices, "type", serialization=dumped_by_itself)


def _deferred(model: type[BaseModel]) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(model.model_validate)
