"""Several fields of a record are read in one pass, by the rules that all paths follow."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Raw

from source_rest_api.formats import raw_json
from source_rest_api.formats.raw_fields import RawFields

RECORDS = [
    {},
    {"id": 1, "a": {"b": 2}},
    {"id": None, "a": None, "a.b": 3},
    {"id": "", "a": [1], 'say "id"': 4},
]
"""With and without the fields, and with names that only `find` can read."""


@pytest.mark.parametrize(
    "paths",
    [(), (("id",),), (("id",), ("a",)), (("id",), ("a", "b")), (("id",), ("id",)), (('say "id"',),), (("a.b",),)],
    ids=repr,
)
def test_values_are_those_of_find(paths: tuple[tuple[str, ...], ...]) -> None:
    """Whether the fields are at the top, so that one typed pass finds them, or not."""
    for record in map(Raw, map(msgspec.json.encode, RECORDS)):
        found = RawFields(paths).of(record)
        expected = [raw_json.find(record, path) for path in paths]
        assert [value and bytes(value) for value in found] == [value and bytes(value) for value in expected]
