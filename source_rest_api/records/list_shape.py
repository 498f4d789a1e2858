"""Holds the bodies of one stream to one shape: a list of records that stays a list, and that stands there once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from source_rest_api.model import Path

_SMALL = 1 << 14
"""Bytes of a body of which every byte may be looked at once more."""
_SEPARATORS = range(1, 4)
"""Bytes between two records: a comma, and spaces or a line break."""


class ListShape:
    """The shape of the records of one stream.

    Args:
        where: The path of their list; empty where there is none to watch.
    """

    def __init__(self, where: Path) -> None:
        self._where = where
        self._example: Raw | None = None
        """A record of a list. Written by any thread; each is as good."""

    def check_list(self, text: bytes, records: Sequence[Raw]) -> None:
        """Checks that a body has its list of records once. JSON parsers take the last of two (RFC 8259).

        Args:
            text: The body.
            records: The items of the list that was found.

        Raises:
            ConfigError: It stands there twice.
        """
        if not self._where:
            return
        if records and self._example is None:
            self._example = Raw(bytes(records[0]))  # not a part of the body, which would stay in memory
        around = _around(text, records)
        if around.count(b'"%b"' % self._where[-1].encode()) > 1 and _is_twice(around, self._where):
            raise ConfigError(
                f"The response has the field `{'.'.join(self._where)}` twice, so that one list of records would be "
                "lost: the API has to send it once."
            )

    def is_empty_list(self, root: Raw) -> bool:
        """True if an empty object stands where earlier pages had a list: some languages write an empty list so.

        Raises:
            ConfigError: The object has other fields than the records of earlier pages.
        """
        value = raw_json.find(root, self._where) if self._where and self._example is not None else None
        if value is None or self._example is None or raw_json.kind(value) != "object":
            return False
        fields, usual = raw_json.fields(value).keys(), raw_json.fields(self._example).keys()
        if fields and 2 * len(fields & usual) < len(usual):
            raise ConfigError(
                f"`records_path: {'.'.join(self._where)}` was a list on earlier pages, and is an object with the "
                f"fields {', '.join(sorted(fields)[:5])} here. If the object holds the records by their keys, set "
                "`records_key_field`; if it says that there are none, add a rule to `errors` with `action: stop`."
            )
        return not fields


def _around(text: bytes, records: Sequence[Raw]) -> bytes:
    """The body without its records. Their list is one stretch of it, found from its end without reading it all."""
    if not records or len(text) <= _SMALL:
        return text if not records else _cut_small(text, records)
    last, first = bytes(records[-1]), bytes(records[0])
    end = text.rfind(last) + len(last)
    length = sum(map(len, records))
    for separator in _SEPARATORS:
        start = end - length - separator * (len(records) - 1)
        if start >= 0 and text.startswith(first, start):
            return text[:start] + text[end:]
    return _cut_small(text, records)


def _cut_small(text: bytes, records: Sequence[Raw]) -> bytes:
    """As `_around`, for any separators: the records are looked for one after the other, from the last."""
    end = stop = text.rfind(bytes(records[-1])) + len(records[-1])
    for record in reversed(records):
        stop = text.rfind(bytes(record), 0, stop)
    return text[:stop] + text[end:]


def _is_twice(text: bytes, where: Path) -> bool:
    """True if a key on the way to the list stands twice in its object."""

    def keys(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return pairs

    level: Any = json.loads(text, object_pairs_hook=keys)
    for key in where:
        if not isinstance(level, list):
            return False
        found = [value for name, value in (pair for pair in level if isinstance(pair, tuple)) if name == key]
        if len(found) != 1:
            return len(found) > 1
        level = found[0]
    return False
