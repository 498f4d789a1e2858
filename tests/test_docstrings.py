"""The texts below a model's fields are what the form says of them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from pydantic import Field

from source_rest_api import field_docs
from source_rest_api.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable


class Base(Model):
    """What others build on."""

    first: int = 1
    """Of the
    base."""
    second: int = Field(default=1, alias="2nd")
    """Has another name outside."""
    third: int = 1
    fourth: int = Field(default=1, description="Said in the field.")
    """Said below."""


class Derived(Base):
    """Says more."""

    first: int = 2
    """Of its own."""
    fifth: int = 1
    """Added."""

    class Inner(Model):
        """Stands inside."""

        sixth: int = 1
        """Inside."""


def test_each_class_has_the_texts_of_its_own_fields() -> None:
    """Texts have no indents; fields without a text are omitted."""
    assert field_docs.of(Base) == {
        "first": "Of the\nbase.",
        "second": "Has another name outside.",
        "fourth": "Said below.",
    }
    assert field_docs.of(Derived) == {"first": "Of its own.", "fifth": "Added."}
    assert field_docs.of(Derived.Inner) == {"sixth": "Inside."}


@pytest.mark.parametrize("make", [lambda: 1, lambda: 2])
def test_of_classes_of_one_name_each_has_its_own(make: Callable[[], int]) -> None:
    """A class in a function is not one of the module."""

    class Base(Model):
        other: int = make()
        """Here."""

    assert field_docs.of(Base) == {"other": "Here."}


def test_a_class_without_source_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module made by hand, or one with only byte code."""
    monkeypatch.setitem(sys.modules, "made_by_hand", ModuleType("made_by_hand"))
    for name in ("made_by_hand", "gone"):
        assert field_docs.of(type("Made", (), {"__module__": name})) == {}


def test_the_schema_has_them() -> None:
    """By alias; a class overrides its base, and `description` of a field overrides both."""
    described = {name: field.get("description") for name, field in Derived.model_json_schema()["properties"].items()}
    assert described == {
        "first": "Of its own.",
        "2nd": "Has another name outside.",
        "third": None,
        "fourth": "Said in the field.",
        "fifth": "Added.",
    }
