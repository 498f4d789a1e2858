"""The record that tells that a row is gone wins over the row in every destination."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from source_rest_api.config import loading
from source_rest_api.deletions.tombstones import tombstones

AT = datetime(2024, 6, 1, 12, 30, 15, 250_000, tzinfo=timezone.utc)
LATER = "2024-06-01T15:00:00.5+02:00"


def tombstone(incremental: Any, newest: str | None, key: bytes = b"[7]", **endpoint: Any) -> dict[str, Any]:
    """The record for one key."""
    given = {"name": "e", "path": "e", "primary_key": "id", "incremental": incremental, "deletions": {"every": "P1D"}}
    loaded = loading.load({"url_base": "http://h", "endpoints": [{**given, **endpoint}]}).streams[0]
    assert loaded.incremental
    mark = None if newest is None else loaded.incremental.mark(newest)
    [made] = tombstones(loaded, [key], AT, mark)
    record: dict[str, Any] = json.loads(bytes(made))
    assert record.pop("_ab_cdc_deleted_at") == "2024-06-01T12:30:15.250000Z"
    return record


@pytest.mark.parametrize(
    ("given", "newest", "value"),
    [
        ({}, None, "2024-06-01T12:30:15.250000Z"),
        ({}, "2024-05-01T00:00:00Z", "2024-06-01T12:30:15Z"),
        ({}, "2024-05-01T00:00:00.000+02:00", "2024-06-01T12:30:15.250Z"),
        ({}, "2024-05-01 00:00:00", "2024-05-01 00:00:00"),
        ({}, "2024-05-01", "2024-05-01"),
        ({}, LATER, LATER),
        ({"record_format": "%s"}, "2024-05-01T00:00:00Z", 1717245015),
        ({"record_format": "%ms"}, "2024-05-01T00:00:00Z", 1717245015250),
        ({"record_format": "%s"}, "2030-01-01T00:00:00Z", 1893456000),
        ({"record_format": ["%d/%m/%Y", "%s"]}, "2024-05-01T00:00:00Z", "01/05/2024"),
        ({"record_format": "%d/%m/%Y %H:%M%z"}, "2024-05-01T00:00:00Z", "01/06/2024 12:30+0000"),
        ({"record_format": "DD/MM/YYYY HH:mm"}, "2024-05-01T00:00:00Z", "01/05/2024 00:00"),
        ({"type": "integer"}, "41", 41),
        ({"type": "integer"}, "123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_its_cursor_is_the_largest(given: dict[str, Any], newest: str | None, value: Any) -> None:
    """In the records' format: the time of the sweep, or the newest row's value if larger; for numbers, the latter."""
    assert tombstone({"cursor_field": "at", **given}, newest) == {"id": 7, "at": value}


def test_without_a_field_it_has_none() -> None:
    """A token is not in records, and a number is not invented if none was ever seen."""
    assert tombstone({"type": "token", "token_path": "next", "start_param": "t"}, "token") == {"id": 7}
    assert tombstone({"type": "integer", "cursor_field": "n"}, None) == {"id": 7}


def test_the_key_is_the_rows_own() -> None:
    """Even if the cursor is the key or lies in the same object; every digit is kept."""
    assert tombstone({"type": "integer", "cursor_field": "id"}, "9") == {"id": 7}
    made = tombstone({"cursor_field": "a.at"}, None, b'["x\\ty",1.50]', primary_key=["a.id", "n"], filter="record.zzz")
    assert made == {"a": {"at": "2024-06-01T12:30:15.250000Z", "id": "x\ty"}, "n": 1.5}


def test_it_has_the_names_and_kinds_of_records() -> None:
    """Options that change the shape of records also change delete records."""
    shape: dict[str, Any] = {"snake_case": True, "flatten": True, "cast": {"a_changed_at": "date"}}
    made = tombstone({"cursor_field": "a.changedAt"}, None, primary_key="a_id", **shape)
    assert made == {"a_id": 7, "a_changed_at": "2024-06-01"}
