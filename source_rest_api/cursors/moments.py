"""Reads the date-times of a page's records."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from source_rest_api.cursors.field_reader import FieldReader
from source_rest_api.formats import date_formats, datetimes

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.cursors.field_reader import Way
    from source_rest_api.model import Path

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
