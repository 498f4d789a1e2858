"""The JSON Schema of the file accepts what the loader accepts, and refuses what it refuses."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError
from source_rest_api.formats import yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "docs/config.schema.json").read_text())
VALIDATOR = Draft7Validator(SCHEMA)
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
Place = tuple[str | int, ...]

SHORT_FORMS: dict[str, Any] = {
    "params": {"limit": 5, "all": True, "ids": ["a", 2]},
    "headers": [{"name": "Accept", "value": "text/csv"}],
    "primary_key": ["id", ["a", "b"]],
    "records_path": ["data", "items"],
    "partitions": {"repo": ["a", 1], "org": "x", "id": {"values": [1], "batch": 2}},
    "flatten": True,
    "decoder": {"type": "csv"},
    "incremental": {"cursor_field": "at", "start_date": "2024-01-01", "record_format": "%Y-%m-%d", "start_param": "a"},
    "body": {"type": "json", "value": {"a": [1]}},
    "errors": [{"status": 404, "action": "ignore"}, {"status": [403, "5xx"], "path": "ok", "values": False}],
    "authentication": {"type": "none"},
    "add_fields": {"a": 1, "b": {"c": []}},
    "schema": {"type": "object", "properties": {"id": {"type": "integer"}}},
    "include_from_parent": {"a": "b"},
    "pagination": {"type": "page_number", "page_size_param": "n", "page_size": 5},
    "http_method": "post",
}
"""An endpoint's fields in the short forms of a file, each of which has another form."""


def base(**fields: Any) -> dict[str, Any]:
    """A config with one endpoint."""
    endpoint = {"name": "rows", "path": "rows", **fields}
    return {"url_base": "https://api.example.com", "start_date": "2024-01-01T00:00:00Z", "endpoints": [endpoint]}


def loads(config: Any) -> bool:
    """True if the loader accepts a config."""
    try:
        load(config)
    except ConfigError:
        return False
    return True


def places(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value in a config, with its place."""
    yield at, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*at, key))


FREE = {"params", "headers", "value", "include_from_parent", "add_fields", "cast"}
"""Fields whose names are the user's."""
CONFIGS = [config for path in EXAMPLES if loads(config := yaml_text.load(path.read_text()))]
"""The examples, but for one whose private key has to be a real one."""
OBJECTS = [
    (number, at)
    for number, config in enumerate(CONFIGS)
    for at, value in places(config)
    if isinstance(value, dict) and not FREE & set(at)
]


def test_nearly_all_examples_load_as_they_are() -> None:
    """Their placeholders are valid values."""
    assert len(CONFIGS) == len(EXAMPLES) - 1


REQUIRED = {"name", "path", "url_base", "type", "endpoints", "cursor_field", "token", "api_key", "cursor_param"}


def changed(config: Any, at: Place) -> tuple[Any, Any]:
    """A copy of a config, and the object at a place in it."""
    copied = copy.deepcopy(config)
    inner = copied
    for key in at:
        inner = inner[key]
    return copied, inner


def test_the_schema_is_a_schema() -> None:
    """It is valid by its own dialect."""
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_accepted_and_name_the_schema(path: Path) -> None:
    """An editor finds the schema from the first line, and has nothing to say."""
    first, _, _ = path.read_text().partition("\n")
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == ROOT / "docs/config.schema.json"
    assert [error.message for error in VALIDATOR.iter_errors(yaml_text.load(path.read_text()))] == []


@pytest.mark.parametrize("name", SHORT_FORMS)
def test_short_forms_are_accepted(name: str) -> None:
    """Whatever a file may write in short, the schema knows."""
    config = base(**{name: SHORT_FORMS[name]})
    assert [error.message for error in VALIDATOR.iter_errors(config)] == []


@pytest.mark.parametrize("name", [*SHORT_FORMS, "path", "name", "explode", "deletions", "records_paths", "cast_all"])
@given(value=st.sampled_from([None, 3, 1.5, True, "", "text", [], {}, ["a"], [1], [[]], {"type": "wrong"}, {"x": "y"}]))
def test_values_of_the_wrong_type_are_refused(name: str, value: Any) -> None:
    """What the schema accepts in a field the loader accepts too, but for rules about texts and other parts."""
    config = base(**{name: value})
    of_other_parts = name in {"include_from_parent", "cast_all"} and bool(value)
    if not loads(config) and not of_other_parts:
        textual = isinstance(value, str) or value == ["a"] or name in {"schema", "partitions"}
        assert textual or not VALIDATOR.is_valid(config)


@given(where=st.sampled_from(OBJECTS), name=st.sampled_from(["typo", "pagesize", "Name", "nmae", "x-anchor"]))
def test_unknown_fields_are_refused(where: tuple[int, Place], name: str) -> None:
    """A misspelled field is refused wherever it stands, as by the loader."""
    number, at = where
    config, inner = changed(CONFIGS[number], at)
    inner[name] = "1"
    assert loads(config) == VALIDATOR.is_valid(config)


@given(where=st.sampled_from(OBJECTS), data=st.data())
def test_missing_fields_are_refused(where: tuple[int, Place], data: st.DataObject) -> None:
    """Without a required field the schema refuses; it never refuses what the loader accepts."""
    number, at = where
    config, inner = changed(CONFIGS[number], at)
    if not inner:
        return
    name = data.draw(st.sampled_from(sorted(inner)))
    del inner[name]
    if loads(config):
        assert VALIDATOR.is_valid(config)
    elif name in REQUIRED and inner and "errors" not in at:  # an empty object is unset
        assert not VALIDATOR.is_valid(config)


@given(where=st.sampled_from(OBJECTS), kind=st.sampled_from(["new", "", 3, None, "Bearer"]))
def test_unknown_kinds_are_refused(where: tuple[int, Place], kind: Any) -> None:
    """A `type` that no union has is refused."""
    number, at = where
    config, inner = changed(CONFIGS[number], at)
    if "type" in inner:
        inner["type"] = kind
        assert loads(config) == VALIDATOR.is_valid(config)


@pytest.mark.parametrize("value", ["${SIZE}", "${A_B1}"])
def test_numbers_may_come_from_the_environment(value: str) -> None:
    """A number or a boolean may be a variable, as any text may."""
    config = base(pagination={"type": "page_number", "page_size": value}, zip_arrays=value)
    assert VALIDATOR.is_valid({**config, "start_date": value, "max_concurrency": value})
