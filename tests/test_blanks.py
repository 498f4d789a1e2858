"""Parameters that need the next page's token are omitted without one; nothing else is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.templates import optional_values, templates
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

TOKEN = "{{ next_page_token }}"


@pytest.mark.parametrize("token", [None, 2, "t", "", 0])
def test_only_a_missing_token_leaves_a_gap(token: Any) -> None:
    """0 and "" are tokens; without one, every text that needs it is left out, in objects and lists too."""
    tree = {"a": TOKEN, "b": f"p{TOKEN}", "c": [TOKEN, 1], "d": "{{ next_page_token is none }}", "e": {"f": TOKEN}}
    gap: dict[str, Any] = {"c": [1], "d": True, "e": {}}
    full = {"a": token, "b": f"p{token}", "c": [token, 1], "d": False, "e": {"f": token}}
    filled = optional_values.tree(tree, {"next_page_token": token}, templates.evaluate)
    assert filled == (gap if token is None else full)


def test_named_texts() -> None:
    """A parameter, or one of its values, is left out."""
    texts: dict[str, str | list[str]] = {"a": TOKEN, "b": ["x", TOKEN], "c": "{{ next_page_token or 1 }}", "d": "e"}
    assert optional_values.named(texts, {"next_page_token": None}) == {"b": ["x"], "c": "1", "d": "e"}
    assert optional_values.named(texts, {"next_page_token": 2}) == {"a": "2", "b": ["x", "2"], "c": "2", "d": "e"}


@pytest.mark.parametrize("text", ["a{{ config.x }}", "{{ config.no }}", "{{ next_page_token ~ config.no }}"])
def test_other_holes_without_a_value_are_errors(text: str) -> None:
    """A name that is missing is a mistake, and null inside a text would ask for something else."""
    with pytest.raises(ConfigError, match="cannot be filled"):
        optional_values.named({"a": text}, {"next_page_token": None, "config": {"x": None}})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{{ 1 }}", 1),
        (" {{- 1 -}} ", 1),
        ("{{ 1 }}{{ 2 }}", "12"),
        ("n{{ 1 }}", "n1"),
        ("{{ '1' }}", "1"),
        ("{{ '}}' }}", "}}"),
        ("{{ [1, '2', none] }}", [1, "2", None]),
        ("{{ config }}", {"x": 1.5, "y": [True]}),
        ("{{ config.x }}", 1.5),
        ("{{ none }}", None),
        ("{{ str_to_datetime('2024-01-31') }}", "2024-01-31T00:00:00Z"),
    ],
)
def test_a_single_hole_is_the_value(text: str, value: Any) -> None:
    """In JSON a number stays a number; with text around, it is text."""
    context = {"config": {"x": 1.5, "y": [True]}}
    assert optional_values.tree(text, context, templates.evaluate) == value


VALUES: dict[str, Any] = {
    "null": "{{ config['_nothing'] }}",
    "literal": None,
    "no-else": "{{ 'x' if config['_nothing'] }}",
    "block": "{% if config['_nothing'] %}x{% endif %}",
    "get": "{{ config.get('unknown') }}",
    "empty": "{{ [] }}",
    "nulls": [None, "{{ none }}", "{{ [none] }}"],
    "first-only": "{{ none if next_page_token else 'yes' }}",
    "list": "{{ config['_ids'] }}",
    "mixed": ["a", "{{ config['_ids'] }}", 5],
}
IN_JSON = {
    "null": None,
    "get": None,
    "empty": [],
    "nulls": [None, None, [None]],
    "first-only": "yes",
    "list": [1, None, "b"],
    "mixed": ["a", [1, None, "b"], 5],
}
FIRST = {"first-only": ["yes"], "list": ["1", "b"], "mixed": ["a", "1", "b", "5"]}


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("place", ["params", "headers", "form", "json", "graphql"])
def test_no_value_is_left_out_and_a_list_is_several(api: Api, place: str) -> None:
    """Wherever it stands; the token is sent all the same."""
    api.post("/items")(lambda call: {"items": [{"id": call.number}], "next": None if call.number else "t"})
    given = {name: value for name, value in VALUES.items() if value is not None or place not in {"json", "graphql"}}
    body = {
        "form": {"type": "form", "fields": given},
        "json": {"type": "json", "value": given},
        "graphql": {"type": "graphql", "query": "{a}", "variables": given},
    }
    own = {"body": body[place]} if place in body else {place: given}
    paging = {"type": "cursor", "cursor_path": "next", "cursor_param": "token"}
    endpoint = {"http_method": "POST", "records_path": "items", "pagination": paging, **own}
    reading = Reading(api.url, endpoint, _ids=[1, None, "b"], _nothing=None)
    assert (reading.error, len(reading.records)) == (None, 2)
    first, second = (_received(call, place) for call in api.requests)
    assert first == (IN_JSON if place in {"json", "graphql"} else FIRST)
    assert second == {name: value for name, value in first.items() if name != "first-only"}
    assert api.requests[1].query["token"] == ["t"]


def _received(call: Call, place: str) -> dict[str, Any]:
    """Give the values that came in a request; several values of a header are one text."""
    if place == "headers":
        sent = {name: call.headers[name] for name in VALUES if call.headers[name] is not None}
        return {name: value.split(", ") for name, value in sent.items()}
    if place == "params":
        return {name: value for name, value in call.query.items() if name != "token"}
    if place == "form":
        return parse_qs(call.body.decode(), keep_blank_values=True)
    body: dict[str, Any] = json.loads(call.body)
    inner: dict[str, Any] = body if place == "json" else body["variables"]
    return inner
