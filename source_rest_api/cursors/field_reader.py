"""Reads one field of undecoded records, and nothing else of them, without Python code for each record."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from source_rest_api.formats import date_formats, datetimes, raw_json
from source_rest_api.formats.excerpt import excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from msgspec import Raw

    from source_rest_api.model import Path

    Way: TypeAlias = tuple[Any, Callable[[list[Any]], list[Any]]]

_EXAMPLE = 80
"""Characters of an unreadable value that are shown."""
_EXAMPLES = 5
_LOOKED_AT = 100


class FieldDecoder:
    """A decoder for one field of a kind, such as `datetime` or `int`.

    Each record is decoded by itself: to join them for one decoder would take longer than the calls that it saves.
    """

    def __init__(self, path: Path, kind: Any) -> None:
        field: Any = ("value", kind | None, None)
        for key in reversed(path):
            record = msgspec.defstruct("Peek", [field], rename={"value": key}, gc=False)
            field = ("value", record)
        self._decode = msgspec.json.Decoder(record).decode
        self._value = attrgetter(".".join(["value"] * len(path)))

    def values(self, records: list[Raw]) -> list[Any | None]:
        """Each record's value; None where the field is absent or null.

        Raises:
            msgspec.ValidationError: A value is of another kind, or there is no object on the way to it.
        """
        return list(map(self._value, map(self._decode, records)))


class FieldReader:
    """Reads one field of records: a page at once where all fit one way, else one by one.

    Args:
        path: The field. Beside what a decoder finds, a key with dots in it and an index of an array are understood.
        ways: Kinds to decode, each with what makes values of a page's; texts come last.
        parse: What makes a value of one text, in any form.
    """

    def __init__(self, path: Path, ways: Sequence[Way], parse: Callable[[str], Any]) -> None:
        self._path = path
        self._parse = parse
        self._ways = [(FieldDecoder(path, kind), convert) for kind, convert in (*ways, (str, self._parsed))]

    def values(self, records: list[Raw]) -> list[Any | None]:
        """Each record's value; None where there is none, or none that can be read."""
        for peek, convert in self._ways:
            with suppress(msgspec.ValidationError, OverflowError, TypeError, ValueError):
                values = convert(peek.values(records))
                break
        else:
            return list(map(self._read, records))
        if len(self._path) > 1 and None in values:
            return [self._read(r) if v is None else v for r, v in zip(records, values, strict=True)]
        return values

    def text(self, record: Raw) -> str | None:
        """The text of a record's value, or the digits of its number."""
        found = raw_json.find(record, self._path)
        return None if found is None else raw_json.text(found)

    def unreadable(self, records: list[Raw], values: list[Any | None]) -> tuple[str, ...]:
        """What stands where there is no value, each once, of the first records that have none; cut to a few words."""
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


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def reader(path: Path, forms: tuple[str, ...]) -> FieldReader:
    """What reads a field: RFC 3339 and dates by C code, as numbers since the epoch are; the rest by its format.

    Args:
        path: The field.
        forms: Formats of the field, tried in turn; without any it is ISO 8601.
    """
    iso = all(map(_is_iso, forms))
    parse = _parser(forms, iso=iso)
    ways: list[Way] = []
    if iso:
        ways += [(datetime, _aware), (date, _at_midnight)]
    elif forms[0] in date_formats.EPOCHS:
        ways.append((int, lambda numbers: _since_epoch(numbers, date_formats.EPOCHS[forms[0]])))
    return FieldReader(path, ways, parse)


def _is_iso(form: str) -> bool:
    """Whether all that a format writes is ISO 8601, so that it can be read without it."""
    return form.startswith(("%Y", "YYYY")) and date_formats.compiled(form).is_read_by(datetimes.parse)


def _parser(forms: tuple[str, ...], *, iso: bool) -> Callable[[str], datetime]:
    """What reads one text: as the decoder reads a page, or the same value would differ from page to page."""

    def parse(text: str) -> datetime:
        try:
            return datetimes.parse(text)
        except ValueError:
            return datetimes.parse_as(text, forms)

    return parse if iso else lambda text: datetimes.parse_as(text, forms)


def _aware(moments: list[Any]) -> list[Any]:
    """Moments without an offset are UTC."""
    try:
        if max(moments).tzinfo is not None:  # it fails where some have one and others none, or are null
            return moments
    except (TypeError, ValueError, AttributeError):
        pass
    return [m if m is None or m.tzinfo else m.replace(tzinfo=timezone.utc) for m in moments]


def _at_midnight(days: list[Any]) -> list[Any]:
    return [None if day is None else datetime.combine(day, datetimes.MIDNIGHT) for day in days]


def _since_epoch(numbers: list[Any], unit: timedelta) -> list[Any]:
    return [None if number is None else _EPOCH + number * unit for number in numbers]
