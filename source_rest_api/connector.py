"""The connector: what it offers to read, and the session that a valid config begins."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from source_rest_api.config import loading, masking
from source_rest_api.config.config import Config
from source_rest_api.protocol import documentation, messages
from source_rest_api.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from source_rest_api.http.transport import TransportName
    from source_rest_api.model import Model
    from source_rest_api.sync.offer import Offer


class Loaded(Struct, frozen=True):
    """The config of a user, ready for a session."""

    config: Config
    secrets: Iterable[str]
    """Texts to mask, besides the secrets of `config`."""
    offer: Offer | None = None
    """The streams that the connector offers; by default all endpoints."""


class Connector:
    """A source for one config model. A custom connector sets its own `config_model` and overrides `api`."""

    config_model: ClassVar[type[Model]] = Config
    """The model of the config, from which the form is generated."""
    documentation_url: ClassVar[str] = ""
    """The page that the form links to. By default the environment variable `DOCUMENTATION_URL`, which an image sets."""

    def spec(self) -> Iterator[bytes]:
        """Yields the SPEC message."""
        yield messages.spec(self.specification())

    def specification(self) -> dict[str, Any]:
        """Returns the ConnectorSpecification."""
        from source_rest_api.protocol import spec  # noqa: PLC0415 -- keeps the start of a read fast

        return documentation.linked(spec.specification(self.config_model), self.documentation_url)

    def api(self, config: Any) -> Config:
        """Returns the generic config for a connector's own config; by default it is the same."""
        whole: Config = config
        return whole

    def loaded(self, raw_config: Mapping[str, Any], transport: TransportName) -> Loaded:  # noqa: ARG002 -- for heirs
        """Returns what a session needs of a config. The arguments and errors are those of `session`."""
        own = loading.validated(raw_config, self.config_model)
        config = loading.checked(loading.built(self.api, own))
        return Loaded(config, () if config is own else masking.secrets_of(own))

    def session(
        self,
        raw_config: Mapping[str, Any],
        stop: Event | None = None,
        pass_on: Callable[[dict[str, Any]], None] | None = None,
        transport: TransportName = "own",
        secrets: Iterable[str] = (),
        schemas: Path | None = None,
    ) -> Session:
        """Validates a config and returns a session with it.

        Args:
            raw_config: The config as the user wrote it.
            stop: Set from outside to end early; the session sets it if the caller abandons a read.
            pass_on: Receives the whole config when it changes (a new refresh token), and returns once it is saved.
            transport: The HTTP client: our own, or `requests`, for tests that replace it (requests-mock).
            secrets: Texts to mask in all output, besides the secrets of the config.
            schemas: Folder of the schema files, for streams whose config has no schema.

        Raises:
            ConfigError: The config is not valid; the message lists all problems.
        """
        made = self.loaded(raw_config, transport)
        hidden = [*made.secrets, *secrets]
        config = made.config if schemas is None else made.config.with_schemas(schemas)
        return Session(config, raw_config, stop or Event(), hidden, pass_on, transport, made.offer)
