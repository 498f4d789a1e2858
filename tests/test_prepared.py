"""Requests as they are sent: the same as `requests` would send."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.http.prepared import Prepared, RequestHeaders
from source_rest_api.http.transport_errors import InvalidHeaderError
from source_rest_api.model import Model
from tests.api import Api
from tests.reading import Reading

URL = "https://h.example/p?a=1"
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)


def both(method: str, body: bytes | None = None, **headers: str) -> tuple[Prepared, requests.PreparedRequest]:
    """Give the same request twice: ours, and that of `requests`."""
    theirs = requests.Request(method, URL, headers=headers, data=body).prepare()
    return Prepared(method, URL, headers, body), theirs


def assert_same(ours: Prepared, theirs: requests.PreparedRequest) -> None:
    """Compare what is sent."""
    body = theirs.body.encode() if isinstance(theirs.body, str) else theirs.body
    assert (ours.method, ours.url, ours.body) == (theirs.method, theirs.url, body)
    assert list(ours.headers.items()) == list(theirs.headers.items()) == list(ours.headers.pairs())


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("body", [None, b"", b"{}"])
def test_a_body_has_its_length(method: str, body: bytes | None) -> None:
    """Methods that may have a body declare the length of none, too."""
    assert_same(*both(method, body, Accept="a/b"))


@given(st.lists(st.tuples(TEXT, TEXT), max_size=4))
def test_a_form_and_a_query_are_encoded(pairs: list[tuple[str, str]]) -> None:
    """As `requests` does it."""
    ours, theirs = both("POST")
    for each in (ours, theirs):
        each.prepare_url(URL, pairs)
        each.prepare_body(pairs, None)
    assert (ours.url, ours.body or b"") == (theirs.url, (theirs.body or "").encode())  # type: ignore[union-attr]
    assert dict(ours.headers) == dict(theirs.headers)


@given(st.sampled_from(["X-A", "", ":a", "a:b", " a", "a b", "a\n", "a\rb"]) | TEXT, TEXT)
def test_a_header_is_valid_or_not(name: str, value: str) -> None:
    """As `requests` judges it."""
    try:
        requests.utils.check_header_validity((name, value))
    except requests.exceptions.InvalidHeader:
        with pytest.raises(InvalidHeaderError):
            Prepared("GET", URL, {name: value}, None)
    else:
        assert list(Prepared("GET", URL, {name: value}, None).headers.pairs()) == [(name, value)]


def test_headers_are_named_in_any_case() -> None:
    """They are sent as they were last set, in the order in which they were first set."""
    headers = RequestHeaders({"Accept": "a", "X-B": "b"})
    headers["ACCEPT"] = "c"
    del headers["x-b"]
    copied = headers.copy()
    headers.pop("accept")
    assert ("accept" in copied, "accept" in headers, len(copied)) == (True, False, 1)
    assert (list(copied), copied["Accept"]) == (["ACCEPT"], "c")


class Signer(Model):
    """An authenticator as others write it."""

    type: Literal["signer"] = "signer"
    fails: Any = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Use what only a request of `requests` has."""
        if self.fails is not None:
            raise self.fails
        request.register_hook("response", print)  # type: ignore[no-untyped-call]
        request.prepare_url(f"{request.url}", {"signed": request.path_url})
        request.prepare_body(None, None, json={"a": 1})
        return request


def signed(api: Api, fails: Exception | None = None) -> Reading:
    """Read rows with the signer."""
    return Reading(api.url, {"name": "rows", "path": "rows"}, authentication=Signer(fails=fails))


@pytest.mark.usefixtures("no_proxy")
def test_an_authenticator_of_others_gets_a_request_of_requests() -> None:
    """Whatever it changes there is sent."""
    with Api() as api:
        api.get("/rows")(lambda call: [{"id": 1}] if call.arg("signed") == "/rows" and call.json() == {"a": 1} else [])
        reading = signed(api)
    assert (reading.error, [bytes(record) for batch in reading.batches for record in batch.records]) == (
        None,
        [b'{"id": 1}'],
    )


@pytest.mark.usefixtures("no_proxy")
def test_an_authenticator_of_others_may_fail_as_requests_does() -> None:
    """Its own request for a token finds no host: an error like that of any request."""
    with Api() as api:
        reading = signed(api, requests.ConnectionError())
    assert "cannot be reached" in str(reading.error)
    assert api.requests == []
