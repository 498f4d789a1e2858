"""One function for all templates of a stream gives what each template by itself gives, and fails where it fails."""

from __future__ import annotations

import json
import re
from functools import partial
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
    from collections.abc import Callable, Mapping, Sequence

ADDED = st.dictionaries(
    st.sampled_from([*NAMES, "new", "ü", 'quo"te']),
    TEMPLATES | st.sampled_from(["", "text", 5, 1.5, True, None]),
    max_size=3,
)
SPACED = st.sampled_from([None, 2])


def with_fields(names: Sequence[str], record: Raw, values: Sequence[Any]) -> Raw:
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
            kept.append(with_fields(list(added), record, values))
    return kept


def outcome(read: Callable[[], list[Raw]]) -> Any:
    """The records with the order of their fields and the digits of their numbers, or the error."""
    try:
        records = read()
    except ConfigError as error:
        return str(error)
    texts = [re.sub("0x[0-9a-f]+", "0x0", bytes(record).decode()) for record in records]  # addresses of methods
    return [json.loads(text, object_pairs_hook=list, parse_float=str) for text in texts]


def together(records: list[Raw], made: PageTemplates, names: Sequence[str], *, at_end: bool) -> list[Raw]:
    """The records by one function."""
    finish = partial(with_fields, names)
    return made.fill(records, RecordContext({"config": CONFIG}), finish, at_end=at_end)


@given(st.lists(RECORDS, max_size=4), st.none() | CONDITIONS, ADDED, SPACED, st.booleans())
def test_equal_to_one_by_one(
    rows: list[Any], condition: str | None, added: dict[str, Any], indent: int | None, at_end: bool
) -> None:
    """The same records in the same bytes but for spaces, or the error of the first template that fails."""
    records = [Raw(json.dumps(row, indent=indent).encode()) for row in rows]
    made = PageTemplates(condition, added)
    found = outcome(lambda: together(records, made, list(added), at_end=at_end))
    assert found == outcome(lambda: one_by_one(records, condition, added))


@pytest.mark.parametrize(
    ("record", "emitted"),
    [
        ('{"a":{"b":1.50}}', '{"a":{"b":1.50},"x":1.50,"y":"1.50!"}'),
        ('{"a":{"b":1,"b":2}}', '{"a":{"b":1,"b":2},"x":2,"y":"2!"}'),
        ('{"\\u0061":{"b":"ü"} }', '{"\\u0061":{"b":"ü"},"x":"ü","y":"ü!"}'),
        ('{"a":{"b":1},"a":{}}', '{"a":{"b":1},"a":{},"x":null,"y":"!"}'),
        ('{"a":[7]}', '{"a":[7],"x":null,"y":"!"}'),
        ('{"a":null}', '{"a":null,"x":null,"y":"!"}'),
        ("{ }", '{"x":null,"y":"!"}'),
        ('{"x":1,"z":2.0}', '{"x":null,"z":2.0,"y":"!"}'),
    ],
)
def test_fields_at_the_end(record: str, emitted: str) -> None:
    """Added fields follow the record's own bytes; one that it has already is set in its place."""
    made = PageTemplates(None, {"x": "{{ record.a.b }}", "y": "{{ record.a.b }}!"})
    records = [Raw(record.encode())]
    assert together(records, made, ["x", "y"], at_end=True) == [Raw(emitted.encode())]
    [elsewhere] = together(records, made, ["x", "y"], at_end=False)
    assert json.loads(bytes(elsewhere)) == json.loads(emitted)


@pytest.mark.parametrize(
    "text",
    [
        "{{ record.a.b.c }}{{ record.a.b }}",
        "{{ record.a.title }}{{ record.title }}",
        "{{ record.a.b.upper() }}",
        "{{ record['a']['b'] }}{{ record['a'].c }}",
        "{{ record.a.b[0] }}{{ record.list[0].d }}{{ record.list[config.one].d }}",
        "{{ record.a.b is defined }}{{ record.a.c is defined }}",
        "{{ record.none.x is defined }}{{ record.no.x is defined }}",
        "{{ record['0'] }}{{ record.a['0'] }}{{ record[0] }}",
        "{{ record.get('a').b }}",
        "{{ record.id if record.id }}",
        "{{ record.x }}",
        "{{ record.x.y }}",
    ],
)
@pytest.mark.parametrize(
    "value", ['{"b":"ü","c":1,"title":2}', '{"b":{"c":1.50}}', '{"b":[3]}', "[1]", '"t"', "null", "7", "{}"]
)
def test_paths(text: str, value: str) -> None:
    """Fields are found at any depth, whatever stands in their way, and also after many records had something else."""
    rows = [
        f'{{"a":{value},"title":"t","list":[{{"d":4}},{{"d":5}}],"none":null,"0":8,"id":{n % 2}}}'.encode()
        for n in range(9)
    ]
    records = [*map(Raw, rows), Raw(b'{"x":1}'), Raw(b'{"x":{"y":1}}')]
    made = PageTemplates("{{ true }}", {"x": text})
    expected = outcome(lambda: one_by_one(records, "{{ true }}", {"x": text}))
    for _ in range(2):
        assert outcome(lambda: together(records, made, ["x"], at_end=True)) == expected
