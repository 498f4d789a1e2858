"""The text of a scalar, as a template inserts it."""

from __future__ import annotations

from source_rest_api.errors import ConfigError


class NullError(ConfigError):
    """An expression inside a text is null."""


class NoElseError(ConfigError):
    """The condition of an `{{ … if … }}` without `else` is false."""


def as_text(value: object) -> str:
    """Converts a scalar to text as in JSON. Raises for other values: their Python text is useless in a request."""
    if value is None:
        raise NullError("it returned null where text was expected; set a default with `or`")
    text = str(value)
    if isinstance(value, dict | list | tuple) or callable(value):
        kind = type(value).__name__
        if kind == "Undefined":  # Jinja's own, which only this gives here
            raise NoElseError("its condition is false, and it has no `else`")
        raise ConfigError(f"it returned a {kind} where text was expected; convert it with `join` or `tojson`")
    return text.lower() if isinstance(value, bool) else text
