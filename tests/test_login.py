"""Logins: what is sent, where the token is found, and where it goes."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api import Connector
from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError, SourceError
from tests.api import JSON, Answer, Api, Call
from tests.sign_in import Session, form

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API with a login."""
    with Api() as api:

        @api.route("PUT", "/login")
        @api.get("/login")
        @api.post("/login")
        def login(_: Call) -> JSON:
            body = {"data": {"token": "T-secret"}, "ends": "2023-11-14T23:46:40Z"}
            return Answer(body, headers={"X-Session": "H-secret"})

        @api.get("/x")
        def x(_: Call) -> JSON:
            return []

        yield api


def raw(api: Api, **more: Any) -> dict[str, Any]:
    """Give a config that logs in."""
    own = {"type": "login", "login_url": f"{api.url}/login", "username": "ada", "password": "pass-secret"}
    found = {} if {"token_header", "token_cookie"} & more.keys() else {"token_path": "data.token"}
    endpoints = [{"name": "x", "path": "/x"}]
    return {"url_base": api.url, "authentication": {**own, **found, **more}, "endpoints": endpoints}


def exchange(api: Api, **more: Any) -> tuple[Call, Call]:
    """Log in and ask for something; gives both requests."""
    with Session(raw(api, **more)) as session:
        session.get()
    *_, login, call = api.requests
    return login, call


def test_a_token_in_xml(api: Api) -> None:
    """Elements are the keys of the path; an attribute has an `@`."""

    @api.post("/soap")
    def soap(_: Call) -> JSON:
        return Answer("<session id='T-secret'><token>U-secret</token></session>", headers={"Content-Type": "text/xml"})

    for path, token in (("session.token", "U-secret"), ("session.@id", "T-secret")):
        _, call = exchange(api, login_url=f"{api.url}/soap", token_path=path)
        assert call.headers["Authorization"] == f"Bearer {token}"


def test_a_login_with_the_least_that_can_be_said(api: Api) -> None:
    """User name and password go as JSON, and the token comes back as bearer."""
    login, call = exchange(api)
    assert (login.method, login.json()) == ("POST", {"username": "ada", "password": "pass-secret"})
    assert call.headers["Authorization"] == "Bearer T-secret"


def test_fields_of_the_apis_own(api: Api) -> None:
    """Names and further fields are templates around user name and password."""
    fields = {"login": "{{ username }}@{{ config['url_base'][:4] }}", "key": "{{ password }}", "app": "etl"}
    login, _ = exchange(api, fields=fields, body_format="form", headers={"X-App": "{{ username }}"})
    assert form(login) == {"login": "ada@http", "key": "pass-secret", "app": "etl"}
    assert login.headers["X-App"] == "ada"


def test_a_login_with_basic_credentials(api: Api) -> None:
    """The credentials are only in the header."""
    login, _ = exchange(api, basic=True, http_method="PUT")
    assert (login.method, login.json()) == ("PUT", {})
    assert b64decode(login.headers["Authorization"].removeprefix("Basic ")) == b"ada:pass-secret"


def test_a_login_by_get(api: Api) -> None:
    """Fields are query parameters, and the password is in no error."""
    login, _ = exchange(api, http_method="GET", fields={"key": "{{ password }}"})
    assert (login.query, login.body) == ({"key": ["pass-secret"]}, b"")
    api.get("/login")(lambda _: Answer({}, 404))
    with (
        Session(raw(api, http_method="GET", fields={"key": "{{ password }}"})) as session,
        pytest.raises(ConfigError, match=r"GET .*/login: The API returned no token: HTTP 404,") as caught,
    ):
        session.get()
    assert "-secret" not in f"{caught.value}{caught.value.detail}"


@pytest.mark.parametrize(
    ("place", "name", "sent"),
    [
        ({"in": "header", "name": "X-Auth-Token"}, "X-Auth-Token", "H-secret"),
        ({"in": "header", "name": "Authorization", "value": "Token {{ token }}"}, "Authorization", "Token H-secret"),
        ({"in": "cookie", "name": "sid"}, "Cookie", "sid=H-secret"),
    ],
)
def test_a_token_from_a_header_goes_where_the_api_wants_it(api: Api, place: Any, name: str, sent: str) -> None:
    """A header, a cookie, a word before it."""
    _, call = exchange(api, token_header="x-session", place=place)
    assert call.headers[name] == sent


def test_a_token_in_the_query(api: Api) -> None:
    """The token is a parameter of each request."""
    _, call = exchange(api, place={"in": "query", "name": "auth"})
    assert call.query == {"auth": ["T-secret"]}


def test_fields_of_a_nested_login(api: Api) -> None:
    """Dots in names lead into inner objects of the JSON body."""
    fields = {"auth.user.name": "{{ username }}", "auth.user.password": "{{ password }}", "auth.app": "etl"}
    login, _ = exchange(api, fields=fields)
    assert login.json() == {"auth": {"user": {"name": "ada", "password": "pass-secret"}, "app": "etl"}}


def test_a_session_cookie_goes_back_as_it_came(api: Api) -> None:
    """The named cookie is chosen among several; dates in `Set-Cookie` do not confuse the parser."""
    cookies = "lang=en; Expires=Wed, 09 Jun 2027 10:18:14 GMT, sid=C-secret/==; Path=/; HttpOnly, sid2=no"
    api.post("/login")(lambda _: Answer(b"", headers={"Set-Cookie": cookies}))
    _, call = exchange(api, token_cookie="sid")
    assert call.headers["Cookie"] == "sid=C-secret/=="


def test_a_session_cookie_may_go_elsewhere(api: Api) -> None:
    """`place` applies to cookies too."""
    api.post("/login")(lambda _: Answer({}, headers={"Set-Cookie": "sid=C-secret"}))
    _, call = exchange(api, token_cookie="sid", place={"in": "header", "name": "X-Csrf"})
    assert (call.headers["X-Csrf"], call.headers["Cookie"]) == ("C-secret", None)


def test_a_login_reads_the_secrets(api: Api) -> None:
    """A second secret is in `secrets`; the authenticator has only its name."""
    config = {**raw(api, fields={"key": "{{ password }}", "app": "{{ secrets.app }}"}), "secrets": {"app": "A-secret"}}
    with Session(config) as session:
        session.get()
    assert api.requests[0].json() == {"key": "pass-secret", "app": "A-secret"}


def test_a_login_is_repeated_when_its_token_ends(api: Api) -> None:
    """The token ends at a date in the response, or with a 401."""
    with Session(raw(api, expires_path="ends")) as session:
        session.clock.now = 0.0
        api.route("POST", "/login")(lambda _: {"data": {"token": "T"}, "ends": 1_700_000_000 + 7200})
        for now in (0, 5000, 7000):
            session.clock.now = now
            session.get()
    assert [call.path for call in api.requests] == ["/login", "/x", "/x", "/login", "/x"]


@pytest.mark.parametrize("setting", ["token_header", "token_cookie"])
def test_a_header_or_cookie_that_is_not_there(api: Api, setting: str) -> None:
    """The error names the setting."""
    with Session(raw(api, **{setting: "X-Other"})) as session, pytest.raises(ConfigError, match=f"`{setting}`"):
        session.get()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"token_path": None}, "one of `token_path`, `token_header` and `token_cookie`"),
        ({"token_header": "X", "token_path": "a"}, "one of"),
        ({"fields": {"a": "{{ token }}"}}, "reads `token`"),
        ({"login_url": "https://a/{{ username }}"}, "reads `username`"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any], message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigError, match=message):
        load(raw(Api(), **given))


def test_a_login_that_fails_has_one_budget(api: Api) -> None:
    """A login whose answer is cut is sent as often as `retry` allows, once for all retries of the request."""
    api.post("/login")(lambda _: Answer('{"data": {"tok'))
    with Session({**raw(api), "retry": {"max_attempts": 2, "max_seconds": 5}}) as session:
        with pytest.raises(SourceError, match="JSON"):
            session.get()
        logins = [call for call in api.requests if call.path == "/login"]
    assert len(logins) == 2


@pytest.mark.parametrize(
    ("answer", "token"),
    [
        (Answer("a1b2c3\n", headers={"Content-Type": "text/plain"}), "a1b2c3"),
        (Answer('"a1b2c3"'), "a1b2c3"),
        (Answer("12345678", headers={"Content-Type": "text/plain; charset=utf-8"}), "12345678"),
        (Answer("eyJh.eyJz.c2ln", 201, {"Content-Type": "application/octet-stream"}), "eyJh.eyJz.c2ln"),
    ],
)
def test_a_token_that_is_the_whole_answer(api: Api, answer: Answer, token: str) -> None:
    """`$` is the body itself, as text or as a JSON string, without the space around it."""
    api.post("/login")(lambda _: answer)
    _, call = exchange(api, token_path="$")
    assert call.headers["Authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(b""), "not a token alone"),
        (Answer("null"), "not a token alone"),
        (Answer("<html>Log in</html>", headers={"Content-Type": "text/html"}), "not a token alone"),
        (Answer({"token": "T-secret", "user": 1}), r"set it to the path of the token; .* keys: token, user"),
        (Answer("no", 401), "no token: HTTP 401"),
        (Answer('{"token": "T-sec'), "not JSON"),
    ],
)
def test_an_answer_that_is_no_token(api: Api, answer: Answer, message: str) -> None:
    """The error says what came, without the token."""
    api.post("/login")(lambda _: answer)
    config = {**raw(api, token_path="$"), "retry": {"max_attempts": 2}}
    with Session(config) as session, pytest.raises(SourceError, match=message) as caught:
        session.get()
    assert "T-sec" not in f"{caught.value}{caught.value.detail}"


def test_a_cookie_beside_any_body(api: Api) -> None:
    """If the token is a cookie or a header, the body need not be JSON."""
    sent = {"Content-Type": "text/plain", "Set-Cookie": "sid=C-secret; Path=/", "X-Session": "H-secret"}
    api.post("/login")(lambda _: Answer("Created", 201, sent))
    _, call = exchange(api, token_cookie="sid")
    assert call.headers["Cookie"] == "sid=C-secret"
    with Session(raw(api, token_header="X-Session")) as session:
        session.get()
    assert api.requests[-1].headers["Authorization"] == "Bearer H-secret"
    assert len(api.requests) == 4


@pytest.mark.parametrize(
    "authentication",
    [
        {"type": "login", "login_url": "URL", "username": "ada", "password": "pw", "token_path": "$"},
        {"type": "login", "login_url": "URL", "username": "ada", "password": "pw", "token_cookie": "sid"},
        {"type": "login", "login_url": "URL", "username": "ada", "password": "pw", "basic": True, "token_path": "a"},
        {"type": "oauth2", "token_url": "URL", "client_id": "a", "client_secret": "b"},
        {"type": "oauth2", "token_url": "URL", "client_id": "a", "refresh_token": "b"},
        {"type": "jwt", "algorithm": "HS256", "key": "k" * 32, "token_url": "URL"},
    ],
)
@pytest.mark.parametrize("answer", [Answer('{"a": "b'), Answer('{"a": "bcdef"}', cut=8)])
def test_every_kind_of_sign_in_has_one_budget(api: Api, authentication: dict[str, Any], answer: Answer) -> None:
    """An answer that is cut costs as many token requests as `retry` allows, not the square of that."""
    api.post("/login")(lambda _: answer)
    own = {name: value.replace("URL", f"{api.url}/login") if name.endswith("_url") else value
           for name, value in authentication.items()}  # fmt: skip
    config = {**raw(api), "authentication": own, "retry": {"max_attempts": 3}}
    with Session(config) as session, pytest.raises(SourceError):
        session.get()
    assert [call.path for call in api.requests] == ["/login"] * 3


def test_a_login_keeps_the_types_of_its_fields(api: Api) -> None:
    """In JSON a number is a number; in a query it is its text."""
    fields = {"user": "{{ username }}", "password": "{{ password }}", "remember": True, "tenant": 12, "ttl": 1.5}
    login, _ = exchange(api, fields=fields)
    assert login.json() == {**fields, "user": "ada", "password": "pass-secret"}
    login = exchange(api, fields=[{"name": "remember", "value": True}], http_method="GET")[0]
    assert login.query == {"remember": ["true"]}


def test_a_login_that_failed_rests_for_a_minute(api: Api) -> None:
    """Streams that begin soon after get the same error, without a login; later ones log in again."""
    api.post("/login")(lambda _: Answer({}, 500))
    with Session({**raw(api), "retry": {"max_attempts": 2}}) as session:
        for seconds, logins in ((0, 2), (30, 2), (29, 2), (2, 4)):
            session.clock.now += seconds
            with pytest.raises(SourceError, match="HTTP 500"):
                session.get()
            assert len(api.requests) == logins


def test_the_cookies_of_a_login_go_back_beside_its_token(api: Api) -> None:
    """As with SAP: the token is valid only together with the session cookie. The login itself gets no old cookie."""
    logins: list[Call] = []

    @api.get("/session")
    def session(call: Call) -> JSON:
        logins.append(call)
        cookie = f"sid=s{len(logins)}; Path=/"
        return Answer(b"", headers={"X-CSRF-Token": f"t{len(logins)}", "Set-Cookie": cookie})

    @api.get("/rows")
    def rows(call: Call) -> JSON:
        sent = (call.headers["Cookie"], call.headers["X-CSRF-Token"])
        return [{"id": 1}] if sent == ("sid=s2", "t2") else Answer(b"", 401)

    own = {
        "type": "login",
        "login_url": f"{api.url}/session",
        "http_method": "GET",
        "username": "ada",
        "password": "pw-pw",
    }
    csrf = {"basic": True, "headers": {"X-CSRF-Token": "Fetch"}, "token_header": "X-CSRF-Token"}
    place = {"in": "header", "name": "X-CSRF-Token"}
    config = {"url_base": api.url, "endpoints": [{"name": "rows", "path": "rows"}]}
    [said] = Connector().session({**config, "authentication": {**own, **csrf, "place": place}}).check()
    assert b'"SUCCEEDED"' in said
    assert [call.headers["Cookie"] for call in logins] == [None, None]
