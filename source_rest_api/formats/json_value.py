"""An array or object that is passed on as one value, such as the sort values by which a search goes on."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from source_rest_api.formats import raw_json


class JsonValue(Struct, frozen=True):
    """An array or object as JSON text. Numbers keep their digits, and equal texts are equal values."""

    json: str

    @classmethod
    def of(cls, value: Any) -> JsonValue:
        """Writes a value; parts of it may be undecoded JSON."""
        return cls(raw_json.encode(value).decode())

    def decoded(self) -> Any:
        """Returns the Python value; decimals are exact."""
        return raw_json.decode_exactly(self.json)

    def __str__(self) -> str:
        return self.json
