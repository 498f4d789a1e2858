"""Lists of values to read a stream for: literal, from the config, or from the records of other streams."""

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, WithJsonSchema

from source_rest_api.lazy_models import WhenUsed
from source_rest_api.model import Model
from source_rest_api.spellings import SEVERAL, InFile
from source_rest_api.templates import templates


def _one_or_many(value: object) -> object:
    values = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(item, str | int | float) for item in values):
        raise ValueError("must be texts, numbers, booleans, or templates that return a list")
    for item in values:
        if isinstance(item, str):
            templates.check(item)
    return tuple(values)


Values: TypeAlias = Annotated[
    tuple[Any, ...],
    BeforeValidator(_one_or_many),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}, mode="validation"),
    InFile(SEVERAL),
]
"""One value or several. The result of a template keeps its type; a list counts as its items."""


class PartitionValues(Model):
    """Values to read a stream for, one after the other. Duplicates are skipped."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    """Name of the value in templates: `repo` for `{{ repo }}`."""
    values: Annotated[Values, Field(min_length=1)]
    """The values. A template may return a list, as in `{{ config['repos'] }}`. A template that names a stream, such as
    `{{ repos.id }}`, returns one value for each record of that stream."""
    otherwise: Values = ()
    """Fallback if `values` is empty, such as `{{ repos.id }}` if the list in the config is optional."""
    batch: PositiveInt | None = None
    """Number of values in one request. The name is then a list in templates, as in `{{ ids | join(',') }}`."""

    @property
    def texts(self) -> list[str]:
        """All texts that may be templates."""
        return [value for value in (*self.values, *self.otherwise) if isinstance(value, str)]


def _from_mapping(value: object) -> object:
    """Converts the short form `{repo: [a, b]}` to an array of objects."""
    if not isinstance(value, dict):
        return value
    return [{"name": name, **(of if isinstance(of, dict) else {"values": of})} for name, of in value.items()]


def _check_names(lists: tuple[PartitionValues, ...]) -> tuple[PartitionValues, ...]:
    names = [of.name for of in lists]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two lists have the name `{name}`; rename one")
    return lists


_SHORT = {
    "type": [*SEVERAL["type"], "object"],
    "items": SEVERAL["items"],
    "properties": {"values": SEVERAL, "otherwise": SEVERAL, "batch": {"type": "integer", "minimum": 1}},
    "required": ["values"],
    "additionalProperties": False,
}
"""The schema of a list in the short form: its values, or an object with them."""

PartitionLists: TypeAlias = Annotated[
    tuple[Annotated[PartitionValues, WhenUsed()], ...],
    BeforeValidator(_from_mapping),
    AfterValidator(_check_names),
    InFile({"type": ["array", "object"], "additionalProperties": _SHORT}),
]
"""Named lists: a mapping from name to values, or an array of objects."""
