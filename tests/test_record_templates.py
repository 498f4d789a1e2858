"""A template on a record decodes only the fields that it reads."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.templates import record_templates
from source_rest_api.templates.record_templates import RecordContext, RecordTemplate

ROW = Raw(b'{"a":{"b":1},"c":2.50,"items":[1],"d":"x"}')


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        (["{{ record.a.b }}", "x{{ record['c'] }}"], ["a", "c"]),
        (["{{ config.x }}"], []),
        ([""], []),
        (["{{ record.items }}"], None),
        (["{{ record.get('a') }}"], ["a"]),
        (["{{ record.get('a', {}).get('b') }}{{ record.c }}"], ["a", "c"]),
        (["{{ record.get('a') or record.get(config.x) }}"], None),
        (["{{ record.get('a') or record.get }}"], None),
        (["{{ record.get(key='a') }}"], None),
        (["{{ record | tojson }}"], None),
        (["{{ record[config.x].b }}"], None),
        (["{% set r = record %}{{ r.a }}"], None),
    ],
)
def test_what_is_read(texts: list[str], read: list[str] | None) -> None:
    """The fields at the top that templates name, or the whole record where they do not say."""
    assert record_templates.fields(texts) == read
    assert list(record_templates.peeker(texts)(ROW)) == (["a", "c", "items", "d"] if read is None else read)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ record.items }}", [1]),
        ("{{ record.get('a', {}).get('b') }}", 1),
        ("{{ record.get('x', 'none') }}", "none"),
        ("{{ record.c }}", Raw(b"2.50")),
        ("{{ record.c }}!", "2.50!"),
        ("{{ record.c == 2.5 }}", True),
        ("{{ record.c * 2 }}", 5.0),
        ("{{ record.c * json_loads('0.5') }}", 1.25),
        ("{{- record.d -}}", "x"),
        ("{{ -record.a.b }}", -1),
        ("{{ record.a.b }}{{ record.d }}", "1x"),
        ("{{ record.d == 'x' }} ", True),
        ("{{ str_to_datetime('2024-01-02') }}", "2024-01-02T00:00:00Z"),
        ("{{ '}}' }}", "}}"),
        ("{# a comment #}{{ record.a.b }}", "1"),
    ],
)
def test_value(text: str, value: Any) -> None:
    """Numbers compute and compare as numbers, and are written with their own digits."""
    context = RecordContext({"config": {}}).around(record_templates.peeker([text])(ROW))
    found = RecordTemplate(text).value(context)
    assert (bytes(found), type(found)) == (bytes(value), Raw) if isinstance(value, Raw) else found == value


def test_names_known_ahead_must_be_there() -> None:
    """A slip of the pen in a key of the config is no null, at any depth; `or` and `if` take care of it."""
    surroundings = RecordContext({"config": {"a": [{"b": 1}]}, "stream_slice": {"start_time": "t"}})
    context = surroundings.around({})
    assert RecordTemplate("{{ config.a[0].b }}{{ config.x or 2 }}{{ config.get('y') }}").value(context) == "12"
    for text in ("{{ config.x ~ 1 }}", "{{ config.a[0].x > 1 }}", "{{ stream_slice.end_time == 1 }}"):
        with pytest.raises(ConfigError, match="there is no `"):
            RecordTemplate(text).value(context)
