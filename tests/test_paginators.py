"""Pages are requested one after the other, each once, and only the API says where the end is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace
from pydantic import TypeAdapter
from requests.structures import CaseInsensitiveDict

from source_rest_api.config.config import Config, Limits
from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.http.request import Request
from source_rest_api.http.request_body import FormPayload, JsonPayload
from source_rest_api.http.requester import Requester
from source_rest_api.http.response import Response
from source_rest_api.pagination.end_check import check_end
from source_rest_api.pagination.page import End, Page, Position
from source_rest_api.pagination.paginators import Pagination
from source_rest_api.records.decoders import Json
from source_rest_api.streams.loop_guard import LoopGuard
from tests.api import JSON, Api, Call

if TYPE_CHECKING:
    from collections.abc import Callable

PAGINATOR: TypeAdapter[Pagination] = TypeAdapter(Pagination)
URL = "https://api.example.com/v1/items?q=1"
REQUEST = Request("GET", URL, params={"state": "all"})


def paginator(kind: str, **settings: Any) -> Pagination:
    """Make one from its config."""
    return PAGINATOR.validate_python({"type": kind, **settings})


def page(body: bytes, position: Position | None = None, *, url: str = URL, number: int = 1, **more: Any) -> Page:
    """Make the page that a body is, whose records stand under `data`."""
    headers = CaseInsensitiveDict({"Link": more.get("link", ""), **more.get("headers", {})})
    root = Raw(body)
    records = raw_json.items(raw_json.fields(root).get("data", Raw(b"[]")))
    return Page(REQUEST, Response(200, headers, body, url), root, records, position, number, more.get("before", 0))


# The first request


@pytest.mark.parametrize(
    ("settings", "params"),
    [
        ({"type": "none"}, {}),
        ({"type": "page_number"}, {"page": "1"}),
        ({"type": "page_number", "first_page": 0, "page_param": "p"}, {"p": "0"}),
        ({"type": "page_number", "page_size_param": "per_page", "page_size": 50}, {"page": "1", "per_page": "50"}),
        ({"type": "page_number", "page_param": "self"}, {"self": "1"}),
        ({"type": "offset"}, {"offset": "0", "limit": "100"}),
        (
            {"type": "offset", "offset_param": "$skip", "limit_param": "$top", "limit": 7, "first_offset": 1},
            {"$skip": "1", "$top": "7"},
        ),
        ({"type": "cursor", "cursor_path": "next"}, {}),
        ({"type": "cursor", "cursor_path": "next", "page_size_param": "n", "page_size": 9}, {"n": "9"}),
        ({"type": "cursor", "cursor_header": "X-Next", "cursor_param": "c", "first_cursor": "*"}, {"c": "*"}),
        ({"type": "last_record", "field": "id", "param": "after"}, {}),
        ({"type": "last_record", "field": "id", "param": "after", "first_value": "0"}, {"after": "0"}),
        ({"type": "next_url", "next_url_path": "next"}, {}),
        ({"type": "next_url", "next_url_path": "next", "page_size_param": "n", "page_size": 9}, {"n": "9"}),
        ({"type": "link_header"}, {}),
        ({"type": "link_header", "page_size_param": "n", "page_size": 9}, {"n": "9"}),
    ],
)
def test_the_first_request(settings: dict[str, Any], params: dict[str, str]) -> None:
    """It has the first position and the page size, beside the endpoint's own parameters."""
    first = PAGINATOR.validate_python(settings)
    assert first.place(REQUEST, first.first()) == Request("GET", URL, params={"state": "all", **params})


# Where it goes


@pytest.mark.parametrize(
    ("settings", "position", "wanted"),
    [
        ({"type": "page_number"}, 2, {"page": 2, "n": 9}),
        ({"type": "offset", "offset_param": "from", "limit_param": "n"}, 3, {"from": 3, "n": 9}),
        ({"type": "cursor", "cursor_path": "x"}, "a.b", {"cursor": "a.b", "n": 9}),
        ({"type": "last_record", "field": "id", "param": "after"}, 7, {"after": 7, "n": 9}),
    ],
)
def test_parameters_go_into_query_header_or_body(
    settings: dict[str, Any], position: Position, wanted: dict[str, Any]
) -> None:
    """`in` says where; in JSON numbers stay numbers, elsewhere they are text."""
    size = {"limit": 9} if settings["type"] == "offset" else {"page_size_param": "n", "page_size": 9}
    texts = {name: str(value) for name, value in wanted.items()}

    def placed(where: str, request: Request) -> Request:
        return PAGINATOR.validate_python({**settings, **size, "in": where}).place(request, position)

    assert placed("query", REQUEST) == REQUEST.with_params(**texts)
    assert placed("header", REQUEST) == replace(REQUEST, headers=texts)
    assert placed("body", REQUEST) == replace(REQUEST, body=JsonPayload(wanted))
    form = FormPayload({"a": "b"})
    assert placed("body", replace(REQUEST, body=form)) == replace(REQUEST, body=FormPayload({"a": "b", **texts}))


# Positions


@pytest.mark.parametrize(
    ("settings", "position", "following"),
    [
        ({"type": "page_number"}, 1, 2),
        ({"type": "page_number", "first_page": 0}, 0, 1),
        ({"type": "page_number"}, "41", 42),
        ({"type": "offset"}, 0, 3),
        ({"type": "offset", "limit": 2}, 10, 13),
        ({"type": "offset", "first_offset": 1}, 1, 4),
    ],
)
def test_counting_goes_on_from_what_came(settings: dict[str, Any], position: Position, following: int) -> None:
    """Page numbers grow by one; offsets grow by the records received, whatever the page size."""
    assert PAGINATOR.validate_python(settings).next(page(b'{"data":[{},{},{}]}', position)) == following


TOKENS = [
    (b'"1_000"', "1_000"),
    (b'"0x1F"', "0x1F"),
    (b'"007"', "007"),
    (b'"1.10"', "1.10"),
    (b'"1e5"', "1e5"),
    (b'"None"', "None"),
    (b'"null"', "null"),
    (b'"false"', "false"),
    (b'"0"', "0"),
    (b'" "', " "),
    (b"0", "0"),
    (b"-1", "-1"),
    (b"1.10", "1.10"),
    (b"1E400", "1E400"),
    (b"123456789012345678901234567890", "123456789012345678901234567890"),
    (rb'"a\u0062\/\u00e9\ud83d\ude00"', "ab/é😀"),
    ('"a+b/c==&d=é #%41"'.encode(), "a+b/c==&d=é #%41"),
    (b'"{{ 7*7 }}"', "{{ 7*7 }}"),
]


@pytest.mark.parametrize(("raw", "token"), TOKENS)
def test_a_token_is_opaque_text(raw: bytes, token: str) -> None:
    """The next request contains the token exactly as the API wrote it."""
    cursor = paginator("cursor", cursor_path="meta.next", cursor_param="after")
    following = cursor.next(page(b'{"data":[],"meta":{"next":%b}}' % raw))
    assert not isinstance(following, End)
    assert str(following) == token
    assert cursor.place(REQUEST, following).params == {"state": "all", "after": token}


def test_tokens_arrive_as_the_api_wrote_them() -> None:
    """Through real HTTP, a token comes back to the API that gave it, character for character."""
    texts = [token for _, token in TOKENS]
    with Api() as api:

        @api.get("/items")
        def items(call: Call) -> JSON:
            return {"data": [], "next": texts[call.number] if call.number < len(texts) else None}

        cursor = paginator("cursor", cursor_path="next")
        position: Position | End | None = cursor.first()
        config = Config.model_validate({"url_base": api.url})
        with Requester(config.http(api.url)) as requester:
            while not isinstance(position, End):
                request = cursor.place(Request("GET", f"{api.url}/items"), position)
                response = requester.fetch(request, lambda response: response)
                position = cursor.next(Page(request, response, Json().decode(response), [], position))
        assert [call.query for call in api.requests] == [{}, *({"cursor": [text]} for text in texts)]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"meta":null}',
        b'{"meta":[]}',
        b'{"meta":{}}',
        b'{"meta":{"next":null}}',
        b'{"meta":{"next":""}}',
        b'{"meta":{"next":false}}',
        b'{"meta":{"next": "" }}',
    ],
)
@pytest.mark.parametrize(
    "settings", [{"type": "cursor", "cursor_path": "meta.next"}, {"type": "next_url", "next_url_path": "meta.next"}]
)
def test_no_token_is_the_end_but_not_said_so(settings: dict[str, Any], body: bytes) -> None:
    """Absent, null, false and "" end it; the API may still show signs of more, so it did not say that it ended."""
    end = PAGINATOR.validate_python(settings).next(page(body))
    assert isinstance(end, End)
    assert not end.said


NEXT = {kind: {"type": kind, f"{kind}_path": "next"} for kind in ("cursor", "next_url")}


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        *((settings, value) for settings in NEXT.values() for value in (b"true", b"{}", b"[]")),
        *((NEXT["next_url"], value) for value in (b'{"after":"x"}', b'["x"]')),
    ],
)
def test_what_cannot_be_a_token_is_an_error(settings: dict[str, Any], value: bytes) -> None:
    """A path that leads somewhere else is an error that names the setting, not the end."""
    with pytest.raises(ConfigError, match=f"`next` holds .* change `pagination.{settings['type']}_path`"):
        PAGINATOR.validate_python(settings).next(page(b'{"next":%b}' % value))


@pytest.mark.parametrize("kind", ["next_url", "link_header"])
@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("https://api.example.com/v1/items?page=2", "https://api.example.com/v1/items?page=2"),
        ("/v1/items?page=2", "https://api.example.com/v1/items?page=2"),
        ("?page=2&c=a%2Fb+c%3D%3d", "https://api.example.com/v1/items?page=2&c=a%2Fb+c%3D%3d"),
        ("items;v=2?page=2", "https://api.example.com/v1/items;v=2?page=2"),
        ("//other.example.com/", "https://other.example.com/"),
    ],
)
def test_a_next_url_is_followed_with_its_own_query(kind: str, target: str, url: str) -> None:
    """Absolute or relative to the request; its query is complete, so nothing is added to it."""
    settings = {"next_url_path": "links.next"} if kind == "next_url" else {}
    links = paginator(kind, page_size_param="n", page_size=9, **settings)
    body = json.dumps({"links": {"next": target}}).encode()
    following = links.next(page(body, link=f'<{target}>; rel="next"'))
    assert following == url
    assert links.place(REQUEST, following) == Request("GET", url)


def test_a_next_url_in_a_key_with_a_dot_is_found() -> None:
    """OData's key has a dot, and its path is written with dots too."""
    odata = paginator("next_url", next_url_path="@odata.nextLink")
    assert odata.next(page(b'{"@odata.nextLink":"https://h/2"}')) == "https://h/2"


@pytest.mark.parametrize(
    ("context", "url"),
    [
        (b'"../$metadata#Books"', "https://api.example.com/v1/Authors(1)/books?$skip=2"),
        (b'"https://api.example.com/v2/$metadata#Books"', "https://api.example.com/v2/Authors(1)/books?$skip=2"),
        (b"null", "https://api.example.com/v1/items/Authors(1)/books?$skip=2"),
    ],
)
def test_a_relative_next_url_of_odata_begins_at_its_context(context: bytes, url: str) -> None:
    """The context is the service, not the requested collection."""
    odata = paginator("next_url", next_url_path="@odata.nextLink")
    body = b'{"@odata.context":%b,"@odata.nextLink":"Authors(1)/books?$skip=2"}' % context
    asked = page(body)
    below = replace(asked, response=replace(asked.response, url="https://api.example.com/v1/items/below"))
    assert odata.next(below) == url


@pytest.mark.parametrize("target", ["http://[", "https://api.example.com:port/"])
def test_a_broken_next_url_is_an_error(target: str) -> None:
    """An invalid URL is an error of the config or the API."""
    with pytest.raises(ConfigError, match="`pagination`"):
        paginator("next_url", next_url_path="next").next(page(json.dumps({"next": target}).encode()))


def test_no_next_link_is_the_end_but_not_said_so() -> None:
    """A missing rel="next" ends paging, but is not proof of the end."""
    end = paginator("link_header").next(page(b"[]", link='<https://h/1>; rel="prev"'))
    assert end == End("no next link", said=False)


# The end


def test_an_empty_page_is_the_end() -> None:
    """For counted positions, an empty page is the end, unless a sign of more leads beyond it."""
    beyond: list[Position | None] = [6, 105, None]
    for settings, position in zip((KINDS[0], KINDS[1], KINDS[4]), beyond, strict=True):
        end = PAGINATOR.validate_python(settings).next(page(b'{"data":[]}', 5))
        assert isinstance(end, End)
        assert (end.said, end.guessed, end.beyond) == (False, True, position)


def test_an_empty_page_with_a_token_is_not_the_end() -> None:
    """APIs that filter after cutting pages give empty ones in between."""
    assert paginator("cursor", cursor_path="next").next(page(b'{"data":[],"next":"t"}')) == "t"
    assert paginator("next_url", next_url_path="next").next(page(b'{"data":[],"next":"https://h/2"}')) == "https://h/2"
    assert paginator("link_header").next(page(b'{"data":[]}', link="<https://h/2>; rel=next")) == "https://h/2"


def test_a_short_page_is_an_end_only_if_asked_for() -> None:
    """Servers cap page sizes, so a short page proves nothing."""
    body = b'{"data":[{},{}]}'
    assert paginator("offset", limit=100).next(page(body, 0)) == 2
    assert paginator("page_number", page_size=100).next(page(body, 1)) == 2
    eager = paginator("offset", limit=3, stop_on_short_page=True)
    assert eager.next(page(body, 0)) == End("short page", guessed=True, beyond=2)
    assert eager.next(page(b'{"data":[{},{},{}]}', 0)) == 3


KINDS: list[dict[str, Any]] = [
    {"type": "page_number"},
    {"type": "offset"},
    {"type": "cursor", "cursor_path": "next"},
    {"type": "next_url", "next_url_path": "next"},
    {"type": "last_record", "field": "id", "param": "after"},
]


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize(
    ("signal", "field", "ends", "goes_on"),
    [
        ("more_path", "m.more", b"false", b"true"),
        ("more_path", "m.more", b'"False"', b'"true"'),
        ("end_path", "m.last", b"true", b"false"),
        ("total_path", "m.total", b"7", b"8"),
        ("total_path", "m.total", b'"7"', b'"8"'),
        ("total_path", "m.total", b"0", b"8"),
        ("total_pages_path", "m.pages", b"3", b"4"),
        ("total_pages_path", "m.pages", b'"3"', b'"4"'),
    ],
)
def test_a_signal_ends_every_kind_of_paging(
    settings: dict[str, Any], signal: str, field: str, ends: bytes, goes_on: bytes
) -> None:
    """A false flag, a reached total or the last page end paging, even beside a token."""
    paging = PAGINATOR.validate_python({**settings, signal: field})
    bodies = [
        b'{"data":[{},{"id":1}],"next":"https://h/2","m":{"%b":%b}}' % (field[2:].encode(), value)
        for value in (ends, goes_on)
    ]
    end, following = (paging.next(page(body, 3, number=3, before=5)) for body in bodies)
    assert isinstance(end, End)
    assert end.said
    assert not isinstance(following, End)


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize("signal", ["more_path", "end_path", "total_path", "total_pages_path"])
@pytest.mark.parametrize("value", [None, b"null", b'"yes"', b"-1", b"1.5", b"[]", b"{}", b'"' + b"9" * 5000 + b'"'])
def test_a_signal_that_cannot_be_read_is_an_error(settings: dict[str, Any], signal: str, value: bytes | None) -> None:
    """An unreadable signal is neither the end nor a reason to continue. A null total is the API's own: it has none."""
    if signal.startswith("total") and value == b"null":
        return
    paging = PAGINATOR.validate_python({**settings, signal: "m.x"})
    body = b'{"data":[{}],"next":"https://h/2"}' if value is None else b'{"data":[{}],"next":"u","m":{"x":%b}}' % value
    with pytest.raises(ConfigError, match=rf"`m\.x` holds .*`pagination\..*{signal}"):
        paging.next(page(body, 1))


def test_a_link_may_be_an_object_with_an_href() -> None:
    """As in JSON:API 1.0 and HAL."""
    paging = PAGINATOR.validate_python({"type": "next_url", "next_url_path": "links.next"})
    more, end = (
        page(b'{"data":[{}],"links":{"next":%b}}' % link) for link in (b'{"href":"https://h/2","meta":{}}', b"null")
    )
    assert paging.next(more) == "https://h/2"
    assert isinstance(paging.next(end), End)


@pytest.mark.parametrize("kind", ["page_number", "offset"])
@pytest.mark.parametrize("signal", ["total_path", "total_pages_path"])
@pytest.mark.parametrize(("field", "number"), [(b'{"x":null}', 1), (b'{"x":null}', 3), (b"{}", 3)])
def test_a_total_that_the_api_does_not_say_is_none(kind: str, signal: str, field: bytes, number: int) -> None:
    """It may be null, or only on the first page: then an empty page is the end."""
    paging = PAGINATOR.validate_python({"type": kind, signal: "m.x"})
    full, empty = (page(b'{"data":%b,"m":%b}' % (data, field), 4, number=number) for data in (b"[{}]", b"[]"))
    assert paging.next(full) == 5
    end = paging.next(empty)
    assert isinstance(end, End)
    assert (end.reason, end.guessed) == ("empty page", True)


@pytest.mark.parametrize(("kind", "beyond"), [("page_number", 12), ("offset", 16)])
@pytest.mark.parametrize(
    ("signal", "value"), [("more_path", "true"), ("end_path", "false"), ("total_path", "22"), ("total_pages_path", "4")]
)
def test_an_empty_page_that_is_not_the_last_is_passed(kind: str, beyond: int, signal: str, value: str) -> None:
    """A page of hidden rows is empty; if the API says that there is more, reading continues."""
    paging = paginator(kind, **{signal: "x"})
    asked = page(b'{"data":[],"x":%b}' % value.encode(), 11, number=3, before=10)
    assert paging.next(replace(asked, largest_before=5)) == beyond


@pytest.mark.parametrize(("kind", "number"), [("page_number", 5), ("offset", 3)])
def test_an_empty_page_beyond_an_unreached_total_is_an_error(kind: str, number: int) -> None:
    """An API that caps its results and says that there are more has not said that it ended."""
    asked = replace(page(b'{"data":[],"x":22}', 20, number=number, before=10), largest_before=5)
    end = paginator(kind, total_path="x").next(asked)
    assert isinstance(end, End)
    with pytest.raises(ConfigError, match=r"page is empty after .*, but `x` says"):
        check_end(asked, end, paged=True)
    assert check_end(replace(asked, least_total=10), end, paged=True) is None  # the others came while it was read


def test_an_empty_page_of_keysets_beside_a_signal_is_an_error() -> None:
    """Without a last record, the next position is unknown."""
    keyset = paginator("last_record", field="id", param="after", more_path="more")
    asked = page(b'{"data":[],"more":true}')
    end = keyset.next(asked)
    assert isinstance(end, End)
    with pytest.raises(ConfigError, match=r"page is empty after .*, but `more` says"):
        check_end(asked, end, paged=True)


@pytest.mark.parametrize(
    ("count", "settings", "earlier", "ends"),
    [
        (7, {}, 0, True),  # no page size is known, and seven is none
        (20, {}, 0, False),  # 20 may be the server's page size
        (20, {"page_size": 50}, 0, True),
        (20, {"page_size": 20}, 0, False),
        (20, {"page_size": 50}, 20, False),  # the server caps pages at 20
        (19, {"page_size": 50}, 20, True),
    ],
)
def test_a_reached_total_ends_only_where_the_page_is_not_full(
    count: int, settings: dict[str, Any], earlier: int, ends: bool
) -> None:
    """A total may be capped, so it proves that rows are missing, and never that none is."""
    body = json.dumps({"data": [{}] * count, "total": earlier + count}).encode()
    asked = replace(page(body, 1, number=2, before=earlier), largest_before=earlier)
    following = paginator("page_number", total_path="total", **settings).next(asked)
    assert isinstance(following, End) is ends


def test_a_total_that_stops_counting_is_no_end() -> None:
    """Elasticsearch says `relation: gte` beside a total that is only a lower bound."""
    paging = paginator("page_number", total_path="total.value", page_size=10)
    for relation, following in (("gte", 2), ("eq", End("total reached", said=True))):
        body = b'{"data":[{},{}],"total":{"value":2,"relation":"%b"}}' % relation.encode()
        assert paging.next(page(body, 1)) == following


def test_an_empty_page_ends_tokens_only_if_asked_for() -> None:
    """Some APIs give a token for ever; then an empty page is their end."""
    body = b'{"data":[],"next":"https://h/2"}'
    for settings in KINDS[2:4]:
        assert PAGINATOR.validate_python(settings).next(page(body)) == "https://h/2"
        end = PAGINATOR.validate_python({**settings, "stop_on_empty_page": True}).next(page(body))
        assert end == End("empty page", said=True)


def test_an_empty_page_with_the_token_that_was_sent_is_the_end() -> None:
    """Solr ends so (`cursorMark`). With records, it would be a loop, which the guard detects."""
    solr = paginator("cursor", cursor_path="next", cursor_param="cursorMark", first_cursor="*")
    end = solr.next(page(b'{"data":[],"next":"AoE"}', "AoE"))
    assert isinstance(end, End)
    assert end.said
    assert solr.next(page(b'{"data":[{}],"next":"AoE"}', "AoE")) == "AoE"


def test_a_cursor_from_a_header() -> None:
    """The answer's header holds the token, in any case; without it, it is the end."""
    cursor = paginator("cursor", cursor_header="X-Next-Cursor")
    assert cursor.next(page(b"[]", headers={"x-next-cursor": "0x1 "})) == "0x1"
    assert cursor.next(page(b"[]", headers={"X-Next-Cursor": ""})) == End("no `X-Next-Cursor`")
    assert cursor.next(page(b"[]")) == End("no `X-Next-Cursor`")


def test_a_token_within_arrays() -> None:
    """Keys of a path lead into arrays by index, from the end too."""
    cursor = paginator("cursor", cursor_path="links.-1.pages.0.token")
    assert cursor.next(page(b'{"links":[{"pages":[]},{"pages":[{"token":"t"}]}]}')) == "t"


def test_the_last_record_leads_on() -> None:
    """Its field is the position, unchanged, wherever it is in the record."""
    keyset = paginator("last_record", field="meta.id", param="after")
    assert keyset.next(page(b'{"data":[{"meta":{"id":9}},{"meta":{"id":"007"}}]}')) == "007"
    assert keyset.next(page(b'{"data":[{"meta":{"id":12345678901234567890}}]}')) == 12345678901234567890


@pytest.mark.parametrize("record", ["{}", '{"id":null}', '{"id":""}', '{"id":{}}'])
def test_a_last_record_without_the_field_is_an_error(record: str) -> None:
    """Without the next position, it is not the end."""
    keyset = paginator("last_record", field="id", param="after")
    with pytest.raises(ConfigError, match=r"`id`.*[Cc]hange `pagination\.field`"):
        keyset.next(page(f'{{"data":[{{"id":1}},{record}]}}'.encode()))


@pytest.mark.parametrize("kind", ["next_url", "link_header"])
def test_named_parameters_stay_on_next_urls(kind: str) -> None:
    """They are added if the API omits them, unless the URL already has them."""
    settings = {"next_url_path": "next"} if kind == "next_url" else {}
    links = paginator(kind, page_size_param="n", page_size=9, keep_params=["state", "n", "none"], **settings)
    assert links.place(REQUEST, "https://h/2").params == {"state": "all", "n": "9"}
    assert links.place(REQUEST, "https://h/2?state=").params == {"n": "9"}


def test_one_page_is_all_without_pagination() -> None:
    """Paging ends after the first page; the user may declare that to be enough."""
    assert paginator("none").next(page(b'{"data":[{}]}')) == End("one page", said=False)
    assert paginator("none", first_page_only=True).next(page(b'{"data":[{}]}')) == End("one page", said=True)


# Whole walks


def walk(paging: Pagination, answer: Callable[[Request], tuple[dict[str, Any], dict[str, str]]]) -> list[Any]:
    """Read everything that an API has, and fail where it would not end."""
    guard = LoopGuard(paging, Limits())
    rows: list[Any] = []
    position = paging.first()
    for number in range(1, 1000):
        request = paging.place(Request("GET", "https://h/items"), position)
        body, headers = answer(request)
        got = page(
            json.dumps(body).encode(), position, url=request.url, number=number, before=len(rows), headers=headers
        )
        guard.check(got)
        rows += map(raw_json.decode, got.records)
        following = paging.next(got)
        if isinstance(following, End):
            return rows
        position = following
    raise AssertionError("it does not end")


SIGNALS = st.sampled_from(
    [{}, {"more_path": "more"}, {"end_path": "last"}, {"total_path": "total"}, {"total_pages_path": "pages"}]
)


@given(
    st.sampled_from(["page_number", "offset", "cursor", "cursor_header", "last_record", "next_url", "link_header"]),
    st.integers(0, 40),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(0, 2),
    SIGNALS,
    st.sampled_from(["query", "header", "body"]),
)
def test_every_row_comes_exactly_once(
    kind: str, size: int, asked: int, cap: int, first: int, signal: dict[str, str], where: str
) -> None:
    """For every table, page size, cap, signal and location, each row arrives once and in order."""
    table = [{"id": n} for n in range(1, size + 1)]
    sent = min(asked, cap)
    settings: dict[str, dict[str, Any]] = {
        "page_number": {"first_page": first},
        "offset": {"first_offset": first},
        "cursor": {"cursor_path": "next.token"},
        "cursor_header": {"type": "cursor", "cursor_header": "X-Next"},
        "last_record": {"field": "id", "param": "cursor"},
        "next_url": {"next_url_path": "next.url"},
        "link_header": {},
    }

    def answer(request: Request) -> tuple[dict[str, Any], dict[str, str]]:
        params: dict[str, Any] = {k: v[0] for k, v in parse_qs(urlsplit(request.url).query).items()}
        sent_in = {"query": request.params, "header": request.headers}.get(where)
        params.update(json.loads(request.body.encode()) if request.body else sent_in or {})
        start = {
            "page_number": lambda: (int(params["page"]) - first) * sent,
            "offset": lambda: int(params["offset"]) - first,
        }.get(kind, lambda: int(params.get("cursor", 0)))()
        end = start + sent
        more = end < size
        body = {
            "data": table[start:end],
            "more": more,
            "last": not more,
            "total": size,
            "pages": -(-size // sent),
            "next": {"token": end, "url": f"?cursor={end}"} if more else None,
        }
        links = {"Link": f'<?cursor={end}>; rel="next"'} if more and kind == "link_header" else {}
        return body, {**links, **({"X-Next": str(end)} if more else {})}

    sized = {"limit": asked} if kind == "offset" else {"page_size_param": "n", "page_size": asked}
    paging = PAGINATOR.validate_python({"type": kind, "in": where, **sized, **settings[kind], **signal})
    assert walk(paging, answer) == table


@given(st.lists(st.text(min_size=1), unique=True, max_size=20))
def test_tokens_of_any_text_lead_through_all_pages(tokens: list[str]) -> None:
    """A cursor is whatever text the API makes up."""
    cursor = paginator("cursor", cursor_path="next")

    def answer(request: Request) -> tuple[dict[str, Any], dict[str, str]]:
        here = tokens.index(str(request.params["cursor"])) + 1 if "cursor" in request.params else 0
        return {"data": [{"page": here}], "next": tokens[here] if here < len(tokens) else None}, {}

    assert walk(cursor, answer) == [{"page": n} for n in range(len(tokens) + 1)]


# The most that the API gives


@pytest.mark.parametrize(
    ("settings", "before", "capped"),
    [
        ({"type": "page_number"}, 6, False),
        ({"type": "page_number"}, 7, True),
        ({"type": "page_number", "page_size": 3, "page_size_param": "n"}, 3, False),
        ({"type": "page_number", "page_size": 3, "page_size_param": "n"}, 4, False),
        ({"type": "page_number", "page_size": 3, "page_size_param": "n"}, 5, True),
        ({"type": "offset", "limit": 3}, 5, True),
        ({"type": "cursor", "cursor_path": "next"}, 6, False),
        ({"type": "cursor", "cursor_path": "next"}, 7, True),
        ({"type": "last_record", "field": "id", "param": "after"}, 7, True),
    ],
)
def test_a_question_is_not_asked_beyond_what_the_api_answers(
    settings: dict[str, Any], before: int, capped: bool
) -> None:
    """With a cap of ten, the next page is requested only if it fits below the cap."""
    given = page(b'{"data":[{"id":1},{"id":2},{"id":3}],"next":"t"}', 1, before=before)
    following = PAGINATOR.validate_python({**settings, "result_cap": 10}).next(given)
    assert isinstance(following, End) == capped
    assert not isinstance(following, End) or (following.capped and "10" in following.reason)


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        ({"type": "cursor", "cursor_path": "next"}, b'{"data":[{}]}'),
        ({"type": "offset", "limit": 2, "total_path": "total"}, b'{"data":[{}],"total":10}'),
        ({"type": "page_number", "more_path": "more"}, b'{"data":[{}],"more":false}'),
    ],
)
@pytest.mark.parametrize(("before", "capped"), [(8, False), (9, True)])
def test_an_end_at_the_cap_is_none(settings: dict[str, Any], body: bytes, before: int, capped: bool) -> None:
    """Below it the API says that this is all; at it totals, flags and tokens stop, whatever there is beyond."""
    body = body.replace(b"10", b"%d" % (before + 1))
    end = PAGINATOR.validate_python({**settings, "result_cap": 10}).next(page(body, 9, before=before))
    assert isinstance(end, End)
    assert end.capped == capped
