"""YAML gives what the user sees in it, and its errors do not show it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.formats import yaml_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # dates and times
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("2024-01-01 00:00:00", "2024-01-01 00:00:00"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        # booleans and null
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("null", None),
        ("~", None),
        ("", None),
        # numbers are those of JSON
        ("0", 0),
        ("-12", -12),
        ("12345678901234567890123", 12345678901234567890123),
        ("1.5", 1.5),
        ("-1.5e3", -1500.0),
        ("1e2", 100.0),
        ("0123", "0123"),
        ("+49", "+49"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("0b11", "0b11"),
        (".5", ".5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ('"5"', "5"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    """Only what JSON would call a number, a boolean or null is one."""
    result = yaml_text.load(f"a: {text}")["a"]
    assert (result, type(result)) == (value, type(value))


def test_keys_are_text() -> None:
    """Keys are texts, as in JSON, whatever they look like."""
    assert yaml_text.load("{1: a, true: b, null: c, 2024-01-01: d, no: e, 1.50: f}") == {
        "1": "a", "true": "b", "null": "c", "2024-01-01": "d", "no": "e", "1.50": "f",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "x: {a: 1, a: 1}", '{1: a, "1": b}', "- {a: 1}\n- {b: 1, b: 2}"])
def test_a_key_stands_there_once(text: str) -> None:
    """The second of two equal keys does not silently win."""
    with pytest.raises(ValueError, match=r"not valid YAML in line \d, column \d+: duplicate key"):
        yaml_text.load(text)


def test_anchors_and_merges() -> None:
    """Parts may be written once; a merged key may be written again."""
    text = "x: {deep: &a {<<: {k: 1, l: 2}, k: 3}}\ny: {<<: *a, l: 4}\nz: *a"
    assert yaml_text.load(text) == {"x": {"deep": {"k": 3, "l": 2}}, "y": {"k": 3, "l": 4}, "z": {"k": 3, "l": 2}}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=80), inner),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_json_is_yaml(value: Any) -> None:
    """JSON text is read as JSON would be, as long as its keys are short enough for YAML (1,024 characters)."""
    assert yaml_text.load(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("password: !zq7hush x", " in line 1, column 11"),
        ("a: 1\npassword: *zq7hush", " in line 2, column 11"),
        ("password: !zq7hush!x", " in line 1, column 11"),
        ("password: @zq7hush", " in line 1, column 11"),
        ("password: %zq7hush", " in line 1, column 11"),
        ("password: zq7hush: x", " in line 1, column 18"),
        ("password: 'zq7hush", " in line 1, column 19"),
        ('password: "\\zq7hush"', " in line 1, column 13"),
        ("password: [zq7hush", " in line 1, column 19"),
        ("password: !!int zq7hush", ""),
        ("password: !!bool zq7hush", ""),
        ("password: !!timestamp zq7hush", ""),
        ("password: !!python/name:os.zq7hush", " in line 1, column 11"),
        ("a: zq7hush\n---\nb: 1", " in line 2, column 1"),
        ("a: zq7hush\x00", ""),
        ("? [zq7hush]\n: 1", ""),
        ("[" * 5000, ""),
    ],
)
def test_errors_say_where_and_not_what(text: str, place: str) -> None:
    """A password that begins with `!`, `*` or `@` is a mistake that everybody makes once."""
    with pytest.raises(ValueError, match=f"^not valid YAML{place}") as caught:
        yaml_text.load(text)
    assert "zq7" not in str(caught.value)


@given(st.text("a:-?[]{},#&*!|>'\"%@` \n\t1.\\"))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    """It raises nothing else."""
    with suppress(ValueError):
        yaml_text.load(text)


def test_aliases_stand_for_what_they_name() -> None:
    """A part written once may occur in many places, as the whole or merged with more."""
    text = "a: &a {x: 1, y: [1, 2]}\nb: *a\nc: {<<: *a, z: 3}\nd: [*a, *a]"
    value = {"x": 1, "y": [1, 2]}
    assert yaml_text.load(text) == {"a": value, "b": value, "c": {**value, "z": 3}, "d": [value, value]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
            + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)),
            r"line 6, column 10: its aliases expand to more than 100,000 values",
        ),
        ("a: &a [1, *a]", "line 1, column 11: an alias is part of its own value"),
        ("a: &a {b: {<<: *a}}", "an alias is part of its own value"),
    ],
)
def test_aliases_without_end_are_refused_while_they_are_read(text: str, problem: str) -> None:
    """A few lines that expand to millions of values, or refer to themselves, are an error that names the aliases."""
    with pytest.raises(ValueError, match=problem):
        yaml_text.load(text)
