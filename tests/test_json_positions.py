"""Arrays and objects as positions: Elasticsearch's sort values, DynamoDB's keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.formats.json_value import JsonValue
from tests.api import Answer
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

ROWS = [{"id": n, "sort": [123456789012345678901 + n // 3, f"k{n:02d}", 0.1]} for n in range(1, 8)]


def searched(api: Api) -> None:
    """Answer a search with two rows after the sort values in its body."""

    @api.post("/search")
    def search(call: Call) -> Any:
        after = json.loads(call.body or b"{}").get("search_after")
        assert after is None or (type(after), type(after[0]), len(after)) == (list, int, 3)
        rows = [row for row in ROWS if after is None or row["sort"] > after][:2]
        return {"hits": rows, "last": {"key": {"S": rows[-1]["sort"]}} if rows else None}


SEARCH: dict[str, Any] = {"path": "search", "http_method": "POST", "primary_key": "id", "records_path": "hits"}
WHOLE = {"type": "json", "value": {"size": 2, "search_after": "{{ next_page_token }}"}}


@pytest.mark.parametrize(
    "endpoint",
    [
        {"body": WHOLE, "pagination": {"type": "cursor", "cursor": "last_record.sort"}},
        {"body": WHOLE, "pagination": {"type": "last_record", "field": "sort"}},
        {"body": WHOLE, "pagination": {"type": "cursor", "cursor_path": "last.key.S"}},
        {
            "body": {"type": "text", "text": '{"search_after": {{ next_page_token | tojson }} }'},
            "pagination": {"type": "cursor", "cursor": "last_record.sort"},
        },
        {"pagination": {"type": "last_record", "field": "sort", "param": "search_after", "in": "body"}},
        {"pagination": {"type": "cursor", "cursor": "last_record.sort", "cursor_param": "search_after", "in": "body"}},
    ],
    ids=str,
)
def test_sort_values_are_sent_as_json(api: Api, endpoint: dict[str, Any]) -> None:
    """Numbers stay numbers with all their digits, wherever the position is written."""
    searched(api)
    endpoint = {**endpoint, "pagination": {"param": "search_after", **endpoint["pagination"]}}
    if endpoint["pagination"]["type"] == "cursor":
        del endpoint["pagination"]["param"]
    reading = Reading(api.url, {**SEARCH, **endpoint})
    assert reading.error is None
    assert [record["id"] for record in reading.records] == [1, 2, 3, 4, 5, 6, 7]
    sent = [json.loads(call.body or b"{}").get("search_after") for call in api.requests]
    assert sent[1] == ROWS[1]["sort"]


def test_a_template_may_take_the_position_apart(api: Api) -> None:
    """It then writes the token, so that `pagination` does not."""
    searched(api)
    body = {
        "type": "json",
        "value": {"search_after": "{{ [next_page_token[0], next_page_token[1], 0.1] if next_page_token else none }}"},
    }
    reading = Reading(api.url, {**SEARCH, "body": body, "pagination": {"type": "cursor", "cursor": "last_record.sort"}})
    assert (reading.error, len(reading.records)) == (None, 7)
    assert all(call.query == {} for call in api.requests)


def test_an_interrupted_read_goes_on_at_the_list(api: Api) -> None:
    """The state has it as JSON text, so that no digit is lost."""
    searched(api)
    pages = api.handler("POST", "/search")

    @api.post("/search")
    def fails(call: Call) -> Any:
        return pages(call) if call.number < 2 else Answer({"error": "no"}, 400)

    endpoint = {**SEARCH, "body": WHOLE, "pagination": {"type": "cursor", "cursor": "last_record.sort"}}
    first = Reading(api.url, endpoint)
    assert first.error is not None
    (place,) = first.states[-1]["reading"]["slices"]
    assert json.loads(place["at"]["json"]) == ROWS[3]["sort"]
    api.post("/search")(pages)
    second = Reading(api.url, endpoint, saved=first.states[-1])
    assert second.error is None
    assert [record["id"] for record in first.records + second.records] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("place", [{}, {"in": "header"}])
def test_a_list_that_cannot_be_sent_says_what_to_set(api: Api, place: dict[str, str]) -> None:
    """Python's text of a list is no parameter."""
    searched(api)
    reading = Reading(api.url, {**SEARCH, "pagination": {"type": "cursor", "cursor": "last_record.sort", **place}})
    assert "`pagination.in: body`" in str(reading.error)


@pytest.mark.parametrize("answer", [None, "", [], {}])
@pytest.mark.parametrize("cursor", ["response.next", "response.next | tojson"])
def test_nothing_as_json_is_the_end(api: Api, cursor: str, answer: Any) -> None:
    """Null that was written as JSON is not the token `null`."""
    if cursor != "response.next" and answer is not None:
        return
    api.get("/items")(lambda call: {"items": [{"id": call.number}], "next": [1] if call.number < 1 else answer})
    token = {"at": "{{ next_page_token | tojson }}"}
    paging = {"type": "cursor", "cursor": cursor}
    reading = Reading(api.url, {"records_path": "items", "pagination": paging, "params": token})
    assert reading.error is None
    assert [record["id"] for record in reading.records] == [0, 1]
    assert api.requests[0].query == {}


def test_a_json_value_keeps_what_python_would_round() -> None:
    """Decimals and long integers."""
    value = JsonValue("[1.10,123456789012345678901]")
    assert JsonValue.of(value.decoded()) == value
