"""An array or object that is passed on as one value, such as the sort values by which a search goes on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


class JsonValue(Struct, frozen=True):
    """An array or object as JSON text. Numbers keep their digits, and equal texts are equal values."""

    json: str

    @classmethod
    def of(cls, value: Any) -> JsonValue:
        """Writes a value; parts of it may be undecoded JSON."""
        return cls(_encode(value).decode())

    def decoded(self) -> Any:
        """Returns the Python value; decimals are exact."""
        return _decode(self.json)

    def __str__(self) -> str:
        return self.json
