"""What the recipes for record classes make of records, by the examples that the APIs' documentations show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import BrokenAnswerError
from source_rest_api.http.response import Response
from source_rest_api.manifest.recipes.reshaped import Reshaped, ReshapedRecords
from source_rest_api.manifest.recipes.reshapes import RESHAPES

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "active_users": (
        {"xValues": ["d1", "d2"], "seriesLabels": ["a", "b"], "series": [[1, 2], [3, 4]]},
        [{"date": "d1", "statistics": {"a": 1, "b": 3}}, {"date": "d2", "statistics": {"a": 2, "b": 4}}],
    ),
    "advertising": (
        {
            "id": 1,
            "changeAuditStamps": {"created": {"time": 1700000000999}, "lastModified": {"time": 1700000001000}},
            "dateRange": {
                "start": {"year": 2024, "month": 1, "day": 5},
                "end": {"year": 2024, "month": 12, "day": 31},
            },
            "targetingCriteria": {
                "include": {"and": [{"or": {"titles": ["t1", "t2"]}}, {"or": {"places": ["p1"]}}]},
                "exclude": {"or": {"facets": ["f"], "one": {"a": 1}}},
            },
            "variables": {"data": {"Kind": {"share": "s", "direct": 0}}},
            "pivotValues": ["a", "b"],
            "pivot": "CREATIVE",
        },
        [
            {
                "id": 1,
                "created": "2023-11-14T22:13:20+00:00",
                "lastModified": "2023-11-14T22:13:21+00:00",
                "start_date": "2024-01-05",
                "end_date": "2024-12-31",
                "targetingCriteria": {
                    "include": {
                        "and": [{"type": "titles", "values": ["t1", "t2"]}, {"type": "places", "values": ["p1"]}]
                    },
                    "exclude": {"or": [{"type": "facets", "values": ["f"]}, {"type": "one", "values": [{"a": 1}]}]},
                },
                "variables": {
                    "type": "Kind",
                    "values": [{"key": "share", "value": '"s"'}, {"key": "direct", "value": "0"}],
                },
                "pivotValues": ["a", "b"],
                "string_of_pivot_values": "a,b",
                "_pivot": "CREATIVE",
            }
        ],
    ),
    "all_by_date": (
        {"2024-01-01": {"n": 1}, "$overall": {"n": 1}},
        [{"date": "2024-01-01", "n": 1}, {"date": "$overall", "n": 1}],
    ),
    "answers": ({"id": 1, "answered_questions": {"q": {"a": 1}}}, [{"id": 1, "answered_questions": [{"a": 1}]}]),
    "average_lengths": (
        {"xValues": ["d1", "d2"], "series": [[1.5, 2.5]]},
        [{"date": "d1", "length": 1.5}, {"date": "d2", "length": 2.5}],
    ),
    "by_date": ({"2024-01-01": {"n": 1}, "$overall": {"n": 1}}, [{"date": "2024-01-01", "n": 1}]),
    "event": (
        {"_type": "open", "email": "a@b.example", "campaign": 7},
        [
            {
                "itblInternal": None,
                "_type": "open",
                "createdAt": None,
                "email": "a@b.example",
                "data": {"campaign": 7},
            }
        ],
    ),
    "export_dates": ({"object": "export_dates", "dates": ["d"]}, [{"dates": ["d"]}]),
    "feed_item": (
        {
            "title": "t",
            "guid": {"@isPermaLink": "false", "#text": "g"},
            "category": ["a", "b"],
            "enclosure": {"@url": "https://a.example"},
            "pubDate": "Mon, 06 Jan 2025 12:00:00 +0200",
            "other": 1,
        },
        [
            {
                "title": "t",
                "category": "a",
                "guid": "g",
                "enclosure": "https://a.example",
                "published": "2025-01-06T10:00:00+00:00",
            }
        ],
    ),
    "ivr_routes": (
        {"id": 1, "menus": [{"id": 2, "routes": [{"id": 3}, {"id": 4}]}, {"id": 5}]},
        [{"ivr_id": 1, "ivr_menu_id": 2, "id": 3}, {"ivr_id": 1, "ivr_menu_id": 2, "id": 4}],
    ),
    "json_api": (
        {
            "id": "1",
            "type": "account",
            "attributes": {"name": "n"},
            "relationships": {
                "owner": {"data": {"type": "user", "id": "2"}},
                "tags": {"data": [{"id": "3"}]},
                "none": {"data": None},
            },
        },
        [{"name": "n", "id": "1", "owner": "2", "tags": ["3"]}],
    ),
    "named_values": (
        {"id": 1, "properties": {"Name": {"type": "title"}}},
        [{"id": 1, "properties": [{"name": "Name", "value": {"type": "title"}}]}],
    ),
    "owner_info": (
        {"bot": {"owner": {"type": "workspace", "workspace": True}}},
        [{"bot": {"owner": {"type": "workspace", "info": True}}}],
    ),
    "profile": (
        {"$distinct_id": "u", "$properties": {"$browser": "b", "plan": "p"}},
        [{"distinct_id": "u", "browser": "b", "plan": "p"}],
    ),
    "usage": (
        {"billable_metric": {"id": "m", "name": "n"}, "usage": [{"quantity": 0}, {"quantity": 2}]},
        [{"quantity": 2, "billable_metric_name": "n", "billable_metric_id": "m"}],
    ),
    "wrapped": ([1, 2], [{"data": [1, 2]}]),
}


@pytest.mark.parametrize("name", RESHAPES)
def test_each_change(name: str) -> None:
    """A value becomes the records that the connector is known to give."""
    given, expected = CASES[name]
    assert list(RESHAPES[name](given)) == expected


def answer(body: bytes, kind: str = "application/json") -> Response:
    """A response."""
    headers: Mapping[str, str] = {"content-type": kind}
    return Response(200, headers, body, "https://a.example")


def test_records_come_from_a_path_of_json_lines_or_xml() -> None:
    """A list gives its items, and what is not there gives none."""
    body = json.dumps({"data": [{"id": "1", "attributes": {"a": 1}}]}).encode()
    assert ReshapedRecords(by="json_api", path=("data",)).records(answer(body)) == [{"a": 1, "id": "1"}]
    assert ReshapedRecords(by="json_api", path=("rows",)).records(answer(body)) == []
    lines = ReshapedRecords(by="wrapped", body="jsonl")
    assert lines.records(answer(b'{"a": 1}\n\n{"a": 2}\n')) == [{"data": {"a": 1}}, {"data": {"a": 2}}]
    assert lines.text(answer(b'{"a": 1}\n')) == b"null"
    feed = ReshapedRecords(by="feed_item", path=("rss", "channel", "item"), body="xml")
    document = b"<rss><channel><item><title>a</title></item><item><title>b</title></item></channel></rss>"
    assert feed.records(answer(document, "application/xml")) == [{"title": "a"}, {"title": "b"}]


def test_records_of_another_shape_are_an_error() -> None:
    """It names the recipe, and what to do."""
    with pytest.raises(BrokenAnswerError, match=r"recipe `json_api` .*components\.py"):
        ReshapedRecords(by="json_api").records(answer(b'{"attributes": {}}'))


def test_a_transformation_changes_each_record() -> None:
    """Of a page."""
    assert Reshaped(by="wrapped").apply([{"a": 1}], {}) == [{"data": {"a": 1}}]
