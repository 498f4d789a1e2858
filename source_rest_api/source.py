"""Adapts the connector to the Airbyte CDK: a `Source` that yields `AirbyteMessage`s.

The CDK's test suites and tools use it. `main.py` does not, because importing the CDK takes longer than most checks.
The messages are the lines of `connector.py`, parsed by the CDK's own serializers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airbyte_cdk.config_observation import emit_configuration_as_airbyte_control_message
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConnectorSpecification,
    FailureType,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.utils import AirbyteTracedException

from source_rest_api.connector import Connector
from source_rest_api.errors import SourceError
from source_rest_api.manifest.connector import ManifestConnector
from source_rest_api.protocol import state_file

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Mapping

    from source_rest_api.connector import Session


class SourceRestApi(Source):
    """Any REST API as an Airbyte source."""

    connector: Connector = Connector()
    check_config_against_spec = False
    """False, because the config model checks more than the spec can, and reports all errors at once."""

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:  # noqa: ARG002
        """Returns the form for the config."""
        specification: ConnectorSpecification = _only(m.spec for m in _parsed(self.connector.spec()))
        return specification

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:  # noqa: ARG002
        """Tests every endpoint of the config."""
        with _CdkErrors():
            session = self._session(config)
            status: AirbyteConnectionStatus = _only(m.connectionStatus for m in _parsed(session.check()))
        return status

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:  # noqa: ARG002
        """Returns the streams with their schemas."""
        with _CdkErrors():
            session = self._session(config)
            catalog: AirbyteCatalog = _only(m.catalog for m in _parsed(session.discover()))
        return catalog

    def _session(self, config: Mapping[str, Any]) -> Session:
        """Starts a session that sends by `requests`, because the tools and tests of the CDK may replace it."""
        return self.connector.session(config, pass_on=_pass_on, transport="requests")

    def read(
        self,
        logger: logging.Logger,  # noqa: ARG002
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterable[AirbyteMessage]:
        """Yields the messages that `main.py read` prints.

        Raises:
            AirbyteTracedException: At the end, if a stream is incomplete.
        """
        with _CdkErrors():
            session = self._session(config)
            saved = state_file.load([AirbyteStateMessageSerializer.dump(message) for message in state or []])
            yield from _parsed(session.read(ConfiguredAirbyteCatalogSerializer.dump(catalog), saved))
        if not session.complete:
            raise AirbyteTracedException(
                message="Not all streams were read to the end. See the errors of the streams.",
                failure_type=FailureType.transient_error,
            )


class ManifestSource(SourceRestApi):
    """A low-code manifest as an Airbyte source, in place of the CDK's `YamlDeclarativeSource`.

    Args:
        path_to_yaml: Path of the manifest.
        catalog: Not used: `read` is given the catalog.
        config: Not used: each command is given the config.
        state: Not used: `read` is given the state.
        debug: Not used.
        config_path: Not used.

    Raises:
        AirbyteTracedException: The manifest cannot be read.
    """

    def __init__(
        self,
        path_to_yaml: str | Path,
        catalog: ConfiguredAirbyteCatalog | None = None,  # noqa: ARG002 -- the CDK's constructor
        config: Mapping[str, Any] | None = None,  # noqa: ARG002
        state: list[AirbyteStateMessage] | None = None,  # noqa: ARG002
        debug: bool = False,  # noqa: ARG002
        config_path: str | None = None,  # noqa: ARG002
    ) -> None:
        with _CdkErrors():
            self.connector = ManifestConnector.at(Path(path_to_yaml))


def _pass_on(config: dict[str, Any]) -> None:
    """Prints a changed config at once, instead of queueing it behind unread messages."""
    emit_configuration_as_airbyte_control_message(config)


class _CdkErrors:
    """Converts our errors to those of the CDK."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SourceError):
            raise AirbyteTracedException(
                message=str(error),
                internal_message=error.detail or str(error),
                failure_type=FailureType(error.failure_type),
            ) from error


def _parsed(blocks: Iterator[bytes]) -> Iterator[AirbyteMessage]:
    for block in blocks:
        for line in block.splitlines():
            yield AirbyteMessageSerializer.load(json.loads(line))


def _only(values: Iterable[Any]) -> Any:
    """Returns the first value that is not None."""
    return next(value for value in values if value is not None)
