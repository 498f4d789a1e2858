"""A parent's record, as the streams below it see it: in templates, and copied into their records."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode
"""Writes what `decode` gave, and undecoded parts as they are."""


def decode(record: Raw | bytes) -> Any:
    """The Python value. Decimals keep their digits: what looks like a number may be an id."""
    return _decode(record)


class Copier:
    """Adds the same fields to records, whose own bytes stay as they are.

    Args:
        copies: The fields.
    """

    def __init__(self, copies: Mapping[str, Any]) -> None:
        self._names = copies.keys()
        self._tail = encode(copies)[1:]

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
