"""Where requests may go: the origin of `url_base` and allowed origins, and never from TLS to plain HTTP."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest, RequestException

from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.http.origins import AllowedOrigin, Origin, Origins, canonical
from source_rest_api.http.transport_errors import InvalidUrlError
from tests.api import Answer, Api
from tests.authority import Authority
from tests.reading import Reading
from tests.sign_in import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_proxy")
BEARER = {"type": "bearer", "token": "t0ken-secret"}


@pytest.fixture
def other() -> Iterator[Api]:
    """Run a second API, at another origin."""
    with Api() as other:
        other.get("/x")(lambda _: [])
        yield other
        assert other.errors == []


def raw(url: str, **more: Any) -> dict[str, Any]:
    """Give a config with credentials and a header, and without patience."""
    own = {"headers": {"X-App": "app-secret"}, "authentication": BEARER, "retry": {"max_attempts": 1}}
    return {"url_base": url, "endpoints": [{"name": "x", "path": "/x"}], **own, **more}


@pytest.mark.parametrize("way", ["next_url", "link_header", "redirect"])
@pytest.mark.parametrize("credentials", [False, True])
def test_an_allowed_origin_is_followed(api: Api, other: Api, way: str, *, credentials: bool) -> None:
    """Next links, Link headers and redirects lead there; nothing of the config goes with them unless it says so."""
    api.get("/items")(
        lambda _: {
            "next_url": {"items": [1], "next": f"{other.url}/more"},
            "link_header": Answer({"items": [1]}, headers={"Link": f'<{other.url}/more>; rel="next"'}),
            "redirect": Answer(status=307, headers={"Location": f"{other.url}/more"}),
        }[way]
    )
    other.get("/more")(lambda _: {"items": [2]})
    paging = {"next_url": {"type": "next_url", "next_url_path": "next"}, "link_header": {"type": "link_header"}}
    reading = Reading(
        api.url,
        {"records_path": "items", "wrap_scalars_as": "id", "pagination": paging.get(way, {"type": "none"})},
        allowed_origins=[{"origin": other.url, "credentials": credentials}],
        authentication=BEARER,
        headers={"X-App": "app-secret"},
    )
    assert reading.error is None
    assert [record["id"] for record in reading.records] == ([2] if way == "redirect" else [1, 2])
    (call,) = other.requests
    sent = (call.headers["Authorization"], call.headers["X-App"])
    assert sent == (("Bearer t0ken-secret", "app-secret") if credentials else (None, None))


def test_cookies_of_the_api_do_not_go_along(api: Api, other: Api) -> None:
    """A cookie of the same host at another port is a credential too."""
    api.get("/x")(lambda _: Answer(status=302, headers={"Location": f"{other.url}/x", "Set-Cookie": "sid=s3cret"}))
    with Session(raw(api.url, allowed_origins=[other.url])) as session:
        assert session.get() == b"[]"
    assert "s3cret" not in str(other.requests[0].headers)


def test_an_origin_without_credentials_cannot_have_them_renewed(api: Api, other: Api) -> None:
    """A 401 from there is an error, and no reason to show credentials or to ask for new ones."""
    api.get("/x")(lambda _: Answer(status=302, headers={"Location": f"{other.url}/x"}))
    other.get("/x")(lambda _: Answer(status=401, headers={"WWW-Authenticate": 'Digest realm="x", nonce="1"'}))
    digest = {"type": "digest", "username": "ada", "password": "pass-secret"}
    with (
        Session(raw(api.url, authentication=digest, allowed_origins=[other.url])) as session,
        pytest.raises(ConfigError, match="401"),
    ):
        session.get()
    assert [call.headers["Authorization"] for call in other.requests] == [None]


@pytest.mark.parametrize("status", [307, 303])
def test_a_body_goes_only_where_credentials_go(api: Api, other: Api, status: int) -> None:
    """A redirect that keeps the body is an error that names the setting; one to a GET is followed."""
    api.post("/items")(lambda _: Answer(status=status, headers={"Location": f"{other.url}/x"}))
    posted = {"http_method": "POST", "body": {"type": "json", "value": {"key": "body-secret"}}}
    reading = Reading(api.url, posted, allowed_origins=[other.url])
    if status == 303:
        assert (reading.error, other.requests[0].body) == (None, b"")
    else:
        assert "set `credentials: true` for it in `allowed_origins`" in str(reading.error)
        assert other.requests == []


def test_an_origin_that_is_not_allowed_is_named(api: Api, other: Api) -> None:
    """The error says where the API leads and which setting allows it."""
    api.get("/x")(lambda _: Answer(status=302, headers={"Location": f"{other.url}/x"}))
    with (
        Session(raw(api.url, allowed_origins=["http://127.0.0.1:1"])) as session,
        pytest.raises(ConfigError, match=rf"another origin, {other.url}\. .*`allowed_origins`"),
    ):
        session.get()
    assert other.requests == []


def test_tokens_are_asked_for_at_their_own_origin_only(api: Api, other: Api) -> None:
    """`allowed_origins` are the API's; the client's secret does not go there."""
    api.post("/token")(lambda _: Answer(status=307, headers={"Location": f"{other.url}/x"}))
    oauth = {"type": "oauth2", "token_url": f"{api.url}/token", "client_id": "me", "client_secret": "cli-secret"}
    config = raw(api.url, authentication=oauth, allowed_origins=[{"origin": other.url, "credentials": True}])
    with Session(config) as session, pytest.raises(ConfigError, match="correct the URL in `authentication`"):
        session.get()
    assert other.requests == []


def test_a_client_certificate_stays_home() -> None:
    """An origin without credentials is not shown who asks."""
    authority = Authority()
    client, key = authority.issue()
    with Api(tls=authority.server(asks=True)) as api, Api(tls=authority.server(asks=True)) as other:
        api.get("/x")(lambda _: Answer(status=302, headers={"Location": f"{other.url}/x"}))
        other.get("/x")(lambda _: [])
        tls = {"ca_bundle": authority.pem, "client_certificate": client, "client_key": key}
        for credentials in (False, True):
            allowed = [{"origin": other.url, "credentials": credentials}]
            refused = nullcontext() if credentials else pytest.raises(TransientError, match="TLS connection failed")
            with Session(raw(api.url, tls=tls, allowed_origins=allowed)) as session, refused:
                assert session.get() == b"[]"
            assert len(other.requests) == credentials


def test_plain_urls_of_an_api_behind_tls_are_asked_over_tls(caplog: pytest.LogCaptureFixture) -> None:
    """A server behind a proxy that ends TLS writes http:// into its next URLs: they are asked by https."""
    authority = Authority()
    with Api(tls=authority.server()) as api:
        plain = api.url.replace("https:", "http:")
        pages = {"1": f"{plain}/items?page=2", "2": f"{plain}/items?page=3", "3": None}
        api.get("/items")(lambda call: {"items": [{"id": call.number}], "next": pages[call.arg("page", "1")]})
        with caplog.at_level(logging.INFO):
            reading = Reading(
                api.url,
                {"records_path": "items", "pagination": {"type": "next_url", "next_url_path": "next"}},
                authentication=BEARER,
                tls={"ca_bundle": authority.pem},
            )
    assert (reading.error, len(reading.records)) == (None, 3)
    assert [call.headers["Authorization"] for call in api.requests] == ["Bearer t0ken-secret"] * 3
    assert [record.getMessage() for record in caplog.records if "an http:// URL" in record.getMessage()] == [
        f"GET {plain}/items: The API returned an http:// URL for a host read over TLS. Using {api.url}."
    ]


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://api.example.com/v1?page=2", "https://api.example.com/v1?page=2"),
        ("http://api.example.com:80/v1", "https://api.example.com/v1"),
        ("http://files.example.com:8443/a", "https://files.example.com:8443/a"),
        ("http://files.example.com/a", None),
        ("http://api.example.com:8443/v1", None),
        ("http://api.example.com:443/v1", "https://api.example.com:443/v1"),
        ("https://api.example.com/v1", None),
        ("http://else.example.com/v1", None),
    ],
)
def test_only_the_scheme_may_differ(url: str, asked: str | None) -> None:
    """The same host, and the usual ports or the same one (RFC 6797, section 8.3)."""
    allowed = [AllowedOrigin(origin="https://files.example.com:8443")]
    assert Origins("https://api.example.com/v1", allowed).secured(url) == asked


def test_tls_is_never_left() -> None:
    """Neither the config nor the API can lead a read from https to http."""
    with pytest.raises(ConfigError, match=r"`allowed_origins` has http://files\.example\.com, but `url_base` is https"):
        Origins("https://api.example.com", [AllowedOrigin(origin="http://files.example.com")])
    origins = Origins("http://api.example.com", [AllowedOrigin(origin="https://api.example.com")])
    assert origins.secured("http://api.example.com/x") is None
    assert not origins.trusts(Origin.of("https://api.example.com/x"))


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "files.example.com",
            "https://",
            "ftp://files.example.com",
            "https://files.example.com/",
            "//files.example.com",
        ),
        *(
            "https://me:secret@files.example.com",
            "https://files.example.com?a",
            "https://a:99999",
            "https://a.*.example",
        ),
    ],
)
def test_what_is_no_origin(origin: str) -> None:
    """Paths, credentials and patterns are refused when the config is read, with the place."""
    with pytest.raises(ConfigError, match=r"allowed_origins") as caught:
        load(raw("https://a.example", allowed_origins=[{"origin": origin}]))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("allowed", "url", "sends"),
    [
        ("https://*.example.com", "https://a.b.example.com/x", True),
        ("https://*.example.com", "https://example.com/x", False),
        ("https://*.example.com", "https://badexample.com/x", False),
        ("https://*.example.com", "https://a.example.com:8443/x", False),
        ("https://*.example.com", "http://a.example.com/x", False),
        ("https://*", "https://anything.example.org/x", True),
        ("https://*", "http://anything.example.org/x", False),
    ],
)
def test_a_star_stands_for_hosts_without_credentials(allowed: str, url: str, *, sends: bool) -> None:
    """Only over TLS, only on the usual port, and never with credentials."""
    origins = Origins("https://api.example.net", [AllowedOrigin(origin=allowed)])
    if sends:
        assert not origins.trusts(Origin.of(url))
        return
    with pytest.raises(ConfigError, match="another origin"):
        origins.trusts(Origin.of(url))


@pytest.mark.parametrize(
    "allowed", ["https://*example.com", "https://a.*.com", "http://*", {"origin": "https://*", "credentials": True}]
)
def test_a_star_is_the_first_part_of_a_host(allowed: Any) -> None:
    """It is refused elsewhere, without TLS, and with credentials."""
    with pytest.raises(ConfigError, match="allowed_origins"):
        load(raw("https://api.example.net", allowed_origins=[allowed]))


def _prepared(url: str) -> str | None:
    """The URL as `requests` sends it; None if it refuses it."""
    prepared = PreparedRequest()
    try:
        prepared.prepare_url(url, None)
    except RequestException:
        return None
    return prepared.url


PIECES = st.sampled_from(
    ["a", "A", "1", "0", ".", "..", "/", "?", "&", "=", ":", ";", "@", "%", "%41", "%3A", "%2f", "%2F", "~", "-", "ä"]
)


@given(
    st.builds(
        "{}://{}{}{}".format,
        st.sampled_from(["http", "https", "HTTP"]),
        st.sampled_from(["a.b", "a-b", "127.0.0.1", "A.b", "-a", "u@a.b", "a_b", "[::1]", "a..b", "a."]),
        st.sampled_from(["", ":80", ":443", ":0", ":080", ":59999", ":65535", ":65536", ":", ":x"]),
        st.lists(PIECES, max_size=8).map(lambda pieces: "".join(["/", *pieces])) | st.just(""),
    )
)
def test_a_url_is_written_as_requests_writes_it(url: str) -> None:
    """Also if it is recognized as canonical without `requests`."""
    try:
        written: str | None = canonical(url)
    except InvalidUrlError:
        written = None
    assert written == _prepared(url)
