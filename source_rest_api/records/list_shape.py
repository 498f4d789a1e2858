"""Checks that the bodies of one stream keep one shape: one list of records, which stays a list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from source_rest_api.model import Path

_SEPARATORS = range(1, 4)
"""Possible numbers of bytes between two records: a comma, and spaces or a line break."""


class ListShape:
    """The shape of the record lists of one stream.

    Args:
        where: The path of the list; empty if there is no list to check.
    """

    def __init__(self, where: Path) -> None:
        self._where = where
        self._example: Raw | None = None
        """A record of an earlier list. Any thread may set it; any record will do."""

    def check_list(self, text: bytes, records: Sequence[Raw]) -> None:
        """Checks that a body has only one list of records. JSON parsers keep the last of two (RFC 8259).

        Args:
            text: The body.
            records: The items of the list that was found.

        Raises:
            ConfigError: The body has the list twice.
        """
        if not self._where:
            return
        if records and self._example is None:
            self._example = Raw(bytes(records[0]))  # a copy: a slice would keep the whole body in memory
        around = _around(text, records)
        if around.count(b'"%b"' % self._where[-1].encode()) > 1 and _is_twice(around, self._where):
            raise ConfigError(
                f"The response has the field `{'.'.join(self._where)}` twice, so one list of records would be lost. "
                "The API must send it only once."
            )

    def is_empty_list(self, root: Raw) -> bool:
        """True if the body has an empty object where earlier pages had a list, as some languages encode an empty list.

        Raises:
            ConfigError: The object's fields differ from those of earlier records.
        """
        value = raw_json.find(root, self._where) if self._where and self._example is not None else None
        if value is None or self._example is None or raw_json.kind(value) != "object":
            return False
        fields, usual = raw_json.fields(value).keys(), raw_json.fields(self._example).keys()
        if fields and 2 * len(fields & usual) < len(usual):
            raise ConfigError(
                f"`records_path: {'.'.join(self._where)}` was a list on earlier pages, but is an object with the "
                f"fields {', '.join(sorted(fields)[:5])} here. If its values are the records, set `records_key_field`. "
                "If it means that there are no records, add a rule to `errors` with `action: stop`."
            )
        return not fields


def _around(text: bytes, records: Sequence[Raw]) -> bytes:
    """Returns the body without its records. The list is found from the end, without a scan of the whole body."""
    if not records:
        return text
    last, first = bytes(records[-1]), bytes(records[0])
    end = text.rfind(last) + len(last)
    length = sum(map(len, records))
    for separator in _SEPARATORS:
        start = end - length - separator * (len(records) - 1)
        if start >= 0 and text.startswith(first, start):
            return text[:start] + text[end:]
    return _cut_each(text, records)


def _cut_each(text: bytes, records: Sequence[Raw]) -> bytes:
    """Does the same as `_around` for any separators: searches for each record, from the last to the first."""
    end = stop = text.rfind(bytes(records[-1])) + len(records[-1])
    for record in reversed(records):
        stop = text.rfind(bytes(record), 0, stop)
    return text[:stop] + text[end:]


def _is_twice(text: bytes, where: Path) -> bool:
    """True if an object on the path to the list has the key twice."""
    level: Any = json.loads(text, object_pairs_hook=list)
    for key in where:
        if not isinstance(level, list):
            return False
        found = [value for name, value in (pair for pair in level if isinstance(pair, tuple)) if name == key]
        if len(found) != 1:
            return len(found) > 1
        level = found[0]
    return False
