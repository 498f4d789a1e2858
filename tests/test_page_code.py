"""One function for all templates of a stream gives what each template by itself gives, and fails where it fails."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.templates import record_templates
from source_rest_api.templates.record_templates import PageTemplates, RecordContext, RecordTemplate
from source_rest_api.templates.scalars import BLANK
from tests.random_templates import CONDITIONS, CONFIG, NAMES, RECORDS, TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ADDED = st.dictionaries(
    st.sampled_from([*NAMES, "new", "ü", 'quo"te']),
    TEMPLATES | st.sampled_from(["", "text", 5, 1.5, True, None]),
    max_size=3,
)
SPACED = st.sampled_from([None, 2])


def with_fields(record: Raw, names: Sequence[str], values: Sequence[Any]) -> Raw:
    """Sets fields of a record."""
    added = {name: value for name, value in zip(names, values, strict=True) if value is not BLANK}
    return Raw(raw_json.encode({**raw_json.fields(record), **added}))


def one_by_one(records: list[Raw], condition: str | None, added: Mapping[str, Any]) -> list[Raw]:
    """The records by a function for each template, which reads all fields."""
    kept = []
    for record in records:
        context = RecordContext({"config": CONFIG}).around(record_templates.decode(record))
        if condition is None or RecordTemplate(condition).holds(context):
            values = [RecordTemplate(v).value(context) if isinstance(v, str) else v for v in added.values()]
            kept.append(with_fields(record, list(added), values))
    return kept


def outcome(records: list[Raw] | ConfigError) -> Any:
    """The records with the order of their fields and the digits of their numbers, or the error."""
    if isinstance(records, ConfigError):
        return str(records)
    texts = [re.sub("0x[0-9a-f]+", "0x0", bytes(record).decode()) for record in records]  # addresses of methods
    return [json.loads(text, object_pairs_hook=list, parse_float=str) for text in texts]


@given(st.lists(RECORDS, max_size=4), st.none() | CONDITIONS, ADDED, SPACED, st.booleans())
def test_equal_to_one_by_one(
    rows: list[Any], condition: str | None, added: dict[str, Any], indent: int | None, at_end: bool
) -> None:
    """The same records in the same bytes but for spaces, or the error of the first template that fails."""
    records = [Raw(json.dumps(row, indent=indent).encode()) for row in rows]
    found: list[Raw] | ConfigError
    expected: list[Raw] | ConfigError
    try:
        expected = one_by_one(records, condition, added)
    except ConfigError as error:
        expected = error
    made = PageTemplates(condition, added)
    try:
        found = made.fill(
            records,
            RecordContext({"config": CONFIG}),
            lambda record, values: with_fields(record, list(added), values),
            at_end=at_end,
        )
    except ConfigError as error:
        found = error
    assert outcome(found) == outcome(expected)


@pytest.mark.parametrize(
    ("record", "emitted"),
    [
        ('{"a":{"b":1.50}}', '{"a":{"b":1.50},"x":1.50,"y":"1.50!"}'),
        ('{"a":{"b":1,"b":2}}', '{"a":{"b":1,"b":2},"x":2,"y":"2!"}'),
        ('{"\\u0061":{"b":"ü"} }', '{"\\u0061":{"b":"ü"},"x":"ü","y":"ü!"}'),
        ('{"a":[7]}', '{"a":[7],"x":null,"y":"!"}'),
        ('{"a":null}', '{"a":null,"x":null,"y":"!"}'),
        ("{ }", '{"x":null,"y":"!"}'),
        ('{"x":1,"z":2.0}', '{"x":null,"z":2.0,"y":"!"}'),
    ],
)
def test_fields_at_the_end(record: str, emitted: str) -> None:
    """Added fields follow the record's own bytes; one that it has already is set in its place."""
    made = PageTemplates(None, {"x": "{{ record.a.b }}", "y": "{{ record.a.b }}!"})
    for at_end in (True, False):
        [found] = made.fill(
            [Raw(record.encode())],
            RecordContext({}),
            lambda raw, values: with_fields(raw, ["x", "y"], values),
            at_end=at_end,
        )
        assert outcome([found]) == outcome([Raw(emitted.encode())])
        assert not at_end or bytes(found) == emitted.encode()
