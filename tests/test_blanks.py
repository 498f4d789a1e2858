"""Parameters that need the next page's token are omitted without one; nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.templates import optional_values, templates

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


@pytest.mark.parametrize("text", ["{{ config.x }}", "{{ config.no }}", "{{ next_page_token ~ config.no }}"])
def test_other_holes_without_a_value_are_errors(text: str) -> None:
    """Only the token may be missing."""
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
