"""Credentials reach the API exactly as they were given, and what cannot be sent is refused before anything is."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from source_rest_api.config.config import Config
from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError
from source_rest_api.formats import yaml_text
from source_rest_api.http.request import Request
from source_rest_api.http.request_body import FormPayload, JsonPayload, TextPayload
from source_rest_api.http.requester import Requester
from tests.api import JSON, Answer, Api, Call
from tests.sign_in import signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.http.request_body import Payload

URL = "https://api.example.com"
KEY = 'k/1+2=&"%C3 é'


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API that answers everything."""
    with Api() as api:

        @api.get("/x")
        def x(_: Call) -> JSON:
            return []

        yield api


def requester_of(config: Config) -> Requester:
    """Sign in to an API."""
    return Requester(config.http(config.url_base), credentials=signed_in(config))


def exchange(api: Api, authentication: dict[str, Any], path: str = "/x", **headers: str) -> Call:
    """Send one request and give what arrived."""
    config = Config.model_validate({"url_base": api.url, "authentication": authentication})
    with requester_of(config) as requester:
        requester.fetch(Request("GET", f"{api.url}{path}", headers=headers), lambda response: response.body)
    return api.requests[-1]


def test_no_authentication_sends_no_credentials(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A public API gets none, not even those that a .netrc of the machine has for its host."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password elses\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    call = exchange(api, {"type": "none"})
    assert (call.headers["Authorization"], call.headers["Cookie"], call.query) == (None, None, {})


def test_a_bearer_token_goes_into_the_authorization_header(api: Api) -> None:
    """The token follows the word Bearer, byte for byte, and replaces a header of the endpoint's own."""
    call = exchange(api, {"type": "bearer", "token": "ab-._~+/=="}, Authorization="Bearer old")
    assert call.headers.get_all("Authorization") == ["Bearer ab-._~+/=="]


@pytest.mark.parametrize(
    ("username", "password", "sent"),
    [
        ("ada", "secret", "ada:secret"),
        ("key", None, "key:"),
        ("", "p:with:colons", ":p:with:colons"),
        ("é", "ü\n€", "é:ü\n€"),
    ],
)
def test_basic_sends_user_name_and_password_in_utf_8(api: Api, username: str, password: str | None, sent: str) -> None:
    """RFC 7617: base64 of `user:password`; the password may be empty and hold anything."""
    given = {} if password is None else {"password": password}
    header = exchange(api, {"type": "basic", "username": username, **given}).headers["Authorization"]
    scheme, _, credentials = header.partition(" ")
    assert (scheme, b64decode(credentials).decode()) == ("Basic", sent)


def test_an_api_key_goes_into_a_header_of_any_name(api: Api) -> None:
    """The header has the API's name, by default X-Api-Key."""
    assert exchange(api, {"type": "api_key", "api_key": "k 1"}).headers["X-Api-Key"] == "k 1"
    assert exchange(api, {"type": "api_key", "api_key": "k", "name": "apikey", "in": "header"}).headers["apikey"] == "k"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("Token {{ api_key }}", "Token k 1"),
        ("Token token={{ api_key }}", "Token token=k 1"),
        ("{{ api_key }}@{{ config['url_base'][:7] }}", "k 1@http://"),
    ],
)
def test_an_api_key_stands_in_the_words_of_the_api(api: Api, value: str, sent: str) -> None:
    """The header's value is a template around the key; the key is still masked by itself."""
    authentication = {"type": "api_key", "api_key": "k 1", "name": "Authorization", "value": value}
    assert exchange(api, authentication).headers["Authorization"] == sent


def test_an_api_key_goes_into_the_query_as_one_value(api: Api) -> None:
    """A key with any characters arrives complete, beside the request's own parameters."""
    call = exchange(api, {"type": "api_key", "api_key": KEY, "name": "the key", "in": "query"}, "/x?page=1&q=a%26b")
    assert call.query == {"page": ["1"], "q": ["a&b"], "the key": [KEY]}


def test_an_api_key_stands_once_in_the_query_of_a_link_that_has_it_already(api: Api) -> None:
    """Next links that repeat the key are sent with one key, and with the rest of their query unchanged."""
    authentication = {"type": "api_key", "api_key": "new", "name": "api key", "in": "query"}
    call = exchange(api, authentication, "/x?c=a%2Fb%3D&api%20key=old&api+key=older&api=1&&d")
    assert call.target == "/x?c=a%2Fb%3D&api=1&&d&api+key=new"


def sent_body(api: Api, payload: Payload | None, name: str = "apikey") -> bytes:
    """Post a body with the key in it, and give what arrived."""
    authentication = {"type": "api_key", "api_key": KEY, "name": name, "in": "body"}
    config = Config.model_validate({"url_base": api.url, "authentication": authentication})
    api.post("/x")(lambda _: [])
    with requester_of(config) as requester:
        requester.fetch(Request("POST", f"{api.url}/x", body=payload), lambda response: response.body)
    call = api.requests[-1]
    assert int(call.headers["Content-Length"]) == len(call.body)
    return call.body


def test_an_api_key_goes_into_a_form_as_one_field(api: Api) -> None:
    """The other fields stay as they are, and one of the same name is replaced."""
    key = urlencode({"apikey": KEY}).encode()
    assert sent_body(api, FormPayload({"b": "1 ä", "apikey": "old", "a": ["x", "y"]})) == b"b=1+%C3%A4&a=x&a=y&" + key
    assert sent_body(api, FormPayload({})) == key


def test_an_api_key_goes_into_a_json_object(api: Api) -> None:
    """At the top or nested; the digits of other fields are unchanged."""
    body = JsonPayload({"n": Decimal("0.10000000000000000001"), "auth": {"v": 2}})
    assert json.loads(sent_body(api, body)) == {"n": 0.1, "auth": {"v": 2}, "apikey": KEY}
    inside = sent_body(api, body, "auth.key.value")
    assert inside.startswith(b'{"n":0.10000000000000000001,')
    assert json.loads(inside)["auth"] == {"v": 2, "key": {"value": KEY}}


@pytest.mark.parametrize("payload", [None, JsonPayload([1]), TextPayload("<a/>", "text/xml")])
def test_an_api_key_needs_a_body_that_has_fields(api: Api, payload: Payload | None) -> None:
    """If the body has no fields, the error says which `body` would have one."""
    with pytest.raises(ConfigError, match=r"`apikey` into the body.*form or a JSON object"):
        sent_body(api, payload)
    assert api.requests == []


@pytest.mark.parametrize("inner", [["a", "b"], "a", 1, False])
def test_an_api_key_overwrites_nothing(api: Api, inner: object) -> None:
    """If the user's own value is in the place of the key, that is an error and nothing is sent."""
    with pytest.raises(ConfigError, match=r"no object in which to put `apikey`.*`filter\.apikey`.*`authentication`"):
        sent_body(api, JsonPayload({"filter": inner}), "filter.apikey")
    assert api.requests == []


def test_null_makes_way_for_an_object(api: Api) -> None:
    """A null on the path becomes an object, as it does for paging parameters."""
    assert json.loads(sent_body(api, JsonPayload({"filter": None}), "filter.key")) == {"filter": {"key": KEY}}


def test_an_api_key_goes_into_a_cookie_as_it_is(api: Api) -> None:
    """A cookie's value is not quoted; other cookies stay, one of the same name goes."""
    authentication = {"type": "api_key", "api_key": 'a/b=="c,d', "name": "sid", "in": "cookie"}
    assert exchange(api, authentication).headers["Cookie"] == 'sid=a/b=="c,d'
    call = exchange(api, authentication, Cookie='prefs={"a":[1]}; sid=old;sidx=1')
    assert call.headers["Cookie"] == 'prefs={"a":[1]}; sidx=1; sid=a/b=="c,d'


def test_cookies_of_the_api_stay_beside_the_key(api: Api) -> None:
    """A session cookie that the API sets is sent back with the key."""

    @api.get("/login")
    def login(_: Call) -> Answer:
        return Answer([], headers={"Set-Cookie": "session=s1; Path=/"})

    authentication = {"type": "api_key", "api_key": "k", "name": "key", "in": "cookie"}
    config = Config.model_validate({"url_base": api.url, "authentication": authentication})
    with requester_of(config) as requester:
        for path in ("/login", "/x"):
            requester.fetch(Request("GET", f"{api.url}{path}"), lambda response: response.body)
    assert set(api.requests[-1].headers["Cookie"].split("; ")) == {"session=s1", "key=k"}


@pytest.mark.parametrize(
    "broken", ["SECRET\n", " SECRET", "SECRET ", "SEC\r\nX: RET", "SEC\x00RET", "“SECRET”", "SECRET\xa0"]
)
@pytest.mark.parametrize(
    "authentication",
    [
        {"type": "bearer", "token": "{}"},
        {"type": "api_key", "api_key": "{}"},
        {"type": "api_key", "api_key": "{}", "in": "cookie"},
    ],
)
def test_a_secret_that_no_header_can_hold_is_refused_without_being_shown(
    authentication: dict[str, str], broken: str
) -> None:
    """A token with the line break that was copied with it is an error of the config, which does not show it."""
    with pytest.raises(ConfigError, match=r"authentication.*line break") as caught:
        load({"url_base": URL, "authentication": {k: v.format(broken) for k, v in authentication.items()}})
    assert "SEC" not in f"{caught.value}{caught.value.detail}"


@pytest.mark.parametrize(
    "authentication",
    [
        {"type": "api_key", "api_key": "SECRET", "name": "X Api Key"},
        {"type": "api_key", "api_key": "SECRET", "name": "X-Api-Key:"},
        {"type": "api_key", "api_key": "SECRET", "name": ""},
        {"type": "api_key", "api_key": "SECRET", "name": "a=b", "in": "cookie"},
        {"type": "api_key", "api_key": "SECRET; admin=1", "name": "a", "in": "cookie"},
        {"type": "basic", "username": "ada:SECRET"},
        {"type": "api_key", "api_key": "SECRET", "value": "{{ token }}"},
    ],
)
def test_what_would_be_sent_as_something_else_is_refused(authentication: dict[str, str]) -> None:
    """Invalid names, a value that would make two cookies, a user name with a colon."""
    with pytest.raises(ConfigError, match="authentication") as caught:
        load({"url_base": URL, "authentication": authentication})
    assert "SECRET" not in f"{caught.value}{caught.value.detail}"


def test_a_secret_is_not_shown_by_its_authenticator() -> None:
    """The repr and the JSON of a config do not contain the secret."""
    for given in (
        {"type": "bearer", "token": "SECRET"},
        {"type": "api_key", "api_key": "SECRET"},
        {"type": "basic", "username": "ada", "password": "SECRET"},
    ):
        authentication = Config.model_validate({"url_base": URL, "authentication": given}).authentication
        assert "SECRET" not in f"{authentication!r}{authentication}{authentication.model_dump_json()}"


RECIPES = (Path(__file__).parent.parent / "docs/authentication.md").read_text()
KINDS = {"aws_sigv4", "api_key", "basic", "bearer", "digest", "jwt", "login", "none", "oauth1", "oauth2"}


def recipes() -> Iterator[dict[str, Any]]:
    """Every config in docs/authentication.md; in a block each `authentication` begins one."""
    for block in re.findall(r"```yaml\n(.*?)```", RECIPES, re.DOTALL):
        for text in re.split(r"^(?=authentication:)", block, flags=re.MULTILINE):
            if text.strip():
                yield yaml_text.load(text)


def test_the_recipes_of_the_docs_are_valid() -> None:
    """Each is a config with the key put in, and every kind has one."""
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"<passphrase>"))
    kinds = set()
    for recipe in recipes():
        if "tls" in recipe:
            continue
        text = json.dumps(recipe).replace("<hexadecimal digits>", "0f" * 32)
        text = text.replace('"<encrypted private key>"', json.dumps(locked.decode()))
        given = json.loads(text.replace('"<private key>"', json.dumps(pem.decode())))
        config = load({"url_base": URL, "endpoints": [{"name": "x", "path": "/x"}], **given})
        kinds.add(config.authentication.type)
    assert kinds == KINDS
