"""Reads some fields of undecoded objects, with one pass over each object."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class RawFields:
    """Finds the undecoded values at some paths, by the rules of `raw_json.find`.

    Args:
        paths: The paths of the fields.
    """

    def __init__(self, paths: Sequence[tuple[str, ...]]) -> None:
        self._paths = paths
        names = tuple(path[0] for path in paths if len(path) == 1 and raw_json.is_attribute(path[0]))
        self._decode = _decoder(names) if len(set(names)) == len(paths) else None

    def of(self, record: Raw) -> tuple[Raw | None, ...]:
        """Returns the values in an object, one for each path; None where it has none."""
        if self._decode is not None:
            return msgspec.structs.astuple(self._decode(record))
        return tuple([raw_json.find(record, path) for path in self._paths])


@lru_cache(64)
def _decoder(names: tuple[str, ...]) -> Callable[[Raw], Any]:
    """Returns a decoder for fields at the top of an object. Streams share it, because a new class takes long."""
    fields: Any = [(f"field{index}", Raw, None) for index in range(len(names))]
    renamed = {f"field{index}": name for index, name in enumerate(names)}
    return msgspec.json.Decoder(msgspec.defstruct("Fields", fields, rename=renamed, gc=False)).decode
