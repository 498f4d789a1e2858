"""Signs of more are seen wherever APIs put them, and data is not taken for a sign."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw
from pydantic import TypeAdapter
from requests.structures import CaseInsensitiveDict

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.http.request import Request
from source_rest_api.http.response import Response
from source_rest_api.pagination.end_check import Sign, check_end, find_sign
from source_rest_api.pagination.page import End, Page
from source_rest_api.pagination.paginators import Pagination

ROWS = [{"id": n} for n in range(3)]
PAGINATOR: TypeAdapter[Pagination] = TypeAdapter(Pagination)


def sign(
    body: Any, path: tuple[str, ...] = ("items",), link: str = "", number: int = 1, before: int = 0
) -> Sign | None:
    """Find the sign in an answer whose records stand at a path."""
    root = Raw(json.dumps(body).encode())
    found = raw_json.find(root, path) or Raw(b"[]")
    records = [found] if raw_json.kind(found) == "object" else raw_json.items(found)
    response = Response(200, CaseInsensitiveDict({"Link": link}), bytes(root), "https://h/items")
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
    """What known APIs say of a next page is seen, and the error can name it and a pagination to follow it."""
    found = sign({"items": ROWS, **rest})
    assert found is not None
    assert found.certain
    assert f"`{where}`" in found.what
    assert "type: " in found.pagination or "more_path: " in found.pagination


def test_a_sign_beside_records_deep_in_a_large_body_is_seen() -> None:
    """Where the records stand, paging stands too, however large they are."""
    rows = [{"id": n, "text": "x" * 1000} for n in range(100)]
    body = {"data": {"orders": {"nodes": rows, "pageInfo": {"hasNextPage": True, "endCursor": "Y3Vyc29y"}}}}
    found = sign(body, ("data", "orders", "nodes"))
    assert found is not None
    assert "`data.orders.pageInfo.hasNextPage` is true" in found.what


def test_a_link_header_is_a_sign() -> None:
    """It counts for bodies that are arrays too."""
    found = sign(ROWS, (), link='<https://h/items?page=2>; rel="next"')
    assert found is not None
    assert (found.certain, found.pagination) == (True, "{type: link_header}")


@pytest.mark.parametrize("name", ["total", "total_count", "totalResults", "Total-Items"])
def test_a_total_that_was_not_reached_is_an_uncertain_sign(name: str) -> None:
    """It may count rows that a filter leaves out."""
    found = sign({"items": ROWS, "meta": {name: 10}}, before=6)
    assert found is not None
    assert not found.certain
    assert f"`meta.{name}` is 10, and 9 records were read" in found.what
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
    """The end as APIs say it, where they are, and what stands in lists, are no signs."""
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
    """Where one object is the record, its totals are its own."""
    assert sign(body, path) is None


def test_an_envelope_taken_for_a_record_is_noticed() -> None:
    """Where the record itself has a next link, it is more likely that the config names the wrong path."""
    found = sign({"data": ROWS, "links": {"next": "https://h/2"}}, ())
    assert found is not None
    assert found.certain


@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        ({"next": "https://h/2"}, "next_url"),
        ({"@odata.nextLink": "https://h/2"}, "next_url"),
        ({"next_cursor": "abc"}, "cursor"),
        ({"paging": {"next": {"after": "abc"}}}, "cursor"),
    ],
)
def test_the_pagination_that_is_named_would_follow_the_sign(rest: dict[str, Any], kind: str) -> None:
    """The advice can be copied: its path leads to what was seen."""
    found = sign({"items": ROWS, **rest})
    assert found is not None
    setting, path = found.pagination.strip("{}").split(", ")[:2]
    assert setting == f"type: {kind}"
    name, _, value = path.partition(": ")
    paging = PAGINATOR.validate_python({"type": kind, name: value})
    body = json.dumps(rest).encode()
    page = Page(Request("GET", "u"), Response(200, {}, body, "https://h/"), Raw(body), [])
    assert paging.next(page) in {"https://h/2", "abc"}


def test_what_is_beyond_a_cap_is_no_end() -> None:
    """An API that gives so many and no more has not said that there are no others."""
    response = Response(200, {}, b"[]", "https://h/items")
    page = Page(Request("GET", "https://h/items"), response, Raw(b"[]"), [])
    with pytest.raises(ConfigError, match=r"10 records.*`incremental`"):
        check_end(page, End("10 records", said=True, capped=True), paged=True)
