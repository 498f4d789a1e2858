"""The JSON schema of a stream's records: declared, or loaded by Python code when `discover` needs it."""

from __future__ import annotations

from typing import Annotated, Any, Protocol, TypeAlias

from pydantic import AfterValidator
from pydantic.json_schema import SkipJsonSchema

from source_rest_api.model import Json, own
from source_rest_api.spellings import only_in_python


def _check(value: Any) -> Any:
    if value is not None and not (isinstance(value, dict) and isinstance(value.get("properties"), dict)):
        raise ValueError("must be the JSON schema of an object, with `properties`")
    return value


JsonSchema: TypeAlias = Annotated[Json, AfterValidator(_check)]
"""A JSON schema of an object."""


class SchemaProtocol(Protocol):
    """The contract of a schema of a connector's own."""

    @property
    def type(self) -> str:
        """Its name."""

    def load(self) -> dict[str, Any]:
        """Returns the JSON schema of a record.

        Raises:
            SourceError: It cannot be loaded.
        """


OwnSchema: TypeAlias = Annotated[
    SkipJsonSchema[Any], AfterValidator(only_in_python), own(SchemaProtocol, advice="give it `type` and `load`")
]
"""A schema of a connector's own. Configs in files have none."""
