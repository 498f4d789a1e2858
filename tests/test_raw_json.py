"""JSON text is looked into without being changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.formats import raw_json

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="."), min_size=1, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)
KINDS = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def raw(value: Any) -> Raw:
    """Write a value as JSON, with space wherever it may stand inside."""
    return Raw(json.dumps(value, indent=1, ensure_ascii=False).encode())


@given(JSON)
def test_the_kind_is_that_of_the_value(value: Any) -> None:
    """The text alone tells the JSON type."""
    assert raw_json.kind(raw(value)) == KINDS[type(value)]


@given(JSON)
def test_fields_and_items_are_the_value_s_own(value: Any) -> None:
    """Objects have fields and arrays have items, undecoded; anything else has none."""
    fields = {name: json.loads(bytes(inner)) for name, inner in raw_json.fields(raw(value)).items()}
    items = [json.loads(bytes(inner)) for inner in raw_json.items(raw(value))]
    assert fields == (value if isinstance(value, dict) else {})
    assert items == (value if isinstance(value, list) else [])


@given(JSON, st.data())
def test_every_value_is_found_by_its_path(value: Any, data: st.DataObject) -> None:
    """Following keys and indexes leads to the same value as in the decoded one."""
    path: list[str] = []
    here = value
    while isinstance(here, dict | list) and here and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        path.append(str(key))
        here = here[key]
    found = raw_json.find(raw(value), path)
    assert found is not None
    assert json.loads(bytes(found)) == here


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        (b'{"a":{"b":[10,20,30]}}', "a.b.1", b"20"),
        (b'{"a":{"b":[10,20,30]}}', "a.b.-1", b"30"),
        (b'{"a":{"b":[10,20,30]}}', "a.b.3", None),
        (b'{"a":{"b":[10,20,30]}}', "a.b.-4", None),
        (b'{"a":{"b":[10,20,30]}}', "a.b.x", None),
        (b'{"a":{"b":[10,20,30]}}', "a.b.99999999999999999999", None),
        (b'{"a":{"0":5}}', "a.0", b"5"),
        (b'{"a":null}', "a", b"null"),
        (b'{"a":null}', "a.b", None),
        (b'{"a":"text"}', "a.b", None),
        (b'{"a":1}', "A", None),
        (b'{"@odata.nextLink":"u"}', "@odata.nextLink", b'"u"'),
        (b'{"a.b":1,"a":{"b":2}}', "a.b", b"1"),
        (b'{"x":{"a.b":{"c":3}}}', "x.a.b.c", b"3"),
        (rb'{"\u0061":1}', "a", b"1"),
        (b'{"a":1,"a":2}', "a", b"2"),
        (b'{"a" : 1.10 }', "a", b"1.10"),
        (b'{"a":{ "b" : [ 1 ] }}', "a", b'{ "b" : [ 1 ] }'),
        (b"[[1],[2]]", "1.0", b"2"),
        (b"7", "a", None),
    ],
)
def test_a_path_is_followed(text: bytes, path: str, found: bytes | None) -> None:
    """Keys, indexes from either end, keys with dots; a missing value is None, others are unchanged."""
    value = raw_json.find(Raw(text), path.split("."))
    assert (None if value is None else bytes(value)) == found


def test_the_empty_path_is_the_whole() -> None:
    """No key leads nowhere else."""
    assert raw_json.find(Raw(b"[1]"), ()) == Raw(b"[1]")


@given(st.text())
def test_a_string_is_its_text(text: str) -> None:
    """Escaped or not, the text is the same."""
    assert raw_json.text(Raw(json.dumps(text).encode())) == text
    assert raw_json.text(Raw(json.dumps(text, ensure_ascii=False).encode())) == text


@given(st.from_regex(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", fullmatch=True))
def test_a_number_is_its_digits(number: str) -> None:
    """Digit for digit: no number is computed."""
    assert raw_json.text(Raw(number.encode())) == number


@pytest.mark.parametrize("value", [b"null", b"true", b"false", b"[]", b"{}", b'["a"]'])
def test_nothing_else_is_text(value: bytes) -> None:
    """Booleans, null and containers are no opaque text."""
    assert raw_json.text(Raw(value)) is None
    assert raw_json.count(Raw(value)) is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (b"0", 0),
        (b"12", 12),
        (b'"12"', 12),
        (b"123456789012345678", 123456789012345678),
        (b'""', None),
        (b"-1", None),
        (b"1.0", None),
        (b"1e3", None),
        (b'"1_000"', None),
        (b'" 1"', None),
        (b'"many"', None),
        ('"²"'.encode(), None),
        (b"9" * 5000, None),
    ],
)
def test_a_count_is_a_whole_number(value: bytes, count: int | None) -> None:
    """As a number or a string; implausible counts are None."""
    assert raw_json.count(Raw(value)) == count


@given(JSON)
def test_decoding_gives_the_value(value: Any) -> None:
    """The result equals that of the standard library."""
    assert raw_json.decode(raw(value)) == value
