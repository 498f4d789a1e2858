"""Errors quote the API's own reason and name the request and the setting to change, but never a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from source_rest_api.errors import ConfigError
from source_rest_api.http.error_policy import judge
from source_rest_api.http.request import Request
from source_rest_api.http.request_body import FormPayload, JsonPayload, TextPayload
from source_rest_api.http.response import Response, describe
from tests.api import Answer, Api
from tests.process import TOKEN, catalog, run

if TYPE_CHECKING:
    from pathlib import Path

FULL = catalog(rows="full_refresh")
LONG = "start must not be more than 90 days ago. " * 11 + "The earliest is 2024-03-01"


def said(body: object, kind: str = "application/json", status: int = 400) -> str:
    """Returns the part of the message after status, kind and size."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    text = describe(Response(status, CaseInsensitiveDict({"Content-Type": kind}), content, "https://h/"))
    return text.partition(" bytes: ")[2]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"message": LONG}, LONG),
        ({"error": {"code": 400, "message": "API key not valid.", "status": "INVALID"}}, "API key not valid"),
        ({"error": {"errors": [{"message": "Bad Request"}], "message": "Bad Request"}}, "Bad Request"),
        ({"ok": False, "error": "invalid_auth"}, "invalid_auth"),
        ({"error": "invalid_grant", "error_description": "Token expired."}, "Token expired; invalid_grant"),
        ({"detail": "No such page."}, "No such page"),
        ({"type": "about:blank", "title": "Out of range", "detail": "Page 7 of 6"}, "Page 7 of 6; Out of range"),
        ({"detail": [{"loc": ["query", "since"], "msg": "Field required"}]}, "query.since: Field required"),
        ({"message": "Failed", "errors": [{"field": "q", "message": "is long"}]}, "Failed; q: is long"),
        ({"errors": [{"title": "Bad", "detail": "Not a date", "source": {"parameter": "a"}}]}, "Not a date; Bad"),
        ({"errors": ["Too old", "Too far"]}, "Too old; Too far"),
        ({"errors": "[API] Invalid key"}, "[API] Invalid key"),
        ({"errors": {"since": ["is no date", "is old"]}}, "since: is no date; since: is old"),
        ([{"message": "No such column", "errorCode": "INVALID_FIELD"}], "No such column"),
        ({"Message": "The key is wrong"}, "The key is wrong"),
        ({"Fault": {"Error": [{"Message": "Wrong", "Detail": "Line 3"}]}}, "Wrong; Line 3"),
        (
            {"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2"}}},
            "Invalid ApiKey; errorcode: oauth.v2",
        ),
        ({"errorCode": "E1", "errorSummary": "Invalid token", "errorCauses": []}, "Invalid token"),
        ({"errorMessages": ["No such project"], "errors": {}}, "No such project"),
        ({"error": {"code": "5", "message": {"lang": "en", "value": "Not a number"}}}, "Not a number"),
        ("a text alone", "a text alone"),
        ({"message": "one\ntwo"}, "one two"),
    ],
)
def test_the_reason_is_found_by_its_form(body: object, reason: str) -> None:
    """In the forms of error bodies that are in use, whole and without the rest of the body."""
    assert said(body) == reason


@pytest.mark.parametrize("kind", ["application/problem+json", "text/plain", ""])
def test_the_body_says_what_it_is(kind: str) -> None:
    """JSON is read as JSON whatever it is called."""
    assert said({"title": "Gone", "instance": "/x"}, kind) == "Gone"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"Bad gateway", "Bad gateway"),
        (b"<html>" + b"x" * 500, "<html>" + "x" * 194 + "…"),
        ({"code": 17}, '{"code": 17}'),
        ([{"name": "x"}], '[{"name": "x"}]'),
        ({"error": None, "id": 5}, '{"error": null, "id": 5}'),
        (b'{"error": {"mess', '{"error": {"mess'),
        (b"[" * 5000, "[" * 200 + "…"),
        ('{"message": "fällt aus"}'.encode("utf-16"), "fällt aus"),
    ],
)
def test_without_a_reason_the_body_begins(body: object, shown: str) -> None:
    """Up to 200 characters of it."""
    assert said(body) == shown


def test_a_reason_has_an_end() -> None:
    """Reasons up to 500 characters are quoted in full."""
    assert said({"message": "x" * 500}) == "x" * 500
    assert said({"message": "x" * 501}) == "x" * 500 + "…"


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "errors", "loc"]), inner),
)


@given(JSONS | st.binary())
def test_any_body_is_described(body: object) -> None:
    """In one line of bounded length."""
    text = said(body)
    assert len(text) <= 501
    assert text.isprintable()


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        (Request("GET", "https://h/"), "no parameters"),
        (
            Request("GET", "https://h/", {"since": "2024-01-01T00:00:00Z", "ids": ["1", "2"]}),
            "`?since=2024-01-01T00:00:00Z&ids=1&ids=2`",
        ),
        (Request("GET", "https://h/?after=a%20b&x=", {"q": "a&b"}), "`?after=a%20b&x=&q=a%26b`"),
        (Request("GET", "https://h/", {"filter[a]": "y" * 100}), f"`?filter[a]={'y' * 60}…`"),
        (Request("POST", "https://h/", body=JsonPayload({"a": "secret", "b": {"c": 1}})), "the body's `a`, `b`"),
        (
            Request("POST", "https://h/", body=JsonPayload({"query": "{}", "variables": {"n": 1}}, ("variables",))),
            "the body's `query`, `variables`, `variables.n`",
        ),
        (Request("POST", "https://h/", {"v": "1"}, body=FormPayload({"a": "x"})), "`?v=1` and the body's `a`"),
        (Request("POST", "https://h/", body=JsonPayload([1])), "no parameters"),
        (Request("POST", "https://h/", body=TextPayload("x", "text/xml")), "no parameters"),
    ],
)
def test_what_a_request_asked_for(request_: Request, asked: str) -> None:
    """Its query, that of a next URL too, and the names in its body."""
    assert request_.asked == asked


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (304, ["`If-None-Match`", "`headers`"]),
        (400, []),
        (410, ["reset the stream", "`path`", "`action: ignore`"]),
    ],
)
def test_the_advice_fits_the_status(status: int, words: list[str]) -> None:
    """Each status has its own advice; none is given if the API's reason says it better."""
    verdict = judge(Response(status, CaseInsensitiveDict(), b'{"message": "The start is too old."}', "https://h/"))
    assert verdict is not None
    assert isinstance(verdict.error, ConfigError)
    assert "The start is too old. " in f"{verdict.error.message} "
    assert all(word in verdict.error.message for word in words)
    assert "check" not in verdict.error.message or words


def config(api: Api, **settings: Any) -> dict[str, Any]:
    """A config with one endpoint whose parameter the API rejects."""
    endpoint = {"name": "rows", "path": "/rows", "params": {"since": "2020-01-01", "app": "{{ secrets.app }}"}}
    return {
        "url_base": api.url,
        "authentication": {"type": "bearer", "token": TOKEN},
        "secrets": {"app": "app-key-0123456789-abcdefghijkl"},
        "endpoints": [{**endpoint, **settings}],
    }


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_request_shows_what_it_asked_for(status: int, tmp_path: Path) -> None:
    """In `read` and in `check`: the reason whole, the parameters as they were sent, secrets masked."""
    with Api() as api:
        api.post("/rows")(lambda _: Answer({"error": {"message": LONG}}, status))
        asked = config(api, http_method="POST", body={"type": "json", "value": {"limit": 5}})
        done = run(tmp_path, "read", config=asked, catalog=FULL)
        [status_] = run(tmp_path, "check", config=asked).bodies("CONNECTION_STATUS")
    [error] = done.errors
    for message in (error["message"], status_["message"]):
        assert f": {LONG}. The request sent `?since=2020-01-01&app=****` and the body's `limit`; " in message
        assert "`params`, `body`, `pagination` and `incremental`" in message
        assert "app-key" not in message


def test_a_rule_speaks_for_itself(tmp_path: Path) -> None:
    """A message of the user's own is not added to."""
    with Api() as api:
        api.get("/rows")(lambda _: Answer({"message": "plan"}, 400))
        rule = {"status": 400, "message": "The plan does not allow it."}
        [error] = run(tmp_path, "read", config=config(api, errors=[rule]), catalog=FULL).errors
    assert error["message"].endswith("The plan does not allow it.")


def test_a_signed_url_is_shown_without_its_signature(tmp_path: Path) -> None:
    """The store behind a redirect quotes the requested URL in its response."""
    with Api() as api:
        signed = "/file?X-Amz-Date=20240101&X-Amz-Signature=5f3a77c1e2b8d04e6a5b9c8d7e6f5a4b"
        api.get("/rows")(lambda _: Answer("", 302, {"Location": f"{api.url}{signed}"}))
        api.get("/file")(lambda call: Answer({"message": f"Expired: {api.url}{call.target}"}, 400))
        done = run(tmp_path, "read", config=config(api), catalog=FULL)
    assert b"X-Amz-Signature=****" in done.stdout
    assert b"5f3a77c1" not in done.stdout
    assert b"X-Amz-Date=20240101" in done.stdout
