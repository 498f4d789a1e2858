"""Changes the names of fields by a rule."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Callable

_WORD = re.compile(r"[^\W_]+")
_BORDER = re.compile(r"(?<=[^\W_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def changed(value: Any, rule: Callable[[str], str], setting: str, *, deep: bool = True) -> Any:
    """Returns a value with the names of its fields changed.

    Args:
        value: The value, opened or not.
        rule: Returns the new name.
        setting: The option that requires it, for errors.
        deep: True to change the names in objects and arrays inside it too.

    Raises:
        ConfigError: Two fields would get the same name.
    """
    value = tree.opened(value)
    if isinstance(value, list):
        return [changed(item, rule, setting) for item in value]
    if not isinstance(value, dict):
        return value
    renamed: dict[str, Any] = {}
    for name, inner in value.items():
        new = rule(name)
        if new in renamed:
            raise ConfigError(f"`{setting}` would give two fields the name `{new}`. Rename one with `rename_fields`.")
        renamed[new] = changed(inner, rule, setting) if deep else inner
    return renamed


@lru_cache(maxsize=10_000)
def snake_case(name: str) -> str:
    """Converts `createdAt`, `CreatedAt` or `Created at` to `created_at`, and keeps a leading underscore.

    A name without letters and digits stays unchanged.
    """
    words = [word for part in _WORD.findall(name) for word in _BORDER.split(part)]
    return ("_" * name.startswith("_") + "_".join(words).lower()) if words else name
