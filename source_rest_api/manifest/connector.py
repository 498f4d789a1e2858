"""The connector of a manifest: the manifest says what it reads, and its spec what the config holds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.config import loading
from source_rest_api.config.config import Config
from source_rest_api.connector import Connector, Loaded
from source_rest_api.errors import ConfigError
from source_rest_api.manifest import config_rules, document, spec, states
from source_rest_api.manifest.own_code.components import Components
from source_rest_api.manifest.translation import translated
from source_rest_api.protocol import catalog
from source_rest_api.sync.offer import Offer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from source_rest_api.http.transport import TransportName
    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.translation import Translation

_LOG = logging.getLogger("airbyte.source_rest_api.manifest.connector")


class ManifestConnector(Connector):
    """A low-code connector of Airbyte.

    Args:
        manifest: The manifest, parsed.
        folder: Its folder, for the schemas in files.

    Raises:
        ConfigError: It is not a manifest.
    """

    def __init__(self, manifest: object, folder: Path | None = None) -> None:
        self._manifest: Component = document.checked(manifest)
        self._folder = folder

    @classmethod
    def at(cls, path: Path) -> ManifestConnector:
        """Returns the connector of a manifest in a file.

        Raises:
            ConfigError: The file cannot be read, or is not a manifest.
        """
        return cls(document.read(path), path.parent)

    @property
    def resolved(self) -> dict[str, Any]:
        """The manifest with its references resolved, and its components complete in themselves."""
        return document.completed(document.resolved(self._manifest))

    def specification(self) -> dict[str, Any]:
        """Returns the ConnectorSpecification of the manifest."""
        return spec.specification(self._manifest)

    def translation(self, raw_config: Mapping[str, Any], transport: TransportName = "own") -> Translation:
        """Returns the manifest as a config of this connector.

        Args:
            raw_config: The config as the user wrote it.
            transport: The HTTP client, for streams that the API lists.

        Raises:
            ConfigError: The manifest and the config do not fit.
        """
        own = {name: value for name, value in raw_config.items() if not name.startswith("__injected_")}
        components = Components(self._folder, raw_config)
        config = config_rules.applied(self._manifest, own, components)
        return translated(
            self._manifest,
            config,
            self._folder,
            ask=lambda retriever: self._listed(retriever, raw_config, transport),
            components=components,
        )

    def _listed(
        self, retriever: Component, config: Mapping[str, Any], transport: TransportName
    ) -> list[dict[str, Any]]:
        """Returns the records that a retriever reads: they are the streams of a manifest that the API lists."""
        stream = {"type": "DeclarativeStream", "name": "components", "retriever": retriever}
        manifest = {**self._manifest, "streams": [stream], "dynamic_streams": []}
        session = ManifestConnector(manifest, self._folder).session(config, transport=transport)
        blocks = session.read(catalog.of_all(session.offered), {})
        lines = [msgspec.json.decode(line) for block in blocks for line in block.splitlines()]
        if not session.complete:
            [message, *_] = [each["trace"]["error"]["message"] for each in lines if "error" in each.get("trace", {})]
            raise ConfigError(f"the streams cannot be listed: {message}")
        return [line["record"]["data"] for line in lines if line["type"] == "RECORD"]

    def loaded(self, raw_config: Mapping[str, Any], transport: TransportName) -> Loaded:
        """Translates the manifest for a config.

        Raises:
            ConfigError: The manifest and the config do not fit, or no stream has an equivalent here.
        """
        if not isinstance(raw_config, dict):
            raise ConfigError("The config must be an object.")
        made = self.translation(raw_config, transport)
        for name, reason in made.blocked.items():
            _LOG.warning("Stream %s of the manifest cannot be read: %s.", name, reason)
        if not made.offered:
            raise ConfigError(f"No stream of the manifest can be read:\n{made.reasons}")
        config = loading.validated(made.config, Config)
        hidden = spec.secrets(spec.form(self._manifest), raw_config)
        return Loaded(config, hidden, self._offer(made))

    def _offer(self, made: Translation) -> Offer:
        wanted = frozenset(document.checked_streams(self._manifest))
        known = frozenset(made.offered)

        def moved(name: str, saved: Mapping[str, Any]) -> dict[str, Any]:
            return states.moved(name, saved, made.streams[name]) if name in made.streams else dict(saved)

        return Offer(known, (known & wanted) or known, made.blocked, moved)
