"""The API that is derived from a manifest: what it sends, and which route answers."""

from __future__ import annotations

from email.message import Message
from typing import Any

import orjson
import pytest

from tests.manifests.any import paging, routes, rows
from tests.manifests.any.api import AnyApi

HEADERS = Message()


def retriever(path: str, **more: Any) -> dict[str, Any]:
    """A retriever of a list."""
    requester = {"type": "HttpRequester", "url_base": "http://127.0.0.1:1/https/a.example", "path": path}
    selector = {"extractor": {"type": "DpathExtractor", "field_path": ["data"]}}
    return {"type": "SimpleRetriever", "requester": requester, "record_selector": selector, **more}


def paginated(value: str, stop: str) -> routes.Route:
    """A route whose next page follows from templates."""
    paginator = {
        "type": "DefaultPaginator",
        "page_token_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "page"},
        "pagination_strategy": {
            "type": "CursorPagination",
            "page_size": 2,
            "cursor_value": value,
            "stop_condition": stop,
        },
    }
    return routes.Route(retriever("rows", paginator=paginator), {}, {}, {})


def below(field: str, path: str) -> dict[str, Any]:
    """A stream that is read for each record of another."""
    parent = {
        "type": "ParentStreamConfig",
        "parent_key": "person",
        "partition_field": field,
        "stream": {"type": "DeclarativeStream", "name": "parents", "retriever": retriever("parents")},
    }
    router = {"type": "SubstreamPartitionRouter", "parent_stream_configs": [parent]}
    return {"type": "DeclarativeStream", "name": "children", "retriever": retriever(path, partition_router=router)}


@pytest.mark.parametrize(
    ("value", "stop", "token"),
    [
        (
            "{{ response.get('next', '').split('after=')[-1] if 'after=' in response.get('next', '') else '' }}",
            "{{ not response.get('next', '') }}",
            "tok2n",
        ),
        ("{{ response.next | regex_search('page=([0-9]+)') }}", "{{ response.next is none }}", 2),
        ("{{ response.next }}", "{{ response.next is none }}", "tok2n"),
    ],
)
def test_a_token_is_never_its_template(value: str, stop: str, token: Any) -> None:
    """The CDK sends a template itself where it raises TypeError, which no API understands."""
    route = paginated(value, stop)
    page = [{"id": 0}, {"id": 1}]
    url = "http://127.0.0.1:1/https/a.example/rows?x_at=2"
    assert paging.Signs(route, {"data": page}, page, 0, 4, url).found()[2] == token
    assert not paging.Signs(route, {"data": page}, page, 2, 4, url).found()[2]


def test_a_parents_field_is_an_object_where_templates_read_in_it() -> None:
    """A field of each record whose inner keys are all that is read."""
    path = "rows/{{ stream_partition.person.uuid }}/{{ stream_slice.person }}"
    [_, parent] = routes.of(below("person", path), {})
    row = rows.of(parent, "p")[0]
    assert row["person"]["uuid"] == row[rows.MARK]
    [_, parent] = routes.of(below("person", "rows/{{ stream_partition.person }}"), {})
    row = rows.of(parent, "p")[0]
    assert row["person"] == row[rows.MARK]


def test_routes_differ_by_the_query_in_their_path() -> None:
    """Some APIs have one path, and name what they give in the query."""
    stream = below("person", "index.php?/v2/children/{{ stream_partition.person }}")
    stream["retriever"]["record_selector"]["extractor"]["field_path"] = ["children"]
    [config] = stream["retriever"]["partition_router"]["parent_stream_configs"]
    config["stream"]["retriever"]["requester"]["path"] = "index.php?/v2/parents"
    with AnyApi() as api:
        api.serve(stream, {})
        for query, key in (("/v2/parents&limit=5", "data"), ("/v2/children/p-1&limit=5", "children")):
            answer = api.answer("GET", f"/https/a.example/index.php?{query}", HEADERS, b"")
            assert list(orjson.loads(answer.payload())) == [key]
