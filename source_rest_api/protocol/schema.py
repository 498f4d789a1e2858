"""JSON schemas from records: what a destination needs to know of a stream.

Everything is nullable and nothing is required, because a sample cannot prove otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.config.deletions import DELETED_AT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msgspec import Raw

_DECODER = msgspec.json.Decoder(float_hook=float)
"""Only kinds of values count here, so a number beyond a float's range is a number as well."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(
    rf"({_DATE.pattern})[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{{1,9}})?(Z|z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?",
    re.ASCII,
)
_ZONED = {"format": "date-time", "airbyte_type": "timestamp_with_timezone"}
_LOCAL = {"format": "date-time", "airbyte_type": "timestamp_without_timezone"}


def infer(records: Iterable[Raw]) -> dict[str, Any]:
    """The schema of a stream's records."""
    shape = _Shape()
    for record in records:
        shape.observe(_DECODER.decode(record))
    properties = {name: inner.schema() for name, inner in shape.properties.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": True,
        "properties": properties,
    }


def with_deletions(declared: dict[str, Any]) -> dict[str, Any]:
    """The schema of records some of which tell that a row is gone."""
    properties = {**declared["properties"], DELETED_AT: {"type": ["null", "string"], **_ZONED}}
    return {**declared, "properties": properties}


@dataclass
class _Shape:
    """All that was seen at one place."""

    types: set[str] = field(default_factory=set)
    formats: set[str] = field(default_factory=set)
    properties: dict[str, _Shape] = field(default_factory=dict)
    items: _Shape | None = None

    def observe(self, value: Any) -> None:
        if isinstance(value, dict):
            self.types.add("object")
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
        elif value is not None:
            self.types.add("integer" if isinstance(value, int) else "number")

    def schema(self) -> dict[str, Any]:
        types = self.types - ({"integer"} if "number" in self.types else set())
        schema: dict[str, Any] = {"type": ["null", *(sorted(types) or ["string"])]}
        if "object" in types:
            schema["additionalProperties"] = True
            schema["properties"] = {name: inner.schema() for name, inner in self.properties.items()}
        if self.items is not None and self.items.types:
            schema["items"] = self.items.schema()
        if types == {"string"}:
            schema |= _FORMATS.get(frozenset(self.formats), {})
        return schema


_FORMATS: dict[frozenset[str], dict[str, str]] = {
    frozenset({"date"}): {"format": "date"},
    frozenset({"zoned"}): _ZONED,
    frozenset({"local"}): _LOCAL,
}


def _format(text: str) -> str:
    """What a text is, if every destination will agree: a date that exists, a time of day without leap second."""
    if _is_date(text):
        return "date"
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
