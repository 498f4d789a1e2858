"""The options of an endpoint that say which of its records are kept, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from pydantic import AfterValidator, BeforeValidator

from source_rest_api.model import NamedJson, Text
from source_rest_api.records.transformations import Reshaping
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Mapping


def _check_values(values: dict[str, Any]) -> dict[str, Any]:
    for name, value in values.items():
        if not all(name.split(".")):
            raise ValueError(f"`{name}` must be the name of a field, or names divided by dots")
        if isinstance(value, dict | list):
            raise ValueError(f"`{name}` must be text, a number, true, false or null; a template may give anything")  # noqa: TRY004 -- pydantic wants a ValueError
        if isinstance(value, str):
            templates.check(value)
    return values


Condition: TypeAlias = Annotated[Text, BeforeValidator(templates.braced)]
"""An expression on a record, with or without braces around it."""

Values: TypeAlias = Annotated[NamedJson, AfterValidator(_check_values)]
"""Paths in a record, and the values to put there."""


class RecordOptions(Struct, frozen=True):
    """Changes of records as the config asks for them; false if records are emitted as they came."""

    filter: str | None = None
    """Condition on the record as the API sent it."""
    reshaping: Reshaping = Reshaping()
    """Fields removed, renamed, flattened, in snake case."""
    add_fields: Mapping[str, Any] = {}
    """Paths, and the values or templates to put there."""
    cast: Mapping[str, str] = {}
    """Paths, and the types of the values there."""
    schema: Mapping[str, Any] | None = None
    """JSON schema whose types all values are cast to."""
    filter_after: str | None = None
    """Condition on the record as it is emitted."""

    def __bool__(self) -> bool:
        return self != RecordOptions()

    @property
    def texts(self) -> list[str]:
        """All texts that may be templates which read a record."""
        conditions = [text for text in (self.filter, self.filter_after) if text is not None]
        return [*conditions, *(value for value in self.add_fields.values() if isinstance(value, str))]

    def without_templates(self) -> RecordOptions:
        """The options that shape a record, whatever it holds: for records that the API did not send."""
        return replace(self, filter=None, filter_after=None, add_fields={})
