"""Templates insert data unchanged, cannot break out, and never insert an empty value."""

from __future__ import annotations

import string
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.errors import ConfigError
from source_rest_api.templates import path_templates, templates

CONTEXT: dict[str, Any] = {
    "config": {"start_date": "2024-01-01", "token": "zq7hush", "n": None, "list": [1], "on": True, "items": "mine"},
    "repos": {"name": "a/b", "id": 12345678901234567890123, "price": Decimal("1.10"), "owner": {"login": "me"}},
    "stream_interval": {},
    "stream_slice": {},
}


def refused(text: str, **options: bool) -> str:
    """Returns the error of a template that cannot be rendered."""
    with pytest.raises(ConfigError) as caught:
        templates.render(text, CONTEXT, **options)
    assert "zq7" not in str(caught.value)
    return str(caught.value)


@given(st.text(st.characters(exclude_characters="{}")))
def test_text_without_braces_is_unchanged(text: str) -> None:
    """Any such text, with line breaks too."""
    assert templates.render(text, {}) == path_templates.render(text, {}) == text
    assert (templates.names(text), templates.references(text)) == (frozenset(), frozenset())
    templates.check(text)


@pytest.mark.parametrize("text", ['{"a":{"b":1}}', "{}", "query { viewer { login } }", "}}", "{ {", "a{1,2}"])
def test_single_braces_are_text(text: str) -> None:
    """JSON and GraphQL need no escaping."""
    assert templates.render(text, {}) == text


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ config['start_date'] }}", "2024-01-01"),
        ("{{ stream_interval.start_time or '2024-01-01' }}", "2024-01-01"),
        ("{{ config.start_date }}T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("{{ repos.id }}", "12345678901234567890123"),
        ("{{ repos.price }}", "1.10"),
        ("{{ repos.owner.login | upper }}", "ME"),
        ("{{ config.on }}", "true"),
        ("{{ 1 == 2 }}", "false"),
        ("{{ config.end | default('now') }}", "now"),
        ("{{ config.n or 'none' }}", "none"),
        ("{{ config.list | tojson }}", "[1]"),
        ("{% if config.on %}yes{% endif %}", "yes"),
        ("{% for x in config.list %}{{ x }},{% endfor %}", "1,"),
        ("{{ max('2023-01-01', config.start_date) }}", "2024-01-01"),
        ("{{ '{{' }}", "{{"),
        ("a\n{{ 1 }}\n", "a\n1\n"),
    ],
)
def test_holes_are_filled(text: str, filled: str) -> None:
    """Expressions, filters and functions are Jinja's; numbers keep their digits, booleans are JSON's."""
    templates.check(text)
    assert templates.render(text, CONTEXT) == filled


@pytest.mark.parametrize("value", ["1_000", "1e5", "0x10", "01", "True", "None", "[1,2]", "b'abc'", "{'a': 1}", " a "])
def test_results_are_not_evaluated(value: str) -> None:
    """A token that looks like Python stays the text that it is."""
    assert templates.render("{{ config.x }}", {"config": {"x": value}}) == value


@given(st.sampled_from(["{{ 7*7 }}", "{{ config }}", "{% raw %}", "{#", "{{"]), st.text("{}%# 7"))
def test_data_is_never_a_template(before: str, after: str) -> None:
    """A value with braces in it stays text."""
    assert templates.render("{{ config.x }}", {"config": {"x": before + after}}) == before + after


@given(st.text().filter(lambda text: "\r" not in text))
def test_data_arrives_as_it_is(value: str) -> None:
    """Any text fills a hole unchanged, between what stands around it."""
    assert templates.render("<{{ config.x }}>", {"config": {"x": value}}) == f"<{value}>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ config.start_dat }}", "the config has no `start_dat`"),
        ("{{ config['start_dat'] }}", "the config has no `start_dat`"),
        ("{{ stream_interval.start_time }}", "`stream_interval.start_time` has no value"),
        ("{{ stream_slice['start_time'] }}", "set `incremental` and `start_date`"),
        ("{{ config.start_time }}", "the config has no `start_time`"),
        ("{{ repos.owner.name.first }}", "`repos.owner` has no `name`"),
        ("{{ config.n }}", "null"),
        ("{{ none }}", "null"),
        ("{{ config }}", "dict"),
        ("{{ config.list }}", "list"),
        ("{{ config.get }}", "method"),
        ("{{ now_utc }}", "function"),
        ("{{ config.token + 1 }}", "TypeError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ max() }}", "TypeError"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
        ("{% include 'x' %}", "TypeError"),
    ],
)
def test_a_hole_that_cannot_be_filled(text: str, said: str) -> None:
    """An empty value, null or a Python object is never sent; the error shows no value of the config."""
    assert said in refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ config.__class__.__init__.__globals__ }}",
        "{{ now_utc.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{{ self.__init__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ config | attr('__class__') }}",
        "{{ config['__class__'] }}",
        "{{ '{0.__class__}'.format(config) }}",
        "{{ '%s' | format(config.__init__) }}",
        "{{ ().__class__.__base__ }}",
        "{{ namespace().x }}",
        "{{ range(3) }}",
        "{{ config.update({'a': 1}) }}",
        "{{ config.clear() }}",
        "{{ config.list.append(2) }}",
        "{% do config.pop('token') %}",
        "{% import 'os' as os %}{{ os.name }}",
        "{% set config.x = 1 %}",
    ],
)
def test_nobody_breaks_out(text: str) -> None:
    """Python's insides cannot be reached, and the config cannot be changed."""
    try:
        templates.check(text)
    except ValueError:
        return
    refused(text)
    assert CONTEXT["config"]["list"] == [1]
    assert CONTEXT["config"]["token"] == "zq7hush"


def test_data_goes_before_methods() -> None:
    """Fields that are called `items`, `keys` or `values` are fields."""
    record = {"items": "i", "keys": "k", "values": {"get": "g"}}
    assert templates.render("{{ r.items }}{{ r.keys }}{{ r.values.get }}", {"r": record}) == "ikg"
    assert templates.render("{{ r.get('keys') }}", {"r": record}) == "k"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ a b }}", "template error in line 1: expected token 'end of print statement', got '…'"),
        ("\n\n{{ a }", "template error in line 3: unexpected '}'"),
        ("{% zq7 %}", "template error in line 1: Encountered unknown tag '…'."),
        ("{% if a %}", "template error in line 1: Unexpected end of template."),
        ("{{ a | zap }}", "template error in line 1: No filter named 'zap'."),
        ("{{ a is zap }}", "template error in line 1: No test named 'zap'."),
        ("{# zq7", "template error in line 1: Missing end of comment tag"),
        ("{{", "template error in line 1: unexpected 'end of template'"),
        ("{{ 'zq7'.__class__ ~ a }}", "template error: access to attribute '…' of '…' object is unsafe."),
    ],
)
def test_check_finds_what_is_no_template(text: str, said: str) -> None:
    """Errors show the line, and unknown filters, but not the text: it may be no template at all."""
    with pytest.raises(ValueError, match="template error") as caught:
        templates.check(text)
    assert str(caught.value).startswith(said)
    assert "zq7" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "names", "references"),
    [
        ("plain", set(), set()),
        ("{{ config['a'] }}", {"config"}, {("config", "a")}),
        ("{{ repos.owner['login'] }}/{{ orgs.id }}", {"repos", "orgs"}, {("repos", "owner", "login"), ("orgs", "id")}),
        ("{{ now_utc() }}{{ max(a, 1) }}", {"a"}, {("a",)}),
        ("{% for x in repos.tags %}{{ x.id }}{% endfor %}", {"repos"}, {("repos", "tags")}),
        ("{% set r = repos %}{{ r.id }}", {"repos"}, {("repos",)}),
        ("{{ repos[orgs.id].name }}", {"repos", "orgs"}, {("repos",), ("orgs", "id")}),
        ("{{ repos.a[0].b }}", {"repos"}, {("repos", "a", "0", "b")}),
        ("{{ repos.name[:3] }}", {"repos"}, {("repos", "name")}),
        ("{{ repos.name | default(orgs.name) }}", {"repos", "orgs"}, {("repos", "name"), ("orgs", "name")}),
        ("{# {{ repos.id }} #}", set(), set()),
        ("{% raw %}{{ repos.id }}{% endraw %}", set(), set()),
    ],
)
def test_what_a_template_reads(text: str, names: set[str], references: set[tuple[str, ...]]) -> None:
    """Names are found wherever they stand; those that the template sets itself, and functions, are not counted."""
    assert templates.names(text) == names
    assert templates.references(text) == references


@pytest.mark.parametrize(
    ("name", "variable"),
    [("repos", "repos"), ("my-stream", "my_stream"), ("a.b c", "a_b_c"), ("größe", "größe"), ("v2/x", "v2_x")],
)
def test_the_name_of_a_stream_in_templates(name: str, variable: str) -> None:
    """Every character that is not a letter, digit or underscore becomes an underscore."""
    assert templates.variable(name) == variable


@given(st.text(string.printable))
def test_any_text_is_filled_or_refused(text: str) -> None:
    """It raises only the connector's own errors."""
    try:
        templates.check(text)
    except ValueError:
        return
    with suppress(ConfigError):
        assert isinstance(templates.render(text, CONTEXT), str)
