"""The requests that the API receives: methods, bodies, templates, and positions in every location."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from source_rest_api.errors import ConfigError
from tests.api import JSON, Answer, Api, Call
from tests.reading import sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


ROWS = [{"id": n} for n in range(1, 8)]


@pytest.fixture
def api() -> Iterator[Api]:
    """An API without routes."""
    with Api() as started:
        yield started


def read(api: Api, endpoint: dict[str, Any], **settings: Any) -> list[Any]:
    """Read all records of an endpoint."""
    raw = {"url_base": api.url, "endpoints": [{"name": "items", "path": "/items", **endpoint}], **settings}
    return sampled(raw)


# Methods and bodies


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_carries_a_body(api: Api, method: str) -> None:
    """The API receives the method, and the JSON body with its type."""

    @api.route(method, "/items")
    def items(call: Call) -> JSON:
        return [{"body": call.json(), "type": call.headers["Content-Type"]}]

    value = {"q": ["{{ config.retry.max_attempts }}", 1.5, None, True]}
    read_back = read(api, {"http_method": method, "body": {"type": "json", "value": value}}, retry={"max_attempts": 2})
    assert read_back == [{"body": {"q": [2, 1.5, None, True]}, "type": "application/json"}]


@pytest.mark.parametrize(
    ("body", "content_type", "sent"),
    [
        (
            {"type": "form", "fields": {"q": "a b&c=ü", "id": ["1", "{{ 1 + 1 }}"], "t": "{{ next_page_token }}"}},
            "application/x-www-form-urlencoded",
            b"q=a+b%26c%3D%C3%BC&id=1&id=2",
        ),
        ({"type": "form", "fields": [{"name": "q", "value": 1}]}, "application/x-www-form-urlencoded", b"q=1"),
        (
            {"type": "text", "text": "<q>{{ 'ü' }}</q>", "content_type": "text/xml; charset=utf-8"},
            "text/xml; charset=utf-8",
            "<q>ü</q>".encode(),
        ),
        ({"type": "text", "text": "select 1"}, "text/plain; charset=utf-8", b"select 1"),
        (
            {"type": "json", "value": '{"a": "{{ [1, 2] }}", "b": "{{ 7 }}", "c": "n{{ 7 }}"}'},
            "application/json",
            b'{"a":[1,2],"b":7,"c":"n7"}',
        ),
        (
            {"type": "json", "value": {"t": "{{ next_page_token }}", "l": ["{{ next_page_token }}", 1]}},
            "application/json",
            b'{"l":[1]}',
        ),
        (
            {"type": "graphql", "query": "query($n: Int) { a { b } }", "variables": {"n": "{{ 2 }}"}},
            "application/json",
            b'{"query":"query($n: Int) { a { b } }","variables":{"n":2}}',
        ),
        ({"type": "graphql", "query": "{ a }"}, "application/json", b'{"query":"{ a }","variables":{}}'),
    ],
)
def test_bodies(api: Api, body: dict[str, Any], content_type: str, sent: bytes) -> None:
    """Each kind of body arrives encoded, with its type."""
    api.post("/items")(lambda _: [])
    read(api, {"http_method": "POST", "body": body})
    (call,) = api.requests
    assert (call.headers["Content-Type"], call.body) == (content_type, sent)


def test_the_users_content_type_goes_first(api: Api) -> None:
    """A header of the config is not overwritten."""
    api.post("/items")(lambda _: [])
    body = {"type": "json", "value": {}}
    read(api, {"http_method": "POST", "body": body, "headers": {"content-type": "application/vnd.api+json"}})
    assert api.requests[0].headers.get_all("Content-Type") == ["application/vnd.api+json"]


def test_templates_read_the_slice(api: Api) -> None:
    """`stream_interval` has the times; `stream_slice` is the CDK's older name."""
    api.get("/items")(lambda _: [])
    params = {
        "q": "updated >= '{{ stream_interval.start_time }}'",
        "same": "{{ stream_slice['start_time'] == stream_interval['start_time'] }}",
        "until": "{{ stream_slice.end_time[:2] }}",
    }
    incremental = {"cursor_field": "u", "end_param": "to"}
    read(api, {"params": params, "incremental": incremental}, start_date="2024-01-01")
    query = api.requests[0].query
    assert (query["q"], query["same"], query["until"]) == (["updated >= '2024-01-01'"], ["true"], ["20"])


@pytest.mark.parametrize("template", ["{{ config.get('region', 'eu') }}", "{{ config['region'] | default('eu') }}"])
def test_a_missing_setting_may_have_a_default(api: Api, template: str) -> None:
    """Both of the usual spellings work."""
    api.get("/items")(lambda _: [])
    read(api, {"params": {"region": template}})
    assert api.requests[0].query == {"region": ["eu"]}


@pytest.mark.parametrize("template", ["{{ config['region'] }}", "{{ config.region ~ '' }}"])
def test_a_missing_setting_is_an_error_that_names_it(api: Api, template: str) -> None:
    """No substitute is sent."""
    with pytest.raises(ConfigError, match="region"):
        read(api, {"params": {"region": template}})
    assert not api.requests


# Paging


def cut(start: int, size: int = 3) -> list[Any]:
    """Rows of a page."""
    return ROWS[start : start + size]


@pytest.mark.parametrize("where", ["query", "header", "json", "form", "template"])
def test_a_cursor_goes_where_the_api_wants_it(api: Api, where: str) -> None:
    """Token and page size in the query, a header, a JSON body, a form, or by a template: every row once."""

    @api.post("/items")
    def items(call: Call) -> JSON:
        readers: dict[str, Callable[[], dict[str, Any]]] = {
            "query": lambda: {k: v[0] for k, v in call.query.items()},
            "header": lambda: dict(call.headers.items()),
            "json": lambda: call.json().get("page", {}),
            "form": lambda: {k: v[0] for k, v in parse_qs(call.body.decode()).items()},
            "template": lambda: {"page.size": 3, **call.json()["page"]},
        }
        fields = {name.removeprefix("page."): value for name, value in readers[where]().items()}
        assert int(fields["size"]) == 3
        start = int(fields.get("after", 0))
        return {"items": cut(start), "next": start + 3 if start + 3 < len(ROWS) else None}

    paging: dict[str, Any] = {"type": "cursor", "cursor_path": "next", "page_size": 3}
    if where != "template":
        paging |= {"cursor_param": "page.after", "page_size_param": "page.size"}
        paging["in"] = {"json": "body", "form": "body"}.get(where, where)
    body: dict[str, Any] | None = {
        "form": {"type": "form", "fields": {"q": "x"}},
        "json": {"type": "json", "value": {"page": {"dir": "asc"}}},
        "template": {"type": "json", "value": {"page": {"after": "{{ next_page_token }}"}}},
    }.get(where)
    endpoint = {
        "http_method": "POST",
        "pagination": paging,
        "records_path": "items",
        **({"body": body} if body else {}),
    }
    assert read(api, endpoint) == ROWS
    if where == "json":
        assert api.requests[1].json() == {"page": {"dir": "asc", "after": 3, "size": 3}}


@pytest.mark.parametrize("place", ["path", "params", "headers"])
def test_a_template_places_the_token(api: Api, place: str) -> None:
    """Then no parameter is added."""

    @api.get("/items/{page}")
    def items(call: Call) -> JSON:
        token = {"path": call.path_params["page"], "params": call.arg("f"), "headers": call.headers.get("X-Page")}[
            place
        ]
        start = (int((token or "p1").removeprefix("p")) - 1) * 3
        assert "page" not in call.query
        return cut(start)

    endpoints: dict[str, dict[str, Any]] = {
        "path": {"path": "/items/p{{ next_page_token }}"},
        "params": {"path": "/items/all", "params": {"f": "p{{ next_page_token }}"}},
        "headers": {"path": "/items/all", "headers": {"X-Page": "p{{ next_page_token }}"}},
    }
    assert read(api, {**endpoints[place], "pagination": {"type": "page_number"}}) == ROWS


def test_what_names_the_token_is_left_out_of_the_first_page(api: Api) -> None:
    """There is no token yet; where the API wants a value, `or` gives it."""

    @api.get("/items")
    def items(call: Call) -> JSON:
        start = int(call.arg("a", "0"))
        assert call.arg("b") == str(start or "none")
        return {"items": cut(start), "next": start + 3 if start + 3 < len(ROWS) else None}

    params = {"a": "{{ next_page_token }}", "b": "{{ next_page_token or 'none' }}"}
    paging = {"type": "cursor", "cursor_path": "next"}
    assert read(api, {"params": params, "pagination": paging, "records_path": "items"}) == ROWS
    assert [sorted(call.query) for call in api.requests] == [["b"], ["a", "b"], ["a", "b"]]


def test_last_record(api: Api) -> None:
    """Each page begins after the last record of the one before, until an empty page."""

    @api.get("/items")
    def items(call: Call) -> JSON:
        return cut(int(call.arg("starting_after", "0")))

    assert read(api, {"pagination": {"type": "last_record", "field": "id", "param": "starting_after"}}) == ROWS
    assert [call.arg("starting_after") for call in api.requests] == ["", "3", "6", "7"]


def test_last_record_with_a_flag(api: Api) -> None:
    """Stripe says whether there is more, so no empty page is requested."""

    @api.get("/items")
    def items(call: Call) -> JSON:
        start = int(call.arg("starting_after", "0"))
        return {"data": cut(start), "has_more": start + 3 < len(ROWS)}

    paging = {"type": "last_record", "field": "id", "param": "starting_after", "more_path": "has_more"}
    assert read(api, {"pagination": paging}) == ROWS
    assert len(api.requests) == 3


def test_last_record_that_the_api_ignores(api: Api) -> None:
    """A parameter that the API does not know is an endless loop, which ends as an error."""
    api.get("/items")(lambda _: cut(0))
    with pytest.raises(ConfigError, match=r"seems to ignore `starting_aftr`\. Check `pagination\.param`"):
        read(api, {"pagination": {"type": "last_record", "field": "id", "param": "starting_aftr"}})
    assert len(api.requests) == 2


def test_cursor_header(api: Api) -> None:
    """The token comes in a header and goes back in one."""

    @api.get("/items")
    def items(call: Call) -> Answer:
        start = int(call.headers.get("X-Cursor", "0"))
        return Answer(cut(start), headers={"X-Next-Cursor": str(start + 3)} if start + 3 < len(ROWS) else {})

    paging = {"type": "cursor", "cursor_header": "x-next-cursor", "cursor_param": "X-Cursor", "in": "header"}
    assert read(api, {"pagination": paging}) == ROWS


def test_a_first_cursor_as_solr_wants_it(api: Api) -> None:
    """The first request has `*`; the end is the same mark again."""

    @api.get("/items")
    def items(call: Call) -> JSON:
        start = int(call.arg("cursorMark").replace("*", "0"))
        return {"docs": cut(start), "nextCursorMark": str(min(start + 3, len(ROWS)))}

    paging = {"type": "cursor", "cursor_path": "nextCursorMark", "cursor_param": "cursorMark", "first_cursor": "*"}
    assert read(api, {"pagination": paging, "records_path": "docs"}) == ROWS
    assert [call.arg("cursorMark") for call in api.requests] == ["*", "3", "6", "7"]


def test_end_path(api: Api) -> None:
    """Jira's older pages say `isLast`."""

    @api.get("/items")
    def items(call: Call) -> JSON:
        start = int(call.arg("startAt"))
        return {"values": cut(start), "isLast": start + 3 >= len(ROWS)}

    paging = {"type": "offset", "offset_param": "startAt", "limit_param": "maxResults", "end_path": "isLast"}
    assert read(api, {"pagination": paging}) == ROWS
    assert len(api.requests) == 3


def test_graphql_pages(api: Api) -> None:
    """`pageInfo` of a Relay connection: the cursor goes into the variables."""

    @api.post("/items")
    def items(call: Call) -> JSON:
        variables = call.json()["variables"]
        start = int(variables.get("after", "c0")[1:])
        page_info = {"hasNextPage": start + variables["first"] < len(ROWS), "endCursor": f"c{start + 3}"}
        return {"data": {"items": {"nodes": cut(start, variables["first"]), "pageInfo": page_info}}}

    query = "query($first: Int, $after: String) { items(first: $first, after: $after) { nodes { id } } }"
    endpoint = {
        "http_method": "POST",
        "body": {"type": "graphql", "query": query},
        "records_path": "data.items.nodes",
        "pagination": {
            "type": "cursor",
            "cursor_path": "data.items.pageInfo.endCursor",
            "more_path": "data.items.pageInfo.hasNextPage",
            "cursor_param": "after",
            "page_size_param": "first",
            "page_size": 3,
            "in": "body",
        },
    }
    assert read(api, endpoint) == ROWS
    assert [call.json()["variables"] for call in api.requests] == [
        {"first": 3},
        {"first": 3, "after": "c3"},
        {"first": 3, "after": "c6"},
    ]


def test_next_urls_keep_what_is_named(api: Api) -> None:
    """The API's URL is followed unchanged, except for the parameters that it omits."""

    @api.get("/items")
    def items(call: Call) -> JSON:
        assert call.arg("key") == "k"
        start = int(call.arg("start", "0"))
        return {"items": cut(start), "next": f"/items?start={start + 3}" if start + 3 < len(ROWS) else None}

    paging = {"type": "next_url", "next_url_path": "next", "keep_params": ["key"]}
    assert read(api, {"params": {"key": "k", "state": "all"}, "pagination": paging}) == ROWS
    assert [sorted(call.query) for call in api.requests] == [["key", "state"], ["key", "start"], ["key", "start"]]
