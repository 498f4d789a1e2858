"""A cast keeps the value, or leaves it as it came: every digit of a number, every moment in time."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.formats import datetimes
from source_rest_api.records.casts import UncastError, cast


def done(value: Any, kind: str) -> str:
    """The JSON text of a value after a cast."""
    return bytes(cast(Raw(value if isinstance(value, bytes) else json.dumps(value).encode()), kind)).decode()


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("12.50", "number", "12.50"),
        (b"12.50", "number", "12.50"),
        (" 7 ", "number", "7"),
        ("007", "number", "7"),
        ("+1.", "number", "1"),
        (".5", "number", "0.5"),
        ("[1, 2.50]", "json", "[1, 2.50]"),
        (b"1.0", "array", "[1.0]"),
        ("", "array", '[""]'),
        (b"[1.0]", "array", "[1.0]"),
        (b'{"a":1.0}', "array", '[{"a":1.0}]'),
        ('{"a": {}}', "json", '{"a": {}}'),
        (b'{"a":1.0}', "json", '{"a":1.0}'),
        ("5", "json", "5"),
        ("null", "json", "null"),
        (" ", "json", "null"),
        ("1E5", "number", "1E5"),
        ("123456789012345678901234567890.10", "number", "123456789012345678901234567890.10"),
        ("12", "integer", "12"),
        ("007", "integer", "7"),
        (b"12.0", "integer", "12"),
        (b"1e3", "integer", "1000"),
        ("123456789012345678901234567890", "integer", "123456789012345678901234567890"),
        ("TRUE", "boolean", "true"),
        ("no", "boolean", "false"),
        (0, "boolean", "false"),
        ("1", "boolean", "true"),
        (True, "boolean", "true"),
        (b"1.10", "string", '"1.10"'),
        (b"123456789012345678901234567890", "string", '"123456789012345678901234567890"'),
        (True, "string", '"true"'),
        (b'{"a":1.0}', "string", '"{\\"a\\":1.0}"'),
        ("", "string", '""'),
        (" x", "string", '" x"'),
        ("2024-01-02T03:04:05Z", "date-time", '"2024-01-02T03:04:05Z"'),
        ("2024-01-02T03:04:05.123456789+02:00", "date-time", '"2024-01-02T03:04:05.123456789+02:00"'),
        ("2024-01-02 03:04:05", "date-time", '"2024-01-02T03:04:05Z"'),
        ("2024-01-02", "date-time", '"2024-01-02T00:00:00Z"'),
        ("20240102", "date-time", '"2024-01-02T00:00:00Z"'),
        ("Tue, 02 Jan 2024 03:04:05 -0500", "date-time", '"2024-01-02T08:04:05Z"'),
        ("/Date(1704164645000)/", "date-time", '"2024-01-02T03:04:05Z"'),
        ("/Date(-1000+0200)/", "date-time", '"1969-12-31T23:59:59Z"'),
        ("2024-01-02", "date", '"2024-01-02"'),
        ("2024-01-02T23:00:00-05:00", "date", '"2024-01-02"'),
        ("20240102", "date", '"2024-01-02"'),
        ("Tue, 02 Jan 2024 23:04:05 -0500", "date", '"2024-01-02"'),
        ("02.01.2024", "%d.%m.%Y", '"2024-01-02"'),
        ("02/01/2024 03:04", "%d/%m/%Y %H:%M", '"2024-01-02T03:04:00Z"'),
        (1704164645, "%s", '"2024-01-02T03:04:05Z"'),
        ("1704164645123", "%ms", '"2024-01-02T03:04:05.123000Z"'),
    ],
)
def test_cast(value: Any, kind: str, expected: str) -> None:
    """What has a form in the type gets it, digit for digit."""
    assert done(value, kind) == expected


@pytest.mark.parametrize("kind", ["string", "number", "integer", "boolean", "date", "date-time", "%s"])
def test_null_stays_null(kind: str) -> None:
    """And an empty text, as tables have it, is null for all but texts."""
    assert done(None, kind) == "null"
    assert done("", kind) == ('""' if kind == "string" else "null")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1,234.5", "number"),
        ("12 EUR", "number"),
        ("NaN", "number"),
        ("1e99999", "integer"),
        (True, "number"),
        ([1], "number"),
        ({}, "boolean"),
        ("12.5", "integer"),
        (b"12.5", "integer"),
        (b"1e999999999", "integer"),
        ("maybe", "boolean"),
        (2, "boolean"),
        ("soon", "date-time"),
        ("1704164645", "date-time"),
        (1704164645, "date-time"),
        ("2024-13-01", "date"),
        ("2024-02-30T00:00:00Z", "date-time"),
        ("/Date(999999999999999)/", "date"),
        ([], "date"),
        ("02.01.2024", "%Y"),
        ("x", "%ms"),
        ("x", "json"),
        ("[1", "json"),
    ],
)
def test_what_has_no_form_in_the_type(value: Any, kind: str) -> None:
    """Is told, so that it can be left as it is."""
    with pytest.raises(UncastError):
        done(value, kind)


@given(st.integers())
def test_integers_of_any_size_come_through(number: int) -> None:
    """As texts, as numbers, and back."""
    assert done(str(number), "integer") == str(number)
    assert json.loads(done(done(number, "string").encode(), "integer")) == number


@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_moments_come_through(moment: datetime) -> None:
    """Whatever their form, it is the same moment."""
    for form in (moment.isoformat(), moment.isoformat(" "), moment.strftime("%Y-%m-%dT%H:%M:%S.%f")):
        if moment.year >= 1000:
            assert datetimes.parse(json.loads(done(form, "date-time"))) == moment
