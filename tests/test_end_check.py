"""Signs of more are seen wherever APIs put them, and data is not taken for a sign."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw
from pydantic import TypeAdapter
from requests.structures import CaseInsensitiveDict

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json, yaml_text
from source_rest_api.http.request import Request
from source_rest_api.http.response import Response
from source_rest_api.pagination.end_check import check_end, says_more
from source_rest_api.pagination.page import End, Page
from source_rest_api.pagination.paginators import Pagination
from source_rest_api.pagination.signs import Sign, find_sign, header_total

ROWS = [{"id": n} for n in range(3)]
URL = "https://h/items?page=2&per_page=3"
PAGINATOR: TypeAdapter[Pagination] = TypeAdapter(Pagination)


def sign(
    body: Any,
    path: tuple[str, ...] = ("items",),
    link: str = "",
    number: int = 1,
    before: int = 0,
    headers: dict[str, str] | None = None,
    status: int = 200,
) -> Sign | None:
    """Find the sign in a response whose records stand at a path."""
    root = Raw(json.dumps(body).encode())
    found = raw_json.find(root, path) or Raw(b"[]")
    records = [found] if raw_json.kind(found) == "object" else raw_json.items(found)
    response = Response(status, CaseInsensitiveDict({"Link": link, **(headers or {})}), bytes(root), URL)
    return find_sign(Page(Request("GET", "https://h/items"), response, root, records, None, number, before))


@pytest.mark.parametrize(
    ("rest", "where"),
    [
        # as APIs answer: the body beside the records, and the field that says that there is more
        ({"next": "https://h/items?page=2", "previous": None, "count": 9}, "next"),  # Django
        ({"next": "/items?page=2"}, "next"),
        ({"next": "?page=2"}, "next"),
        ({"@odata.nextLink": "https://h/items?$skip=3"}, "@odata.nextLink"),  # Microsoft Graph
        ({"links": {"next": "https://h/items?page=2"}}, "links.next"),  # JSON:API
        ({"links": {"next": {"href": "https://h/items?page=2"}}}, "links.next.href"),
        ({"_links": {"next": {"href": "/items?page=2"}}}, "_links.next.href"),  # HAL
        ({"nextPageToken": "CAUQAA"}, "nextPageToken"),  # Google
        ({"response_metadata": {"next_cursor": "dXNlcjpVMDYxTkZUVDI="}}, "response_metadata.next_cursor"),  # Slack
        ({"has_more": True, "next_cursor": None}, "has_more"),  # Notion, Stripe
        ({"paging": {"next": {"after": "NTI1Cg%3D%3D", "link": "https://h/?after=N"}}}, "paging.next.after"),  # HubSpot
        ({"paging": {"cursors": {"after": "MTAx"}, "next": "https://h/?after=M"}}, "paging.next"),  # Facebook
        ({"meta": {"current_page": 1, "last_page": 4}}, "meta.last_page"),  # Laravel
        ({"totalPages": 4, "last": False, "totalElements": 10}, "totalPages"),  # Spring
        ({"isLast": False, "startAt": 0, "maxResults": 3}, "isLast"),  # Jira
        ({"next_page": 2, "page": 1}, "next_page"),
        ({"meta": {"pagination": {"page": {"hasNext": True}}}}, "meta.pagination.page.hasNext"),
    ],
)
def test_certain_signs(rest: dict[str, Any], where: str) -> None:
    """Next-page fields of known APIs are recognized, and the error names the field and a fitting `pagination`."""
    found = sign({"items": ROWS, **rest})
    assert found is not None
    assert found.certain
    assert f"`{where}`" in found.what
    assert "type: " in found.pagination or "more_path: " in found.pagination


def test_a_sign_beside_records_deep_in_a_large_body_is_seen() -> None:
    """Signs beside nested records are found, whatever the size of the body."""
    rows = [{"id": n, "text": "x" * 1000} for n in range(100)]
    body = {"data": {"orders": {"nodes": rows, "pageInfo": {"hasNextPage": True, "endCursor": "Y3Vyc29y"}}}}
    found = sign(body, ("data", "orders", "nodes"))
    assert found is not None
    assert "`data.orders.pageInfo.hasNextPage` is true" in found.what


def test_a_link_header_is_a_sign() -> None:
    """It is a sign even if the body is an array."""
    found = sign(ROWS, (), link='<https://h/items?page=2>; rel="next"')
    assert found is not None
    assert (found.certain, found.pagination) == (True, "{type: link_header}")


@pytest.mark.parametrize("name", ["total", "total_count", "totalResults", "Total-Items"])
def test_a_total_that_was_not_reached_is_an_uncertain_sign(name: str) -> None:
    """A total may include rows that a filter leaves out."""
    found = sign({"items": ROWS, "meta": {name: 10}}, before=6)
    assert found is not None
    assert not found.certain
    assert f"`meta.{name}` is 10, but the connector read 9 records" in found.what
    assert sign({"items": ROWS, "meta": {name: "9"}}, before=6) is None


def test_certain_signs_come_first() -> None:
    """A next URL is named rather than a total."""
    found = sign({"total": 10, "items": ROWS, "next": "https://h/2"})
    assert found is not None
    assert found.certain


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"next": None},
        {"next": ""},
        {"next": False},
        {"next": {}},
        {"next": {"href": None}},
        {"_links": {"self": {"href": "/items"}, "prev": {"href": "/items"}}},
        {"has_more": False, "hasNextPage": None},
        {"isLast": True, "last": True},
        {"total": 3, "total_pages": 1, "last_page": 1, "pageCount": "1"},
        {"total": None, "total_pages": "many"},
        {"total": 3.5, "totalCount": -1, "total_results": [9]},
        {"total": "9" * 5000},
        {"previous": "https://h/1", "first": "https://h/1"},
        {"cursor": "here", "page": 1, "paging": {"cursors": {"after": "MTAx"}}},
        {"included": [{"next": "https://h/2", "has_more": True}]},
    ],
)
def test_what_is_no_sign(rest: dict[str, Any]) -> None:
    """Usual end markers, current positions and values in lists are not signs."""
    assert sign({"items": ROWS, **rest}) is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"id": 1, "total": 120, "total_count": 2}, ()),  # an order
        ({"order": {"id": 1, "total": 120}}, ("order",)),
        ({"id": 1, "page_count": 300, "parts": {"total": 9}}, ()),  # a book
        ({"id": 1, "first": "Ada", "last": False}, ()),
    ],
)
def test_a_count_within_a_record_is_data(body: Any, path: tuple[str, ...]) -> None:
    """If a single object is the record, its totals are data."""
    assert sign(body, path) is None


def test_an_envelope_taken_for_a_record_is_noticed() -> None:
    """A record with a next link suggests a wrong `records_path`."""
    found = sign({"data": ROWS, "links": {"next": "https://h/2"}}, ())
    assert found is not None
    assert found.certain


@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        ({"next": "https://h/2"}, "next_url"),
        ({"@odata.nextLink": "https://h/2"}, "next_url"),
        ({"@odata.nextLink": "2?$skiptoken=100"}, "next_url"),
        ({"next_cursor": "abc"}, "cursor"),
        ({"paging": {"next": {"after": "abc"}}}, "cursor"),
    ],
)
def test_the_pagination_that_is_named_would_follow_the_sign(rest: dict[str, Any], kind: str) -> None:
    """The advice can be copied: its path leads to what was seen."""
    found = sign({"items": ROWS, **rest})
    assert found is not None
    setting = yaml_text.load(found.pagination.replace(", cursor_param: …", ""))
    assert setting["type"] == kind
    paging = PAGINATOR.validate_python(setting)
    body = json.dumps(rest).encode()
    page = Page(Request("GET", "u"), Response(200, {}, body, "https://h/"), Raw(body), [])
    assert paging.next(page) in {"https://h/2", "https://h/2?$skiptoken=100", "abc"}


def test_what_is_beyond_a_cap_is_no_end() -> None:
    """An API that caps its results has not said that there are no more."""
    response = Response(200, {}, b"[]", "https://h/items")
    page = Page(Request("GET", "https://h/items"), response, Raw(b"[]"), [])
    with pytest.raises(ConfigError, match=r"10 records.*`incremental`"):
        check_end(page, End("10 records", said=True, capped=True), paged=True)


@pytest.mark.parametrize(
    "rest",
    [
        # the API, or the family of APIs, and the field that says that there is more
        {"links": [{"rel": "self", "href": "/a"}, {"rel": "next", "href": "/b"}]},  # OGC API, STAC, PayPal
        {"link": [{"relation": "next", "url": "https://h/b"}]},  # FHIR
        {"nextRecordsUrl": "/services/data/query/01g-2000", "done": False},  # Salesforce
        {"done": False},
        {"next_page_uri": "/Messages.json?Page=1"},  # Twilio
        {"next_batch": "s9_1"},  # Matrix
        {"IsTruncated": True},  # Amazon S3
        {"is_truncated": "true"},
        {"NextToken": "abc"},  # Amazon
        {"NextContinuationToken": "abc"},
        {"LastEvaluatedKey": {"cursor": "x"}, "more": True},  # DynamoDB
        {"continuationToken": "abc"},  # Azure DevOps
        {"metadata": {"continue": "abc"}},  # Kubernetes
        {"nextLink": "https://h/b"},  # Azure
        {"next_url": "https://h/b"},
        {"paging": {"next_page": {"offset": "abc", "uri": "https://h/b"}}},  # Asana
        {"next_page_url": "https://h/b", "current_page": 1},  # Laravel
        {"pagination": {"next_cursor": "abc"}},
        {"meta": {"next_token": "abc"}},  # X
        {"nextOffset": 100},
        {"next_start": 50, "more_items_in_collection": True},  # Pipedrive
        {"moreRecords": True},  # Zoho, Dynamics
        {"hasMoreResults": True},
        {"has_additional": False, "hasNext": True},
        {"total_pages": 4},
        {"pages": 4},
        {"pageCount": 4},
        {"last_page": 4},
        {"endOfRecords": False},  # GBIF
        {"end_of_stream": False},  # Zendesk
        {"isLastPage": False},  # Bitbucket Server
        {"finished": False},
        {"complete": False},
        {"resumptionToken": "abc"},  # OAI-PMH
    ],
    ids=str,
)
def test_signs_are_forms_and_not_a_list_of_names(rest: dict[str, Any]) -> None:
    """Links, tokens and flags are recognized under any name of the usual form."""
    found = sign({"items": ROWS, **rest})
    assert found is not None
    assert found.certain


@pytest.mark.parametrize(
    "rest",
    [
        {"numberMatched": 9, "numberReturned": 3},  # OGC API
        {"response": {"numFound": 9, "start": 0}},  # Solr
        {"totalCount": 9},
        {"total_results": 9},
        {"@odata.count": 9},  # OData
        {"count": 9},  # Django
        {"hits": {"total": {"value": 9, "relation": "eq"}}},  # Elasticsearch
        {"page": {"totalElements": 9}},  # Spring
        {"recordCount": "9"},
        {"meta": {"pagination": {"total": 9}}},
    ],
    ids=str,
)
def test_totals_are_signs_by_their_form(rest: dict[str, Any]) -> None:
    """A total proves that rows are missing, whatever its name; but it may count what the API does not give."""
    found = sign({"items": ROWS, **rest})
    assert found is not None
    assert not found.certain


@pytest.mark.parametrize(
    ("headers", "certain"),
    [
        ({"X-Next-Page": "3"}, True),  # GitLab
        ({"Next-Page": "https://h/items?page=3"}, True),
        ({"X-WP-TotalPages": "4"}, True),  # WordPress
        ({"X-Total-Pages": "4"}, True),
        ({"X-Next-Cursor": "abc"}, True),
        ({"X-Has-More": "true"}, True),
        ({"Link": '<https://h/items?page=4&per_page=3>; rel="last"'}, True),
        ({"Content-Range": "items 0-2/9"}, True),
        ({"X-Pagination": '{"TotalPages": 4, "HasNext": true}'}, True),  # ASP.NET
        ({"X-Total-Count": "9"}, False),
        ({"X-Total": "9"}, False),
        ({"Total-Results": "9"}, False),
    ],
)
def test_headers_are_signs(headers: dict[str, str], certain: bool) -> None:
    """Headers are recognized by the same patterns, even if the body is an array."""
    found = sign(ROWS, (), number=2, headers=headers)
    assert found is not None
    assert found.certain is certain


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Next-Page": "", "X-Total-Pages": "2", "X-Total": "3"},
        {"Link": '<https://h/items?per_page=3&page=2>; rel="last"'},
        {"Content-Range": "items 6-8/9"},
        {"X-Pagination": "none", "X-RateLimit-Remaining": "9", "Content-Length": "999", "Age": "9"},
        {"X-Next-Cursor": "null"},
    ],
)
def test_headers_of_the_last_page_are_no_signs(headers: dict[str, str]) -> None:
    """The same headers say that this was the last page."""
    assert sign(ROWS, (), number=2, headers=headers) is None


def test_a_part_of_the_content_is_a_sign() -> None:
    """HTTP 206 is not the whole list, unless its `Content-Range` says that nothing is left."""
    found = sign(ROWS, (), status=206)
    assert found is not None
    assert found.certain
    assert sign(ROWS, (), status=206, headers={"Content-Range": "items 0-2/3"}) is None


def test_a_google_sync_token_is_no_sign() -> None:
    """A sync token leads to later changes, not to another page."""
    assert sign({"items": ROWS, "nextSyncToken": "abc"}) is None


def test_a_total_may_have_the_name_of_the_list() -> None:
    """Matrix Synapse's `total_rooms` beside `rooms`; the name of another list says nothing about the records."""
    found = sign({"rooms": ROWS, "total_rooms": 25}, ("rooms",))
    assert found is not None
    assert (found.total, found.certain) == (25, False)
    assert "total_path: total_rooms" in found.pagination
    assert sign({"rooms": ROWS, "total_rooms": 3}, ("rooms",)) is None
    assert sign({"rooms": ROWS, "tags": ["a"], "total_tags": 25}, ("rooms",)) is None
    assert sign({"total_price": 25, "rooms": ROWS}, ("rooms",)) is None
    assert sign({"r": {"totalRooms": 25, "rooms": ROWS}}, ("r", "rooms")) is not None


def test_a_token_that_is_the_number_of_rows() -> None:
    """It is an offset: as such, it notices rows that shift during the read."""
    offset, other = sign({"items": ROWS, "next_token": "3"}), sign({"items": ROWS, "next_token": "7"})
    assert offset is not None
    assert offset.pagination.startswith("{type: offset, …} or {type: page_number, page_param: page} or {type: cursor")
    assert other is not None
    assert other.pagination.startswith("{type: page_number, page_param: page} or {type: cursor")


def test_a_sync_token_named_as_a_page_token() -> None:
    """Matrix's `next_batch` is the token of the next sync; the advice says how to confirm that."""
    page = {"items": ROWS, "next_batch": "s72"}
    with pytest.raises(ConfigError, match=r"first_page_only: true}` if it is only the token of the next sync"):
        end_of(page, End("one page"), paged=False, token="next_batch")
    with pytest.raises(ConfigError, match=r"first_page_only: true}` if the first page is all you want"):
        end_of(page, End("one page"), paged=False, token="other")


def end_of(body: dict[str, Any], end: End, *, paged: bool, rows: int = 3, token: str = "") -> str | None:
    """Check the end of a slice whose last page is a body."""
    root = Raw(json.dumps(body).encode())
    records = raw_json.items(raw_json.find(root, ("items",)) or Raw(b"[]"))
    page = Page(Request("GET", URL), Response(200, {}, bytes(root), URL), root, records, records_before=rows - 3)
    return check_end(page, end, paged=paged, token=token)


@pytest.mark.parametrize("count", [100, 20, 1000])
def test_a_round_number_of_rows_without_pagination_is_a_doubt(count: int) -> None:
    """Exactly 100 rows may be all, or the first page of an API that does not say so."""
    rows = [{"id": n} for n in range(count)]
    assert f"{count} records is a common page size" in str(end_of({"items": rows}, End("one page"), paged=False))
    assert end_of({"items": rows}, End("one page", said=True), paged=False) is None
    assert end_of({"items": rows}, End("no `next`"), paged=True) is None
    assert end_of({"items": rows[1:]}, End("one page"), paged=False) is None


def test_an_unreached_total_at_a_guessed_end_is_an_error() -> None:
    """An empty page is no word of the API; a token that is absent is one, and then the total is a doubt."""
    body = {"items": ROWS, "total": 50}
    with pytest.raises(ConfigError, match="`total` is 50, but the connector read 48 records"):
        end_of(body, End("empty page", guessed=True, beyond=9, reach=60), paged=True, rows=48)
    assert "50" in str(end_of(body, End("no `next`"), paged=True, rows=48))
    assert "50" in str(end_of(body, End("`more` is false", said=True), paged=True, rows=48))
    assert end_of(body, End("empty page", guessed=True, beyond=9, reach=60), paged=True, rows=50) is None


@pytest.mark.parametrize(
    ("rest", "reach", "more"),
    [
        ({"has_more": True}, 500, True),
        ({"next": "https://h/2"}, 500, True),
        ({"total": 90}, 40, True),
        ({"total": 90}, 90, False),
        ({"count": 90}, 40, False),  # it may be anything
        ({}, 40, False),
    ],
)
def test_reading_goes_on_beyond_an_empty_page_beside_a_sign(rest: dict[str, Any], reach: int, more: bool) -> None:
    """All rows of a page may be hidden; with a sign of more, the page after it is requested."""
    root = Raw(json.dumps({"items": [], **rest}).encode())
    page = Page(Request("GET", URL), Response(200, {}, bytes(root), URL), root, [], records_before=8)
    assert (says_more(page, End("empty page", guessed=True, beyond=9, reach=reach)) is not None) is more
    assert says_more(page, End("empty page", said=True)) is None


@pytest.mark.parametrize("name", ["X-Total-Count", "x-total", "X-WP-Total", "Total-Count", "X-Pagination-Total-Count"])
def test_a_total_in_a_header_is_found_by_its_form(name: str) -> None:
    """There is no list of names; a text that is no count is no total."""
    assert header_total({"Date": "x", name: " 12 "}) == 12
    assert header_total({name: "many", "X-Page": "3"}) is None
