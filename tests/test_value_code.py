"""Templates compiled to functions give what Jinja's own code gives, and fail where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from jinja2 import Undefined
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.templates import record_sandbox, record_templates, scalars, templates, value_code
from source_rest_api.templates.record_templates import RecordContext, RecordTemplate
from tests.random_templates import CONFIG, RECORDS, TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable


def by_jinja(text: str, record: dict[str, Any]) -> Any:
    """The value by Jinja's own code, which generates texts."""
    made = record_sandbox.environment(
        lambda value: "" if value is None or isinstance(value, record_sandbox.Missing) else scalars.as_text(value)
    )
    expression = templates.expression(text)
    context = made.from_string("").new_context({"config": record_sandbox.StrictDict.of(CONFIG), "record": record})
    source = text if expression is None else f"{{% set result = ({expression}) %}}"
    pieces = list(made.from_string(source).root_render_func(context))
    return "".join(pieces) if expression is None else record_sandbox.plain(context.vars["result"])


def outcome(fill: Callable[[], Any]) -> tuple[str, bytes | Exception]:
    """The value as JSON, or the error, and which of them it is."""
    try:
        value = fill()
    except Exception as error:  # noqa: BLE001 -- templates may fail in any way
        return "type error" if isinstance(error, TypeError) or "same type" in str(error) else "error", error
    return ("blank", b"") if value is scalars.BLANK else ("value", raw_json.encode(value))


@given(TEMPLATES, RECORDS)
def test_equal_to_jinja(text: str, record: dict[str, Any]) -> None:
    """The same value, or an error for the same reason."""
    decoded = record_templates.decode(Raw(raw_json.encode(record)))
    context = RecordContext({"config": CONFIG}).around(decoded)
    expected, value = outcome(lambda: by_jinja(text, decoded))
    kind, found = outcome(lambda: RecordTemplate(text).value(context))
    assert kind == expected
    if isinstance(found, Exception):
        assert isinstance(found, ConfigError)
        assert not isinstance(value, TypeError | ConfigError) or str(value) in str(found)
    else:
        assert found == value


@pytest.mark.parametrize("text", ["{{ record.__class__ }}", "{{ ''.__class__ }}-x", "{{ record.a.format(1) }}"])
def test_the_sandbox_holds(text: str) -> None:
    """Compiled templates cannot reach Python's internals."""
    with pytest.raises(ConfigError, match="cannot be filled"):
        RecordTemplate(text).value(RecordContext({}).around({"a": "{}"}))


def test_a_long_text_is_an_error() -> None:
    """A result has a limit, whatever its parts are."""
    record = {"a": "x" * (templates.LARGEST_RESULT // 2 + 1)}
    with pytest.raises(ConfigError, match="more than 1,000,000 characters"):
        RecordTemplate("{{ record.a }}{{ record.a }}").value(RecordContext({}).around(record))


def test_a_plain_function() -> None:
    """Nothing is left of Jinja's generators, for templates without statements."""
    made = record_sandbox.environment(str)
    context = RecordContext({}).around({"a": 1})
    assert value_code.function(made, " {{ record.a }} ")(context) == 1
    assert value_code.function(made, "{{ record.a }}!")(context) == "1!"
    assert isinstance(value_code.function(made, "{{ 1 if record.b }}")(context), Undefined)
