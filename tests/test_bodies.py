"""A body is sent as written, with its templates rendered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from source_rest_api.errors import ConfigError
from source_rest_api.http.request_body import JsonBody, JsonPayload

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab\n "),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab{}%"), inner),
    max_leaves=10,
)


def rendered(body: JsonBody, context: dict[str, Any]) -> Any:
    """The value that is sent."""
    payload = body.render(context)
    assert isinstance(payload, JsonPayload)
    return payload.value


@given(PLAIN.filter(lambda value: not isinstance(value, str)))
def test_a_body_without_holes_is_unchanged(value: Any) -> None:
    """Types, order and keys stay."""
    assert rendered(JsonBody(value=value), {}) == value


def test_holes_are_filled_at_any_depth() -> None:
    """Values are templates, keys are not; the next request starts from the same body."""
    body = JsonBody(value={"a": [{"b": "{{ x }}"}, 5, None], "{{ x }}": "<{{ y }}>"})
    assert rendered(body, {"x": "1", "y": "z"}) == {"a": [{"b": "1"}, 5, None], "{{ x }}": "<z>"}
    assert rendered(body, {"x": "2", "y": "z"})["a"][0] == {"b": "2"}
    assert body.texts == ["{{ x }}", "<{{ y }}>"]


def test_a_text_stays_a_text() -> None:
    """Rendered values are not parsed as JSON; a template that is the whole value keeps its type."""
    assert rendered(JsonBody(value=["{{ x }}", "{{ y }}", "n{{ y }}"]), {"x": "[1]", "y": 5}) == ["[1]", 5, "n5"]


def test_a_body_may_be_written_as_text() -> None:
    """Airbyte's form has a text area."""
    text = '{"query": "{ a(first: 10) { id } }", "n": 12345678901234567890123, "x": "{{ config.x }}"}'
    body = JsonBody(value=text)
    assert body.value == {"query": "{ a(first: 10) { id } }", "n": 12345678901234567890123, "x": "{{ config.x }}"}
    assert body.texts == ["{ a(first: 10) { id } }", "{{ config.x }}"]


@pytest.mark.parametrize("value", ["{", "a=1", {"a": ["{{ hush"]}, '{"a": "{% hush %}"}'])
def test_what_is_no_body(value: object) -> None:
    """A body that is neither JSON nor a template is rejected with the config."""
    with pytest.raises(ValidationError) as caught:
        JsonBody(value=value)
    assert "hush" not in str(caught.value)


def test_a_hole_that_cannot_be_filled() -> None:
    """A request with an empty hole is not sent."""
    with pytest.raises(ConfigError, match="'x' is undefined"):
        JsonBody(value={"a": "{{ x }}"}).render({})
