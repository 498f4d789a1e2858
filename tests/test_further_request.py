"""The request for the pages after the first: another method, another path, another body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError
from tests.api import Answer
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

PAGES: dict[str, list[dict[str, int]]] = {"t1": [{"id": 1}, {"id": 2}], "t2": [{"id": 3}], "t3": [{"id": 4}]}
NEXT = {"t1": "t2", "t2": "t3", "t3": None}


def page(token: str) -> Any:
    """Give a page and the token of the next one."""
    return {"items": PAGES[token], "scroll": NEXT[token]}


def test_a_search_is_begun_by_post_and_read_on_by_get(api: Api) -> None:
    """The first answer has no rows, but a token."""
    api.post("/search")(lambda _: {"items": [], "scroll": "t1"})
    api.get("/results")(lambda call: page(call.arg("token")))
    body = {"type": "json", "value": {"object": "users"}}
    url = "'/results?token=' ~ response.scroll if response.scroll"
    reading = Reading(
        api.url,
        {
            "path": "search",
            "http_method": "POST",
            "body": body,
            "records_path": "items",
            "pagination": {"type": "next_url", "next_url": url},
            "further_request": {"http_method": "GET"},
        },
    )
    assert reading.error is None
    assert [record["id"] for record in reading.records] == [1, 2, 3, 4]
    assert [(call.method, call.body) for call in api.requests[1:]] == [("GET", b"")] * 3


SCROLL: dict[str, Any] = {
    "path": "index/_search",
    "http_method": "POST",
    "records_path": "items",
    "params": {"scroll": "1m"},
    "body": {"type": "json", "value": {"query": {"match_all": {}}}},
    "pagination": {"type": "cursor", "cursor_path": "scroll", "cursor_param": "scroll_id", "in": "body"},
    "further_request": {"path": "_search/scroll", "body": {"type": "json", "value": {"scroll": "1m"}}},
}


def scrolled(api: Api) -> None:
    """Answer a scroll as Elasticsearch does: strict about what it is sent."""

    @api.post("/index/_search")
    def begin(call: Call) -> Any:
        assert call.query == {"scroll": ["1m"]}
        return page("t1")

    @api.post("/_search/scroll")
    def go_on(call: Call) -> Any:
        sent = json.loads(call.body)
        assert (call.query, set(sent), sent["scroll"]) == ({}, {"scroll", "scroll_id"}, "1m")
        return page(sent["scroll_id"])


@pytest.mark.parametrize("by_template", [False, True])
def test_a_scroll_goes_on_at_another_path(api: Api, *, by_template: bool) -> None:
    """Nothing of the first request goes along but its headers."""
    scrolled(api)
    endpoint = {**SCROLL, "headers": {"X-Tenant": "acme"}}
    if by_template:
        value = {"scroll": "1m", "scroll_id": "{{ next_page_token }}"}
        endpoint["further_request"] = {"path": "_search/scroll", "body": {"type": "json", "value": value}}
        endpoint["pagination"] = {"type": "cursor", "cursor_path": "scroll"}
    reading = Reading(api.url, endpoint)
    assert reading.error is None
    assert [record["id"] for record in reading.records] == [1, 2, 3, 4]
    assert {call.headers["X-Tenant"] for call in api.requests} == {"acme"}


def test_the_interval_is_part_of_the_first_request_only(api: Api) -> None:
    """The API keeps the query with the token; a template may send it again."""
    api.get("/list")(lambda call: page("t1") if call.query == {"since": ["2024-01-01T00:00:00Z"]} else Answer("", 400))
    api.get("/next")(
        lambda call: page(call.arg("cursor")) if set(call.query) == {"cursor", "again"} else Answer("", 400)
    )
    reading = Reading(
        api.url,
        {
            "path": "list",
            "records_path": "items",
            "pagination": {"type": "cursor", "cursor_path": "scroll"},
            "further_request": {"path": "next", "params": {"again": "{{ stream_interval.start_time }}"}},
            "incremental": {"cursor_field": "at", "start_param": "since", "start_date": "2024-01-01T00:00:00Z"},
        },
    )
    assert reading.error is None
    assert [record["id"] for record in reading.records] == [1, 2, 3, 4]


def test_an_interrupted_read_goes_on_with_the_further_request(api: Api) -> None:
    """A saved token is never sent to the first path; another further request makes it mean nothing."""
    scrolled(api)
    pages = api.handler("POST", "/_search/scroll")
    api.post("/_search/scroll")(lambda call: pages(call) if call.number < 1 else Answer("", 400))
    first = Reading(api.url, SCROLL)
    assert first.error is not None
    api.post("/_search/scroll")(pages)
    api.requests.clear()
    second = Reading(api.url, SCROLL, saved=first.states[-1])
    assert [record["id"] for record in first.records + second.records] == [1, 2, 3, 4]
    assert {call.path for call in api.requests} == {"/_search/scroll"}


def test_a_parent_may_be_read_in_the_further_request_alone(api: Api) -> None:
    """Its templates are those of the endpoint."""
    api.get("/repos")(lambda _: [{"id": 7}])
    api.get("/begin")(lambda _: page("t1"))
    api.get("/7/next")(lambda call: page(call.arg("cursor")))
    paging = {"type": "cursor", "cursor_path": "scroll"}
    child = {"path": "begin", "further_request": {"path": "{{ repos.id }}/next"}, "pagination": paging}
    reading = Reading(api.url, {"name": "repos", "path": "repos"}, {**child, "records_path": "items"})
    assert (reading.error, len(reading.records)) == (None, 4)


def test_what_cannot_be_sent_is_found_in_the_config() -> None:
    """A token for the body needs one; unknown names are named."""
    get = {**SCROLL, "further_request": {"http_method": "GET"}}
    with pytest.raises(ConfigError, match="a GET request has no body"):
        load({"url_base": "https://h", "endpoints": [{"name": "a", **get}]})
    unknown = {**SCROLL, "further_request": {"path": "{{ nobody.id }}"}}
    with pytest.raises(ConfigError, match="unknown name `nobody`"):
        load({"url_base": "https://h", "endpoints": [{"name": "a", **unknown}]})


@pytest.mark.parametrize(
    ("method", "attempts"),
    [("SEARCH", 2), ("query", 2), ("PROPFIND", 2), ("REPORT", 2), ("POST", 1), ("PATCH", 1), ("LIST", 1)],
)
def test_any_method_is_sent_and_those_that_only_read_are_retried(api: Api, method: str, attempts: int) -> None:
    """What the connector does not know may change something."""
    api.route(method.upper(), "/items")(lambda call: [{"id": 1}] if call.number else Answer("", 500))
    reading = Reading(api.url, {"http_method": method}, retry={"max_attempts": 2})
    assert [call.method for call in api.requests] == [method.upper()] * attempts
    assert (reading.error is None) == (attempts > 1)


def test_a_method_that_is_refused_on_further_pages_is_explained(api: Api) -> None:
    """The error names the setting."""
    api.post("/search")(lambda _: {"items": [{"id": 1}], "next": "/next"})
    api.get("/next")(lambda _: {"items": []})
    paging = {"type": "next_url", "next_url_path": "next"}
    reading = Reading(api.url, {"path": "search", "http_method": "POST", "records_path": "items", "pagination": paging})
    assert "`further_request`" in str(reading.error)
