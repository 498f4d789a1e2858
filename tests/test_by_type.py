"""Unions of models of which only those in use are built: the same values and errors as pydantic's own unions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from source_rest_api.by_type import ByType
from source_rest_api.model import Model


class Circle(Model):
    """A shape."""

    type: Literal["circle"] = "circle"
    radius: int


class Square(Model):
    """Another shape."""

    type: Literal["square"] = "square"
    side: int = 1


class Cube(Square):
    """A shape that is not in the union, though it looks like one that is."""


def adapters() -> tuple[TypeAdapter[Any], TypeAdapter[Any]]:
    """The union as we build it, and as pydantic does."""
    ours: Any = Annotated[Circle | Square, ByType()]
    theirs: Any = Annotated[Circle | Square, Field(discriminator="type")]
    return TypeAdapter(list[ours | None]), TypeAdapter(list[theirs | None])


@pytest.mark.parametrize(
    "value",
    [
        {"type": "circle", "radius": 2},
        {"type": "square"},
        {"type": "circle"},
        {"type": "circle", "radius": "x", "side": 1},
        {"type": "triangle"},
        {"type": ["circle"]},
        {"type": 1},
        {},
        None,
        "circle",
        ["circle"],
        Circle(radius=2),
        Cube(side=2),
        Model(),
    ],
)
def test_values_and_errors_are_those_of_pydantic(value: object) -> None:
    """Errors have the same kinds, places and messages."""
    ours, theirs = adapters()
    assert outcome(ours, value) == outcome(theirs, value)


def outcome(adapter: TypeAdapter[Any], value: object) -> str:
    """The validated value or the errors, as text."""
    try:
        return repr(adapter.validate_python([value]))
    except ValidationError as error:
        return repr(error.errors(include_url=False, include_input=False))


def test_the_json_schema_is_that_of_pydantic() -> None:
    """The form comes from it."""
    ours, theirs = adapters()
    assert ours.json_schema() == theirs.json_schema()


def test_only_the_model_in_use_is_built() -> None:
    """The other one stays a declaration."""

    class Used(Model):
        type: Literal["used"] = "used"

    class Unused(Model):
        type: Literal["unused"] = "unused"

    union: Any = Annotated[Used | Unused, ByType()]
    adapter = TypeAdapter(union)
    assert adapter.validate_python({"type": "used"}) == Used()
    assert Used.__pydantic_complete__
    assert not Unused.__pydantic_complete__
