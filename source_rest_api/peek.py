"""Reads one field of undecoded records, and nothing else of them, without Python code for each record."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from msgspec import Raw

    from source_rest_api.model import Path


class Peek:
    """A decoder for one field of a kind, such as `datetime` or `int`."""

    def __init__(self, path: Path, kind: Any) -> None:
        field: Any = ("value", kind | None, None)
        for key in reversed(path):
            kind = msgspec.defstruct("Peek", [field], rename={"value": key}, gc=False)
            field = ("value", kind)
        self._decode = msgspec.json.Decoder(list[kind]).decode
        self._value = attrgetter(".".join(["value"] * len(path)))

    def values(self, records: list[Raw]) -> list[Any | None]:
        """Each record's value; None where the field is absent or null.

        Raises:
            msgspec.ValidationError: A value is of another kind, or there is no object on the way to it.
        """
        return list(map(self._value, self._decode(b"[%b]" % b",".join(records))))
