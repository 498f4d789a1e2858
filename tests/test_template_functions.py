"""The functions of templates are the CDK's."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.templates import functions, templates


def test_now_is_now_in_utc() -> None:
    """`now_utc()` is the moment, with its zone."""
    now = functions.now_utc()
    assert now.utcoffset() == timedelta(0)
    assert abs(datetime.now(timezone.utc) - now) < timedelta(minutes=1)


def test_today_is_a_date() -> None:
    """`today_utc()` prints as an ISO date."""
    before = functions.now_utc().date()
    today = date.fromisoformat(templates.render("{{ today_utc() }}", {}))
    assert before <= today <= functions.now_utc().date()


def test_moments_are_formatted() -> None:
    """A template may write a moment as the API wants it, and compare."""
    assert templates.render("{{ now_utc().strftime('%Y') }}", {}) == str(functions.now_utc().year)
    assert templates.render("{{ min('b', 'a') }}{{ max(1, 2) }}", {}) == "a2"


@pytest.mark.parametrize(
    ("expression", "gives"),
    [
        ("format_datetime('2024-01-31T10:00:00+02:00', '%Y-%m-%d %H')", "2024-01-31 08"),
        ("format_datetime('2024-01-31', '%s')", "1706659200"),
        ("format_datetime('2024-01-31T00:00:00.123Z', '%ms')", "1706659200123"),
        ("format_datetime(1706659200, '%Y-%m-%d')", "2024-01-31"),
        ("format_datetime('31/01/2024', '%Y-%m-%d', '%d/%m/%Y')", "2024-01-31"),
        ("format_datetime('1706659200123', '%Y-%m-%dT%H', '%ms')", "2024-01-31T00"),
        ("format_datetime('1706659200', '%Y-%m-%d', '%s')", "2024-01-31"),
        ("str_to_datetime('2024-01-31')", "2024-01-31T00:00:00Z"),
        ("str_to_datetime('2024-01-31T10:00:00.5+02:00')", "2024-01-31T08:00:00.500000Z"),
        ("str_to_datetime('2024-03-31') - duration('P1M')", "2024-02-29T00:00:00Z"),
        ("str_to_datetime('2024-01-31') + duration('P1M')", "2024-02-29T00:00:00Z"),
        ("str_to_datetime('2024-02-29') - duration('P1Y')", "2023-02-28T00:00:00Z"),
        ("str_to_datetime('2024-03-31') - duration('P30D')", "2024-03-01T00:00:00Z"),
        ("str_to_datetime('2024-03-31') - duration('PT1H30M')", "2024-03-30T22:30:00Z"),
        ("str_to_datetime('2024-03-31') - duration('P2W')", "2024-03-17T00:00:00Z"),
        ("(str_to_datetime('2024-03-31') - str_to_datetime('2024-03-01')).days", "30"),
        ("(str_to_datetime('2024-03-31') - duration('P1D')).strftime('%s %ms')", "1711756800 1711756800000"),
        ("str_to_datetime('2024-03-31').isoformat()", "2024-03-31T00:00:00+00:00"),
        ("max(str_to_datetime('2024-03-31'), str_to_datetime('2024-04-01'))", "2024-04-01T00:00:00Z"),
        ("timestamp('2024-01-31')", "1706659200"),
        ("timestamp(1706659200.9)", "1706659200"),
        ("timestamp(str_to_datetime('2024-01-31'))", "1706659200"),
        ("now_utc() > str_to_datetime('2024-01-31')", "true"),
        ("today_utc() - duration('P1D') < today_utc()", "true"),
        ("(today_utc() + duration('P1D') - today_utc()).days", "1"),
        ("today_utc().strftime('%s') | int % 86400", "0"),
        ("day_delta(1) > day_delta(0)", "true"),
        ("day_delta(-1, '%Y-%m-%d') == (today_utc() - duration('P1D')) | string", "true"),
        ("today_with_timezone('Pacific/Kiritimati') >= today_utc()", "true"),
        ("min([3, 2])", "2"),
        ("camel_case_to_snake_case('CamelCaseText')", "camel_case_text"),
        ("sanitize_url('https://h/a b?c')", "https%3A%2F%2Fh%2Fa+b%3Fc"),
        ("generate_uuid() | length", "36"),
        ("json_loads('[1.10]') | tojson", "[1.10]"),
        ("{'a': 12345678901234567890123, 'b': [none, '<']} | tojson", '{"a":12345678901234567890123,"b":[null,"<"]}'),
        ("'abc' | hash", "900150983cd24fb0d6963f7d28e17f72"),
        ("'ab' | hash('md5', 'c')", "900150983cd24fb0d6963f7d28e17f72"),
        ("'abc' | hash('sha1')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("('what do ya want for nothing?' | hmac('Jefe'))[:8]", "5bdcc146"),  # RFC 4231
        ("('what do ya want for nothing?' | hmac('Jefe', 'sha256', 'base64'))[:8]", "W9zBRr9g"),
        ("'me:ü' | base64encode", "bWU6w7w="),
        ("'bWU6w7w=' | base64decode", "me:ü"),
        ("'https://h/?after=x1&b' | regex_search('after=([^&]*)')", "x1"),
        ("'ab12' | regex_search('[0-9]+')", "12"),
        ("'ab' | regex_search('(c)')", ""),
        (r"'a1b2' | regex_replace('[a-z]([0-9])', '\\1')", "12"),
        ("'7' | int + 1", "8"),
        ("'1.5' | float * 2", "3.0"),
        ("7 | string ~ '0'", "70"),
        ("'a b/ü' | urlencode", "a%20b/%C3%BC"),
        ("[{'a': 1}, {'a': 2}] | map(attribute='a') | join(',')", "1,2"),
        ("([{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}] | selectattr('a', 'equalto', 2) | first).b", "y"),
    ],
)
def test_functions_and_filters(expression: str, gives: str) -> None:
    """Each under the CDK's name gives what the CDK's does; times are RFC 3339."""
    assert templates.render("{{ " + expression + " }}", {}) == gives


@pytest.mark.parametrize(
    "expression",
    [
        "duration('1 month')",
        "duration('2024-01-01')",
        "duration('P1D/P2D')",
        "str_to_datetime('soon')",
        "format_datetime('soon', '%Y')",
        "timestamp(none)",
        "'a' | hash('crc')",
        "'a' | hmac('k', 'crc')",
        "'a' | hmac('k', 'sha1', 'latin-1')",
        "'!' | base64decode",
        "json_loads('{')",
        "today_with_timezone('Nowhere')",
        "today_with_timezone('../../etc/passwd')",
        "day_delta(10 ** 12)",
        "str_to_datetime('2024-01-01') - duration('P9999Y')",
    ],
)
def test_what_functions_refuse(expression: str) -> None:
    """A value that they cannot read is an error of the config."""
    with pytest.raises(ConfigError, match="cannot be filled"):
        templates.render("{{ " + expression + " }}", {})
