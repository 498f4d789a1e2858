"""Optional values: drops a value that has none.

That is one whose template reads the next page token and gives null, as on the first page; and one that is a single
`{{ … if … }}` without `else` whose condition is false.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.templates import scalars, templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class _Blank:
    """The marker of a value to drop."""


BLANK = _Blank()


def named(texts: Mapping[str, str | list[str]], context: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Fills the templates of parameters, headers or form fields.

    Raises:
        ConfigError: A template cannot be filled.
    """
    filled = {name: tree(given, context, templates.render) for name, given in texts.items()}
    return {name: value for name, value in filled.items() if value is not BLANK}


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
    except scalars.NullError:
        if reads:
            return BLANK
        raise
    except scalars.NoElseError:
        if templates.expression(text) is not None:
            return BLANK
        raise
    absent = filled is None or (context.get(templates.TOKEN) is None and is_null_text(filled, text))
    return BLANK if reads and absent else filled
