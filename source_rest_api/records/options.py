"""The options of an endpoint that filter and change its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from pydantic import AfterValidator, BeforeValidator
from pydantic.json_schema import SkipJsonSchema

from source_rest_api.formats import raw_json
from source_rest_api.model import NamedJson, Text, own
from source_rest_api.records.transformations import UNCHANGED, Reshaping
from source_rest_api.spellings import only_in_python
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Mapping


def _check_values(values: dict[str, Any]) -> dict[str, Any]:
    for name, value in values.items():
        if not all(raw_json.keys(name)):
            raise ValueError(f"`{name}` must be a field name, or field names separated by dots")
        if isinstance(value, dict | list):
            raise ValueError(f"`{name}` must be text, a number, true, false or null; else use a template")  # noqa: TRY004 -- pydantic wants a ValueError
        if isinstance(value, str):
            templates.check(value)
    return values


Condition: TypeAlias = Annotated[Text, BeforeValidator(templates.braced)]
"""An expression on a record, with or without surrounding braces."""

Values: TypeAlias = Annotated[NamedJson, AfterValidator(_check_values)]
"""Values to set in a record, by path."""


class RecordTransformation(Protocol):
    """The contract of a connector's own transformation."""

    @property
    def type(self) -> str:
        """Its name."""

    @property
    def texts(self) -> list[str]:
        """The templates that it fills. The connector keeps the fields of parents' records that they read."""

    def apply(self, records: list[dict[str, Any]], names: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Returns the changed records of a page; it may drop some.

        Args:
            records: The records as the API sent them. They may be changed in place.
            names: The values that templates read, such as `config` and `stream_interval`.

        Raises:
            SourceError: A record is unusable.
        """


OwnTransformation: TypeAlias = Annotated[
    SkipJsonSchema[Any],
    AfterValidator(only_in_python),
    own(RecordTransformation, advice="give it `type`, `texts` and `apply`"),
]
"""A transformation of a connector's own. Configs in files have none."""


class RecordOptions(Struct, frozen=True):
    """The filters and changes that the config sets. False if records are emitted unchanged."""

    transformation: RecordTransformation | None = None
    """A transformation of a connector's own."""
    filter: str | None = None
    """Condition on the record as the API sent it."""
    reshaping: Reshaping = UNCHANGED
    """Fields to remove, rename, unwrap or flatten, and changes of their names."""
    remove_when: str | None = None
    """Condition on the `value` of each field to remove."""
    add_fields: Mapping[str, Any] = {}
    """Values or templates to set, by path."""
    cast: Mapping[str, str] = {}
    """Types of values, by path."""
    schema: Mapping[str, Any] | None = None
    """JSON schema with the types that all values are cast to."""
    drop_nulls: bool = False
    """True to remove null fields at the end."""
    filter_after: str | None = None
    """Condition on the record after all changes."""

    def __bool__(self) -> bool:
        return self != RecordOptions()

    @property
    def texts(self) -> list[str]:
        """All texts that may be templates over a record."""
        own = [] if self.transformation is None else self.transformation.texts
        conditions = [text for text in (self.filter, self.filter_after) if text is not None]
        return [*own, *conditions, *(value for value in self.add_fields.values() if isinstance(value, str))]

    def without_templates(self) -> RecordOptions:
        """Returns the options without templates, for records that the API did not send, such as delete records."""
        kept = self.reshaping.model_copy(update={"remove_fields": ()}) if self.remove_when else self.reshaping
        return replace(
            self, transformation=None, filter=None, filter_after=None, add_fields={}, remove_when=None, reshaping=kept
        )
