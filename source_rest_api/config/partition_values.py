"""Lists of values to read a stream for: written down, from the config, or from the records of other streams."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, WithJsonSchema

from source_rest_api.model import Model
from source_rest_api.templates import templates


def _one_or_many(value: object) -> object:
    values = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(item, str | int | float) for item in values):
        raise ValueError("must be texts, numbers, true or false, or templates that give a list")
    for item in values:
        if isinstance(item, str):
            templates.check(item)
    return tuple(values)


Values: TypeAlias = Annotated[
    tuple[Any, ...],
    BeforeValidator(_one_or_many),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}, mode="validation"),
]
"""One value or several. What a template gives counts with its type, and a list as its items."""


class PartitionValues(Model):
    """Values that a stream is read for, one after the other, each once."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    """Name by which templates know the value: `repo` for `{{ repo }}`."""
    values: Annotated[Values, Field(min_length=1)]
    """The values. A template may give a list, `{{ config['repos'] }}`; one that names a stream, `{{ repos.id }}`, gives
    a value for each of its records."""
    otherwise: Values = ()
    """The values if there are none in `values`, such as `{{ repos.id }}` where the config may leave its list empty."""
    batch: PositiveInt | None = None
    """How many values go into one request; templates then know a list of them, as in `{{ ids | join(',') }}`."""

    @property
    def texts(self) -> list[str]:
        """All texts that may be templates."""
        return [value for value in (*self.values, *self.otherwise) if isinstance(value, str)]


def _from_mapping(value: object) -> object:
    """Read `{repo: [a, b]}` as the list that it stands for."""
    if not isinstance(value, dict):
        return value
    return [{"name": name, **(of if isinstance(of, dict) else {"values": of})} for name, of in value.items()]


def _check_names(lists: tuple[PartitionValues, ...]) -> tuple[PartitionValues, ...]:
    names = [of.name for of in lists]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the name `{name}` is used twice")
    return lists


PartitionLists: TypeAlias = Annotated[
    tuple[PartitionValues, ...], BeforeValidator(_from_mapping), AfterValidator(_check_names)
]
"""Lists by their names: a mapping, or an array of objects."""
