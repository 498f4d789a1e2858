"""One field is read from undecoded records; an unreadable value costs no record."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.cursors.field_reader import FieldDecoder, FieldReader

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(10**25), 10**25), FLOATS, st.text(), st.just([1]))


def raws(*records: Any) -> list[Raw]:
    """Undecoded records."""
    return [Raw(json.dumps(record).encode()) for record in records]


def reader(*path: str) -> FieldReader:
    """Reads integers: as numbers, else as texts."""
    return FieldReader(path, [(int, list)], int)


@pytest.mark.parametrize("path", [("a",), ("a", "b"), ("class", "with space", "é中")])
def test_a_decoder_for_one_field(path: tuple[str, ...]) -> None:
    """Its path may have any names; what else the record holds is not looked at."""
    record: Any = 7
    for name in reversed(path):
        record = {"x": [1, {}], name: record, "value": "another"}
    assert FieldDecoder(path, int).values(raws(record, record)) == [7, 7]


def test_absent_and_null_are_none_and_another_kind_is_an_error() -> None:
    """The error lets the reader try the next method."""
    peek = FieldDecoder(("a", "b"), int)
    assert peek.values(raws({"a": {}}, {"a": {"b": None}})) == [None, None]
    for record in ({"a": {"b": "7"}}, {"a": [1]}, {"a": None}):
        with pytest.raises(msgspec.ValidationError):
            peek.values(raws(record))


NAMES = st.sampled_from(["at", "x", "at,", 'x"at', "a\\u0074", "{"])
INNER: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, 7, 0.5, "at", ',"at":8,', '{"at":9}', "[", "\\", '"', "at\\", "y" * 600]),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=3).map(dict),
    max_leaves=6,
)


@given(st.lists(st.tuples(NAMES, INNER), max_size=6), st.sampled_from([(",", ":"), (", ", " : "), (" ,\n", ":\t")]))
def test_the_part_of_a_large_record_that_is_decoded_has_the_same_field(
    fields: list[tuple[str, Any]], separators: tuple[str, str]
) -> None:
    """Whatever the record has beside it: the name in texts and objects, several such fields, escapes, blanks."""
    within, after = separators
    pairs = [f'"{name if "u0074" in name else json.dumps(name)[1:-1]}"{after}{json.dumps(v)}' for name, v in fields]
    text = f"{{{within.join(pairs)}}}"
    found = json.loads(text).get("at")
    for record in (text, f'{{"z":"{"z" * 1000}"{within if pairs else ""}{text[1:]}', f"{text[:-1]}{' ' * 1000}}}"):
        assert FieldDecoder(("at",), Any).values([Raw(record.encode())]) == [found]


@given(st.lists(VALUES))
def test_a_page_says_what_its_records_say(values: list[Any]) -> None:
    """Every method reads the same values; a value that is not an integer is None."""
    records = raws(*({"id": 1, "n": value} for value in values))
    found = reader("n").values(records)
    assert found == [reader("n").values([record])[0] for record in records]
    for value, read in zip(values, found, strict=True):
        if isinstance(value, int) and not isinstance(value, bool):
            assert read == value
        if value is None or isinstance(value, bool | list):
            assert read is None


@given(st.lists(st.sampled_from([{"a.b": 1}, {"a": {"b": 2}}, {"a": {}}, {"a": None}, {"a": [3]}, {}])))
def test_the_paths_that_a_decoder_does_not_know(records: list[Any]) -> None:
    """A key with a dot is found beside nested keys, in any mixture."""
    inner = [record.get("a") for record in records]
    nested = [value.get("b") if isinstance(value, dict) else None for value in inner]
    expected = [record.get("a.b", value) for record, value in zip(records, nested, strict=True)]
    assert reader("a", "b").values(raws(*records)) == expected


def test_an_index_of_an_array() -> None:
    """From the front and from the end."""
    [record] = raws({"a": [{"n": 1}, {"n": 2}]})
    assert [reader("a", index, "n").values([record]) for index in ("0", "-1", "2")] == [[1], [2], [None]]


def test_texts_and_what_cannot_be_read() -> None:
    """The digits as they were sent; of what is no value some words, each once."""
    assert [reader("n").text(record) for record in (Raw(b'{"n": 1.50}'), Raw(b"{}"))] == ["1.50", None]
    records = raws({"n": "x"}, {"n": 1}, {"n": "x"}, {}, {"n": "ü" * 500})
    found = reader("n").values(records)
    assert found == [None, 1, None, None, None]
    assert reader("n").unreadable(records, found)[:2] == ('"x"', "nothing")
    assert max(map(len, reader("n").unreadable(records, found))) <= len("…") + 80
