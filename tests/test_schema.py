"""An inferred schema tells what was seen, and never what was not."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.protocol import schema


def infer(*records: Any) -> dict[str, Any]:
    """The properties of these records' schema."""
    return dict(schema.infer(Raw(json.dumps(record).encode()) for record in records)["properties"])


def of(*values: Any) -> dict[str, Any]:
    """The schema of a field that has these values."""
    return dict(infer(*({"a": value} for value in values))["a"])


def test_the_schema_of_nothing() -> None:
    """Without records, the schema is an open object."""
    assert schema.infer([]) == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": True,
        "properties": {},
    }


@pytest.mark.parametrize(
    ("values", "types"),
    [
        ([1], ["null", "number"]),
        ([2**53], ["null", "number"]),
        ([-1, -(2**53) - 1], ["null", "integer"]),
        ([2**53 + 1, 0.5], ["null", "number"]),
        ([2**63 - 1], ["null", "integer"]),
        ([2**63], ["null", "number"]),
        ([12345678901234567890123], ["null", "number"]),
        ([1.5], ["null", "number"]),
        ([1, 1.5], ["null", "number"]),
        ([True], ["null", "boolean"]),
        ([True, 1], ["null", "boolean", "number"]),
        (["a"], ["null", "string"]),
        (["a", 1, None], ["null", "number", "string"]),
        ([None], ["null", "string"]),
    ],
)
def test_scalars(values: list[Any], types: list[str]) -> None:
    """All types that were seen, and null; what was always null may become a text."""
    assert of(*values) == {"type": types}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "integer") for name in ("id", "ID", "user_id", "userId", "userID", "uid", "member_ids", "@id")),
        *((name, "number") for name in ("paid", "amount", "mid", "grid", "Bids", "humid", "ide", "id_count")),
    ],
)
def test_identifiers_stay_integers(name: str, kind: str) -> None:
    """Whole amounts may be decimal later; floats would lose the digits of identifiers."""
    assert infer({name: 1})[name] == {"type": ["null", kind]}
    assert infer({name: [1]})[name]["items"] == {"type": ["null", kind]}
    assert infer({"o": {name: 1}})["o"]["properties"][name] == {"type": ["null", kind]}
    assert infer({name: 1}, {name: 1.5})[name] == {"type": ["null", "number"]}


def test_keys_are_identifiers() -> None:
    """Whatever their names, at any depth and with dots in them."""
    record = Raw(b'{"number": 7, "o": {"n": 1, "m": 2}, "a.b": 3}')
    keys = [("number",), ("o", "n"), ("a", "b"), ("absent",), ("o", "absent")]
    properties = schema.infer([record], keys)["properties"]
    inner = properties["o"]["properties"]
    kinds = [field["type"][1] for field in (properties["number"], inner["n"], inner["m"], properties["a.b"])]
    assert kinds == ["integer", "integer", "number", "integer"]


@pytest.mark.parametrize("number", ["1e400", "-1E+999", "1.0", "0.12345678901234567890123", "1e2"])
def test_a_number_beyond_a_float_is_a_number(number: str) -> None:
    """It is passed on unchanged, and nothing fails."""
    [inferred] = schema.infer([Raw(f'{{"a": {number}}}'.encode())])["properties"].values()
    assert inferred == {"type": ["null", "number"]}


def test_objects_and_arrays() -> None:
    """Nested fields of all records come together."""
    records = [{"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"d": "x"}, {"c": None}], "e": True}}, {"a": None}]
    assert infer(*records) == {
        "a": {
            "type": ["null", "object"],
            "additionalProperties": True,
            "properties": {
                "b": {
                    "type": ["null", "array"],
                    "items": {
                        "type": ["null", "object"],
                        "additionalProperties": True,
                        "properties": {"c": {"type": ["null", "number"]}, "d": {"type": ["null", "string"]}},
                    },
                },
                "e": {"type": ["null", "boolean"]},
            },
        }
    }


@pytest.mark.parametrize("values", [[[]], [[], None], [[None]]])
def test_an_array_of_nothing_says_nothing_of_its_items(values: list[Any]) -> None:
    """Its items are unknown: objects must not be forced into texts."""
    assert of(*values) == {"type": ["null", "array"]}


NUMBERS = {"type": ["null", "number"]}


@pytest.mark.parametrize(
    "maps",
    [
        [{"17": 1, "18": 2.5}],
        [{"0b2f1c9e-63a7-4b61-9f10-d2b1a8a0c001": 1}, {"0b2f1c9e-63a7-4b61-9f10-d2b1a8a0c002": 0.5}],
        [{"2024-01-01": 1, "2024-01-02": 1.5}, {}],
        [{"ann@example.com": 1.5}],
        [{"cus_9s6XKzkNRiz8i3": 1.5, "cus_8s6XKzkNRiz8i4": None}],
        [{f"sku {n}": n + 0.5 for n in range(2000)}],
        [{f"name {n}": n + 0.5, f"name {n + 1}": None} for n in range(500)],
    ],
    ids=lambda maps: str(maps)[:30],
)
def test_a_map_has_one_schema_for_all_its_values(maps: list[dict[str, Any]]) -> None:
    """Names that are values would be a column each, and new ones with each sync."""
    assert of(*maps) == {"type": ["null", "object"], "additionalProperties": NUMBERS}


@pytest.mark.parametrize(
    "objects",
    [
        [{f"field{n}": n for n in range(500)} for _ in range(3)],
        [{"id": 1, "17": 2}],
        [{f"field{n}": n if n % 2 else "x" for n in range(500)}],
        [{f"field{n}": n for n in range(20)}],
        [{"sha256": 1, "line1": 2}],
        [{}],
    ],
    ids=lambda objects: str(objects)[:30],
)
def test_an_object_of_many_fields_is_no_map(objects: list[dict[str, Any]]) -> None:
    """Names that most objects share, or whose values differ in kind, are fields."""
    names = {name for each in objects for name in each}
    assert of(*objects)["properties"].keys() == names


def test_the_values_of_a_map_come_together() -> None:
    """Each may have some of the fields."""
    assert of({"1": {"a": 1, "at": "2024-01-01"}, "2": {"b": ["x"], "at": "2024-01-02"}})["additionalProperties"] == {
        "type": ["null", "object"],
        "additionalProperties": True,
        "properties": {
            "a": {"type": ["null", "number"]},
            "at": {"type": ["null", "string"], "format": "date"},
            "b": {"type": ["null", "array"], "items": {"type": ["null", "string"]}},
        },
    }


def test_identifiers_in_a_map_stay_integers() -> None:
    """A value beyond a float's exact integers is an identifier, also where several values have one schema."""
    schema_of_map = infer({"a": {"1": {"code": 2**53 + 1}, "2": {"code": 5}}})["a"]
    assert schema_of_map["additionalProperties"]["properties"]["code"] == {"type": ["null", "integer"]}


def test_mixed_kinds() -> None:
    """A field that is sometimes an object and sometimes a text is both."""
    assert of({"x": 1}, "none", []) == {
        "type": ["null", "array", "object", "string"],
        "additionalProperties": True,
        "properties": {"x": {"type": ["null", "number"]}},
    }


ZONED = {"format": "date-time", "airbyte_type": "timestamp_with_timezone"}
TIME = {"format": "time", "airbyte_type": "time_without_timezone"}
LOCAL = {"format": "date-time", "airbyte_type": "timestamp_without_timezone"}


@pytest.mark.parametrize(
    ("texts", "extra"),
    [
        (["2024-02-29"], {"format": "date"}),
        (["2024-01-01", "1999-12-31"], {"format": "date"}),
        (["2024-01-01T00:00:00Z"], ZONED),
        (["2024-01-01t00:00:00.123456789z", "2024-01-01 00:00:00+05:30", "2024-01-01T00:00:00-0800"], ZONED),
        (["2024-01-01T00:00:00", "2024-01-01 23:59:59.5"], LOCAL),
        # in doubt it is a text
        (["2024-01-01", "2024-01-01T00:00:00Z"], {}),
        (["2024-01-01T00:00:00", "2024-01-01T00:00:00Z"], {}),
        (["2024-01-01", "soon"], {}),
        (["2024-01-01", ""], {}),
        (["2023-02-29"], {}),
        (["2024-02-31T00:00:00Z"], {}),
        (["2024-13-01"], {}),
        (["0000-01-01"], {}),
        (["2024-1-1"], {}),
        (["20240101"], {}),
        (["2024-W01-1"], {}),
        (["2024-01-01T24:00:00Z"], {}),
        (["2024-01-01T23:59:60Z"], {}),
        (["2024-01-01T00:00Z"], {}),
        (["2024-01-01T00:00:00+25:00"], {}),
        (["2024-01-01T00:00:00.Z"], {}),
        (["2024-01-01T00:00:00Z "], {}),
        (["2024-01-01\n"], {}),
        (["\u0662\u0660\u0662\u0664-\u0660\u0661-\u0660\u0661"], {}),
        (["01/02/2024"], {}),
        (["12:00:00", "23:59:59.25"], TIME),
        (["12:00:00", "24:00:00"], {}),
        (["12:00"], {}),
    ],
)
def test_dates_and_times(texts: list[str], extra: dict[str, str]) -> None:
    """A format is given only where every value has it, and every destination will agree."""
    assert of(*texts) == {"type": ["null", "string"], **extra}
    assert of(*texts, None) == of(*texts)


def test_a_format_needs_texts_only() -> None:
    """A field that is a date or a number has no format."""
    assert of("2024-01-01", 5) == {"type": ["null", "number", "string"]}


TEXTS = st.text() | st.dates().map(str) | st.datetimes().map(str) | st.datetimes().map(lambda d: d.isoformat() + "Z")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), max_size=5)
CHECKER = jsonschema.FormatChecker(())


@CHECKER.checks("date", ValueError)
def is_date(value: object) -> bool:
    """True for a date."""
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@CHECKER.checks("date-time", msgspec.ValidationError)
def is_datetime(value: object) -> bool:
    """True for a date-time."""
    return not isinstance(value, str) or bool(msgspec.convert(value, datetime))


@given(RECORDS)
def test_every_observed_record_is_valid(records: list[dict[str, Any]]) -> None:
    """The schema of a sample fits each record of the sample, formats included."""
    inferred = schema.infer(Raw(msgspec.json.encode(record)) for record in records)
    jsonschema.Draft7Validator.check_schema(inferred)
    validator = jsonschema.Draft7Validator(inferred, format_checker=CHECKER)
    for record in records:
        validator.validate(json.loads(msgspec.json.encode(record)))


def subschemas(inferred: dict[str, Any]) -> list[dict[str, Any]]:
    """All schemas below one."""
    below = [*inferred.get("properties", {}).values(), *([inferred["items"]] if "items" in inferred else [])]
    if isinstance(inferred.get("additionalProperties"), dict):
        below.append(inferred["additionalProperties"])
    return [*below, *(inner for one in below for inner in subschemas(one))]


@given(RECORDS)
def test_everything_is_nullable_and_nothing_required(records: list[dict[str, Any]]) -> None:
    """A sample cannot prove that a field is always there."""
    inferred = schema.infer(Raw(msgspec.json.encode(record)) for record in records)
    for inner in subschemas(inferred):
        assert inner["type"][0] == "null"
        assert len(inner["type"]) > 1
    assert "required" not in json.dumps([list(inner) for inner in [inferred, *subschemas(inferred)]])


@given(RECORDS, st.randoms())
def test_the_order_of_records_does_not_matter(records: list[dict[str, Any]], random: Any) -> None:
    """The same records give the same schema."""
    shuffled = list(records)
    random.shuffle(shuffled)
    assert infer(*shuffled) == infer(*records)
