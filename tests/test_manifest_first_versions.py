"""Manifests of the first versions become the same configs as those of today."""

from __future__ import annotations

from typing import Any

import pytest

from source_rest_api.manifest.translation import translated
from tests.test_manifest_translation import stream

OPTION = {"inject_into": "request_parameter", "field_name": "g"}
SINCE = {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "since"}
LIST = {"type": "ListPartitionRouter", "values": ["a", "b"], "cursor_field": "group", "request_option": OPTION}
DATES = {
    "type": "DatetimeBasedCursor",
    "cursor_field": "at",
    "datetime_format": "%Y-%m-%d",
    "start_datetime": {"type": "MinMaxDatetime", "datetime": "2024-01-01"},
    "step": "P30D",
    "start_time_option": SINCE,
    "end_time_option": {**SINCE, "field_name": "until"},
}
OLD_LIST = {"type": "ListStreamSlicer", "slice_values": ["a", "b"], "cursor_field": "group", "request_option": OPTION}
OLD_DATES = {**DATES, "type": "DatetimeStreamSlicer", "start_datetime": "2024-01-01", "step": "30d"}
SLICERS = "airbyte_cdk.sources.declarative.stream_slicers"
NEXT = {"type": "CursorPagination", "cursor_value": "{{ response.next }}", "page_size": 5}
TOKEN = {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "cursor"}
SIZE = {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "size"}


def old(slicer: Any, **more: Any) -> dict[str, Any]:
    """A stream with a slicer."""
    return stream(retriever={"stream_slicer": slicer}, **more)


def requester(**fields: Any) -> dict[str, Any]:
    """A retriever with other fields of the requester."""
    return {"requester": {"type": "HttpRequester", "url_base": "https://api.example.com", "path": "a", **fields}}


PARENT = {"stream": stream("parent"), "parent_key": "id"}
CASES = {
    "list": (old(OLD_LIST), stream(retriever={"partition_router": LIST})),
    "list by class": (
        old({**OLD_LIST, "type": None, "class_name": f"{SLICERS}.list_stream_slicer.ListStreamSlicer"}),
        stream(retriever={"partition_router": LIST}),
    ),
    "dates": (old(OLD_DATES, stream_cursor_field="at"), stream(incremental_sync=DATES)),
    "product": (
        old({"type": "CartesianProductStreamSlicer", "stream_slicers": [OLD_LIST, OLD_DATES]}),
        stream(retriever={"partition_router": LIST}, incremental_sync=DATES),
    ),
    "single": (old({"type": "SingleSlice"}), stream()),
    "substream": (
        stream(
            retriever={
                **requester(path="b/{{ stream_slice.part }}"),
                "stream_slicer": {
                    "type": "SubstreamSlicer",
                    "parent_stream_configs": [{**PARENT, "stream_slice_field": "part", "type": "SubstreamSlicer"}],
                },
            }
        ),
        stream(
            retriever={
                **requester(path="b/{{ stream_partition.part }}"),
                "partition_router": {
                    "type": "SubstreamPartitionRouter",
                    "parent_stream_configs": [{**PARENT, "partition_field": "part", "type": "ParentStreamConfig"}],
                },
            }
        ),
    ),
    "paginator": (
        stream(
            retriever={
                "paginator": {
                    "type": "LimitPaginator",
                    "pagination_strategy": NEXT,
                    "page_token_option": TOKEN,
                    "limit_option": SIZE,
                }
            }
        ),
        stream(
            retriever={
                "paginator": {
                    "type": "DefaultPaginator",
                    "pagination_strategy": NEXT,
                    "page_token_option": TOKEN,
                    "page_size_option": SIZE,
                }
            }
        ),
    ),
    "options": (
        {**stream(retriever=requester(path="{{ options['place'] }}")), "$options": {"place": "b"}},
        {**stream(retriever=requester(path="{{ parameters['place'] }}")), "$parameters": {"place": "b"}},
    ),
    "token": (
        stream(retriever=requester(authenticator={"type": "TokenAuthenticator", "api_token": "t"})),
        stream(retriever=requester(authenticator={"type": "BearerAuthenticator", "api_token": "t"})),
    ),
    "request options": (
        stream(retriever=requester(request_options_provider={"request_parameters": {"q": "1"}})),
        stream(retriever=requester(request_parameters={"q": "1"})),
    ),
    "pointer": (
        stream(
            retriever={
                "record_selector": {
                    "type": "RecordSelector",
                    "extractor": {"type": "DpathExtractor", "field_pointer": ["d"]},
                }
            }
        ),
        stream(
            retriever={
                "record_selector": {
                    "type": "RecordSelector",
                    "extractor": {"type": "DpathExtractor", "field_path": ["d"]},
                }
            }
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_forms_of_the_first_versions(name: str) -> None:
    """Each is what it is called now."""
    before, now = CASES[name]
    one, other = translated({"streams": [before]}, {}), translated({"streams": [now]}, {})
    assert one.blocked == other.blocked == {}
    assert one.config == other.config


def test_references_in_parentheses() -> None:
    """`*ref(definitions.x)`, in any place."""
    manifest: dict[str, Any] = {
        "definitions": {"x": {"requester": requester(path="b")["requester"]}},
        "streams": [stream()],
    }
    manifest["streams"][0]["retriever"]["requester"] = "*ref(definitions.x.requester)"
    assert translated(manifest, {}).config["endpoints"][0]["path"] == "b"


@pytest.mark.parametrize(
    ("given", "expected"), [("2w", "P2W"), ("1m", "P1M"), ("1y", "P1Y"), ("P3D", "P3D"), ("P0D", None)]
)
def test_lengths_of_time(given: str, expected: str | None) -> None:
    """With one letter, as they were before ISO 8601."""
    made = translated({"streams": [stream(incremental_sync={**DATES, "lookback_window": given})]}, {})
    assert made.config["endpoints"][0]["incremental"].get("lookback") == expected


def test_a_length_that_is_none_is_named() -> None:
    """It is not ignored."""
    made = translated({"streams": [stream(incremental_sync={**DATES, "step": "a month"})]}, {})
    assert "`step: a month` is not a length of time" in made.blocked["a"]
