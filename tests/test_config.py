"""A config loads as intended, or all its errors are reported at once, with paths and without values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.auth.authenticators import Bearer
from source_rest_api.config import loading, stream_references
from source_rest_api.cursors.cursors import DatetimeCursor
from source_rest_api.errors import ConfigError
from source_rest_api.formats import yaml_text
from source_rest_api.pagination.link_paginators import LinkHeader

if TYPE_CHECKING:
    from source_rest_api.config.config import Config

SHORT = """
{"name": "External API", "url_base": "https://api.example.com/v1",
 "authentication": {"type": "bearer", "token": "..."}, "start_date": "2025-01-01T00:00:00Z",
 "endpoints": [
   {"name": "customers", "path": "/customers", "http_method": "GET"},
   {"name": "orders", "path": "/orders", "http_method": "GET", "params": {"start_date": "{{ config['start_date'] }}"}}]}
"""
FULL = """
url_base: https://api.github.com
authentication: {type: bearer, token: ...}
start_date: 2024-01-01T00:00:00Z
headers: {Accept: application/vnd.github+json}
pagination: {type: link_header, page_size_param: per_page, page_size: 100}
endpoints:
  - {name: repos, path: orgs/acme/repos, primary_key: id}
  - name: issues
    path: "repos/acme/{{ repos.name }}/issues"
    primary_key: id
    params: {state: all, sort: updated, direction: asc}
    incremental: {cursor_field: updated_at, start_param: since}
    include_from_parent: {repo: name}
"""
BASE: dict[str, Any] = {"url_base": "https://api.example.com", "endpoints": [{"name": "a", "path": "/a"}]}


def load(**changes: Any) -> Config:
    """Load a config that is right but for the changes."""
    return loading.load({**BASE, **changes})


def problems(**changes: Any) -> list[str]:
    """Returns all reported errors."""
    with pytest.raises(ConfigError) as caught:
        load(**changes)
    head, *lines = str(caught.value).splitlines()
    assert head == ("The config has an error:" if len(lines) == 1 else f"The config has {len(lines)} errors:")
    return [line.removeprefix("- ") for line in lines]


def endpoint(**changes: Any) -> list[str]:
    """Returns all reported errors of a config whose one endpoint has these changes."""
    return problems(endpoints=[{"name": "a", "path": "/a", **changes}])


def test_the_short_example() -> None:
    """The config of the user's guide works unchanged."""
    loaded = loading.load(json.loads(SHORT))
    assert isinstance(loaded.authentication, Bearer)
    assert [(e.name, e.path, e.http_method, e.params) for e in loaded.streams] == [
        ("customers", "/customers", "GET", {}),
        ("orders", "/orders", "GET", {"start_date": "{{ config['start_date'] }}"}),
    ]


def test_the_full_example() -> None:
    """The long config does too, with defaults for all endpoints and a parent named in a template."""
    loaded = loading.load(yaml_text.load(FULL))
    assert loaded.start_date == "2024-01-01T00:00:00Z"
    assert loaded.headers == {"Accept": "application/vnd.github+json"}
    assert loaded.pagination == LinkHeader(page_size_param="per_page", page_size=100)
    repos, issues = loaded.streams
    assert stream_references.parent_of(loaded, issues) is repos
    assert (issues.primary_key, issues.include_from_parent) == ((("id",),), {"repo": "name"})
    assert issues.incremental is not None
    assert (issues.incremental.cursor_field, issues.incremental.start_param) == (("updated_at",), "since")


def test_json_and_yaml_are_the_same() -> None:
    """A config says the same in both."""
    assert loading.load(yaml_text.load(SHORT)) == loading.load(json.loads(SHORT))


def test_arrays_of_names_and_values_are_mappings() -> None:
    """Airbyte's form and a config file give the same config."""
    form = load(
        headers=[{"name": "Accept", "value": "text/plain"}],
        params=[{"name": "limit", "value": 5}],
        endpoints=[
            {"name": "p", "path": "/p"},
            {"name": "a", "path": "/{{ p.id }}", "include_from_parent": [{"name": "p_id", "value": "id"}]},
        ],
    )
    file = load(
        headers={"Accept": "text/plain"},
        params={"limit": "5"},
        endpoints=[
            {"name": "p", "path": "/p"},
            {"name": "a", "path": "/{{ p.id }}", "include_from_parent": {"p_id": "id"}},
        ],
    )
    assert form == file


@pytest.mark.parametrize(
    ("yaml", "names"),
    [
        ("- {name: b, path: /b}\n- {name: c, path: /c}", ["a", "b", "c"]),
        ('[{"name": "b", "path": "/b"}]', ["a", "b"]),
        ("", ["a"]),
        ("# - {name: b, path: /b}\n", ["a"]),
        ([{"name": "b", "path": "/b"}], ["a", "b"]),
    ],
)
def test_endpoints_as_yaml_text(yaml: object, names: list[str]) -> None:
    """The endpoints in the text are added to the others; a text without endpoints has no effect."""
    assert [e.name for e in load(endpoints_yaml=yaml).streams] == names


def test_yaml_text_alone_is_enough() -> None:
    """All endpoints may be in the text, with their parents."""
    loaded = load(endpoints=[], endpoints_yaml="- {name: p, path: /p}\n- {name: c, path: '/{{ p.id }}'}")
    parent, child = loaded.streams
    assert stream_references.parent_of(loaded, child) is parent


def test_unquoted_dates_stay_text() -> None:
    """YAML's dates are written to the API as the user wrote them."""
    half = "name: b, path: /b, params: {since: 2024-01-01, at: 12:30}"
    _, b = load(endpoints_yaml=f"- {{{half}, incremental: {{cursor_field: u, start_date: 2024-01-01}}}}").streams
    assert b.params == {"since": "2024-01-01", "at": "12:30"}
    assert isinstance(b.incremental, DatetimeCursor)
    assert b.incremental.start_date == "2024-01-01"


def test_keys_of_the_platform_are_ignored() -> None:
    """Keys that begin with `_` belong to Airbyte."""
    assert load(__injected_declarative_manifest={"a": 1}, _limit=5) == load()


@pytest.mark.parametrize("raw", [None, [], "text", 5, [BASE]])
def test_a_config_is_an_object(raw: Any) -> None:
    """Anything else is an error of the config, not of the connector."""
    with pytest.raises(ConfigError, match="must be an object"):
        loading.load(raw)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url_bas": "x"}, "url_bas: unknown key, did you mean `url_base`?"),
        ({"cursor": "x"}, "cursor: unknown key; known are `name`, "),
        ({"authentication": {"type": "bearer", "tokn": "x"}},
         "authentication.tokn: unknown key, did you mean `token`?"),
        ({"authentication": {"type": "baerer"}}, "authentication.type: unknown type, did you mean `bearer`?"),
        ({"authentication": {"type": 5}}, "authentication.type: unknown type; known are `none`, `bearer`"),
        ({"authentication": {"token": "x"}}, "authentication.type: is missing"),
        ({"authentication": {"type": "bearer"}}, "authentication.token: is missing"),
        ({"authentication": {"type": "bearer", "token": 5}}, "authentication.token: must be text; in YAML, put it in"),
        ({"authentication": "bearer"}, "authentication: must be an object"),
        ({"authentication": {"type": "api_key", "api_key": "x", "location": "query"}},
         "authentication.location: unknown key; known are `type`, `api_key`, `name`, `in`"),
        ({"pagination": {"type": "ofset"}}, "pagination.type: unknown type, did you mean `offset`?"),
        ({"pagination": {"type": "cursor", "cursor_pth": "x"}}, "pagination.cursor_pth: unknown key, did you mean"),
        ({"pagination": {"type": "offset", "limt": 5}}, "pagination.limt: unknown key, did you mean `limit`?"),
        ({"pagination": {"type": "offset", "limit": 0}}, "pagination.limit: input should be greater than 0"),
        ({"retry": {"max_attemps": 5}}, "retry.max_attemps: unknown key, did you mean `max_attempts`?"),
        ({"retry": 5}, "retry: must be an object"),
        ({"params": {"cursor": {}}}, "params.cursor: must be text, a number, true, false, or a list of these"),
        ({"params": "a=1"}, "params: must be an object"),
        ({"params": {"a": "{{ 1 | nofilter }}"}}, "params.a: template error in line 1: No filter named 'nofilter'."),
        ({"params": {"a": "{{ confg.b }}"}},
         "params: a template reads the unknown name `confg`, did you mean `config`?"),
        ({"headers": {"a": "{{ a.id }}"}}, "headers: a template reads the unknown name `a`; known are `config`, "),
        ({"url_base": "https://{{ a.id }}/"}, "url_base: a template reads the unknown name `a`; known are `config`"),
        ({"url_base": "api.example.com"}, "url_base: must begin with https:// or http://"),
        ({"url_base": "https://me:pw@h/"}, "url_base: must not hold credentials: they belong in `authentication`"),
        ({"url_base": "https://h/?a=1"}, "url_base: must not have a query: it belongs in `params`"),
        ({"url_base": None}, "url_base: must be text"),
        ({"start_date": "soon"}, "start_date: not a date-time"),
        ({"read_timeout": 0}, "read_timeout: input should be greater than 0"),
        ({"endpoints": {}}, "endpoints: must be a list"),
        ({"endpoints": []}, "endpoints: no endpoint found; add one to `endpoints` or `endpoints_yaml`"),
        ({"endpoints": ["/a"]}, "endpoints[0]: must be an object"),
        ({"endpoints_yaml": "- {name: b, paht: /b}"}, "endpoints_yaml[0].path: is missing"),
        ({"endpoints_yaml": "- {name: b, path: /b, bdy: 1}"},
         "endpoints_yaml[0].bdy: unknown key, did you mean `body`?"),
        ({"endpoints_yaml": "- {name: b, path: [}"}, "endpoints_yaml: not valid YAML in line 1, column 20: "),
    ],
)  # fmt: skip
def test_errors_say_where_and_what(changes: dict[str, Any], said: str) -> None:
    """The path is as the user writes it, and the nearest right word is offered."""
    assert said in [line[: len(said)] for line in problems(**changes)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nme": 1}, "endpoints[0].nme: unknown key, did you mean `name`?"),
        ({"cursor": 1}, "endpoints[0].cursor: unknown key; known are"),
        ({"json_schema": {}}, "endpoints[0].json_schema: unknown key, did you mean `schema`?"),
        ({"name": ""}, "endpoints[0].name: string should have at least 1 character"),
        ({"http_method": "GE T"}, "endpoints[0].http_method: must be an HTTP method, such as GET, POST or SEARCH"),
        ({"http_method": "CONNECT"}, "endpoints[0].http_method: must be an HTTP method, such as GET, POST or SEARCH"),
        ({"pagination": {"type": "page_number", "page_szie": 1}},
         "endpoints[0].pagination.page_szie: unknown key, did you mean `page_size`?"),
        ({"pagination": {"type": "offset", "limt": 1}},
         "endpoints[0].pagination.limt: unknown key, did you mean `limit`?"),
        ({"incremental": {"cursor_feild": "u"}}, "endpoints[0].incremental.cursor_field: is missing"),
        ({"incremental": {"cursor_field": "u", "start_parm": "s"}},
         "endpoints[0].incremental.start_parm: unknown key, did you mean `start_param`?"),
        ({"body": {"type": "json", "value": {}, "vlue": 1}},
         "endpoints[0].body.vlue: unknown key, did you mean `value`?"),
        ({"body": {"value": {}}}, "endpoints[0].body.type: is missing"),
        ({"body": {"type": "graphql", "query": "{a}"}}, "endpoint `a`: http_method: a GraphQL body needs"),
        ({"body": {"type": "graphql", "query": "{a}", "variables": []}},
         "endpoints[0].body.variables: must be an object"),
        ({"body": {"type": "form", "fields": {"a": "{{ b"}}}, "endpoints[0].body.fields.a: template error in line 1"),
        ({"body": {"type": "text", "text": "{{ b.id }}"}}, "endpoint `a`: a template reads the unknown name `b`"),
        ({"pagination": {"type": "page_number", "in": "body"}},
         "endpoint `a`: pagination.in: a GET request has no body; set `http_method: POST`, or `in: query`"),
        ({"http_method": "POST", "body": {"type": "text", "text": "x"}, "pagination": {"type": "offset", "in": "body"}},
         "endpoint `a`: pagination.in: a text body has no fields; write `{{ next_page_token }}`"),
        ({"pagination": {"type": "offset", "result_cap": 100}, "incremental": {"cursor_field": "u"}},
         "endpoint `a`: pagination.result_cap: needs `incremental` with `sorted: true`"),
        ({"pagination": {"type": "cursor"}},
         "endpoints[0].pagination: set exactly one of `cursor_path`, `cursor_header` and `cursor`"),
        ({"pagination": {"type": "last_record", "field": "id"}}, "endpoints[0].pagination.param: is missing"),
        ({"records_path": 5}, "endpoints[0].records_path: must be keys separated by dots"),
        ({"primary_key": [["a"], 5]}, "endpoints[0].primary_key[1]: must be keys separated by dots"),
        ({"schema": "integer"}, "endpoints[0].schema: not valid JSON in line 1, column 1: expecting value"),
        ({"schema": {"id": "integer"}}, "endpoints[0].schema: must be the JSON schema of an object, with `properties`"),
        ({"path": "/{{ b.id }}"}, "endpoint `a`: a template reads the unknown name `b`; known are `a`, `config`"),
        ({"path": "/{{ a.id }}"}, "endpoint `a`: its templates make it a parent of itself"),
        ({"include_from_parent": {"x": "id"}},
         "endpoint `a`: include_from_parent.x: no template of the endpoint reads a parent stream"),
        ({"name": "config"}, "endpoint `config`: this name is reserved in templates; rename the endpoint"),
    ],
)  # fmt: skip
def test_errors_of_an_endpoint(changes: dict[str, Any], said: str) -> None:
    """An endpoint's errors have its place in the list, or its name."""
    assert said in [line[: len(said)] for line in endpoint(**changes)]


def test_all_errors_come_at_once() -> None:
    """One message lists all errors of a config."""
    lines = problems(
        url_base="ftp://h",
        authentication={"type": "bearer"},
        start_date="soon",
        max_concurency=3,
        endpoints=[
            {"name": "a", "path": "/a", "pagination": {"type": "page_number", "page_size": "many", "first": 1}},
            {"path": "{{", "http_method": "1"},
        ],
    )
    assert [line.partition(":")[0] for line in lines] == [
        "url_base",
        "authentication.token",
        "start_date",
        "endpoints[0].pagination.page_size",
        "endpoints[0].pagination.first",
        "endpoints[1].name",
        "endpoints[1].path",
        "endpoints[1].http_method",
        "max_concurency",
    ]


def test_all_errors_between_endpoints_come_at_once() -> None:
    """Names, cycles and unknown parents are looked at together."""
    lines = problems(
        params={"a": "{{ nobody }}"},
        endpoints=[
            {"name": "a", "path": "/{{ b.id }}"},
            {"name": "b", "path": "/b", "params": {"x": "{{ a.id }}"}},
            {"name": "c", "path": "/{{ nowhere.id }}"},
            {"name": "my-c", "path": "/"},
            {"name": "my.c", "path": "/"},
            {"name": "c", "path": "/"},
        ],
    )
    assert [line.partition(";")[0] for line in lines] == [
        "params: a template reads the unknown name `nobody`",
        "endpoint `a`: its templates make it a parent of itself",
        "endpoint `b`: its templates make it a parent of itself",
        "endpoint `c`: a template reads the unknown name `nowhere`",
        "endpoint `my.c`: its name in templates is the same as that of `my-c`",
        "endpoint `c`: two endpoints have this name",
    ]


def test_names_are_compared_across_the_two_lists() -> None:
    """An endpoint in the YAML text cannot have the name of another."""
    assert problems(endpoints_yaml="- {name: a, path: /other}") == [
        "endpoint `a`: two endpoints have this name; rename one"
    ]


def test_a_long_chain_of_parents_is_checked() -> None:
    """The work does not double with every parent."""
    chain = [{"name": f"s{n}", "path": f"/{{{{ s{n - 1}.id }}}}" if n else "/"} for n in range(60)]
    loaded = load(endpoints=chain)
    parent = stream_references.parent_of(loaded, loaded.streams[-1])
    assert parent is not None
    assert parent.name == "s58"


NOISE = st.text(" '\"*&!%@`#:,[]<>\\/?.-\n")


@given(
    value=st.builds(lambda before, word, after: f"{before}{word}{after}", NOISE, st.just("zq7hush"), NOISE),
    opening=st.sampled_from(["", "{{", "{{ a ", "{%", "{% if", "{#", "{{ config['", "{{ 5 +"]),
)
def test_no_value_stands_in_an_error(value: str, opening: str) -> None:
    """Errors never show values of the config: they may be secrets in the wrong place."""
    lines = problems(
        name=[value],
        url_base=value,
        authentication={"type": value},
        start_date=value,
        headers={"a": {"b": value}, "c": opening + value},
        params=[{"name": value, "value": 1}, {"name": value, "value": opening + value}],
        pagination={"type": "cursor", "cursor_path": [value, 5], "page_size": value, "more_path": {"x": value}},
        endpoints=[
            {
                "name": [value],
                "path": "{{ " + value,
                "http_method": value,
                "primary_key": {"a": value},
                "records_path": ["", value],
                "body": {"type": "json", "value": "{" + value},
                "pagination": value,
                "incremental": {"cursor_field": "u", "mode": value, "start_date": value},
                "schema": value,
            },
            value,
        ],
        endpoints_yaml=f"a: [*{value}",
        retry={"max_attempts": value},
        read_timeout=value,
    )
    assert "zq7" not in "\n".join(lines)
    assert len(lines) >= 15
