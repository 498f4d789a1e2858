"""A stream is read to the end that the API gives, and its state never moves past what was delivered."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError, SourceError, TransientError
from tests.api import Answer, Api
from tests.process import catalog
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Call

SINCE = {"cursor_field": "at", "start_param": "since"}


pytestmark = pytest.mark.usefixtures("no_proxy")


def numbered(count: int) -> list[dict[str, int]]:
    """Make records."""
    return [{"id": number} for number in range(count)]


PAGING = {
    "page_number": {"type": "page_number"},
    "page_number_from_0": {"type": "page_number", "first_page": 0},
    "page_number_with_total": {"type": "page_number", "total_path": "total", "page_size": 3},
    "page_number_with_pages": {"type": "page_number", "total_pages_path": "pages"},
    "page_number_with_flag": {"type": "page_number", "more_path": "more"},
    "offset": {"type": "offset", "limit": 3},
    "cursor": {"type": "cursor", "cursor_path": "next_token", "cursor_param": "token"},
    "next_url": {"type": "next_url", "next_url_path": "next_url"},
    "link_header": {"type": "link_header"},
}


@pytest.mark.parametrize("count", [0, 1, 3, 6, 7])
@pytest.mark.parametrize("kind", sorted(PAGING))
def test_every_row_arrives_once_and_in_order(api: Api, kind: str, count: int) -> None:
    """With every pagination, and with empty, full and half-full pages."""
    rows = numbered(count)

    @api.get("/items")
    def items(call: Call) -> Answer:
        query = {key: values[0] for key, values in call.query.items()}
        number = int(query.get("page", 1)) - (kind != "page_number_from_0")
        first = int(query.get("offset", query.get("token", 3 * number if "page" in query else 0)))
        rest = first + 3 < count
        url = f"/items?token={first + 3}" if rest else None
        body = {"data": rows[first : first + 3], "total": count, "pages": max(-(-count // 3), 1), "more": rest}
        links = {"next_token": str(first + 3) if rest else None, "next_url": url} if "page" not in kind else {}
        link = {"Link": f'<{url}>; rel="next"'} if kind == "link_header" and url else {}
        return Answer({**body, **links}, headers=link)

    reading = Reading(api.url, {"pagination": PAGING[kind], "records_path": "data"})
    assert (reading.error, reading.records) == (None, rows)
    assert len(api.requests) <= count // 3 + 2


def test_records_are_the_bytes_that_came(api: Api) -> None:
    """Digits, escapes, key order and duplicates stay as the API wrote them."""
    rows = [
        b'{"b":1.10,"a":123456789012345678901234567890}',
        b'{"x":0.1234567890123456789012345}',
        b'{"\\u00e9":-0.0e5}',
    ]
    api.get("/items")(lambda _: b"[" + b" , ".join(rows) + b"]")
    assert Reading(api.url).texts == rows


@pytest.mark.parametrize(
    ("sign", "advice"),
    [
        ({"next": "https://api.example.com/items?page=2"}, "next_url"),
        ({"links": {"next": {"href": "/items?page=2"}}}, "next_url"),
        ({"@odata.nextLink": "https://x/items"}, "next_url"),
        ({"next_cursor": "abc"}, "cursor"),
        ({"meta": {"next_page_token": "abc"}}, "cursor"),
        ({"next_page": 2}, "page_number"),
        ({"has_more": True}, "more_path: has_more"),
        ({"pagination": {"hasNextPage": True}}, "more_path: pagination.hasNextPage"),
        ({"total": 3}, "total_path: total"),
        ({"meta": {"total_count": "3"}}, "total_path: meta.total_count"),
        ({"total_pages": 2}, "total_pages_path: total_pages"),
    ],
    ids=str,
)
def test_signs_of_more_are_not_ignored(api: Api, sign: dict[str, Any], advice: str) -> None:
    """If a page says that there is more but the config stops there, the error says what to set."""
    api.get("/items")(lambda _: {"data": numbered(2), **sign})
    reading = Reading(api.url)
    assert isinstance(reading.error, ConfigError)
    assert "says that there is more" in str(reading.error)
    assert advice in str(reading.error)
    assert "first_page_only: true" in str(reading.error)
    assert reading.covered == []
    assert Reading(api.url, pagination={"type": "none", "first_page_only": True}).error is None


def test_a_link_header_is_a_sign_of_more(api: Api) -> None:
    """Paging in headers is seen although the body is a bare array."""
    api.get("/items")(lambda _: Answer(numbered(2), headers={"Link": '</items?page=2>; rel="next"'}))
    assert "pagination: {type: link_header}" in str(Reading(api.url).error)


@pytest.mark.parametrize("tokens", [["A"] * 9, ["A", "B"] * 5, ["A", "B", "C"] * 4])
def test_tokens_that_come_again_end_the_read(api: Api, tokens: list[str]) -> None:
    """A token that leads in a circle is noticed when its page comes for the second time."""
    api.get("/items")(lambda call: {"data": [{"id": call.arg("cursor")}], "next": tokens[call.number]})
    reading = Reading(api.url, pagination={"type": "cursor", "cursor_path": "next"})
    assert "paging does not advance" in str(reading.error)
    assert len(api.requests) == len(set(tokens)) + 2
    assert reading.covered == []


@pytest.mark.parametrize("kind", ["page_number", "offset"])
def test_a_parameter_that_the_api_does_not_know_is_noticed(api: Api, kind: str) -> None:
    """An API that answers with page 1 for ever is asked twice; where rows have a key, once more."""
    api.get("/items")(lambda _: {"data": numbered(3)})
    reading = Reading(api.url, pagination={"type": kind})
    assert f"seems to ignore `{kind.partition('_')[0]}`. Check `pagination." in str(reading.error)
    assert len(api.requests) == 2
    keyed = Reading(api.url, {"primary_key": "id"}, pagination={"type": kind})
    assert f"seems to ignore `{kind.partition('_')[0]}`. Check `pagination." in str(keyed.error)
    assert len(api.requests) == 2 + 3


def test_an_empty_page_with_a_token_is_not_the_end(api: Api) -> None:
    """Filters leave pages empty in the middle."""
    pages = [{"data": [{"id": 1}], "next": "a"}, {"data": [], "next": "b"}, {"data": [{"id": 2}]}]
    api.get("/items")(lambda call: pages[call.number])
    reading = Reading(api.url, {"records_path": "data"}, pagination={"type": "cursor", "cursor_path": "next"})
    assert reading.records == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("broken", "failure"),
    [
        (Answer('[{"id": 1}, {"id'), TransientError),
        (Answer("<html>down</html>", headers={"Content-Type": "text/html"}), TransientError),
        (Answer(b""), TransientError),
        (Answer(b'[{"id": "\xff"}]'), TransientError),
        (Answer('[{"id": NaN}]'), ConfigError),
        (Answer({"error": "quota"}), ConfigError),
        (Answer("null"), ConfigError),
        (Answer('[{"id": 1}, 2]'), ConfigError),
        (Answer('[["id"]]'), ConfigError),
        (Answer("no", 404), ConfigError),
        (Answer("no", 500), TransientError),
    ],
    ids=repr,
)
def test_a_broken_page_is_an_error_with_its_place(api: Api, broken: Answer, failure: type[SourceError]) -> None:
    """The error names stream, page and URL; what came before is kept, and no state claims the rest."""
    api.get("/items")(lambda call: [{"id": 0}] if call.number == 0 else broken)
    reading = Reading(api.url, pagination={"type": "page_number"})
    assert isinstance(reading.error, failure)
    assert reading.error.where == ["Stream items", "page 2", f"GET {api.url}/items"]
    assert (reading.records, reading.covered) == ([{"id": 0}], [])


def test_a_full_refresh_ends_with_a_state_that_says_so(api: Api) -> None:
    """Every stream gives a state, also without records."""
    api.get("/items")(lambda _: [])
    reading = Reading(api.url)
    assert reading.covered == [{"version": 2, "completed_at": "2024-06-01T12:00:00Z"}]


def test_the_state_is_the_newest_cursor_as_the_api_wrote_it(api: Api) -> None:
    """Rows come in any order and any offset; the latest moment counts, and only after all of them."""
    times = ["2024-01-02T00:00:00Z", "2024-01-03T01:00:00+02:00", "2024-01-01T00:00:00Z", None, "2024-01-02T22:30:00Z"]
    api.get("/items")(lambda _: [{"at": at} for at in times])
    reading = Reading(api.url, {"incremental": SINCE})
    assert [moved.done for moved in reading.moves] == [True]
    assert reading.covered == [{"version": 2, "cursor": "2024-01-03T01:00:00+02:00"}]
    assert len(reading.records) == 5


def test_the_next_read_begins_where_the_state_is(api: Api) -> None:
    """The start is inclusive, so that ties on the cursor are not lost."""
    api.get("/items")(lambda call: [{"id": 2, "at": call.arg("since")}])
    reading = Reading(api.url, {"incremental": SINCE}, saved={"version": 2, "cursor": "2024-01-03T01:00:00+02:00"})
    assert api.requests[0].arg("since") == "2024-01-03T01:00:00+02:00"
    assert reading.covered == [{"version": 2, "cursor": "2024-01-03T01:00:00+02:00"}]


def test_a_full_refresh_asks_for_everything_whatever_the_state(api: Api) -> None:
    """A stream that the user set to full refresh is not filtered."""
    api.get("/items")(lambda call: [{"asked": call.query}])
    endpoint = {"name": "items", "path": "items", "incremental": SINCE}
    session = Connector().session({"url_base": api.url, "endpoints": [endpoint]})
    saved = {"items": {"version": 2, "cursor": "2024-01-03T00:00:00Z"}}
    messages = [
        json.loads(line) for block in session.read(catalog(items="full_refresh"), saved) for line in block.splitlines()
    ]
    assert [m["record"]["data"] for m in messages if m["type"] == "RECORD"] == [{"asked": {}}]


def test_the_state_never_goes_into_the_future(api: Api) -> None:
    """A row dated 2099 is emitted and logged, and does not hide rows until then."""
    api.get("/items")(lambda _: [{"at": "2099-01-01T00:00:01Z"}, {"at": "2024-01-01T00:00:00Z"}])
    reading = Reading(api.url, {"incremental": SINCE})
    assert reading.covered == [{"version": 2, "cursor": "2024-06-01T12:00:00Z"}]
    assert reading.progress.future is not None
    assert reading.progress.future.text == "2099-01-01T00:00:01Z"


def test_the_state_never_goes_back(api: Api) -> None:
    """An API that only gives older rows does not make the next read longer."""
    api.get("/items")(lambda _: [{"at": "2020-01-01T00:00:00Z"}])
    saved = {"version": 2, "cursor_field": "at", "cursor": "2024-01-01T00:00:00Z"}
    assert Reading(api.url, {"incremental": SINCE}, saved=saved).states[-1] == saved


def test_rows_without_a_cursor_are_emitted_and_counted(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Missing, null and unreadable values lose no row; one warning and the summary show each of them."""
    api.get("/items")(lambda _: [{"at": None}, {}, {"at": "soon"}, {"at": 5}, {"at": "2024-01-01T00:00:00Z"}])
    with caplog.at_level(logging.WARNING):
        reading = Reading(api.url, {"incremental": SINCE})
    assert len(reading.records) == 5
    assert caplog.text.count('no readable `at` (found null, nothing, "soon", 5). They are emitted') == 1
    assert '5 records, 4 without a readable cursor (null, nothing, "soon", 5)' in reading.stream.stats.summary(0)


def test_what_is_told_of_unreadable_cursors_is_bounded(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Later pages may add examples, up to five values, each cut to a few words."""
    pages = [[{"at": None}] * 2, [{"at": None}, {"at": "soon" * 50}], [{"at": f"t{n}"} for n in range(9)], []]
    api.get("/items")(lambda call: pages[call.number])
    with caplog.at_level(logging.WARNING):
        reading = Reading(api.url, {"incremental": SINCE, "pagination": {"type": "page_number"}})
    told = [record.getMessage() for record in caplog.records if "no readable" in record.getMessage()]
    assert [message.partition("(found ")[2].partition(")")[0].count(",") for message in told] == [0, 0, 2]
    assert all(len(message) < 350 for message in told)
    assert "13 without a readable cursor (null, " in reading.stream.stats.summary(0)


def test_a_failure_keeps_the_state_where_it_was(api: Api) -> None:
    """A slice that breaks off is read again from its start, because its rows may come in any order."""
    pages = [[{"at": "2024-01-02T00:00:00Z"}], Answer(status=500)]
    api.get("/items")(lambda call: pages[call.number])
    reading = Reading(api.url, {"incremental": SINCE, "pagination": {"type": "page_number"}})
    assert (len(reading.records), reading.covered, type(reading.error)) == (1, [], TransientError)


PARENTS = {"name": "repos", "path": "repos"}
CHILD = {"path": "repos/{{ repos.name }}/items"}


def test_a_child_is_read_once_for_each_parent(api: Api) -> None:
    """Each parent's name makes a request, however often the parent's pages repeat it."""
    api.get("/repos")(lambda _: [{"name": "a"}, {"name": "b"}, {"name": "a"}])
    api.get("/repos/{name}/items")(lambda call: [{"of": call.path_params["name"]}])
    reading = Reading(api.url, PARENTS, CHILD)
    assert (reading.error, reading.records) == (None, [{"of": "a"}, {"of": "b"}])


@pytest.mark.parametrize(
    "name", ["a b", "a/b", "../x", "é☃", "a?b#c", "%2e%2e", "a%2Fb", "//127.0.0.2/x", "+", "a;b=c"]
)
def test_an_id_is_one_segment_of_the_path(api: Api, name: str) -> None:
    """A parent's id neither ends the path nor leaves its folder."""
    api.get("/repos")(lambda _: [{"name": name}])
    api.get("/repos/{name}/items")(lambda call: [{"of": call.path_params["name"]}])
    assert Reading(api.url, PARENTS, CHILD).records == [{"of": name}]


@pytest.mark.parametrize("name", [".", "..", "", {"x": 1}])
def test_an_id_that_cannot_stand_in_a_path_is_an_error(api: Api, name: Any) -> None:
    """No request is made up for it."""
    api.get("/repos")(lambda _: [{"name": name}])
    reading = Reading(api.url, PARENTS, CHILD)
    assert isinstance(reading.error, ConfigError)
    assert [call.path for call in api.requests] == ["/repos"]


def test_ids_keep_their_digits(api: Api) -> None:
    """An id may look like a number: 1.10 is not 1.1."""
    api.get("/repos")(
        lambda _: '[{"name": 1.10}, {"name": 123456789012345678901234567890}, {"name": 0.10000000000000001}]'
    )
    api.get("/repos/{name}/items")(lambda call: [{"of": call.path_params["name"]}])
    expected = ["1.10", "123456789012345678901234567890", "0.10000000000000001"]
    assert [record["of"] for record in Reading(api.url, PARENTS, CHILD).records] == expected


def test_parent_fields_are_copied_with_all_their_digits(api: Api) -> None:
    """Copies are at the record's end; its own fields are unchanged."""
    api.get("/repos")(lambda _: '[{"name": "a", "owner": {"id": 1.12345678901234567890123}, "big": 9007199254740993}]')
    api.get("/repos/a/items")(lambda _: '[{"x" : 1.10}, {}, { }]')
    copies = {"repo": "name", "owner_id": "owner.id", "big": "big", "nothing": "owner.x.y"}
    tail = b'"repo":"a","owner_id":1.12345678901234567890123,"big":9007199254740993,"nothing":null}'
    reading = Reading(api.url, PARENTS, {**CHILD, "include_from_parent": copies})
    assert reading.texts == [b'{"x" : 1.10,' + tail, b"{" + tail, b"{" + tail]


def test_parent_fields_overwrite_nothing(api: Api) -> None:
    """A record's own value is never lost to a copy of the same name."""
    api.get("/repos")(lambda _: [{"name": "a"}])
    api.get("/repos/a/items")(lambda _: [{"name": "mine"}])
    reading = Reading(api.url, PARENTS, {**CHILD, "include_from_parent": {"name": "name"}})
    assert "overwrite the record's own field `name`" in str(reading.error)
    assert reading.records == []


def test_grandchildren_know_both_parents(api: Api) -> None:
    """Templates may name any stream above."""
    api.get("/repos")(lambda _: [{"name": "a"}, {"name": "b"}])
    api.get("/repos/{name}/issues")(lambda call: [{"no": call.path_params["name"] + "1"}])
    api.get("/repos/{name}/issues/{no}/items")(lambda call: [dict(call.path_params)])
    issues = {"name": "issues", "path": "repos/{{ repos.name }}/issues"}
    items = {"path": "repos/{{ repos.name }}/issues/{{ issues.no }}/items"}
    assert Reading(api.url, PARENTS, issues, items).records == [{"name": "a", "no": "a1"}, {"name": "b", "no": "b1"}]


def test_a_parent_that_cannot_be_read_to_its_end_makes_the_child_incomplete(api: Api) -> None:
    """Children of parents that were never seen are missing, so the error is the child's too."""
    api.get("/repos")(lambda _: {"repos": [{"name": "a"}], "has_more": True})
    api.get("/repos/{name}/items")(lambda _: [{}])
    reading = Reading(api.url, PARENTS, CHILD)
    assert isinstance(reading.error, ConfigError)
    assert reading.error.where[0] == "Stream repos"
    assert reading.covered == []


def test_each_partition_has_its_own_cursor(api: Api) -> None:
    """A parent that is far ahead does not hide what is new in another."""
    api.get("/repos")(lambda _: [{"name": "a"}, {"name": "b"}])
    at = {"a": "2024-03-01T00:00:00Z", "b": "2024-01-01T00:00:00Z"}
    api.get("/repos/{name}/items")(lambda call: [{"at": at[call.path_params["name"]], "since": call.arg("since")}])
    child = {**CHILD, "incremental": SINCE}
    first = Reading(api.url, PARENTS, child)
    a, b = '{"repos.name":"a"}', '{"repos.name":"b"}'
    assert first.covered == [
        {"version": 2, "cursors": {a: at["a"]}},
        {"version": 2, "cursors": {a: at["a"], b: at["b"]}},
    ]
    second = Reading(api.url, PARENTS, child, saved=first.states[-1])
    assert [record["since"] for record in second.records] == [at["a"], at["b"]]


def test_what_is_done_is_kept_when_a_later_partition_fails(api: Api) -> None:
    """The state covers the parents before the failure, and leaves the failed one where it was."""
    api.get("/repos")(lambda _: [{"name": "a"}, {"name": "b"}])
    api.get("/repos/a/items")(lambda _: [{"at": "2024-01-01T00:00:00Z"}])
    api.get("/repos/b/items")(lambda _: Answer(status=500))
    reading = Reading(api.url, PARENTS, {**CHILD, "incremental": SINCE})
    assert reading.covered == [{"version": 2, "cursors": {'{"repos.name":"a"}': "2024-01-01T00:00:00Z"}}]
    assert isinstance(reading.error, TransientError)


def test_nothing_new_in_any_partition_is_one_state(api: Api) -> None:
    """Ties are read again; the state is not repeated after each of them."""
    api.get("/repos")(lambda _: [{"name": name} for name in "abc"])
    api.get("/repos/{name}/items")(lambda _: [{"at": "2024-01-01T00:00:00Z"}])
    child = {**CHILD, "incremental": SINCE}
    saved = Reading(api.url, PARENTS, child).states[-1]
    again = Reading(api.url, PARENTS, child, saved=saved)
    assert (len(again.records), again.states[-1]) == (3, saved)


@pytest.mark.parametrize(
    "saved",
    [
        {"cursor": "soon"},
        {"cursor": ""},
        {"cursors": {"p": "soon"}},
        {"reading": {"mode": "incremental", "of": "#", "began_at": "2024-01-01", "slices": [{"start": "soon"}]}},
    ],
    ids=str,
)
def test_a_cursor_that_is_none_is_refused_by_name(api: Api, saved: dict[str, Any]) -> None:
    """Guessing would lose data; the error shows the state, and no request is made."""
    reading = Reading(api.url, {"incremental": SINCE}, saved={"version": 2, **saved})
    assert isinstance(reading.error, ConfigError)
    assert str(reading.error).startswith("Stream items: the state {")
    assert "is not one of this connector (not a date-time" in str(reading.error)
    assert api.requests == []


@pytest.mark.parametrize("cursor", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_far_away_cursors(api: Api, cursor: str) -> None:
    """The first and the last year are dates like others."""
    api.get("/items")(lambda _: [])
    reading = Reading(api.url, {"incremental": SINCE}, saved={"version": 2, "cursor": cursor})
    assert (reading.error, api.requests[0].arg("since")) == (None, min(cursor, "2024-06-01T12:00:00Z"))
