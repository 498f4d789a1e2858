"""In templates on records null and what is not there are nothing: no error, and no value either."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2.exceptions import SecurityError

from source_rest_api.templates.record_sandbox import ExactNumber, StrictDict, environment, plain

RECORD = {"null": None, "list": [1, None], "text": "x"}


def value(expression: str) -> Any:
    """Returns the result of an expression."""
    return plain(environment(str).compile_expression(expression, undefined_to_none=False)(record=RECORD))


@pytest.mark.parametrize("name", ["null", "missing", "missing.deeper", "null.deeper", "missing[0]", "missing.call(1)"])
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{}", None),
        ("{} is none", True),
        ("{} == none", True),
        ("none != {}", False),
        ("{} == 'x'", False),
        ("{} != 'x'", True),
        ("{} == record.other", True),
        ("{} > 1", False),
        ("1 >= {}", False),
        ("{} in ['x']", False),
        ("'x' in {}", False),
        ("{} not in ['x']", True),
        ("not {}", True),
        ("{} + 1", None),
        ("1 - {}", None),
        ("-{}", None),
        ("{} ~ 'x'", "x"),
        ("{} | trim", None),
        ("{} | regex_search('x')", None),
        ("{} | length", 0),
        ("{} | list", []),
        ("{} | float", 0.0),
        ("timestamp({})", None),
        ("{{1: 2}}[{}]", None),
        ("[{}]", [None]),
    ],
)
def test_nothing(expression: str, name: str, expected: Any) -> None:
    """A missing value stays missing, whatever an expression does with it."""
    assert value(expression.format(f"record.{name}")) == expected


def test_null_is_there() -> None:
    """Only `is defined` and `in` tell the two apart."""
    assert value("record.null is defined and record.missing is undefined and 'null' in record")
    assert not value("record.null is undefined or record.missing is defined or 'missing' in record")


def test_what_is_not_for_templates_is_no_null() -> None:
    """A way to Python's insides is refused aloud."""
    for expression in ("record.text.format(1)", "record.__class__.mro()", "record.list.append(1)"):
        with pytest.raises(SecurityError):
            value(expression)


def test_digits() -> None:
    """A number beyond a float keeps its digits."""
    assert bytes(plain(ExactNumber("1e400"))) == b"1e400"
    assert ExactNumber("0.10") == 0.1


def test_known_names() -> None:
    """Objects inside lists too."""
    assert isinstance(StrictDict.of({"a": [{"b": 1}]})["a"][0], StrictDict)
