"""Parent records as child streams use them: in templates, and copied into their records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw
    from typing_extensions import Self


class ParentRow(Struct, frozen=True):
    """A parent's record, with its own parents' records."""

    records: dict[str, Any]
    """The records by their names in templates, with only the fields that templates and `include_from_parent` use."""
    version: str
    """Digest of the whole record and its parents' records."""

    def pack(self) -> bytes:
        """Returns the row as bytes."""
        return self.version.encode() + b" " + raw_json.encode(self.records)

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Returns the row in these bytes. Decimals keep all digits, because an id may look like a number."""
        version, _, records = packed.partition(b" ")
        return cls(raw_json.decode_exactly(records), version.decode())


ROOT = ParentRow({}, "")
"""The row above a stream that has no parent."""


class Copier:
    """Adds the same fields to records, and leaves the records' own bytes unchanged.

    Args:
        copies: The fields to add, with their values.
    """

    def __init__(self, copies: Mapping[str, Any]) -> None:
        self._names = copies.keys()
        self._copies = raw_json.encode(copies)

    def copy_into(self, record: Raw) -> Raw:
        """Returns the record with the copies at its end.

        Raises:
            ConfigError: The record already has a field of that name.
        """
        own = raw_json.fields(record)
        taken = sorted(self._names & own.keys())
        if taken:
            raise ConfigError(
                f"`include_from_parent` would overwrite the record's own field `{taken[0]}`. Choose another name."
            )
        return tree.append(record, self._copies)
