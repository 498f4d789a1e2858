"""The size limit of records: sets the largest fields of a too large record to null, and reports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw, Struct

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_rest_api.model import Path

_NULL = Raw(b"null")
_TOLD = 90
"""Bytes that `meta.changes` needs for one nulled field, without the field's name."""


class Fitted(Struct, frozen=True):
    """Records within the size limit."""

    records: list[Raw]
    nulled: dict[int, tuple[str, ...]]
    """The fields that were set to null, by index of the record."""


class RecordSize:
    """The size limit of a stream's records.

    Args:
        largest: Maximum bytes of a record's JSON, including its `meta.changes`.
        kept: Fields that are never set to null: primary key and cursor field.
    """

    def __init__(self, largest: int, kept: Iterable[Path]) -> None:
        self._largest = largest
        self._kept = {key for path in kept for key in raw_json.spellings(path)}

    def fit(self, records: list[Raw], together: int) -> Fitted:
        """Returns the records, each within the limit. Checks none if all of them together are within it.

        Args:
            records: The records to emit.
            together: Upper bound of the bytes of all records.

        Raises:
            ConfigError: A record is too large even with its largest fields set to null.
        """
        if together <= self._largest:
            return Fitted(records, {})
        fitted = Fitted(list(records), {})
        for index, record in enumerate(records):
            if len(record) > self._largest:
                fitted.records[index], nulled = self._fit(record)
                if nulled:
                    fitted.nulled[index] = nulled
        return fitted

    def _fit(self, record: Raw) -> tuple[Raw, tuple[str, ...]]:
        fields = raw_json.fields(Raw(msgspec.json.format(bytes(record), indent=-1)))
        size = len(msgspec.json.encode(fields))
        nulled = []
        free = [name for name in fields if name not in self._kept]
        for name in sorted(free, key=lambda name: len(fields[name]), reverse=True):
            told = _TOLD + len(name.encode())
            if size <= self._largest or len(fields[name]) <= told:
                break
            size += len(_NULL) + told - len(fields[name])
            fields[name] = _NULL
            nulled.append(name)
        if size > self._largest:
            raise ConfigError(
                f"A record is larger than {self._largest >> 20} MB, even with its largest fields set to null. Remove "
                "fields (`remove_fields`), or raise `limits.record_megabytes`."
            )
        return Raw(msgspec.json.encode(fields)), tuple(nulled)
