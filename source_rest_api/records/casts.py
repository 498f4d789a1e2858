"""Casts of values: numbers, flags and JSON from text, dates from many formats. A value that cannot be cast is kept."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from msgspec import DecodeError, Raw
from pydantic import AfterValidator

from source_rest_api.formats import datetimes, raw_json
from source_rest_api.model import NamedPaths
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_INTEGER = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
_LONGEST_INTEGER = 400
"""Maximum number of digits of an integer written with an exponent."""
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_COMPACT = frozenset({8, 14})
"""Lengths of dates and date-times without separators. A text of digits with any other length is not a date."""
_DOT_NET = re.compile(r"/Date\((-?\d{1,15})([+-]\d{4})?\)/", re.ASCII)
"""A .NET date: milliseconds since the epoch."""
_TIME_OF_DAY = re.compile(r"%[HIMSsfcXp]|%[mu]s")
_FLAGS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), Raw(b"true")),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), Raw(b"false")),
}
_NULL = Raw(b"null")


class UncastError(ValueError):
    """The value cannot be cast to the type."""


def cast(value: Raw, kind: str) -> Raw:
    """Casts a value to `kind`. Null stays null; an empty text becomes null, unless `kind` is string or array.

    Raises:
        UncastError: The value cannot be cast to `kind`.
    """
    what = raw_json.kind(value)
    if kind == "string":
        return value if what in {"string", "null"} else tree.raw(bytes(value).decode())
    if kind == "array":
        return value if what in {"array", "null"} else Raw(b"[" + bytes(value) + b"]")
    if kind == "json" and what in {"array", "object"}:
        return value
    text = bytes(value).decode() if what == "boolean" else (raw_json.text(value) or "").strip()
    if not text:
        if what in {"string", "null"}:
            return _NULL
        raise UncastError
    return _CASTS[kind](value, text) if kind in _CASTS else _by_format(text, kind)


def _number(value: Raw, text: str) -> Raw:
    if raw_json.kind(value) == "number":
        return value
    if _JSON_NUMBER.fullmatch(text):
        return Raw(text.encode())
    if not _NUMBER.fullmatch(text):
        raise UncastError
    return tree.raw(Decimal(text))


def _integer(value: Raw, text: str) -> Raw:
    number = _number(value, text)
    text = bytes(number).decode()
    if _INTEGER.fullmatch(text):
        return number
    exact = Decimal(text)
    if exact.adjusted() >= _LONGEST_INTEGER or exact != exact.to_integral_value():
        raise UncastError
    return tree.raw(int(exact))


def _boolean(_: Raw, text: str) -> Raw:
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise UncastError from None


def _json(_: Raw, text: str) -> Raw:
    try:
        return raw_json.parse(text.encode())
    except (DecodeError, RecursionError):
        raise UncastError from None


def _date_time(value: Raw, text: str) -> Raw:
    moment = _moment(value, text)
    return value if _RFC3339.fullmatch(text) else tree.raw(datetimes.write(moment))


def _date(value: Raw, text: str) -> Raw:
    moment = _moment(value, text)
    return tree.raw(text[:10] if _DATE.match(text) else moment.date().isoformat())


_CASTS: Mapping[str, Callable[[Raw, str], Raw]] = {
    "boolean": _boolean,
    "date": _date,
    "date-time": _date_time,
    "integer": _integer,
    "json": _json,
    "number": _number,
}


def _moment(value: Raw, text: str) -> datetime:
    if raw_json.kind(value) != "string" or (text.isdecimal() and len(text) not in _COMPACT):
        raise UncastError
    try:
        milliseconds = _DOT_NET.fullmatch(text)
        if milliseconds:
            return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=int(milliseconds[1]))
        try:
            return datetimes.parse(text)
        except ValueError:
            from email.utils import parsedate_to_datetime  # noqa: PLC0415 -- few dates are RFC 5322; start-up counts

            return datetimes.aware(parsedate_to_datetime(text))
    except (OverflowError, ValueError):
        raise UncastError from None


def _by_format(text: str, form: str) -> Raw:
    """Parses a text by a strptime format. The result is a date if the format has no time of day."""
    try:
        moment = datetimes.parse_as(text, (form,))
    except ValueError:
        raise UncastError from None
    return tree.raw(datetimes.write(moment) if _TIME_OF_DAY.search(form) else moment.date().isoformat())


def _check_kinds(kinds: dict[str, str]) -> dict[str, str]:
    for path, kind in kinds.items():
        if kind not in {*_CASTS, "array", "string"} and "%" not in kind:
            raise ValueError(
                f"`{path}` has an unknown type: use string, integer, number, boolean, array, json, date or "
                "date-time, or the format of its dates, such as `%d.%m.%Y` or `%ms`"
            )
    return kinds


Kinds: TypeAlias = Annotated[NamedPaths, AfterValidator(_check_kinds)]
"""Types of values, by path."""


class Casts:
    """Casts values of records in place.

    Args:
        kinds: The types by path.
        schema: A JSON schema of the record that gives the types of all other fields, or None.
        failed: Called with path, type and value of each value that cannot be cast.
    """

    def __init__(
        self, kinds: Mapping[str, str], schema: Mapping[str, Any] | None, failed: Callable[[str, str, Raw], None]
    ) -> None:
        self._kinds = {
            raw_json.keys(path): kind for path, kind in {**dict(_kinds_of(schema or {}, ())), **kinds}.items()
        }
        self._failed = failed

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def apply(self, record: dict[str, Any]) -> None:
        """Casts the values of a record, and keeps those that cannot be cast."""
        for path, kind in self._kinds.items():
            for holder, key in tree.places(record, path):
                value = tree.raw(holder[key])
                try:
                    holder[key] = cast(value, kind)
                except UncastError:
                    self._failed(".".join(path), kind, value)


def _kinds_of(schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yields the types in a schema, by path. Fields with several types, or none, are not cast."""
    types = schema.get("type", "object" if "properties" in schema else ())
    [kind, *others] = [kind for kind in ([types] if isinstance(types, str) else types) if kind != "null"] or [""]
    if others:
        return
    if kind == "object":
        for name, inner in schema.get("properties", {}).items():
            yield from _kinds_of(inner, (*path, name))
    elif kind == "array" and isinstance(schema.get("items"), dict):
        yield ".".join(path), "array"
        yield from _kinds_of(schema["items"], (*path, raw_json.WILDCARD))
    elif kind == "string" and schema.get("airbyte_type") != "timestamp_without_timezone":
        form = schema.get("format")
        yield ".".join(path), form if form in {"date", "date-time"} else "string"
    elif kind in _CASTS:
        yield ".".join(path), kind
