"""Base URLs from the answer of a sign-in, and endpoints with a base URL and credentials of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.auth.token_answer import TokenAnswer
from source_rest_api.config.loading import load
from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError
from source_rest_api.http.response import Response
from tests.api import JSON, Answer, Api, Call
from tests.process import catalog
from tests.sign_in import TokenApi, form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def api() -> Iterator[TokenApi]:
    """Run a token endpoint."""
    with TokenApi() as api:
        yield api


@pytest.fixture
def instance(api: TokenApi) -> Iterator[Api]:
    """Run the host that holds the account's data; it takes the newest token only."""
    with Api() as instance:

        @instance.get("/data/x")
        def x(call: Call) -> JSON:
            token = (call.headers["Authorization"] or "").removeprefix("Bearer ")
            if token not in api.valid:
                return Answer({"error": "no"}, 401)
            more = {} if call.query else {"next": f"{instance.url}/data/x?page=2"}
            return {"rows": [{"id": call.arg("page", "1")}], **more}

        yield instance


def salesforce(api: TokenApi, **more: Any) -> dict[str, Any]:
    """Give a config whose host is known by the token response."""
    x = {"name": "x", "path": "x", "records_path": "rows", "pagination": {"type": "next_url", "next_url_path": "next"}}
    return {**api.oauth(), "url_base": "{{ token.instance_url }}/data", "endpoints": [x], **more}


def read(config: dict[str, Any], pass_on: Callable[[Any], None] | None = None) -> tuple[dict[str, list[Any]], str]:
    """Read all streams; gives the ids of each, and all lines."""
    names = [endpoint["name"] for endpoint in config["endpoints"]]
    session = Connector().session(config, pass_on=pass_on)
    text = b"".join(session.read(catalog(**dict.fromkeys(names, "full_refresh")), {})).decode()
    found: dict[str, list[Any]] = {name: [] for name in names}
    for line in text.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            found[message["record"]["stream"]].append(message["record"]["data"]["id"])
    return found, text


def test_a_base_url_from_the_token_response(api: TokenApi, instance: Api) -> None:
    """The API lives where the sign-in says; its next links are followed there, and one token serves them all."""
    api.answer_with = {"instance_url": instance.url, "id_token": "another-secret-text"}
    assert read(salesforce(api))[0] == {"x": ["1", "2"]}
    assert [call.path for call in api.requests] == ["/token"]


def test_the_base_url_of_a_login(api: TokenApi, instance: Api) -> None:
    """A login tells it as well, with a path."""
    api.post("/login")(lambda call: {**api.give(call), "rest": f"{instance.url}/data/"})
    own = {"type": "login", "login_url": f"{api.url}/login", "password": "pass-secret", "token_path": "access_token"}
    config = salesforce(api, authentication=own, url_base="{{ token.rest }}")
    assert read(config)[0] == {"x": ["1", "2"]}


def test_a_value_of_the_token_response_in_any_place(api: TokenApi) -> None:
    """Path, parameters and headers read it, as a value like any other."""
    api.answer_with = {"account": {"id": 7}, "signature_key": "key-secret-text"}
    api.get("/accounts/7/rows")(lambda call: [{"id": f"{call.arg('of')}{call.headers['X-Account']}"}])
    endpoint = {
        "name": "rows",
        "path": "accounts/{{ token.account.id }}/rows",
        "params": {"of": "{{ token.account.id }}"},
    }
    config = {**api.oauth(), "headers": {"X-Account": "{{ token.account.id }}"}, "endpoints": [endpoint]}
    assert read(config)[0] == {"rows": ["77"]}


def test_secrets_beside_the_token_are_masked(api: TokenApi) -> None:
    """Whatever its name says is secret is in no line of the output."""
    api.answer_with = {"signature_key": "key-secret-text"}
    api.get("/x")(lambda call: Answer({"error": f"bad {call.headers['X-Key']} of {call.headers['X-Type']}"}, 400))
    headers = {"X-Key": "{{ token.signature_key }}", "X-Type": "{{ token.token_type }}"}
    _, text = read({**api.oauth(), "headers": headers})
    assert "key-secret-text" not in text
    assert "bad **** of Bearer" in text


def test_the_token_goes_nowhere_else(api: TokenApi, instance: Api) -> None:
    """Once the sign-in has said where the API lives, a link to any other host is an error, and nothing goes there."""
    api.answer_with = {"instance_url": instance.url}
    api.get("/away")(lambda _: [])
    instance.get("/data/x")(lambda _: {"rows": [{"id": 1}], "next": f"{api.url}/away"})
    _, text = read(salesforce(api))
    assert f"another origin, {api.url}" in text
    assert api.asked("/away") == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "has no `instance_url`"),
        ({"instance_url": None}, "null"),
        ({"instance_url": "nowhere"}, "URL is not valid"),
    ],
)
def test_a_token_response_that_names_no_host(api: TokenApi, answer: dict[str, Any], message: str) -> None:
    """The stream fails with the template or setting; nothing is sent."""
    api.answer_with = answer
    _, text = read(salesforce(api))
    assert message in text


def test_urls_beside_a_token_that_came_over_tls() -> None:
    """A token that came over TLS does not go out without it."""
    body = b'{"url": "http://a.example.com/v1", "secure": "https://b.example.com", "n": 1, "http": {"a": "http:"}}'
    plain = TokenAnswer(Response(200, {}, body, "http://id.example.com/token")).values
    secure = TokenAnswer(Response(200, {}, body, "https://id.example.com/token")).values
    assert plain["url"] == "http://a.example.com/v1"
    assert secure == {**plain, "url": "https://a.example.com/v1"}


@pytest.mark.parametrize(
    "more",
    [
        {"authentication": {"type": "bearer", "token": "T-secret"}},
        {"authentication": {"type": "jwt", "algorithm": "HS256", "key": "k" * 32}},
    ],
)
def test_without_a_token_request_there_is_no_token_response(more: dict[str, Any]) -> None:
    """`token` is an unknown name then."""
    endpoints = [{"name": "x", "path": "x"}]
    with pytest.raises(ConfigError, match=r"url_base: .*unknown name `token`"):
        load({"url_base": "{{ token.url }}", "endpoints": endpoints, **more})


def test_an_endpoint_with_a_base_url_and_credentials_of_its_own(api: TokenApi) -> None:
    """Each endpoint gets its own, and a child on another host may have a parent on the first."""
    with Api() as other:
        api.get("/users")(lambda call: [{"id": f"u-{call.headers['Authorization']}"}])

        @other.get("/v2/hits/{user}")
        def hits(call: Call) -> JSON:
            return [{"id": f"{call.path_params['user'][:1]}-{call.headers['X-Key']}-{call.headers['Authorization']}"}]

        config = api.config(type="bearer", token="A")
        own = {"url_base": f"{other.url}/v2", "authentication": {"type": "api_key", "api_key": "B", "name": "X-Key"}}
        users = {"name": "users", "path": "users"}
        config["endpoints"] = [users, {"name": "hits", "path": "hits/{{ users.id }}", **own}]
        assert read(config)[0] == {"users": ["u-Bearer A"], "hits": ["u-B-None"]}


def test_a_public_endpoint_of_an_api_with_credentials(api: TokenApi) -> None:
    """`none` sends nothing; a base URL alone takes the credentials of the API along."""
    with Api() as other:
        for path in ("/a", "/b"):
            other.get(path)(lambda call: [{"id": call.headers["Authorization"]}])
        config = api.config(type="bearer", token="A")
        config["endpoints"] = [
            {"name": "a", "path": "a", "url_base": other.url, "authentication": {"type": "none"}},
            {"name": "b", "path": "b", "url_base": other.url},
        ]
        assert read(config)[0] == {"a": [None], "b": ["Bearer A"]}


def test_the_origins_of_endpoints_are_apart(api: TokenApi) -> None:
    """Neither endpoint may be led to the origin of the other."""
    with Api() as other:
        link = {"type": "next_url", "next_url_path": "next"}
        api.get("/a")(lambda _: {"rows": [{"id": 1}], "next": f"{other.url}/b"})
        other.get("/b")(lambda _: {"rows": [{"id": 1}], "next": f"{api.url}/a"})
        config = api.config(type="bearer", token="A-secret")
        shared = {"records_path": "rows", "pagination": link}
        config["endpoints"] = [
            {"name": "a", "path": "a", **shared},
            {"name": "b", "path": "b", "url_base": other.url, **shared},
        ]
        _, text = read(config)
        assert f"another origin, {other.url}" in text
        assert f"another origin, {api.url}" in text
        assert (len(api.requests), len(other.requests)) == (1, 1)


def test_endpoints_with_the_same_authentication_share_its_token(api: TokenApi) -> None:
    """A one-time refresh token is used once, and stored wherever the config has it."""
    given = iter(range(1, 9))
    used = []

    @api.post("/token")
    def token(call: Call) -> JSON:
        used.append(form(call)["refresh_token"])
        return {"access_token": "T-secret", "refresh_token": f"R{next(given)}-secret"}

    for path in ("/a", "/b"):
        api.get(path)(lambda _: [{"id": 1}])
    config = api.config(type="none")
    own = {"type": "oauth2", "token_url": f"{api.url}/token", "client_id": "c", "refresh_token": "R0-secret"}
    config["endpoints"] = [{"name": name, "path": name, "authentication": own} for name in ("a", "b")]
    saved: list[Any] = []
    assert read(config, saved.append)[0] == {"a": [1], "b": [1]}
    assert used == ["R0-secret"]
    assert [each["authentication"]["refresh_token"] for each in saved[-1]["endpoints"]] == ["R1-secret"] * 2


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ('{type: bearer, token: "{{ secrets.rates }}"}', "Bearer R-secret"),
        ({"type": "basic", "username": "ada", "password": "{{ secrets.rates }}"}, "Basic YWRhOlItc2VjcmV0"),
        ("{type: bearer, token: '{% raw %}{{{% endraw %}'}", "Bearer {{"),
    ],
)
def test_secrets_of_an_endpoint_in_the_form(api: TokenApi, own: Any, sent: str) -> None:
    """The form hides nothing in lists: there the text of an authentication names a secret that stands elsewhere."""
    api.get("/x")(lambda call: Answer({"error": f"seen {call.headers['Authorization']}"}, 400))
    endpoints = [{"name": "x", "path": "x", "authentication": own}]
    _, text = read({**api.config(type="none"), "secrets": "rates: R-secret", "endpoints": endpoints})
    assert api.requests[0].headers["Authorization"] == sent
    assert ("seen Bearer {{" if "{{" in sent else f"seen {sent.split(maxsplit=1)[0]} ****") in text


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"url_base": "b.example.com"}, r"url_base: must begin with https://"),
        ({"url_base": "{{ token.url }}"}, "unknown name `token`"),
        ({"url_base": "http://b.example.com"}, r"url_base: the API's credentials would be sent without TLS"),
        ({"authentication": {"type": "beaver", "token": "t"}}, r"authentication.type: unknown type"),
    ],
)
def test_what_an_endpoint_cannot_have(own: dict[str, Any], message: str) -> None:
    """The error names the key."""
    with pytest.raises(ConfigError, match=message):
        load({"url_base": "https://a.example.com", "endpoints": [{"name": "x", "path": "x", **own}]})
