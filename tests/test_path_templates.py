"""Values in paths: each is one segment, unless the template encodes it itself or it is a URL."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.errors import ConfigError
from source_rest_api.templates import path_templates, templates
from tests.api import JSON, Answer, Api
from tests.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def files() -> Iterator[Api]:
    """Run a file server, at an origin of its own."""
    with Api() as files:
        yield files
        assert files.errors == []


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("a/b?x=1#f", "a%2Fb%3Fx%3D1%23f"),
        ("../admin", "..%2Fadmin"),
        ("...", "..."),
        ("%2e%2e", "%252e%252e"),
        ("a b+c", "a%20b%2Bc"),
        ("ü/数", "%C3%BC%2F%E6%95%B0"),
        ("a;b=c", "a%3Bb%3Dc"),
        ("a\\b", "a%5Cb"),
        ("a\r\nb", "a%0D%0Ab"),
        (7, "7"),
        (True, "true"),
    ],
)
def test_a_value_is_one_segment_of_the_path(value: object, segment: str) -> None:
    """It can neither end the path nor begin another segment."""
    text = "/x/{{ r.v }}/y"
    assert path_templates.render(text, {"r": {"v": value}}) == f"/x/{segment}/y"


@given(st.text(min_size=1).filter(lambda value: value not in {".", ".."}))
def test_the_server_gets_the_value_in_its_place(value: str) -> None:
    """The sent URL has as many segments as the template, and decodes to the value."""
    path = path_templates.render("x/{{ r.v }}/y", {"r": {"v": value}})
    url = requests.Request("GET", f"https://h/{path}").prepare().url
    assert url is not None
    x, segment, y = urlsplit(url).path.split("/")[1:]
    assert (x, unquote(segment), y) == ("x", value, "y")
    assert urlsplit(url).query == urlsplit(url).fragment == ""


@pytest.mark.parametrize("value", ["", ".", "..", None, [], {}, "\ud800"])
def test_what_cannot_be_a_segment(value: object) -> None:
    """An empty value would ask for something else, and dots would climb."""
    with pytest.raises(ConfigError):
        path_templates.render("/x/{{ r.v }}", {"r": {"v": value}})


def test_the_path_around_is_kept() -> None:
    """Only values are encoded; what the user wrote in the path is the user's."""
    text = "a/b?x=1&y={{ r.v }}{{ '/' }}"
    assert path_templates.render(text, {"r": {"v": "c/d"}}) == "a/b?x=1&y=c%2Fd%2F"
    assert templates.render(text, {"r": {"v": "c/d"}}) == "a/b?x=1&y=c/d/"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("{{ r.v | urlencode }}/x", "a%20b/c%3Fd%23e%25/x"),
        ("{{ sanitize_url(r.v) }}/x", "a%20b%2Fc%3Fd%23e%25/x"),
        ("{{ r.v | urlencode | replace('/', '%2F') }}", "a%20b%2Fc%3Fd%23e%25"),
        ("{{ sanitize_url(r.v) | lower }}", "a%20b%2fc%3fd%23e%25"),
        ("{{ r.n | replace('/', '%2F') }}", "x%2Fy"),
        ("{{ r.n.replace('/', '%2f') }}/z", "x%2fy/z"),
        ("{{ 'v1/' ~ sanitize_url(r.v) ~ '/' ~ r.n }}", "v1/a%20b%2Fc%3Fd%23e%25/x%2Fy"),
        ("{{ r.n if r.n else r.v | urlencode }}", "x%2Fy"),
        ("{{ r.none or r.v | urlencode }}", "a%20b/c%3Fd%23e%25"),
        ("{% set p = r.v | urlencode %}x/{{ p }}", "x/a%20b/c%3Fd%23e%25"),
        ("x/{{ r.v | safe }}", "x/a b/c?d#e%"),
        ("x?y={{ r.v | urlencode }}", "x?y=a%20b/c%3Fd%23e%25"),
    ],
)
def test_what_the_template_encodes_is_not_encoded_twice(path: str, asked: str) -> None:
    """If an expression encodes one value, other values are still encoded as segments."""
    assert path_templates.render(path, {"r": {"v": "a b/c?d#e%", "n": "x/y", "none": None}}) == asked


@pytest.mark.parametrize("value", ["../admin", "a/../../b", "a/%2e%2E/b", "a\\..\\b", "a/.", "", None])
@pytest.mark.parametrize("encoder", ["safe", "urlencode"])
def test_slashes_that_stay_do_not_climb(encoder: str, value: object) -> None:
    """Data chooses what is below a path, and never what is above."""
    if encoder == "urlencode" and value == "a/%2e%2E/b":
        return  # its `%` is encoded
    with pytest.raises(ConfigError):
        path_templates.render(f"x/{{{{ r.v | {encoder} }}}}/y", {"r": {"v": value}})


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("{{ r.url }}", "https://h/a/b?c=d%2Fe"),
        ("{{ r.url }}/comments", "https://h/a/b?c=d%2Fe/comments"),
        ("{% set u = r.url %}{{ u }}", "https://h/a/b?c=d%2Fe"),
        ("{{ r.none or r.url }}", "https://h/a/b?c=d%2Fe"),
        ("x/{{ r.url }}", "x/https%3A%2F%2Fh%2Fa%2Fb%3Fc%3Dd%252Fe"),
        ("{{ r.id }}/{{ r.url }}", "7/https%3A%2F%2Fh%2Fa%2Fb%3Fc%3Dd%252Fe"),
        ("{{ sanitize_url(r.url) }}/x", "https%3A%2F%2Fh%2Fa%2Fb%3Fc%3Dd%252Fe/x"),
    ],
)
def test_a_url_at_the_start_is_the_url(path: str, asked: str) -> None:
    """Anywhere else it is a value like others."""
    assert path_templates.render(path, {"r": {"url": "https://h/a/b?c=d%2Fe", "id": 7, "none": None}}) == asked


@pytest.mark.parametrize("value", ["javascript:x", "//h/x", "https:/x", "ftp://h/x", "file:///etc"])
def test_what_is_no_url_is_a_segment(value: str) -> None:
    """Only HTTP is spoken."""
    assert path_templates.render("{{ r.v }}", {"r": {"v": value}}) == quote(value, safe="")


def test_children_are_read_at_the_urls_of_their_parents(api: Api) -> None:
    """Parameters of the endpoint follow those of the URL."""
    api.get("/series")(lambda _: [{"id": n, "href": f"{api.url}/deep/series/{n}?detail=full"} for n in (8, 9)])
    api.get("/deep/series/{id}")(lambda call: [{"id": int(call.path_params["id"]), "asked": call.query}])
    series = {"name": "series", "path": "series"}
    reading = Reading(api.url, series, {"path": "{{ series.href }}", "params": {"lang": "en"}})
    assert reading.error is None
    assert reading.records == [{"id": n, "asked": {"detail": ["full"], "lang": ["en"]}} for n in (8, 9)]


SIGNED = "X-Amz-Date=20260101T000000Z&st=s3cr3t-sign%2Bature%3D"


def signed(api: Api, files: Api, **config: Any) -> Reading:
    """Read files at URLs that another server signed."""
    api.get("/reports")(lambda _: [{"id": 1, "file_url": f"{files.url}/f/1.json?{SIGNED}"}])
    return Reading(
        api.url,
        {"name": "reports", "path": "reports"},
        {"path": "{{ reports.file_url }}"},
        authentication={"type": "bearer", "token": "t0ken-secret"},
        headers={"X-App": "app-secret"},
        **config,
    )


def test_a_signed_file_of_another_host_is_read_without_our_credentials(api: Api, files: Api) -> None:
    """The URL goes out as it came, or the signature would be wrong."""
    files.get("/f/1.json")(lambda _: [{"id": 1}])
    reading = signed(api, files, allowed_origins=[files.url])
    assert (reading.error, reading.records) == (None, [{"id": 1}])
    (call,) = files.requests
    assert call.target == f"/f/1.json?{SIGNED}"
    assert "secret" not in str(call.headers)


def _given(rows: JSON, _: object) -> JSON:
    return rows


def test_a_file_is_the_same_after_it_was_signed_again(api: Api, files: Api) -> None:
    """Its key in the state has no signature, and an interrupted read resumes there."""
    files.get("/f/1.json")(lambda call: Answer({"a": 1}, 200 if call.query["X-Amz-Signature"] == ["2"] else 500))
    moves = []
    for signature in ("1", "2"):
        rows = [{"id": 1, "url": f"{files.url}/f/1.json?X-Amz-Signature={signature}"}]
        api.get("/reports")(partial(_given, rows))
        child = {"path": "{{ reports.url }}", "records_path": "$"}
        reading = Reading(api.url, {"name": "reports", "path": "reports"}, child, allowed_origins=[files.url])
        moves += [json.dumps(state) for state in reading.states]
    assert moves
    assert "Signature" not in "".join(moves)


def test_a_host_that_is_not_allowed_gets_nothing(api: Api, files: Api) -> None:
    """The error says how to allow it."""
    reading = signed(api, files)
    assert "allowed_origins" in str(reading.error)
    assert files.requests == []
    assert "s3cr3t" not in str(reading.error)


@pytest.mark.parametrize("status", [400, 403, 404, 422, 503])
def test_a_signature_is_never_shown(api: Api, files: Api, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Under any parameter name, and even if the server quotes it."""
    quoted = f"no: /f/1.json?{SIGNED} and {unquote(SIGNED)}"
    files.get("/f/1.json")(lambda _: Answer({"error": quoted}, status))
    reading = signed(api, files, allowed_origins=[files.url])
    assert f"{files.url}/f/1.json" in str(reading.error)
    assert "s3cr3t" not in f"{reading.error} {reading.error and reading.error.detail} {caplog.text}"


@pytest.mark.parametrize("before", range(150, 210, 7))
def test_the_beginning_of_a_signature_is_not_shown_either(api: Api, files: Api, before: int) -> None:
    """Where the quoted response is cut."""
    files.get("/f/1.json")(lambda _: Answer(f"<Error>{'x' * before}s3cr3t-sign%2Bature%3D</Error>", 403))
    reading = signed(api, files, allowed_origins=[files.url])
    assert "HTTP 403" in str(reading.error)
    assert "s3cr" not in f"{reading.error} {reading.error and reading.error.detail}"


def test_parameters_that_would_break_a_signature_are_refused(api: Api, files: Api) -> None:
    """The error says how to leave out those of all endpoints."""
    files.get("/f/1.json")(lambda _: [{"id": 1}])
    reading = signed(api, files, allowed_origins=[files.url], params={"lang": "en"})
    assert "each parameter of `params` to `[]`" in str(reading.error)
    assert files.requests == []


def test_an_encoded_slash_that_leads_nowhere_is_explained(api: Api) -> None:
    """The error says what keeps it a slash."""
    api.get("/accounts")(lambda _: [{"name": "accounts/100"}])
    api.get("/accounts/{number}/rows")(lambda call: [{"id": call.path_params["number"]}])
    accounts = {"name": "accounts", "path": "accounts"}
    reading = Reading(api.url, accounts, {"path": "{{ accounts.name }}/rows"})
    assert "`| urlencode`" in str(reading.error)
    api.get("/accounts")(lambda _: [{"name": "accounts%2F100"}])
    assert "encoded twice (`%252F`)" in str(Reading(api.url, accounts, {"path": "{{ accounts.name }}/rows"}).error)
    api.get("/accounts")(lambda _: [{"name": "accounts/100"}])
    assert Reading(api.url, accounts, {"path": "{{ accounts.name | urlencode }}/rows"}).records == [{"id": "100"}]
