"""Converts the values of templates to text, and marks absent values."""

from __future__ import annotations

from source_rest_api.errors import ConfigError


class _Blank:
    """The marker of a value to drop."""


BLANK = _Blank()
"""What an `{{ … if … }}` without `else` returns if its condition is false."""


class NullError(ConfigError):
    """An expression inside a text is null."""


def as_text(value: object) -> str:
    """Converts a scalar to text as in JSON. Raises for other values: their Python text is useless in a request."""
    if value is None:
        raise NullError("it returned null where text was expected; set a default with `or`")
    text = str(value)
    if isinstance(value, dict | list | tuple) or callable(value):
        kind = type(value).__name__
        if kind == "Undefined":  # Jinja's own, which only this gives here
            raise ConfigError("its condition is false, and it has no `else`")
        raise ConfigError(f"it returned a {kind} where text was expected; convert it with `join` or `tojson`")
    return text.lower() if isinstance(value, bool) else text
