"""The envelope around the records of a body, decoded in one typed pass that is compiled once per stream.

The pass checks the syntax of the whole body, extracts the records and reads the values that pagination needs. For a
body of another shape, the slower path (decoder and record selector) takes over; it also reports the errors.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct

from source_rest_api.errors import BrokenAnswerError
from source_rest_api.formats import raw_json
from source_rest_api.records import error_object, tree
from source_rest_api.records.decoders import RecordDecoder, WholeBody
from source_rest_api.records.list_shape import ListShape
from source_rest_api.records.opened_body import OpenedBody
from source_rest_api.records.selectors import WHOLE_BODY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from source_rest_api.formats.raw_json import Opened
    from source_rest_api.http.response import Response
    from source_rest_api.model import Path
    from source_rest_api.records.selectors import RecordSelector


class Envelope:
    """Extracts the records from the bodies of one stream.

    Args:
        decoder: Converts a body to JSON.
        selector: Finds the records in a body that the typed pass cannot read.
        paths: Paths of values beside the records that are read from every page.
    """

    def __init__(self, decoder: WholeBody, selector: RecordSelector, paths: Iterable[Path]) -> None:
        self._decoder = decoder
        self._selector = selector
        self._cutter = None
        where = selector.records_path or WHOLE_BODY
        self._shape = ListShape(where if selector.is_plain and where != WHOLE_BODY else ())
        if selector.is_plain:
            self._cutter = _Cutter(() if where == WHOLE_BODY else where, paths)

    def open(self, response: Response) -> OpenedBody:
        """Returns the body with its records, each an object.

        Raises:
            BrokenAnswerError: The body is truncated, not JSON, or not text.
            ConfigError: The body has no records at the configured path, or is an error with a success status.
        """
        if not response.body or response.body.isspace():
            return self._blank(response)
        text = self._decoder.text(response)
        if isinstance(self._decoder, RecordDecoder):
            return self._given(self._decoder, response, response.json(text))
        cut = None if self._cutter is None else self._cutter.cut(text)
        if cut is None:
            root = response.json(text)
            if self._shape.is_empty_list(root):
                return OpenedBody(root, [])
            return self._selector.open(root, accepted=response.is_accepted)
        if not response.is_accepted:
            self._selector.refuse_error(cut.opened)
        records = self._selector.only_objects(cut.records)
        self._shape.check_list(text, records)
        return OpenedBody(Raw(text.strip()), records, cut.known)

    def _blank(self, response: Response) -> OpenedBody:
        """Returns a page without records, if the API may omit them."""
        if self._selector.allow_missing_records:
            return OpenedBody(Raw(b"null"), [])
        raise BrokenAnswerError(
            f"The API returned an empty body (HTTP {response.status}). Set `allow_missing_records: true` if that means "
            "that there are no records."
        )

    def _given(self, decoder: RecordDecoder, response: Response, root: Raw) -> OpenedBody:
        """Returns the records of a connector's own decoder. If there are none, the body must not be an error."""
        records = [tree.raw(record) for record in decoder.records(response)]
        if not records and not response.is_accepted:
            self._selector.refuse_error(raw_json.fields(root))
        return OpenedBody(root, self._selector.only_objects(records))


class _Cut(Struct, frozen=True):
    records: list[Raw]
    opened: Opened
    known: dict[Path, Raw | None]


class _Cutter:
    """The typed pass over a body.

    Args:
        where: The path of the records' array.
        paths: The paths of other values to read.
    """

    def __init__(self, where: Path, paths: Iterable[Path]) -> None:
        self._where = where
        self._paths = [path for path in paths if where and not _overlap(path, where)]
        self._ambiguous = [
            (*where[:level], key) for level in range(len(where)) for key in raw_json.spellings(where[level:])[1:]
        ]
        self._decode = _decoder(where, tuple(self._paths)).decode

    def cut(self, text: bytes) -> _Cut | None:
        """Returns the records and the other values; None if the body has another shape."""
        try:
            found = self._decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        opened, records = _opened(found, self._where)
        if records is None or any(raw_json.find_in(opened, path) is not None for path in self._ambiguous):
            return None
        return _Cut(records, opened, {path: raw_json.find_in(opened, path) for path in self._paths})


def _overlap(path: Path, where: Path) -> bool:
    """True if one path is the beginning of the other."""
    return all(key == other for key, other in zip(".".join(path).split("."), ".".join(where).split("."), strict=False))


@lru_cache(256)
def _decoder(where: Path, paths: tuple[Path, ...]) -> msgspec.json.Decoder[Any]:
    """Returns the decoder of an envelope. Many streams of an API share one, because making its types takes long."""
    return msgspec.json.Decoder(_kind(where, paths, error_object.KEYS))


def _kind(where: Path, paths: Collection[Path], more: Collection[str] = ()) -> Any:
    """Returns the type of the envelope: a struct for each key on the path, which skips unknown fields."""
    if not where:
        return list[Raw]
    names = {key for path in (where, *paths) for key in raw_json.spellings(path)} | set(more)
    inner = _kind(where[1:], [path[1:] for path in paths if path[0] == where[0]])
    keys = {f"field{index}": name for index, name in enumerate(sorted(names))}
    fields: list[Any] = [(field, inner if name == where[0] else Raw, None) for field, name in keys.items()]
    return msgspec.defstruct("Envelope", fields, rename=keys)


def _opened(found: Any, where: Path) -> tuple[Opened, list[Raw] | None]:
    """Returns the fields that were read, and the records, or None if there are none."""
    if not where or found is None:
        return {}, found
    names = found.__struct_encode_fields__
    present = {
        name: value for name, value in zip(names, msgspec.structs.astuple(found), strict=True) if value is not None
    }
    inner, records = _opened(present.pop(where[0], None), where[1:])
    return {**present, where[0]: inner}, records
