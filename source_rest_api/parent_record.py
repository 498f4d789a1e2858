"""A parent's record, as the streams below it see it: in templates, and copied into their records."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from source_rest_api import raw_json
from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def decode(record: Raw) -> Any:
    """The Python value. Decimals keep their digits: what looks like a number may be an id."""
    return _decode(record)


def find(record: Any, path: str) -> Any:
    """The value at a path with dots, or None if it is absent."""
    value = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


class Copier:
    """Copies fields of one parent's record into records, whose own bytes stay as they are.

    Args:
        parent: The decoded record.
        paths: The names of the copies, and where the parent's record has them.
    """

    def __init__(self, parent: Any, paths: Mapping[str, str]) -> None:
        self._names = paths.keys()
        self._tail = _encode({name: find(parent, path) for name, path in paths.items()})[1:]

    def copy_into(self, record: Raw) -> Raw:
        """The record with the copies at its end.

        Raises:
            ConfigError: It has a field of that name already.
        """
        own = raw_json.fields(record)
        taken = sorted(self._names & own.keys())
        if taken:
            raise ConfigError(
                f"`include_from_parent` would overwrite the record's own field `{taken[0]}`: choose another name."
            )
        return Raw(bytes(record)[:-1] + (b"," if own else b"") + self._tail)
