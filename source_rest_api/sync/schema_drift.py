"""Notices records that do not fit the schema in the catalog: fields that it lacks, and values of another type."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, get_args

from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from msgspec import Raw

_LOG = logging.getLogger("airbyte.source_rest_api.sync.schema_drift")
_MOST_RECORDS = 20
"""Upper limit of the records of a batch that are looked at, except for those left over by the division."""
_ANY = frozenset(get_args(raw_json.Kind))
_FRACTION = frozenset(b".eE")


class SchemaDrift:
    """Logs the fields of a stream that do not fit, each once in a read.

    It looks at the fields of the record itself, because they are the columns of a destination. Null fits any type.

    Args:
        stream: Name of the stream.
        schema: The JSON schema in the catalog. Everything fits a schema without `properties`.
    """

    def __init__(self, stream: str, schema: Mapping[str, Any]) -> None:
        self._stream = stream
        properties = schema.get("properties")
        fields = properties if isinstance(properties, dict) else {}
        self._types = {name: _types(field) for name, field in fields.items()}
        self._logged: set[str] = set()

    def look(self, records: Sequence[Raw]) -> None:
        """Looks at some records of a batch."""
        if not self._types:
            return
        found: dict[str, str] = {}
        for record in records[:: max(len(records) // _MOST_RECORDS, 1)]:
            found |= dict(self._unfit(record))
        self._logged |= found.keys()
        unknown = {name: kind for name, kind in found.items() if name not in self._types}
        if unknown:
            self._log_unknown(unknown)
        for name in found.keys() - unknown.keys():
            self._log_type(name, found[name])

    def _unfit(self, record: Raw) -> Iterator[tuple[str, str]]:
        """Yields name and type of the fields that do not fit and were not logged before."""
        for name, value in raw_json.fields(record).items():
            kind = raw_json.kind(value)
            if kind == "null" or name in self._logged:
                continue
            types = self._types.get(name, frozenset())
            if kind not in types and not (kind == "number" and "integer" in types and _is_whole(value)):
                yield name, kind

    def _log_unknown(self, fields: Mapping[str, str]) -> None:
        # Airbyte leaves deselected fields out of the schema, so this is not always a problem.
        _LOG.info(
            "Stream %s: records have fields that the schema in the catalog lacks: %s. Unless you deselected them, "
            "refresh the schema; destinations may ignore these fields until then.",
            self._stream,
            ", ".join(f"`{name}` ({kind})" for name, kind in fields.items()),
        )

    def _log_type(self, name: str, kind: str) -> None:
        _LOG.warning(
            "Stream %s: `%s` has values of type %s, but the schema in the catalog says %s. Destinations may set them "
            "to null. Correct the schema, or convert the values with `cast`.",
            self._stream,
            name,
            kind,
            " or ".join(sorted(self._types[name] - {"null"})) or "null",
        )


def _types(field: Any) -> frozenset[str]:
    """Returns the types that a field may have."""
    found = field.get("type") if isinstance(field, dict) else None
    names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(name for name in names if isinstance(name, str)) or _ANY


def _is_whole(number: Raw) -> bool:
    return _FRACTION.isdisjoint(bytes(number)) or float(bytes(number)).is_integer()
