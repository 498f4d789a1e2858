"""Fields accept what people mean, and errors do not show the rejected value."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from source_rest_api.model import Json, Model, NamedTexts, Path, Paths, Secret, Text, own, texts_of


class Part(Model):
    """A part of a config, as components are."""

    page_size_param: str = "limit"
    """Name of a parameter."""
    seconds: float = 1
    """A number."""
    token: Secret | None = None
    """A secret."""


class NextUrl(Model):
    """A component with an acronym in its name."""

    url_base: str = ""
    """Field with one as well."""
    http_method: str = ""
    json_schema: str = ""
    api_key: str = ""
    first_page: int = 1


def read(kind: Any, value: object) -> Any:
    """Read a value as a field of this kind does."""
    return TypeAdapter[Any](kind).validate_python(value)


def problem(kind: Any, value: object) -> str:
    """Returns the error for a value that the field rejects."""
    with pytest.raises(ValidationError) as caught:
        read(kind, value)
    return str(caught.value.errors()[0]["msg"])


def test_a_part_is_frozen() -> None:
    """A component never changes, so threads can share it."""
    with pytest.raises(ValidationError, match="frozen"):
        Part().seconds = 2  # type: ignore[misc]


def test_unknown_keys_are_refused() -> None:
    """A typo in a key is not passed over."""
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Part.model_validate({"page_sise_param": "x"})


@pytest.mark.parametrize("value", [{"seconds": "hush-hush"}, {"token": ["hush-hush"]}, {"other": "hush-hush"}])
def test_values_are_not_shown(value: dict[str, object]) -> None:
    """An error's text does not hold the value that it is about."""
    with pytest.raises(ValidationError) as caught:
        Part.model_validate(value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_numbers_are_finite(value: float) -> None:
    """Infinite waits are rejected."""
    with pytest.raises(ValidationError, match="finite"):
        Part(seconds=value)


def test_a_secret_is_not_printed() -> None:
    """The representation of a component is fit for logs."""
    assert "hush-hush" not in repr(Part.model_validate({"token": "hush-hush"}))


def test_titles_read_well() -> None:
    """The form shows names as people write them, acronyms in capitals."""
    schema = NextUrl.model_json_schema()
    titles = [field["title"] for field in schema["properties"].values()]
    assert [schema["title"], *titles] == ["Next URL", "URL base", "HTTP method", "JSON schema", "API key", "First page"]
    assert Part.model_json_schema()["properties"]["page_size_param"]["title"] == "Page size parameter"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("", ""),
        (100, "100"),
        (12345678901234567890123, "12345678901234567890123"),
        (-1.5, "-1.5"),
        (True, "true"),
        (False, "false"),
        ("{{ config['a'] }}", "{{ config['a'] }}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
    ],
)
def test_text_may_be_written_without_quotes(value: object, text: str) -> None:
    """Numbers and booleans become what JSON writes for them."""
    assert read(Text, value) == text


@pytest.mark.parametrize("value", [None, [], {}, ["a"]])
def test_text_is_a_scalar(value: object) -> None:
    """Null, lists and objects are no text."""
    assert problem(Text, value) == "Input should be a valid string"


def test_text_is_checked_as_a_template() -> None:
    """A broken template is an error of the config, with its line."""
    assert "template error in line 2" in problem(Text, "a\n{{ config. }}")


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("id", ("id",)),
        ("data.items", ("data", "items")),
        ("$", ("$",)),
        ("data.0.items", ("data", "0", "items")),
        (["@odata.nextLink"], ("@odata.nextLink",)),
        (["data", "a.b"], ("data", "a.b")),
        ("größe.数", ("größe", "数")),
    ],
)
def test_a_path_is_written_with_dots_or_as_a_list(value: object, keys: tuple[str, ...]) -> None:
    """Dots divide keys; a key that contains a dot needs a list."""
    assert read(Path, value) == keys


@pytest.mark.parametrize("value", ["", ".", "a.", ".a", "a..b", [], [""], 5, None, {}, [1], [["a"]]])
def test_a_path_has_keys(value: object) -> None:
    """No path is empty, nor any of its keys."""
    assert "must be keys separated by dots" in problem(Path, value)


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("id", (("id",),)),
        ("meta.id", (("meta", "id"),)),
        (["id", "meta.lang"], (("id",), ("meta", "lang"))),
        ([["a.b"], "c"], (("a.b",), ("c",))),
        ([], ()),
    ],
)
def test_a_key_is_one_path_or_several(value: object, paths: tuple[tuple[str, ...], ...]) -> None:
    """`primary_key: id` is the same as `primary_key: [id]`."""
    assert read(Paths, value) == paths


@pytest.mark.parametrize("value", [5, None, {"id": "x"}])
def test_a_key_is_nothing_else(value: object) -> None:
    """Numbers and objects are no primary key."""
    assert "must be a path such as `id`, or a list of paths" in problem(Paths, value)


@given(st.dictionaries(st.text(), st.integers() | st.booleans() | st.text("abc") | st.lists(st.text("abc"))))
def test_an_array_of_names_and_values_is_the_mapping(mapping: dict[str, Any]) -> None:
    """Both spellings of parameters and headers give the same."""
    array = [{"name": name, "value": value} for name, value in mapping.items()]
    assert read(NamedTexts, array) == read(NamedTexts, mapping)


def test_values_of_parameters() -> None:
    """A parameter has one text or several; a value that the form left out is empty."""
    given_ = [{"name": "a", "value": 1}, {"name": "b", "value": ["x", True]}, {"name": "c"}]
    assert read(NamedTexts, given_) == {"a": "1", "b": ["x", "true"], "c": ""}
    assert texts_of(read(NamedTexts, given_), {"d": "y"}) == ["1", "x", "true", "", "y"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([{"value": "hush"}], "entry 0 must be an object with `name` and `value`"),
        ([{"name": "a", "value": 1}, "hush"], "entry 1 must be an object with `name` and `value`"),
        ([{"name": "a", "valeu": "hush"}], "entry 0 must be an object with `name` and `value`"),
        ([{"name": ["hush"], "value": 1}], "entry 0: `name` must be text"),
        ([{"name": "hush"}, {"name": "hush"}], "entry 1 repeats the name of an earlier entry"),
        ({"a": {"b": "hush"}}, "must be text, a number, true, false, or a list of these"),
        ({"a": ["x", ["hush"]]}, "must be text, a number, true, false, or a list of these"),
        ({"a": ["{{ hush"]}, "template error in line 1"),
    ],
)
def test_what_is_wrong_with_parameters(value: object, said: str) -> None:
    """The error names the entry, but does not show its value."""
    message = problem(NamedTexts, value)
    assert said in message
    assert "hush" not in message


@pytest.mark.parametrize(
    ("value", "result"),
    [('{"a": [1, null]}', {"a": [1, None]}), ({"a": 1}, {"a": 1}), ("[]", []), ('"text"', "text"), (5, 5)],
)
def test_json_is_a_value_or_its_text(value: object, result: object) -> None:
    """Airbyte's form gives JSON as text, a file gives the value."""
    assert read(Json, value) == result


@pytest.mark.parametrize("value", ["", "hush", '{"hush": }', "{'hush': 1}", "[1,]", "NaN"])
def test_text_that_is_not_json(value: str) -> None:
    """The error says that it is not JSON, without quoting it."""
    message = problem(Json, value)
    assert "not valid JSON" in message
    assert "hush" not in message


class Verbs(Protocol):
    """A contract of two members."""

    @property
    def name(self) -> str:
        """A field will do."""

    def act(self) -> None:
        """A verb."""


class Named(Model):
    name: str = "x"


class Acting(Named):
    def act(self) -> None:
        """Keep the contract."""


class Holder(Model):
    part: Annotated[Named, own(Verbs, advice="give it `act`")]


def test_a_component_of_ones_own_keeps_the_contract() -> None:
    """An object of the wrong kind is an error of the config that names what is missing, not a crash of the read."""
    acting = Acting()
    assert Holder(part=acting).part is acting
    with pytest.raises(ValidationError, match="`Named` has no `act`; give it `act`"):
        Holder(part=Named())
