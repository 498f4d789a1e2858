"""A request is what the config says: defaults, then the endpoint's, then the slice, then the page."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.config import loading
from source_rest_api.cursors.cursors import CursorValue, Slice
from source_rest_api.errors import ConfigError
from source_rest_api.http.request import Request
from source_rest_api.http.request_body import JsonPayload
from source_rest_api.streams.batch import Partition
from source_rest_api.streams.request_builder import RequestBuilder
from tests.api import JSON, Api, Call

if TYPE_CHECKING:
    from source_rest_api.pagination.page import Position

START = CursorValue(datetime(2024, 1, 1, tzinfo=timezone.utc), "2024-01-01T00:00:00Z")
END = CursorValue(datetime(2024, 2, 1, tzinfo=timezone.utc), "2024-02-01T00:00:00Z")


def build(
    settings: dict[str, Any],
    partition: Partition | None = None,
    interval: Slice | None = None,
    position: Position | None = None,
    **defaults: Any,
) -> Request:
    """The request of an endpoint with these settings, below these defaults."""
    parents = [{"name": name, "path": "/"} for name in (partition or Partition()).records]
    raw = {"url_base": "https://h/v1", "endpoints": [{"name": "a", "path": "/a", **settings}, *parents], **defaults}
    loaded = loading.load(raw)
    builder = RequestBuilder(loaded, loaded.streams[0], raw)
    return builder.build(partition or Partition(), interval or Slice(), position)


def test_a_plain_request() -> None:
    """A path is enough."""
    assert build({}) == Request("GET", "https://h/v1/a", endpoint="a")


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://h", "a", "https://h/a"),
        ("https://h/", "/a", "https://h/a"),
        ("https://h/v1/", "a/", "https://h/v1/a/"),
        ("https://h/v1", "", "https://h/v1"),
        ("https://h/v1/", "", "https://h/v1/"),
        ("https://h/v1", "/", "https://h/v1/"),
        ("https://h/v1", "//evil/a", "https://h/v1/evil/a"),
        ("https://h", "a?x=1", "https://h/a?x=1"),
        ("https://h/{{ config['v'] }}", "a", "https://h/2/a"),
        ("{{ config['base'] }}", "a", "https://other/a"),
    ],
)
def test_base_and_path(base: str, path: str, url: str) -> None:
    """They are joined with one slash, and the path cannot leave the origin."""
    raw = {"url_base": base, "endpoints": [{"name": "a", "path": path}]}
    loaded = loading.load(raw)
    builder = RequestBuilder(loaded, loaded.streams[0], {**raw, "v": 2, "base": "https://other"})
    assert builder.build(Partition(), Slice(), None).url == url


SEGMENTS = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text not in {".", ".."})


@given(SEGMENTS, SEGMENTS)
def test_values_are_segments_of_the_path(owner: str, name: str) -> None:
    """For any values, the URL has the segments of the config, and the server decodes the values."""
    partition = Partition({"repos": {"owner": owner, "name": name}}, "key")
    try:
        request = build({"path": "/repos/{{ repos.owner }}/{{ repos.name }}/issues"}, partition)
    except ConfigError:
        assert not owner.strip() or not name.strip()
        return
    sent = urlsplit(str(requests.Request("GET", request.url).prepare().url))
    assert (sent.netloc, sent.query, sent.fragment) == ("h", "", "")
    assert list(map(unquote, sent.path.split("/"))) == ["", "v1", "repos", owner, name, "issues"]


@given(
    st.lists(st.sampled_from(["v1", "a b", "é", "x%20y", "~me"]), max_size=3),
    st.lists(st.sampled_from(["items", "a:b", "x;y", "@me", "%2F"]), min_size=1, max_size=3),
    st.integers(0, 2),
    st.integers(0, 2),
)
def test_base_and_path_are_joined_by_one_slash(base: list[str], path: list[str], before: int, after: int) -> None:
    """However many slashes the config writes where they meet."""
    endpoint = {"name": "a", "path": "/" * after + "/".join(path)}
    raw = {"url_base": "/".join(["https://h", *base]) + "/" * before, "endpoints": [endpoint]}
    loaded = loading.load(raw)
    url = RequestBuilder(loaded, loaded.streams[0], raw).build(Partition(), Slice(), None).url
    assert url == "/".join(["https://h", *base, *path])


def test_an_endpoint_overrides_defaults() -> None:
    """Name by name; the rest of the defaults stays."""
    request = build(
        {"params": {"b": "2", "c": ["3", "4"]}, "headers": {"Y": "y2", "Z": ["z1", "z2"]}},
        params={"a": "1", "b": "1"},
        headers={"X": "x", "Y": "y"},
    )
    assert request.params == {"a": "1", "b": "2", "c": ["3", "4"]}
    assert request.headers == {"X": "x", "Y": "y2", "Z": "z1, z2"}


def test_headers_have_no_case() -> None:
    """An endpoint's `accept` replaces the default `Accept` on the wire."""
    request = build({"headers": {"accept": "b"}}, headers={"Accept": "a"})
    prepared = requests.Session().prepare_request(requests.Request("GET", request.url, headers=dict(request.headers)))
    assert prepared.headers["Accept"] == "b"


def test_templates_read_the_config_as_written() -> None:
    """The user's own keys and spelling."""
    request = build(
        {"params": {"start_date": "{{ config['start_date'] }}", "t": ["{{ config['_mine'] }}", "x"]}},
        start_date="2025-01-01",
        _mine=5,
    )
    assert request.params == {"start_date": "2025-01-01", "t": ["5", "x"]}


def test_templates_read_the_parents_records() -> None:
    """By their streams' names, and by the CDK's `stream_partition`."""
    request = build(
        {
            "path": "/repos/{{ repos.name }}/x",
            "http_method": "POST",
            "params": {"id": "{{ repos.id }}", "same": "{{ stream_partition.repos.id }}"},
            "headers": {"X-Repo": "{{ repos.name }}"},
            "body": {"type": "json", "value": {"repo": "{{ repos.name }}", "n": 1}},
        },
        Partition({"repos": {"name": "a/b?", "id": 12345678901234567890123}}, "key"),
    )
    assert request == Request(
        "POST",
        "https://h/v1/repos/a%2Fb%3F/x",
        {"id": "12345678901234567890123", "same": "12345678901234567890123"},
        {"X-Repo": "a/b?"},
        JsonPayload({"repo": "a/b?", "n": 1}),
        endpoint="a",
    )


def test_templates_read_the_slice_and_the_page() -> None:
    """`stream_interval` has the marks as the API wrote them, `next_page_token` the position."""
    params = {
        "from": "{{ stream_interval.start_time }}",
        "to": "{{ stream_interval.end_time | default('now') }}",
        "page": "{{ next_page_token | default('first', true) }}",
    }
    endpoint = {"params": params, "incremental": {"cursor_field": "u"}}
    first = build(endpoint, interval=Slice(START))
    assert first.params == {"from": "2024-01-01T00:00:00Z", "to": "now", "page": "first"}
    second = build(endpoint, interval=Slice(START, END), position="t2")
    assert second.params == {"from": "2024-01-01T00:00:00Z", "to": "2024-02-01T00:00:00Z", "page": "t2"}


def test_slice_and_page_have_the_last_word() -> None:
    """A fixed parameter does not override paging and cursor parameters."""
    request = build(
        {
            "params": {"since": "never", "page": "x", "keep": "1"},
            "incremental": {"cursor_field": "u", "start_param": "since", "end_param": "until"},
            "pagination": {"type": "page_number", "page_size_param": "per_page", "page_size": 50},
        },
        interval=Slice(START, END),
        position=3,
    )
    assert request.params == {
        "since": "2024-01-01T00:00:00Z",
        "until": "2024-02-01T00:00:00Z",
        "page": "3",
        "per_page": "50",
        "keep": "1",
    }


def test_paging_of_the_api_is_the_default() -> None:
    """An endpoint's own takes its place."""
    default = {"type": "offset", "limit": 10}
    assert build({}, position=20, pagination=default).params == {"limit": "10", "offset": "20"}
    assert build({"pagination": {"type": "none"}}, pagination=default).params == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"params": {"x": "{{ stream_interval.start_time }}"}}, "set `incremental` and `start_date`"),
        ({"path": "/{{ config['id'] }}"}, "the config has no `id`"),
        ({"path": "/{{ config['_empty'] }}/x"}, "is not allowed as a segment"),
        ({"body": {"type": "json", "value": ["{{ config['id'] }}"]}}, "the config has no `id`"),
        ({"headers": {"x": ["{{ config['id'] }}"]}}, "the config has no `id`"),
    ],
)
def test_a_request_with_an_empty_hole_is_not_made(settings: dict[str, Any], said: str) -> None:
    """A template that renders to nothing would request something else."""
    with pytest.raises(ConfigError, match=said):
        build(settings, _empty="")


@pytest.mark.parametrize(("query", "repeatable"), [("query { a }", True), ("{ a }", True), ("mutation { a }", False)])
def test_a_graphql_query_may_be_sent_twice(query: str, repeatable: bool) -> None:
    """A mutation may not."""
    made = build({"http_method": "POST", "body": {"type": "graphql", "query": query}})
    assert made.is_repeatable is repeatable


def test_requests_do_not_share_anything() -> None:
    """A page's parameters and body do not show up in the next."""
    raw = {
        "url_base": "https://h",
        "endpoints": [{"name": "a", "path": "/a", "body": {"type": "json", "value": {"x": []}}}],
    }
    loaded = loading.load(raw)
    builder = RequestBuilder(loaded, loaded.streams[0], raw)
    first = builder.build(Partition(), Slice(), None)
    assert isinstance(first.body, JsonPayload)
    first.body.value["x"].append(1)
    assert builder.build(Partition(), Slice(), None).body == JsonPayload({"x": []})


@pytest.mark.parametrize("value", ["a/b", "..%2F..", "a?b=c#d", "ü 数", "a+b&c", "%41", ".hidden", "a;b"])
def test_values_arrive_at_the_server(value: str) -> None:
    """As one segment of the path, one parameter, one field of the body."""
    with Api() as api:

        @api.get("/x/{value}/y")
        def x(call: Call) -> JSON:
            return [call.path_params["value"], call.query]

        request = build(
            {"path": "/x/{{ p.v }}/y", "params": {"q": "{{ p.v }}", "l": ["{{ p.v }}", "z"]}},
            Partition({"p": {"v": value}}),
            url_base=api.url,
        )
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(request.url, params=request.params, timeout=5).json()
    assert answer == [value, {"q": [value], "l": [value, "z"]}]
