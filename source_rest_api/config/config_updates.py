"""Changes of the config during a session, such as a rotated refresh token; each is saved before it is used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError, InternalError
from source_rest_api.formats import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.config.masking import Mask


class ConfigUpdates:
    """The config as the user wrote it, with the secrets that rotated since.

    Args:
        config: The config as the user wrote it.
        mask: Masks new secrets in logs.
        pass_on: Saves the whole changed config; it must return only once the config is safe.
    """

    def __init__(
        self, config: Mapping[str, Any], mask: Mask, pass_on: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        self.config = config
        self.learn = mask.learn
        self._pass_on = pass_on

    def replace(self, old: str, new: str) -> None:
        """Replaces a secret in the config with its successor, and saves the config.

        Raises:
            ConfigError: The config does not contain the old secret.
            InternalError: There is nobody to save the config.
        """
        changed = _replaced(self.config, old, new, "refresh_token")
        if changed == self.config:
            changed = _replaced(self.config, old, new)
        if changed == self.config:
            raise ConfigError(
                "The API returned a new refresh token, but the config does not contain the old one as a whole value. "
                "Set `refresh_token` to the token alone, not as a part of a longer text."
            )
        if self._pass_on is None:
            raise InternalError("The API returned a new refresh token, but nothing is set up to save it.")
        self._pass_on(changed)
        self.config = changed


def _replaced(value: Any, old: str, new: str, key: str | None = None) -> Any:
    """Returns a value with a secret replaced: everywhere, or only where it is the value of `key`."""
    if isinstance(value, dict):
        return {
            name: new if inner == old and name == key else _replaced(inner, old, new, key)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_replaced(inner, old, new, key) for inner in value]
    return new if value == old and key is None else value


def check_writable(path: str) -> None:
    """Raises ConfigError if the file cannot be replaced. Called before anything changes."""
    if path == "-":
        raise ConfigError("`--update-config` cannot update a config from stdin. Save the config in a file.")
    if path.endswith((".yaml", ".yml")):
        raise ConfigError(
            f"`--update-config` cannot update {path}: YAML comments would be lost. Use a config file in JSON."
        )
    if not os.access(Path(path).resolve().parent, os.W_OK):
        raise ConfigError(f"`--update-config` cannot write to the folder of {path}. Make the folder writable.")


def save(path: str, config: dict[str, Any]) -> None:
    """Replaces the config file atomically: a reader sees either the old config or the new one.

    Raises:
        ConfigError: The file cannot be written.
    """
    try:
        json_text.replace(Path(path).resolve(strict=True), config)
    except OSError as error:
        raise ConfigError(f"The config file {path} cannot be written: {error.strerror}.") from None
