"""Unions of models of which only those in use are built.

pydantic builds the validators of all models in a union, although a config uses one or two of them. With `ByType`, a
model is built when the first value of its `type` is validated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Union, get_args

from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import SchemaValidator, core_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue


class ByType:
    """Annotates a union of models: the field `type` of a value chooses the model, as `Field(discriminator="type")`."""

    def __init__(self) -> None:
        self._choice = _Choice(())

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Returns a schema without those of the models."""
        self._choice = _Choice(get_args(source))
        return core_schema.no_info_plain_validator_function(self._choice)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Returns the JSON schema of the whole union."""
        return handler(self._choice.whole().core_schema)


class _Choice:
    """Validates a value as the model of its `type`. Errors are those of pydantic's own discriminated union."""

    def __init__(self, models: Sequence[type[BaseModel]]) -> None:
        self._models = {str(model.model_fields["type"].default): model for model in models}
        self._validators: dict[str, SchemaValidator] = {}

    def __call__(self, value: Any) -> Any:
        if type(value) in self._models.values():
            return value
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in self._models:
            return self.whole().validate_python(value)
        validator = self._validators.get(kind)
        if validator is None:
            validator = self._validators[kind] = self._built(kind)
        return validator.validate_python(value)

    def _built(self, kind: str) -> SchemaValidator:
        model = self._models[kind]
        model.model_rebuild()
        return SchemaValidator(core_schema.tagged_union_schema({kind: model.__pydantic_core_schema__}, "type"))

    def whole(self) -> TypeAdapter[Any]:
        """Returns the whole union."""
        union: Any = Union[tuple(self._models.values())]  # noqa: UP007 -- the members are known only here
        adapter: TypeAdapter[Any] = TypeAdapter(Annotated[union, Field(discriminator="type")])
        return adapter
