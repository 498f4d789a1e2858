"""Reads only one field of undecoded records, without Python code for each record."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec

from source_rest_api.formats import date_formats, datetimes, raw_json
from source_rest_api.formats.excerpt import excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from msgspec import Raw

    from source_rest_api.model import Path

    Way: TypeAlias = tuple[Any, Callable[[list[Any]], list[Any]]]

_EXAMPLE = 80
"""Bytes of an unreadable value that are shown."""
_EXAMPLES = 5
_LOOKED_AT = 100
_LARGE = 1000
"""Bytes of a record from which on it is shortened. Smaller ones are decoded as fast as they are cut."""


class FieldDecoder:
    """Decoder for one field of one type, such as `datetime` or `int`.

    It decodes each record separately: joining them for one call would take longer than the calls that it saves. Of
    large records it decodes only the part before or after the field, because skipping the rest takes the most time.
    """

    def __init__(self, path: Path, kind: Any) -> None:
        field: Any = ("value", kind | None, None)
        for key in reversed(path):
            record = msgspec.defstruct("Peek", [field], rename={"value": key}, gc=False)
            field = ("value", record)
        self._decode = msgspec.json.Decoder(record).decode
        self._value = attrgetter(".".join(["value"] * len(path)))
        self._name = msgspec.json.encode(path[0]) if len(path) == 1 else b""

    def values(self, records: list[Raw]) -> list[Any | None]:
        """Returns each record's value; None if the field is missing or null.

        Raises:
            msgspec.ValidationError: A value has another type, or its path leads through something that is no object.
        """
        if self._name and records and memoryview(records[0]).nbytes > _LARGE:
            with suppress(msgspec.DecodeError):
                return self._decoded(map(self._shortened, records))
        return self._decoded(records)

    def _decoded(self, records: Iterable[Raw | bytes]) -> list[Any | None]:
        return list(map(self._value, map(self._decode, records)))

    def _shortened(self, record: Raw) -> bytes:
        """Returns a part of a record with the same field: from the last place of its name on, or up to the comma after.

        If the part is JSON, it was cut at the top level. The rest has no such name, and a record without backslashes
        writes each name in one way only. So of several fields of the name, the last counts, as in the whole record.
        """
        text = bytes(record)
        if b"\\" in text:
            return text
        at = text.rfind(self._name)
        return b"{" + text[at:] if at > len(text) // 2 else text[: text.find(b",", at)] + b"}"


class FieldReader:
    """Reads one field of records: a whole page at once if all its values have one type, else record by record.

    Args:
        path: The field. Keys that contain dots and indexes of arrays work too, record by record.
        ways: Types to decode, each with the function that converts a page's values; text is tried last.
        parse: Converts one text to a value.
    """

    def __init__(self, path: Path, ways: Sequence[Way], parse: Callable[[str], Any]) -> None:
        self._path = path
        self._parse = parse
        self._ways = [(FieldDecoder(path, kind), convert) for kind, convert in (*ways, (str, self._parsed))]

    def values(self, records: list[Raw]) -> list[Any | None]:
        """Returns each record's value; None if it is missing or cannot be read."""
        for peek, convert in self._ways:
            with suppress(msgspec.ValidationError, OverflowError, TypeError, ValueError):
                values = convert(peek.values(records))
                break
        else:
            return list(map(self._read, records))
        if len(self._path) > 1 and not all(values):  # for date-times ten times as fast as looking for None
            return [self._read(r) if v is None else v for r, v in zip(records, values, strict=True)]
        return values

    def text(self, record: Raw) -> str | None:
        """Returns a record's value as text, a number with its digits unchanged."""
        found = raw_json.find(record, self._path)
        return None if found is None else raw_json.text(found)

    def unreadable(self, records: list[Raw], values: list[Any | None]) -> tuple[str, ...]:
        """Returns examples of unreadable values from the first such records: distinct, and truncated."""
        unread = islice((record for record, value in zip(records, values, strict=True) if value is None), _LOOKED_AT)
        return tuple(dict.fromkeys(map(self._example, unread)))[:_EXAMPLES]

    def _example(self, record: Raw) -> str:
        found = raw_json.find(record, self._path)
        return "nothing" if found is None else excerpt(bytes(found), _EXAMPLE)

    def _parsed(self, texts: list[str | None]) -> list[Any | None]:
        return list(map(self._value, texts))

    def _read(self, record: Raw) -> Any | None:
        return self._value(self.text(record))

    def _value(self, text: str | None) -> Any | None:
        try:
            return None if text is None else self._parse(text)
        except ValueError:
            return None


_Aware: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A date-time with an offset: what most APIs send, and what needs no conversion."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def reader(path: Path, forms: tuple[str, ...]) -> FieldReader:
    """Returns the reader of a date-time field.

    RFC 3339, dates and numbers since the epoch are read by C code; all else by its format, in Python.

    Args:
        path: The field.
        forms: Date formats of the field, tried in turn; empty for ISO 8601.
    """
    iso = all(map(_is_iso, forms))
    parse = _parser(forms, iso=iso)
    ways: list[Way] = []
    if iso:
        ways += [(_Aware, list), (datetime, _aware), (date, _at_midnight)]
    elif forms[0] in date_formats.EPOCHS:
        ways.append((int, lambda numbers: _since_epoch(numbers, date_formats.EPOCHS[forms[0]])))
    return FieldReader(path, ways, parse)


def _is_iso(form: str) -> bool:
    """True if the format writes only ISO 8601, which can be read without the format."""
    return form.startswith(("%Y", "YYYY")) and date_formats.compiled(form).is_read_by(datetimes.parse)


def _parser(forms: tuple[str, ...], *, iso: bool) -> Callable[[str], datetime]:
    """Returns the function that parses one text.

    It must agree with the decoder of whole pages, or the same value would differ from page to page.
    """

    def parse(text: str) -> datetime:
        try:
            return datetimes.parse(text)
        except ValueError:
            return datetimes.parse_as(text, forms)

    return parse if iso else lambda text: datetimes.parse_as(text, forms)


def _aware(moments: list[Any]) -> list[Any]:
    """Sets UTC as the zone of date-times without an offset."""
    return [m if m is None or m.tzinfo else datetimes.aware(m) for m in moments]


def _at_midnight(days: list[Any]) -> list[Any]:
    return [None if day is None else datetime.combine(day, datetimes.MIDNIGHT) for day in days]


def _since_epoch(numbers: list[Any], unit: timedelta) -> list[Any]:
    return [None if number is None else _EPOCH + number * unit for number in numbers]
