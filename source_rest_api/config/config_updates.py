"""Keeps the config of a session: it learns new secrets, and passes changes on before they are used."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.errors import ConfigError, InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.config.masking import Mask


class ConfigUpdates:
    """The config as the user wrote it.

    Args:
        config: What was written.
        mask: Learns secrets.
        pass_on: Takes the whole changed config, and returns when it is safe.
    """

    def __init__(
        self, config: Mapping[str, Any], mask: Mask, pass_on: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        self.config = config
        self.learn = mask.learn
        self._pass_on = pass_on

    def replace(self, old: str, new: str) -> None:
        """Put a new secret where an old one stands.

        Raises:
            ConfigError: The old one does not stand in the config.
        """
        own = self.config.get("authentication")
        if isinstance(own, dict) and own.get("refresh_token") == old:
            changed = {**self.config, "authentication": {**own, "refresh_token": new}}
        else:
            changed = _replaced(self.config, old, new)
        if changed == self.config:
            raise ConfigError(
                "The API gave a new refresh token, but the config has no place for it: the old one must stand there "
                "as it is, not as a part of another text."
            )
        if self._pass_on is None:
            raise InternalError("The API gave a new refresh token, and nobody takes it.")
        self._pass_on(changed)
        self.config = changed


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, old, new) for inner in value]
    return new if value == old else value


def check_writable(path: str) -> None:
    """Raise ConfigError, before anything changes, if the file cannot be replaced."""
    if path.endswith((".yaml", ".yml")):
        raise ConfigError("`--update-config` needs a config file in JSON: in YAML, comments would be lost.")
    if not os.access(Path(path).resolve().parent, os.W_OK):
        raise ConfigError(f"`--update-config` cannot write to the folder of {path}.")


def save(path: str, config: dict[str, Any]) -> None:
    """Replace the file in one step: whoever reads it sees the old or the new config, whole.

    Raises:
        ConfigError: It cannot be written.
    """
    file = Path(path).resolve()
    try:
        mode = file.stat().st_mode & 0o777
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
            new.write(msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")
            new.flush()
            os.fsync(new.fileno())
        Path(new.name).chmod(mode)
        Path(new.name).replace(file)
    except OSError as error:
        raise ConfigError(f"The config file {path} cannot be written: {error.strerror}.") from None
