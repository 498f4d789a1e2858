"""Bodies take the fields that paging puts in, and are sent as they are meant."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.errors import ConfigError
from source_rest_api.http.request_body import FormPayload, JsonPayload, TextPayload


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ({}, "page", {"page": 2}),
        (None, "page", {"page": 2}),
        ({"a": 1, "page": 1}, "page", {"a": 1, "page": 2}),
        ({"f": {"a": 1}}, "f.p.n", {"f": {"a": 1, "p": {"n": 2}}}),
        ({"f": None}, "f.n", {"f": {"n": 2}}),
    ],
)
def test_dots_lead_into_objects(before: Any, name: str, after: Any) -> None:
    """Other fields stay, and the original body is unchanged."""
    payload = JsonPayload(before)
    assert payload.with_field(name, 2).value == after
    assert payload == JsonPayload(before)


@pytest.mark.parametrize("before", [[], "text", {"f": [1]}, {"f": "x"}])
def test_a_field_needs_an_object(before: Any) -> None:
    """Values that are not objects are not overwritten."""
    with pytest.raises(ConfigError, match="`pagination`"):
        JsonPayload(before).with_field("f.n", 2)


def test_graphql_fields_are_variables() -> None:
    """They are placed under `variables`."""
    payload = JsonPayload({"query": "{ a }", "variables": {"x": 1}}, ("variables",))
    assert payload.with_field("page.after", "t").value["variables"] == {"x": 1, "page": {"after": "t"}}


def test_a_text_has_no_fields() -> None:
    """The error says what to do."""
    with pytest.raises(ConfigError, match="next_page_token"):
        TextPayload("x", "text/plain").with_field("page", 2)


def test_decimals_keep_their_digits() -> None:
    """A number of the API goes back as it came."""
    assert JsonPayload({"a": Decimal("1.10"), "b": 12345678901234567890}).encode() == (
        b'{"a":1.10,"b":12345678901234567890}'
    )


@given(st.dictionaries(st.text(min_size=1), st.one_of(st.text(), st.lists(st.text(), min_size=1))))
def test_forms_arrive_as_they_are(fields: dict[str, str | list[str]]) -> None:
    """Every name and value, in order, whatever characters they have."""
    wanted = [(name, v) for name, value in fields.items() for v in (value if isinstance(value, list) else [value])]
    assert parse_qsl(FormPayload(fields).encode().decode(), keep_blank_values=True) == wanted
