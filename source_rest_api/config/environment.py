"""Replaces `${NAME}` in a config by environment variables, so that a config file need not contain secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VARIABLE = re.compile(r"\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}")


def filled(config: Any, environment: Mapping[str, str]) -> tuple[Any, set[str]]:
    """Returns a config with each `${NAME}` in its texts replaced, and the values of these variables, which are secrets.

    `$${NAME}` becomes the text `${NAME}`.

    Raises:
        ConfigError: A variable is not set, or is empty.
    """
    secrets = set()

    def value(match: re.Match[str]) -> str:
        escaped, name = match.groups()
        if escaped:
            return match[0][1:]
        if not environment.get(name):
            raise ConfigError(
                f"The config reads the environment variable `{name}`, which is not set or is empty. Set it. For the "
                f"text itself, write `$${{{name}}}`."
            )
        secrets.add(environment[name])
        return environment[name]

    return _mapped(config, lambda text: _VARIABLE.sub(value, text)), secrets


def restored(changed: Any, written: Any, filled_in: Any) -> Any:
    """Returns a changed config in which each unchanged value is as the user wrote it, with `${NAME}`.

    Args:
        changed: The changed config.
        written: The config as the user wrote it, with `${NAME}`.
        filled_in: The same config, with the variables replaced.
    """
    if changed == filled_in:
        return written
    if isinstance(changed, dict) and isinstance(written, dict):
        return {name: restored(value, written.get(name), filled_in.get(name)) for name, value in changed.items()}
    if isinstance(changed, list) and isinstance(written, list):
        return [restored(*parts) for parts in zip(changed, written, filled_in, strict=True)]
    return changed


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(inner, change) for key, inner in value.items()}
    return [_mapped(inner, change) for inner in value] if isinstance(value, list) else value
