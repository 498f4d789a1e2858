"""Adapts the connector to the Airbyte CDK: a `Source` that yields `AirbyteMessage`s.

The CDK's test suites and tools use it. `main.py` does not, because importing the CDK takes longer than most checks.
The messages are the lines of `session.py`, parsed by the CDK's own serializers.
"""

from __future__ import annotations

import json
import logging
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
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConfiguredAirbyteStream,
    ConnectorSpecification,
    DestinationSyncMode,
    FailureType,
    Status,
    SyncMode,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.sources.types import Record
from airbyte_cdk.utils import AirbyteTracedException

from source_rest_api.connector import Connector
from source_rest_api.errors import SourceError
from source_rest_api.manifest.connector import ManifestConnector
from source_rest_api.protocol import state_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from source_rest_api.session import Session

_LOG = logging.getLogger("airbyte")


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

    It requests one page after the other, in a fixed order, because tests mock exactly the requests that they expect.

    Args:
        path_to_yaml: Path of the manifest.
        catalog: Not used: `read` is given the catalog.
        config: The config for `streams`, if that is given none; each command is given its own.
        state: Not used: `read` is given the state.
        debug: Not used.
        config_path: Not used.

    Raises:
        AirbyteTracedException: The manifest cannot be read.
    """

    connector: ManifestConnector

    def __init__(
        self,
        path_to_yaml: str | Path,
        catalog: ConfiguredAirbyteCatalog | None = None,  # noqa: ARG002 -- the CDK's constructor
        config: Mapping[str, Any] | None = None,
        state: list[AirbyteStateMessage] | None = None,  # noqa: ARG002
        debug: bool = False,  # noqa: ARG002
        config_path: str | None = None,  # noqa: ARG002
    ) -> None:
        self._config = config or {}
        with _CdkErrors():
            self.connector = ManifestConnector.at(Path(path_to_yaml))

    @property
    def resolved_manifest(self) -> Mapping[str, Any]:
        """The manifest with its references resolved, and with the type of each component."""
        return self.connector.resolved

    def streams(self, config: Mapping[str, Any] | None = None) -> list[ManifestStream]:
        """Returns the streams that the manifest has for a config."""
        given = self._config if config is None else config
        return [ManifestStream(self, stream, given) for stream in self.discover(_LOG, given).streams]

    def check_connection(self, logger: logging.Logger, config: Mapping[str, Any]) -> tuple[bool, str | None]:
        """Returns if the check succeeds, and its message if it does not."""
        found = self.check(logger, config)
        return (True, None) if found.status == Status.SUCCEEDED else (False, found.message)

    def _session(self, config: Mapping[str, Any]) -> Session:
        session = super()._session(config)
        session.config = session.config.model_copy(update={"max_concurrency": 1})
        return session


class ManifestStream:
    """A stream of a manifest, with the members of the CDK's streams that do not depend on its components.

    Args:
        source: The source.
        stream: The stream in its catalog.
        config: The config.
    """

    def __init__(self, source: ManifestSource, stream: AirbyteStream, config: Mapping[str, Any]) -> None:
        self._source = source
        self._stream = stream
        self._config = config
        self.name: str = stream.name

    @property
    def cursor_field(self) -> str | None:
        """The cursor field; None if the stream is not incremental."""
        return ".".join(self._stream.default_cursor_field or []) or None

    @property
    def primary_key(self) -> Any:
        """The primary key: a name, a list of names, or a list of paths; None if there is none."""
        paths = self._stream.source_defined_primary_key or []
        names = [path[0] if len(path) == 1 else path for path in paths]
        return names[0] if len(names) == 1 else names or None

    def get_json_schema(self) -> Mapping[str, Any]:
        """Returns the schema."""
        schema: Mapping[str, Any] = self._stream.json_schema
        return schema

    def as_airbyte_stream(self) -> AirbyteStream:
        """Returns the stream as it stands in the catalog."""
        return self._stream

    def generate_partitions(self) -> Iterator[ManifestStream]:
        """Yields the stream itself, as the only partition, because a read chooses its own order of partitions."""
        yield self

    def to_slice(self) -> Mapping[str, Any]:
        """Returns no slice: the partition is the whole stream."""
        return {}

    def stream_name(self) -> str:
        """Returns the name of the stream of a partition."""
        return self.name

    def read(self) -> Iterator[Record]:
        """Yields the records of a full refresh.

        Raises:
            AirbyteTracedException: At the end, if the stream is incomplete.
        """
        chosen = ConfiguredAirbyteStream(self._stream, SyncMode.full_refresh, DestinationSyncMode.append)
        for message in self._source.read(_LOG, self._config, ConfiguredAirbyteCatalog([chosen])):
            if message.record is not None:
                yield Record(message.record.data, self.name)


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
