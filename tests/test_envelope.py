"""The typed pass gives what the general way gives, value for value and error for error; it is only faster."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from source_rest_api.errors import SourceError
from source_rest_api.formats import raw_json
from source_rest_api.http.request import Request
from source_rest_api.http.response import Response
from source_rest_api.pagination.page import Page
from source_rest_api.records.decoders import Json
from source_rest_api.records.envelope import Envelope
from source_rest_api.records.opened_body import OpenedBody
from source_rest_api.records.selectors import RecordSelector

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.model import Path

KEYS = ("data", "next", "error", "errors", "data.next", "a", "0")
SCALARS = st.sampled_from([None, True, False, 0, 1.5, "", "x", "é", 10**30])
JSON = st.recursive(
    SCALARS | st.just([{"id": 1}, {"id": 2}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
PATHS = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(tuple)


def answer(body: bytes) -> Response:
    """Make an answer with status 200."""
    return Response(200, CaseInsensitiveDict({}), body, "https://h/")


def general(selector: RecordSelector, response: Response) -> OpenedBody:
    """Open a body without the typed pass."""
    root = Json().decode(response)
    return OpenedBody(root, selector.select(root))


def told(response: Response, paths: list[Path], opened: Callable[[Response], OpenedBody]) -> Any:
    """All that a page has to say of a body, or the error."""
    try:
        body = opened(response)
    except SourceError as error:
        return type(error), str(error)
    page = Page(Request("GET", "u"), response, body.root, body.records, known=body.known)
    return list(map(bytes, [page.root, *page.records])), [value and bytes(value) for value in map(page.raw, paths)]


@given(JSON, st.none() | PATHS, st.lists(PATHS, max_size=3), st.booleans(), st.sampled_from([None, 1]))
@example({"data": {"data": [{}], "next": "x"}, "errors": []}, ("data", "data"), [("data", "next")], False, None)
@example({"data.next": [{"id": 1}], "data": {"next": [{}]}}, ("data", "next"), [], False, None)
@example({"data": [{"id": 1}]}, ("data",), [("data", "0", "a"), ("data",)], False, None)
@example({"data": [{}], "errors": ["x"]}, ("data",), [], False, None)
@example({"data": [{}, 1]}, ("data",), [], False, None)
@example({"error": [{}]}, ("error",), [], False, None)
def test_it_says_what_the_general_way_says(
    value: Any, where: Path | None, paths: list[Path], missing: bool, indent: int | None
) -> None:
    """It gives the same records, values and errors as the general method, for any body, path and format."""
    selector = RecordSelector(records_path=where, allow_missing_records=missing)
    response = answer(json.dumps(value, indent=indent, ensure_ascii=False).encode() + b"\n")
    envelope = Envelope(Json(), selector, paths)
    assert told(response, paths, envelope.open) == told(response, paths, partial(general, selector))


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":[{"id":1},{"id":2}',
        b'{"data":[{"id":1}]}}',
        b'{"data":[{"id":01}]}',
        b'{"data":[{"id":1}],"x":{"y":nul}}',
        b'{"data":[{"id":"\xff"}]}',
        b'{"data":[{"id":1}],"\xc3":1}',
        b"",
        b"[" * 100_000,
    ],
)
def test_a_broken_body_is_found_wherever_it_is_broken(body: bytes) -> None:
    """Even in parts of the body that nothing reads."""
    envelope = Envelope(Json(), RecordSelector(records_path=("data",)), [("next",)])
    with pytest.raises(SourceError):
        envelope.open(answer(body))


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_empty_body_is_a_page_only_if_records_may_be_missing(body: bytes) -> None:
    """The error names the setting."""
    with pytest.raises(SourceError, match=r"empty body.*`allow_missing_records: true`"):
        Envelope(Json(), RecordSelector(), []).open(answer(body))
    assert Envelope(Json(), RecordSelector(allow_missing_records=True), []).open(answer(body)).records == []


def test_half_a_surrogate_pair_is_no_reason_to_stop() -> None:
    """It becomes U+FFFD, as elsewhere."""
    envelope = Envelope(Json(), RecordSelector(records_path=("data",)), [])
    assert [bytes(r) for r in envelope.open(answer(rb'{"data":[{"a":"\ud83d"}]}')).records] == [rb'{"a":"\ufffd"}']


def test_of_keys_beside_the_records_that_stand_there_twice_the_last_counts() -> None:
    """The last duplicate key wins, as in JSON parsers; for the records themselves it is an error."""
    envelope = Envelope(Json(), RecordSelector(records_path=("a", "data")), [("next",), ("a", "next")])
    body = b'{"next":2,"a":{"data":[{"id":1.0}]},"next":3}'
    opened = envelope.open(answer(body))
    assert [bytes(record) for record in opened.records] == [b'{"id":1.0}']
    assert {path: value and bytes(value) for path, value in opened.known.items()} == {
        ("next",): b"3",
        ("a", "next"): None,
    }


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        ({"records_path": "data"}, b'{"data":[{"id":1}],"next":2}'),
        ({"records_path": "a.b.data"}, b'{"x":[1],"a":{"b":{"next":1,"data":[{"id":1}]}}}'),
        ({"records_path": "$"}, b'[{"id":1}]'),
        ({}, b' [{"id":1}]\n'),
    ],
)
def test_common_bodies_are_not_parsed_twice(
    settings: dict[str, Any], body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The general way is not needed for them."""
    selector = RecordSelector.model_validate(settings)
    envelope = Envelope(Json(), selector, [("next",), ("a", "b", "next")])
    for name in ("fields", "items"):
        monkeypatch.setattr(raw_json, name, None)
    monkeypatch.setattr(Response, "json", None)
    assert [bytes(record) for record in envelope.open(answer(body)).records] == [b'{"id":1}']
