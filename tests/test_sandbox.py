"""No template takes the process with it: results, numbers and regular expressions are bounded."""

from __future__ import annotations

import time
from typing import Any

import pytest

from source_rest_api.errors import ConfigError
from source_rest_api.templates import templates

CONTEXT: dict[str, Any] = {"config": {"a": "a", "n": 10**9, "long": "a" * 90_000, "list": [1, 2]}}


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 10**9 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 1000000000 * 'a' }}",
        "{{ config.a * config.n }}",
        "{{ config.list * config.n }}",
        "{{ [0] * 1000000000 }}",
        "{{ ('a' * 100000) * 100000 }}",
        "{{ config.long + config.long }}",
        "{{ 10 ** 1000000000 }}",
        "{{ (10 ** 3000) * (10 ** 3000) }}",
        "{{ config.n ** config.n }}",
        "{{ '%1000000000s' % 'a' }}",
        "{{ '%1000000000s' | format('a') }}",
        "{{ '{:1000000000}'.format('a') }}",
        "{{ '{a:1000000000}'.format_map({'a': 1}) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a'.rjust(1000000000) }}",
        "{{ 'a'.center(1000000000) }}",
        "{{ 'a'.zfill(1000000000) }}",
        "{{ '\\t'.expandtabs(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ 'a\\na' | indent(1000000000) }}",
        "{{ [1] | batch(1000000000, 0) | list }}",
        "{{ [1] | slice(1000000000) | list }}",
        "{{ config.long | replace('a', config.long) }}",
        "{{ config.long.replace('a', config.long) }}",
        "{{ config.long.join(['a'] * 90000) }}",
        "{{ ['a'] * 90000 | join(config.long) }}",
        "{% for a in config.long %}{{ config.long }}{% endfor %}",
        "{{" + " ~ ".join(["config.long"] * 12) + "}}",
        "{{ config.long | regex_search('^(a+)+$b') }}",
        "{{ (config.long ~ 'b') | regex_search('^(a|aa)+$') }}",
        "{{ (config.long ~ 'b') | regex_replace('^(a|aa)+$', '') }}",
        "{{ 'a' | regex_search('a' * 2000) }}",
        "{{ (config.long ~ config.long) | regex_search('a') }}",
        "{{ 'a' | regex_search('(') }}",
        "{{ 'a' | regex_search(1) }}",
    ],
)
def test_no_result_without_bound(text: str) -> None:
    """It is rejected quickly, as a config error."""
    started = time.monotonic()
    try:
        templates.check(text)
    except ValueError:
        return
    with pytest.raises(ConfigError):
        templates.render(text, CONTEXT)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("{{ 'ab' * 3 }}{{ 3 * 'ab' }}", "abababababab"),
        ("{{ 2 ** 10 }}{{ 7 % 4 }}{{ 2 * 3 + 1 }}{{ 2 * 1.5 }}", "1024373.0"),
        ("{{ 'a' + 'b' ~ 1 }}", "ab1"),
        ("{{ ([1] + [2]) | length }}", "2"),
        ("{{ 'a-b' | replace('-', '_') }}{{ 'a-b'.replace('-', '') }}{{ 'aa' | replace('a', 'b', 1) }}", "a_babba"),
        ("{{ ','.join(['a', 'b']) }}{{ ['a', 'b'] | join('-') }}", "a,ba-b"),
    ],
)
def test_what_is_small_works(text: str, gives: str) -> None:
    """Arithmetic and text of usual size are as in Jinja."""
    assert templates.render(text, CONTEXT) == gives


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("{{ config.no or 'x' }}", "x"),
        ("{{ 'a' if config.no else 'b' }}", "b"),
        ("{{ not config.no }}", "true"),
        ("{{ config.no | default('x') }}", "x"),
        ("{{ config.no is defined }}", "false"),
        ("{% if config.no %}a{% else %}b{% endif %}", "b"),
    ],
)
def test_a_missing_key_may_have_a_default(text: str, gives: str) -> None:
    """Conditions and defaults take it for nothing."""
    assert templates.render(text, CONTEXT) == gives


@pytest.mark.parametrize(
    "text", ["{{ config.no }}", "{{ config.no ~ '' }}", "{{ config.no == 1 }}", "{{ config.no.a }}"]
)
def test_a_missing_key_is_an_error_where_it_is_used(text: str) -> None:
    """It is never sent as an empty text, nor compared; the error names it."""
    with pytest.raises(ConfigError, match="'no'"):
        templates.render(text, CONTEXT)
