"""The state file of a sync: one state for each stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.errors import ConfigError
from source_rest_api.formats.excerpt import excerpt

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Descriptor(msgspec.Struct):
    name: str


class _Stream(msgspec.Struct):
    stream_descriptor: _Descriptor
    stream_state: dict[str, Any] | None = None


class _State(msgspec.Struct):
    stream: _Stream


_OTHERS = frozenset({"RECORD", "LOG", "TRACE", "CONTROL"})
"""The types of the other messages that `read` prints."""


def load(value: Any) -> dict[str, dict[str, Any]]:
    """Returns each stream's state from a list of AirbyteStateMessages of type STREAM; the last one of a stream counts.

    Also accepts one or many messages as printed: `{"type": "STATE", "state": {...}}`. Other messages that `read`
    prints are ignored.

    Raises:
        ConfigError: The value is none of these.
    """
    messages = value if isinstance(value, list) else [value] if value else []
    states: dict[str, dict[str, Any]] = {}
    for message in messages:
        if isinstance(message, dict) and message.get("type") in _OTHERS:
            continue
        inner = message.get("state", message) if isinstance(message, dict) else message
        try:
            stream = msgspec.convert(inner, _State).stream
        except msgspec.ValidationError as error:
            shown = excerpt(msgspec.json.encode(inner, enc_hook=str))
            raise ConfigError(
                f"The state {shown} is not an Airbyte stream state ({error}). Give a list of "
                '`{"type": "STREAM", "stream": {"stream_descriptor": {"name": …}, "stream_state": …}}`.'
            ) from None
        states[stream.stream_descriptor.name] = stream.stream_state or {}
    return states


def dump(states: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the list of AirbyteStateMessages for each stream's state."""
    return [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": stream_state}}
        for name, stream_state in states.items()
    ]
