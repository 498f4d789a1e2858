"""Expressions on a page give what low-code manifests get from them: tokens, URLs, and the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from source_rest_api import Connector
from source_rest_api.errors import ConfigError
from source_rest_api.pagination.link_paginators import NextUrl
from source_rest_api.pagination.page import End, Page
from source_rest_api.pagination.paginators import Pagination
from tests.api import Answer, Api, Call
from tests.test_paginators import page

PAGINATOR: TypeAdapter[Pagination] = TypeAdapter(Pagination)
BODY = b"""{"data": [{"id": 1}, {"id": 7, "n": {"at": "2024-01-01"}}], "page": 2, "pages": 4, "price": 1.10,
"big": 12345678901234567890, "more": true, "done": false, "empty": "", "nothing": null, "zero": 0,
"links": [{"rel": "self"}], "next": "https://h/items?after=a%2Fb&x=1", "status": "running",
"items": {"next": "in items"}}"""
LINK = '<https://h/1>; rel="previous"; results="false", <https://h/2>; rel="next"; results="true"; cursor="c:1"'


def token(expression: str, given: Page | None = None, **more: Any) -> Any:
    """Returns the token that a cursor expression gives for a page; None at the end."""
    cursor = PAGINATOR.validate_python({"type": "cursor", "cursor": expression, **more})
    following = cursor.next(given if given is not None else page(BODY, "t1", headers={"X-Next": "n1"}, link=LINK))
    return None if isinstance(following, End) else following


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("response.page", 2),
        ("{{ response['page'] + 1 }}", 3),
        ("response.page + 1 if response.page < response.pages", 3),
        ("response.page + 1 if response.page < 2", None),
        ("response.page * 10 + last_page_size", 22),
        ("response.big", 12345678901234567890),
        ("response.price", "1.10"),
        ("response.zero", 0),
        ("response.next | regex_search('after=([^&]*)')", "a%2Fb"),
        ("response['next'].split('after=')[1][:5]", "a%2Fb"),
        ("response.get('next', {})[-3:]", "x=1"),
        ("response.items.next", "in items"),
        ("last_record.id", 7),
        ("last_record['n']['at']", "2024-01-01"),
        ("response.data[0].id", 1),
        ("{{ response.page }}:{{ last_record.id }}", None),
        ("response.page ~ ':' ~ last_record.id", "2:7"),
        ("headers['x-next']", "n1"),
        ("headers['X-Next']", "n1"),
        ("headers.get('X-NEXT')", "n1"),
        ("headers['link']['next']['url']", "https://h/2"),
        ("headers.link.next.cursor if headers.link.next.results == 'true'", "c:1"),
        ("headers.link.last.url", None),
        ("headers.get('Link').split(';')[0][1:-1]", "https://h/1"),
        ("headers['Link'].split(';')[0][1:-1]", "https://h/1"),
        ("next_page_token ~ '+'", "t1+"),
        ("response.empty", None),
        ("response.nothing", None),
        ("response.done", None),
        ("response.no.such.thing", None),
        ("response.no + 1", None),
        ("response.links[5].url", None),
        ("response.get('no', {}).get('next')", None),
    ],
)
def test_a_token_is_what_the_expression_gives(expression: str, value: Any) -> None:
    """Numbers stay numbers, with all their digits; null, false, "" and what is not there are the end."""
    if expression.count("{{") > 1:
        with pytest.raises(ValidationError, match="single expression"):
            token(expression)
        return
    assert token(expression) == value


@pytest.mark.parametrize(
    ("expression", "ends"),
    [
        ("not response.more", False),
        ("response.done is false", True),
        ("response.nothing is none", True),
        ("response.no is none", True),
        ("response.no == none", True),
        ("response.no.deeper is none", True),
        ("response.no is defined", False),
        ("response.more is defined", True),
        ("not response.get('more', False)", False),
        ("not response.get('meta', {}).get('more', False)", True),
        ("response.page >= response.pages", False),
        ("response.page == 2", True),
        ("response.page + 1 > 2", True),
        ("response.status == 'done'", False),
        ("response.status != 'done'", True),
        ("'next' not in response", False),
        ("'nexte' not in response", True),
        ("'next' not in headers.link", False),
        ("'last' not in headers['link']", True),
        ("'next' not in headers['no']", True),
        ("last_page_size < page_size", True),
        ("last_page_size == 0", False),
        ("not last_record", False),
        ("response.links", True),
        ("response.empty", False),
        ("{{ 'no' in response.status }}", False),
        ("{{ response.nothing }}", False),
    ],
)
def test_the_end_is_where_an_expression_holds(expression: str, ends: bool) -> None:
    """Look-ups that find nothing are null and count as false."""
    stopping = {"type": "page_number", "stop_when": expression, "page_size": 5, "page_size_param": "n"}
    following = PAGINATOR.validate_python(stopping).next(page(BODY, 2, link=LINK))
    assert isinstance(following, End) is ends
    assert (following.reason == "`stop_when` holds") if isinstance(following, End) else (following == 3)


@pytest.mark.parametrize(
    ("expression", "said"),
    [("not response.hasMore", False), ("not response.meta.more", False), ("response.page", True)],
)
def test_an_end_that_rests_on_a_missing_field_is_not_the_api_s_word(expression: str, said: bool) -> None:
    """The name may be misspelt, so other signs of more still count."""
    stopping = PAGINATOR.validate_python({"type": "page_number", "stop_when": expression})
    assert stopping.next(page(BODY, 2)) == End("`stop_when` holds", said=said)


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize(
    "pagination",
    [
        {"cursor": "headers.link.next.cursor if headers.link.next.results == 'true'"},
        {"cursor": "headers.link.next.cursor", "stop_when": "headers.link.next.results == 'false'"},
        {"cursor": "response.start + last_page_size if response.start + last_page_size < response.all"},
        {"cursor": "last_record.id + 1", "stop_when": "last_record.id + 1 == response.all"},
    ],
)
def test_every_record_is_read_by_an_expression(pagination: dict[str, Any]) -> None:
    """Sentry's header, which has a next link even on the last page, and bodies that need arithmetic."""
    with Api() as api:

        @api.get("/items")
        def items(call: Call) -> Answer:
            start = int(call.arg("cursor", "0"))
            more = str(start + 3 < 8).lower()
            link = f'<{api.url}/items?cursor={start + 3}>; rel="next"; results="{more}"; cursor="{start + 3}"'
            rows = [{"id": n} for n in range(start, min(start + 3, 8))]
            return Answer({"data": rows, "start": start, "all": 8}, headers={"Link": link})

        endpoint = {"name": "items", "path": "items", "pagination": {"type": "cursor", **pagination}}
        session = Connector().session({"url_base": api.url, "endpoints": [endpoint]})
        catalog = {"streams": [{"stream": {"name": "items"}, "sync_mode": "full_refresh"}]}
        lines = [json.loads(line) for block in session.read(catalog, {}) for line in block.splitlines()]
        assert [line["record"]["data"]["id"] for line in lines if line["type"] == "RECORD"] == list(range(8))
        assert session.complete
        assert len(api.requests) == 3


@pytest.mark.usefixtures("no_proxy")
def test_a_session_of_the_first_page_goes_on_in_its_own_parameter() -> None:
    """Two things to remember, a session and a page, are one token that templates take apart."""
    pages = {"page": "{{ next_page_token.split(':')[1] if next_page_token else 0 }}"}
    session = {"session": "{{ next_page_token.split(':')[0] if next_page_token else none }}"}
    cursor = "response.session ~ ':' ~ (response.page + 1) if response.items"
    with Api() as api:

        @api.get("/items")
        def items(call: Call) -> Answer:
            page = int(call.arg("page"))
            known = "session" not in call.query if page == 0 else call.arg("session") == "s/1"
            return Answer(
                {"items": [{"id": page}] if page < 3 else [], "session": "s/1", "page": page}, 200 if known else 400
            )

        endpoint = {"name": "items", "path": "items", "params": {**session, **pages}, "records_path": "items"}
        paging = {"type": "cursor", "cursor": cursor}
        connector = Connector().session({"url_base": api.url, "endpoints": [{**endpoint, "pagination": paging}]})
        catalog = {"streams": [{"stream": {"name": "items"}, "sync_mode": "full_refresh"}]}
        lines = [json.loads(line) for block in connector.read(catalog, {}) for line in block.splitlines()]
        assert [line["record"]["data"]["id"] for line in lines if line["type"] == "RECORD"] == [0, 1, 2]
        assert connector.complete


@pytest.mark.parametrize("body", [b"[]", b"[1]", b"null", b'"text"'])
def test_a_body_that_is_no_object_has_no_fields(body: bytes) -> None:
    """A list can be read as one."""
    assert token("response.next", page(body)) is None
    assert token("response | length", page(b"[1, 2]")) == 2


def test_an_empty_page_has_no_last_record() -> None:
    """Its fields are null."""
    assert token("last_record.id", page(b'{"data": []}')) is None


@pytest.mark.parametrize(
    ("expression", "url"),
    [("'/items?after=' ~ last_record.id", "https://api.example.com/items?after=7"), ("response.next", None)],
)
def test_a_url_is_what_the_expression_gives(expression: str, url: str | None) -> None:
    """Relative URLs are resolved; nothing is the end."""
    links = PAGINATOR.validate_python({"type": "next_url", "next_url": expression})
    given = page(BODY) if url else page(b'{"data": [{}]}')
    following = links.next(given)
    assert following == (url or End("`next_url` gives no value"))


@pytest.mark.parametrize("expression", ["response.links", "response", "headers", "response.items"])
def test_what_cannot_be_a_url_is_an_error(expression: str) -> None:
    """A list or an object is a mistake in the expression."""
    with pytest.raises(ConfigError, match="where a URL was expected"):
        NextUrl(next_url=expression).next(page(BODY))


@pytest.mark.parametrize("expression", ["response.page + response.status", "1 // 0", "response.status | int + 'x'"])
def test_what_cannot_be_computed_is_an_error_that_names_the_expression(expression: str) -> None:
    """A failed expression is never taken for the end."""
    with pytest.raises(ConfigError, match=r"cannot be filled(?! for a record)"):
        token(expression)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"type": "cursor", "cursor": "respons.page"}, "reads `respons`"),
        ({"type": "cursor", "cursor": "config.x"}, "reads `config`"),
        ({"type": "cursor", "cursor": "a b"}, "template error"),
        ({"type": "cursor"}, "`cursor_path`, `cursor_header` and `cursor`"),
        ({"type": "cursor", "cursor": "response.a", "cursor_path": "a"}, "one of"),
        ({"type": "next_url"}, "one of `next_url_path` and `next_url`"),
        ({"type": "page_number", "stop_when": "x {{ response.a }}"}, "single expression"),
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, Any], message: str) -> None:
    """Before anything is asked."""
    with pytest.raises(ValidationError, match=message):
        PAGINATOR.validate_python(settings)
