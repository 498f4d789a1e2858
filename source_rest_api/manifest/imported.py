"""A connector of one's own that was made from a manifest: its files, and what their templates read of the config."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from source_rest_api.config import loading
from source_rest_api.connector import Connector, Loaded
from source_rest_api.errors import ConfigError
from source_rest_api.formats import datetimes, yaml_text
from source_rest_api.manifest import spec
from source_rest_api.manifest.authenticators import SELECT
from source_rest_api.manifest.interpolation import evaluated, is_volatile, names
from source_rest_api.records import tree
from source_rest_api.sync.offer import Offer
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from source_rest_api.http.transport import TransportName

OWN = {"offered", "checked"}
"""Keys of `api.yaml` that are not part of the config."""
_TEXTS = {"authentication", "headers", "params", "path"}
"""Settings whose values are texts."""
_LENGTHS = {"lookback", "step"}
"""Settings that are lengths of time."""


class ImportedConnector(Connector):
    """A connector whose API stands in `api.yaml`, its streams in `endpoints.yaml`, and its form in `spec.json`."""

    folder: ClassVar[Path]
    """The folder of these files."""

    def specification(self) -> dict[str, Any]:
        """Returns the ConnectorSpecification."""
        loaded: dict[str, Any] = json.loads((self.folder / "spec.json").read_text(encoding="utf-8"))
        return loaded

    def loaded(self, raw_config: Mapping[str, Any], transport: TransportName) -> Loaded:  # noqa: ARG002 -- files need none
        """Returns the config of a user: the files with their templates filled.

        Raises:
            ConfigError: The config is not valid.
        """
        api = yaml_text.load((self.folder / "api.yaml").read_text(encoding="utf-8"))
        endpoints = yaml_text.load((self.folder / "endpoints.yaml").read_text(encoding="utf-8"))
        for endpoint in endpoints:
            file = self.folder / "schemas" / f"{endpoint['name']}.json"
            if file.exists():
                endpoint["schema"] = json.loads(file.read_text(encoding="utf-8"))
        known = {name: value for name, value in {**api, "endpoints": endpoints}.items() if name not in OWN}
        config = loading.load(_filled(known, raw_config))
        hidden = spec.secrets(self.specification()["connectionSpecification"], raw_config)
        return Loaded(config, hidden, Offer(frozenset(api["offered"]), frozenset(api["checked"])))


def _filled(value: Any, config: Mapping[str, Any], *, as_text: bool = False) -> Any:
    """Returns settings with the templates filled that read only the config; empty ones are left out.

    Args:
        value: The settings.
        config: The config of the user.
        as_text: True if what templates give is text, even if it looks like a number.
    """
    if isinstance(value, list):
        return [each for item in value for each in _items(item, _filled(item, config, as_text=as_text))]
    if isinstance(value, dict):
        if value.get("type") == SELECT:
            return _filled(_selected(value, config), config, as_text=as_text)
        items = {
            name: inner if name == "schema" else _meant(name, _filled(inner, config, as_text=as_text or name in _TEXTS))
            for name, inner in value.items()
        }
        return {name: inner for name, inner in items.items() if inner is not None or value[name] is None}
    if not isinstance(value, str) or not templates.has_holes(value) or is_volatile(value):
        return value
    if not names(value) <= {"config"}:
        return value
    found = evaluated(value, {"config": config})
    return str(found) if as_text and isinstance(found, int | float) and not isinstance(found, bool) else found


def _meant(name: str, value: Any) -> Any:
    """Returns a setting as a manifest means it: a duration of zero is none, and a host alone is one that has TLS."""
    if not isinstance(value, str) or not value or templates.has_holes(value):
        return value
    if name in _LENGTHS and datetimes.is_zero_duration(value):
        return None
    return f"https://{value}" if name == "url_base" and "//" not in value else value


def _items(given: Any, filled: Any) -> list[Any]:
    """Returns what an item of a list becomes: nothing, itself, or the items of the list that its template gives."""
    if isinstance(given, str) and isinstance(filled, list):
        return filled
    return [] if filled is None and given is not None else [filled]


def _selected(choice: dict[str, Any], config: Mapping[str, Any]) -> Any:
    found = tree.find(config, choice["path"])
    if found not in choice["among"]:
        names_ = ", ".join(choice["among"])
        raise ConfigError(f"`{'.'.join(choice['path'])}` must be one of {names_}.")
    return choice["among"][found]
