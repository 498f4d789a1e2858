"""Infers JSON schemas from sample records.

Every field is nullable and none is required, because a sample cannot prove otherwise. For the same reason integers are
numbers: an amount may be whole in the sample and 12.50 later, which a destination would set to null. Identifiers stay
integers, because a destination may keep numbers as floats, which lose digits beyond 2^53.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.config.deletions import DELETED_AT
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msgspec import Raw

    from source_rest_api.model import Path

_DECODER = msgspec.json.Decoder(float_hook=float)
"""Reads any number as a float: inference needs only the type, so values beyond a float's range are fine."""
_LARGEST_EXACT = 1 << 53
"""The largest integer up to which a float holds every integer."""
_IDENTIFIER = re.compile(r"(?:.*[\W_])?(?i:u?ids?)|.*[a-z0-9](?:Ids?|IDs?)")
"""Names of identifiers: `id`, `user_id`, `userId`, `member_ids`."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(
    rf"({_DATE.pattern})[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{{1,9}})?(Z|z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?",
    re.ASCII,
)
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?", re.ASCII)
_LARGEST_INTEGER = (1 << 63) - 1
"""The largest integer that every destination stores as one."""
_MOST_FIELDS = 1000
"""Upper limit of the fields of an object that is not a map."""
_MOST_RARE_FIELDS = 100
"""The same, if the average object has less than half of them."""
_ID = re.compile(
    r"\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=.*\d)[0-9a-fA-F]{16,}|"
    r"\d{4}-\d\d(?:-\d\d)?|[a-z]{2,5}_(?=\w*\d)\w{8,}|[^@\s]+@[^@\s]+\.[^@\s]+",
    re.ASCII,
)
"""A name that is a value: a number, a UUID, a hash, a date, a prefixed ID such as `cus_9s6XKzkNRiz8i3`, an address."""
_ZONED = {"format": "date-time", "airbyte_type": "timestamp_with_timezone"}
_LOCAL = {"format": "date-time", "airbyte_type": "timestamp_without_timezone"}


def infer(records: Iterable[Raw], keys: Iterable[Path] = ()) -> dict[str, Any]:
    """Returns the schema that fits all given records.

    Args:
        records: The sample.
        keys: Paths of identifiers, in addition to fields whose names say so.
    """
    shape = _Shape()
    for record in records:
        shape.observe(_DECODER.decode(record))
    for path in keys:
        shape.identify(path)
    properties = shape.fields()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": True,
        "properties": properties,
    }


def with_deletions(declared: dict[str, Any]) -> dict[str, Any]:
    """Returns a schema with the deletion time added, for streams that emit delete records."""
    properties = {**declared["properties"], DELETED_AT: {"type": ["null", "string"], **_ZONED}}
    return {**declared, "properties": properties}


@dataclass
class _Shape:
    """The types, formats, fields and items seen at one place in the records."""

    types: set[str] = field(default_factory=set)
    formats: set[str] = field(default_factory=set)
    properties: dict[str, _Shape] = field(default_factory=dict)
    items: _Shape | None = None
    objects: int = 0
    """The number of objects seen."""
    seen: int = 0
    """The number of values seen, nulls included."""
    is_identifier: bool = False
    """True if its integers stay integers."""

    def identify(self, path: Path) -> None:
        """Marks the field at a path as an identifier."""
        found = raw_json.step(self.properties, path) if path else None
        if found is not None:
            self.properties[found[0]].identify(tuple(found[1]))
        self.is_identifier = self.is_identifier or not path

    def observe(self, value: Any) -> None:
        self.seen += 1
        if isinstance(value, dict):
            self.types.add("object")
            self.objects += 1
            for name, inner in value.items():
                self.properties.setdefault(name, _Shape()).observe(inner)
        elif isinstance(value, list):
            self.types.add("array")
            self.items = self.items or _Shape()
            for inner in value:
                self.items.observe(inner)
        elif isinstance(value, str):
            self.types.add("string")
            self.formats.add(_format(value))
        elif isinstance(value, bool):
            self.types.add("boolean")
        elif isinstance(value, int):
            self.types.add("integer" if abs(value) <= _LARGEST_INTEGER else "number")
            self.is_identifier = self.is_identifier or abs(value) > _LARGEST_EXACT
        elif value is not None:
            self.types.add("number")

    def fields(self) -> dict[str, Any]:
        return {name: inner.schema(name) for name, inner in self.properties.items()}

    def schema(self, name: str) -> dict[str, Any]:
        types = self.types - {"integer"}
        if "integer" in self.types and "number" not in types:
            types.add("integer" if self.is_identifier or _IDENTIFIER.fullmatch(name) else "number")
        schema: dict[str, Any] = {"type": ["null", *(sorted(types) or ["string"])]}
        if "object" in types and self._is_map:
            schema["additionalProperties"] = self._any_value().schema("")
        elif "object" in types:
            schema["additionalProperties"] = True
            schema["properties"] = self.fields()
        if self.items is not None and self.items.types:
            schema["items"] = self.items.schema(name)
        if types == {"string"}:
            schema |= _FORMATS.get(frozenset(self.formats), {})
        return schema

    @property
    def _is_map(self) -> bool:
        """True if the names are values, such as IDs, and not those of fields."""
        if all(map(_ID.fullmatch, self.properties)):
            return bool(self.properties)
        kinds = {frozenset(inner.types) for inner in self.properties.values() if inner.types}
        held = sum(inner.seen for inner in self.properties.values())
        rare = 2 * held < len(self.properties) * self.objects
        return len(self.properties) > (_MOST_RARE_FIELDS if rare else _MOST_FIELDS) and len(kinds) <= 1

    def _any_value(self) -> _Shape:
        """The shape of all values of a map together."""
        merged = _Shape()
        for inner in self.properties.values():
            merged.add(inner)
        return merged

    def add(self, other: _Shape) -> None:
        """Adds what was seen at another place."""
        self.types |= other.types
        self.formats |= other.formats
        self.objects += other.objects
        self.seen += other.seen
        self.is_identifier = self.is_identifier or other.is_identifier
        for name, inner in other.properties.items():
            self.properties.setdefault(name, _Shape()).add(inner)
        if other.items is not None:
            self.items = self.items or _Shape()
            self.items.add(other.items)


_FORMATS: dict[frozenset[str], dict[str, str]] = {
    frozenset({"date"}): {"format": "date"},
    frozenset({"zoned"}): _ZONED,
    frozenset({"local"}): _LOCAL,
    frozenset({"clock"}): {"format": "time", "airbyte_type": "time_without_timezone"},
}


def _format(text: str) -> str:
    """Returns the format of a text: `date`, `zoned`, `local`, `clock` or `text`.

    It counts as a date or time only if every destination accepts it: the date exists, and there is no leap second.
    """
    if _is_date(text):
        return "date"
    if _CLOCK.fullmatch(text):
        return "clock"
    time = _TIME.fullmatch(text)
    if time is None or not _is_date(time.group(1)):
        return "text"
    return "zoned" if time.group(2) else "local"


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
