"""Models that are built when they are used: the same values, errors and schemas as if pydantic built them at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from source_rest_api.lazy_models import ByType, WhenUsed
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


def holders() -> tuple[type[BaseModel], type[BaseModel]]:
    """A model with parts that are built when used, and the same as pydantic builds it."""

    class Ours(Model):
        one: Annotated[Circle | None, WhenUsed()] = None
        many: tuple[Annotated[Square, WhenUsed()], ...] = ()
        union: Annotated[Circle | Square, ByType()] | None = None

    class Theirs(Model):
        one: Circle | None = None
        many: tuple[Square, ...] = ()
        union: Annotated[Circle | Square, Field(discriminator="type")] | None = None

    return Ours, Theirs


@pytest.mark.parametrize(
    "value",
    [
        {"one": {"radius": 2}, "many": [{}, {"side": 3}], "union": {"type": "square"}},
        {"one": None},
        {"one": Circle(radius=1), "many": [Cube()]},
        {"one": {"radius": "x", "side": 1}, "many": [{"side": 1}, {"size": 2}, None]},
        {"one": Square(), "many": [[]]},
    ],
)
def test_parts_of_a_model_are_those_of_pydantic(value: dict[str, object]) -> None:
    """Values, what is dumped of them, and errors."""
    ours, theirs = (_dumped(model, value) for model in holders())
    assert ours == theirs


def _dumped(model: type[BaseModel], value: dict[str, object]) -> object:
    try:
        return model.model_validate(value).model_dump(exclude_unset=True)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)


def test_a_part_that_no_value_uses_is_not_built() -> None:
    """Its JSON schema builds it, because that has all parts."""

    class Part(Model):
        size: int
        """How large it is."""

    class Whole(Model):
        part: Annotated[Part | None, WhenUsed()] = None

    assert Whole().part is None
    assert not Part.__pydantic_complete__
    assert Whole.model_json_schema()["$defs"]["Part"]["properties"]["size"]["description"] == "How large it is."
