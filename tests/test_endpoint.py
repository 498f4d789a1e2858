"""An endpoint needs a name and a path; everything else has a default that reads one page of everything."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from source_rest_api.config.endpoint import Endpoint
from source_rest_api.records.selectors import RecordSelector


def endpoint(**settings: Any) -> Endpoint:
    """An endpoint as a config has it."""
    return Endpoint.model_validate({"name": "a", "path": "/a", **settings})


def test_defaults() -> None:
    """A name and a path are enough."""
    bare = endpoint()
    assert (bare.http_method, bare.params, bare.headers, bare.body) == ("GET", {}, {}, None)
    assert (bare.primary_key, bare.pagination, bare.incremental, bare.json_schema) == ((), None, None, None)
    assert bare.selector == RecordSelector(records_path=None, allow_missing_records=False)
    assert bare.texts == ["/a"]


def test_its_selector_has_its_settings() -> None:
    """The selector uses the endpoint's settings for records."""
    selector = endpoint(records_path="data.items", allow_missing_records=True).selector
    assert selector == RecordSelector(records_path=("data", "items"), allow_missing_records=True)


def test_a_copy_makes_its_own_selector_and_options() -> None:
    """A copy with other settings does not reuse cached objects of the original."""
    first = endpoint(records_path="a", filter="record.x", snake_case=True)
    assert first.record_options.texts == ["{{ record.x }}"]
    assert first.selector.records_path == ("a",)
    other = first.model_copy(update={"records_path": ("b",), "filter": None, "snake_case": False})
    assert other.selector.records_path == ("b",)
    assert not other.record_options
    assert first.record_options


def test_all_texts_that_may_be_templates() -> None:
    """Path, parameters, headers and body: what is not in this list is never looked at for parents."""
    texts = endpoint(
        path="/{{ p.a }}",
        params={"x": "{{ p.b }}", "y": ["{{ p.c }}", 5]},
        headers={"H": "{{ p.d }}"},
        body={"type": "json", "value": {"k": ["{{ p.e }}"]}},
    ).texts
    assert texts == ["/{{ p.a }}", "{{ p.b }}", "{{ p.c }}", "5", "{{ p.d }}", "{{ p.e }}"]


@pytest.mark.parametrize(("name", "variable"), [("orders", "orders"), ("my orders/v2", "my_orders_v2")])
def test_its_name_in_templates(name: str, variable: str) -> None:
    """Any name will do for a stream."""
    assert endpoint(name=name).variable == variable


@pytest.mark.parametrize(
    "schema",
    [{"type": "object", "properties": {"id": {"type": "integer"}}}, '{"properties": {"id": {"type": "integer"}}}'],
)
def test_a_declared_schema(schema: object) -> None:
    """It may be an object or its JSON."""
    declared = endpoint(schema=schema).json_schema
    assert declared["properties"] == {"id": {"type": "integer"}}


@pytest.mark.parametrize("schema", [{}, [], 5, "[]", '{"id": "integer"}', {"properties": ["id"]}, "type: object"])
def test_what_is_no_schema(schema: object) -> None:
    """A catalog with it would fail at the destination, far from here."""
    with pytest.raises(ValidationError, match="schema"):
        endpoint(schema=schema)


def test_fields_from_the_parent() -> None:
    """Both spellings of the mapping are read."""
    expected = {"org": "owner.login"}
    assert endpoint(include_from_parent=expected).include_from_parent == expected
    assert endpoint(include_from_parent=[{"name": "org", "value": "owner.login"}]).include_from_parent == expected
