"""Reads one stream as pages of undecoded records, for programs that load them themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError
from source_rest_api.protocol import catalog, state_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from source_rest_api.config.endpoint import Endpoint


class _Message(msgspec.Struct):
    type: str
    record: msgspec.Raw = msgspec.Raw()
    trace: Any = None


class _Record(msgspec.Struct):
    data: msgspec.Raw


class StreamPages:
    """One stream and its state.

    Args:
        endpoint: The endpoint of the stream.
        raw: The config.
        secrets: Texts to mask in messages, besides the secrets of the config.
        state: The state to continue from; empty for none.
    """

    def __init__(
        self, endpoint: Endpoint, raw: Mapping[str, Any], secrets: Collection[str], state: Mapping[str, Any]
    ) -> None:
        self.state: dict[str, Any] = dict(state)
        """The state of what was yielded. It may also cover the page that comes next."""
        self._endpoint = endpoint
        self._session = Connector().session(raw, secrets=secrets)

    def __iter__(self) -> Iterator[list[msgspec.Raw]]:
        """Yields pages of records.

        Raises:
            ConfigError: The stream could not be read to its end.
        """
        name = self._endpoint.name
        problem = ""
        for block in self._session.read(catalog.of_all([self._endpoint]), {name: self.state}):
            page = []
            for line in block.splitlines():
                message = msgspec.json.decode(line, type=_Message)
                if message.type == "RECORD":
                    page.append(msgspec.json.decode(message.record, type=_Record).data)
                elif message.type == "STATE":
                    self.state = state_file.load(msgspec.json.decode(line))[name]
                elif message.type == "TRACE" and message.trace.get("type") == "ERROR":
                    problem = problem or message.trace["error"]["message"]
            if page:
                yield page
        if not self._session.complete:
            raise ConfigError(problem or f"Stream {name} is not complete.")
