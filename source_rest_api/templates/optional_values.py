"""Drops the values of a request whose templates give none.

In parameters, headers and form fields null is no value. In JSON it is one, unless the template reads the next page
token, which is null on the first page. An `if` without `else` whose condition is false gives none anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.templates import templates
from source_rest_api.templates.scalars import BLANK, NullError, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def named(texts: Mapping[str, str | list[str]], context: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Fills the templates of parameters, headers or form fields.

    A value that is null is left out. A list stands for several values.

    Raises:
        ConfigError: A template cannot be filled, or gives an object.
    """
    filled = {name: tree(given, context, _as_texts) for name, given in texts.items()}
    values = {name: _flat(value) for name, value in filled.items() if value is not BLANK}
    return {name: value for name, value in values.items() if value != []}


def _as_texts(text: str, context: Mapping[str, Any]) -> Any:
    found = templates.evaluate(text, context)
    if found is None or found is BLANK:
        return BLANK
    with templates.Filling(text):
        return [as_text(item) for item in found if item is not None] if isinstance(found, list) else as_text(found)


def _flat(value: str | list[str | list[str]]) -> str | list[str]:
    if isinstance(value, str):
        return value
    return [text for item in value for text in ([item] if isinstance(item, str) else item)]


def tree(value: Any, context: Mapping[str, Any], fill: Callable[[str, Mapping[str, Any]], Any]) -> Any:
    """Fills all templates in a JSON value.

    Raises:
        ConfigError: A template cannot be filled.
    """
    if isinstance(value, str):
        return _filled(value, context, fill)
    if isinstance(value, dict):
        items = {key: tree(inner, context, fill) for key, inner in value.items()}
        return {key: inner for key, inner in items.items() if inner is not BLANK}
    if isinstance(value, list):
        return [inner for inner in (tree(item, context, fill) for item in value) if inner is not BLANK]
    return value


def is_null_text(filled: object, text: str) -> bool:
    """True if a template wrote null as JSON."""
    return filled == "null" and "tojson" in text


def _filled(text: str, context: Mapping[str, Any], fill: Callable[[str, Mapping[str, Any]], Any]) -> Any:
    reads = templates.TOKEN in templates.names(text)
    try:
        filled = fill(text, context)
    except NullError:
        if reads:
            return BLANK
        raise
    if filled == "" and "{%" in text:
        return BLANK
    absent = filled is None or (context.get(templates.TOKEN) is None and is_null_text(filled, text))
    return BLANK if reads and absent else filled
