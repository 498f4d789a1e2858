"""OAuth 2 against a token endpoint that is strict about what it gets."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError, Stopped, TransientError
from tests.api import JSON, Answer, Call
from tests.process import catalog, run, start
from tests.sign_in import Session, TokenApi, form

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def api() -> Iterator[TokenApi]:
    """Run an API behind tokens."""
    with TokenApi() as api:
        yield api


def rotate(api: TokenApi, first: str = "R0-secret") -> list[str]:
    """Make refresh tokens single-use; gives those that were used."""
    used: list[str] = []

    @api.post("/token")
    def token(call: Call) -> JSON:
        given = form(call)["refresh_token"]
        valid = f"R{len(used)}-secret" if used else first
        if given != valid:
            return Answer({"error": "invalid_grant"}, 400)
        used.append(given)
        return {**api.give(call), "refresh_token": f"R{len(used)}-secret"}

    return used


def test_client_credentials(api: TokenApi) -> None:
    """Id, secret, scopes and further fields go into a form; the token is used for all requests."""
    fields = {"audience": "https://a?b=c&d", "tenant": "{{ config['url_base'][:4] }}"}
    with Session(api.oauth(scopes=["read", "list"], fields=fields, headers={"X-Api": "v1"})) as session:
        session.get()
        session.get()
    (call,) = api.asked()
    assert form(call) == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "cli-secret",
        "scope": "read list",
        "audience": "https://a?b=c&d",
        "tenant": "http",
    }
    assert (call.headers["Content-Type"], call.headers["X-Api"]) == ("application/x-www-form-urlencoded", "v1")
    assert call.headers["Authorization"] is None
    assert [call.headers["Authorization"] for call in api.asked("/x")] == ["Bearer T1-secret"] * 2


def test_a_grant_of_the_apis_own(api: TokenApi) -> None:
    """`fields` come last, so that they may say what the grant is called."""
    fields = {"grant_type": "account_credentials", "account_id": "a7"}
    with Session(api.oauth(credentials_in="basic", fields=fields)) as session:
        session.get()
    assert form(api.asked()[0]) == fields


def test_credentials_as_basic_and_the_body_as_json(api: TokenApi) -> None:
    """The id and the secret are sent in one place only."""
    with Session(api.oauth(credentials_in="basic", body_format="json")) as session:
        session.get()
    (call,) = api.asked()
    assert call.json() == {"grant_type": "client_credentials"}
    assert call.headers["Content-Type"] == "application/json"
    assert b64decode(call.headers["Authorization"].removeprefix("Basic ")) == b"id:cli-secret"


def test_the_fields_in_the_query(api: TokenApi) -> None:
    """Some APIs read the query of a POST, and no body."""
    with Session(api.oauth(body_format="query")) as session:
        session.get()
    (call,) = api.asked()
    expected = {"grant_type": ["client_credentials"], "client_id": ["id"], "client_secret": ["cli-secret"]}
    assert (call.body, call.query) == (b"", expected)


def test_a_token_somewhere_else(api: TokenApi) -> None:
    """The token can stand deeper in the answer, and go into a header of the API's own."""

    @api.post("/token")
    def token(_: Call) -> JSON:
        return {"data": {"key": "K-secret"}}

    @api.get("/y")
    def y(_: Call) -> JSON:
        return []

    place = {"name": "Authorization", "value": "Zoho-oauthtoken {{ token }}"}
    with Session(api.oauth(token_path="data.key", place=place)) as session:
        session.get("/y")
    assert api.requests[-1].headers["Authorization"] == "Zoho-oauthtoken K-secret"


def test_the_token_request_carries_no_credentials_of_the_api_and_may_go_elsewhere(api: TokenApi) -> None:
    """The token's origin is its own; the API's next requests stay at home."""
    with TokenApi() as other:
        api.get("/x")(lambda _: [])
        raw = api.oauth()
        raw["authentication"]["token_url"] = f"{other.url}/token"
        with Session(raw) as session:
            session.get()
        assert len(other.asked()) == 1
        assert api.asked() == []


def test_a_token_request_is_not_redirected_to_another_origin(api: TokenApi) -> None:
    """Client secrets go to the token's origin and nowhere else."""
    with TokenApi() as other:
        api.post("/token")(lambda _: Answer(b"", 307, {"Location": f"{other.url}/token"}))
        with Session(api.oauth()) as session, pytest.raises(ConfigError, match="another origin"):
            session.get()
        assert other.requests == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            Answer({"error": "invalid_grant", "error_description": "gone"}, 400),
            "`invalid_grant` .gone.*authorize",
        ),
        (Answer({"error": "invalid_client"}, 401), "client_secret"),
        (Answer({"error": "invalid_client"}, 200), "client_secret"),
        (Answer({"error": {"message": "No such app"}}, 403), "No such app"),
        (Answer("<html>Sign in", 200, {"Content-Type": "text/html"}), "an HTML page: check the token's URL"),
        (Answer("<html>gone", 404, {"Content-Type": "text/html"}), "HTTP 404.*Check `authentication`"),
        (Answer({"token": "T-secret"}, 200), "`token_path: access_token`; its keys: token"),
        (Answer({"access_token": None}, 200), "no token at"),
        (Answer({"access_token": "T-secret", "expires_in": "soon"}, 200), "expires_path"),
        (Answer({"access_token": "T-secret", "expires_in": "2020-01-01"}, 200), "already expired"),
        (Answer({"access_token": "T\n-secret"}, 200), "has a character that a header cannot contain"),
    ],
)
def test_answers_that_a_person_has_to_look_at(api: TokenApi, answer: Answer, message: str) -> None:
    """They are config errors, are not retried, and never show the credentials."""
    api.post("/token")(lambda _: answer)
    with Session(api.oauth()) as session, pytest.raises(ConfigError, match=message) as caught:
        session.get()
    assert len(api.asked()) == 1
    assert "-secret" not in f"{caught.value}{caught.value.detail}"
    assert api.asked("/x") == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer("oops", 500),
        Answer({"error": "temporarily_unavailable"}, 400),
        Answer(reset=True),
        Answer("{", 200),
        Answer('{"access_token": "T-secret"}', cut=9),
    ],
)
def test_answers_that_pass(api: TokenApi, answer: Answer) -> None:
    """The request is sent again, though it is a POST; if that does not help, the error is one that may pass."""
    api.post("/token")(lambda call: answer if call.number == 0 else api.give(call))
    with Session(api.oauth()) as session:
        assert session.get() == b"[]"
    api.post("/token")(lambda _: answer)
    with (
        Session(api.oauth()) as session,
        pytest.raises(TransientError, match=r"/token.*Tried 2 times") as caught,
    ):
        session.get()
    assert "-secret" not in f"{caught.value}{caught.value.detail}"


def test_a_single_use_refresh_token_is_passed_on_before_the_access_token_is_used(api: TokenApi) -> None:
    """The whole config, with nothing but the refresh token changed, each time there is a new one."""
    used = rotate(api)
    raw = api.oauth(refresh_token="R0-secret") | {"_platform": {"own": 1}}
    with Session(raw) as session:
        session.keeper._pass_on = lambda config: session.passed_on.append({**config, "after": len(api.asked("/x"))})
        session.get()
        session.clock.now += 3600
        session.get()
    assert used == ["R0-secret", "R1-secret"]
    tokens = [config["authentication"]["refresh_token"] for config in session.passed_on]
    assert tokens == ["R1-secret", "R2-secret"]
    assert [config.pop("after") for config in session.passed_on] == [0, 1]
    assert session.passed_on[0] == raw | {"authentication": raw["authentication"] | {"refresh_token": "R1-secret"}}
    assert raw["authentication"]["refresh_token"] == "R0-secret"
    assert session.mask("R2-secret T2-secret") == "**** ****"


def test_a_new_refresh_token_is_kept_although_the_read_is_stopped(api: TokenApi) -> None:
    """An answer that is on its way is read to its end, because the old token may be worth nothing any more."""
    rotate(api)
    give = api._routes["POST", "/token"].handler
    with Session(api.oauth(refresh_token="R0-secret")) as session:

        @api.post("/token")
        def token(call: Call) -> Answer:
            session.stop.set()
            return Answer(give(call), drip=0.001)

        with pytest.raises(Stopped):
            session.get()
        assert [config["authentication"]["refresh_token"] for config in session.passed_on] == ["R1-secret"]


def test_a_new_refresh_token_that_cannot_be_kept_is_not_used(api: TokenApi) -> None:
    """If passing it on fails, no request is sent with what belongs to it."""
    rotate(api)

    def fail(_: Any) -> None:
        raise BrokenPipeError

    with Session(api.oauth(refresh_token="R0-secret")) as session:
        session.keeper._pass_on = fail
        with pytest.raises(BrokenPipeError):
            session.get()
    assert api.asked("/x") == []


def test_a_refresh_token_that_stays_is_no_change(api: TokenApi) -> None:
    """An API that repeats the refresh token, or gives none, gets the same one each time."""
    api.answer_with = {"refresh_token": "R0-secret"}
    with Session(api.oauth(refresh_token="R0-secret")) as session:
        session.get()
        api.answer_with = {}
        session.clock.now += 3600
        session.get()
    assert session.passed_on == []
    assert [form(call)["refresh_token"] for call in api.asked()] == ["R0-secret"] * 2


def test_the_platform_has_the_new_config_before_the_token_is_used(api: TokenApi, tmp_path: Path) -> None:
    """A CONTROL message is on the pipe when the first request with the new access token arrives."""
    rotate(api)
    seen: list[bytes] = []
    files = {"config": api.oauth(refresh_token="R0-secret"), "catalog": catalog(x="full_refresh")}
    process = start(tmp_path, "read", **files)
    pipe = process.stdout
    assert pipe is not None

    @api.get("/x")
    def x(_: Call) -> JSON:
        while b"CONTROL" not in (line := pipe.readline()):
            seen.append(line)
        seen.append(line)
        return [{"id": 1}]

    with process:
        assert process.wait(30) == 0
        rest = pipe.read()
    control = json.loads(seen[-1])["control"]
    assert control["type"] == "CONNECTOR_CONFIG"
    assert control["emitted_at"] > 0
    assert control["connectorConfig"]["config"]["authentication"]["refresh_token"] == "R1-secret"
    others = b"".join(seen[:-1]) + rest
    assert b'"id":1' in others.replace(b" ", b"")
    assert b"-secret" not in others


def test_the_config_file_is_changed_only_when_asked(api: TokenApi, tmp_path: Path) -> None:
    """With --update-config the next run needs nothing else; without it the file is unchanged."""
    used = rotate(api)
    config = tmp_path / "config.json"
    first = run(tmp_path, "check", "--update-config", config=api.oauth(refresh_token="R0-secret"))
    assert first.bodies("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    written = json.loads(config.read_text())
    assert written["authentication"]["refresh_token"] == "R1-secret"
    second = run(tmp_path, "check", config=written)
    assert second.bodies("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    assert json.loads(config.read_text()) == written
    assert used == ["R0-secret", "R1-secret"]
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"grant_type": "refresh_token", "client_secret": "s"}, "`refresh_token` is missing"),
        ({"client_secret": ""}, "`client_secret` is missing"),
        ({"client_secret": "s", "fields": {"a": "{{ token }}"}}, "reads `token`"),
        ({"client_secret": "s", "headers": {"a": ["b", "c"]}}, "a single text"),
        ({"client_secret": "s", "fields": {"a": {"b": 1}}}, "`fields.a` is an object.*`body_format: json`"),
        ({"client_secret": "s", "fields": {"a": [{"b": "{{ nobody }}"}]}, "body_format": "json"}, "reads `nobody`"),
        ({"client_secret": "s", "fields": {"a": "{{ config"}}, "template error"),
        ({"client_secret": "s", "place": {"in": "cookie", "name": "a b"}}, "`name`"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(given: dict[str, Any], message: str) -> None:
    """The config says what is missing."""
    authentication = {"type": "oauth2", "token_url": "https://a.example/t", "client_id": "i", **given}
    with pytest.raises(ConfigError, match=message):
        load({"url_base": "https://a.example", "authentication": authentication, "endpoints": [{"name": "x"}]})


@pytest.mark.parametrize(
    ("body", "kind", "path"),
    [
        ("T-secret", "text/plain", "$"),
        ("access_token=T-secret&scope=&token_type=bearer", "application/x-www-form-urlencoded; charset=utf-8", None),
    ],
)
def test_a_token_that_is_not_in_json(api: TokenApi, body: str, kind: str, path: str | None) -> None:
    """The token may be the whole answer, or a field of a form."""
    api.post("/token")(lambda _: Answer(body, headers={"Content-Type": kind}))
    api.get("/y")(lambda _: [])
    with Session(api.oauth(**({} if path is None else {"token_path": path}))) as session:
        session.get("/y")
    assert api.requests[-1].headers["Authorization"] == "Bearer T-secret"


FIELDS = {"expires": 3600, "rate": 0.5, "remember": True, "never": False, "none": None, "scopes": ["a", 2], "of.id": 7}


def test_fields_keep_their_types_in_json(api: TokenApi) -> None:
    """Numbers, booleans, nulls and lists are what they are, and so is the value of a template."""
    fields = {
        **FIELDS,
        "account": "{{ config.max_concurrency }}",
        "text": "n{{ config.max_concurrency }}",
        "id": "{{ '007' }}",
    }
    with Session({**api.oauth(body_format="json", fields=fields), "max_concurrency": 12}) as session:
        session.get()
    sent = api.asked()[0].json()
    assert {
        name: value for name, value in sent.items() if name not in {"client_id", "client_secret", "grant_type"}
    } == {
        **{name: value for name, value in FIELDS.items() if name != "of.id"},
        "of": {"id": 7},
        "account": 12,
        "text": "n12",
        "id": "007",
    }


def test_fields_of_a_form_are_written_as_in_json(api: TokenApi) -> None:
    """A form has only text: `true`, not `True`; each value of a list by itself, and nothing for null."""
    with Session(api.oauth(fields=FIELDS)) as session:
        session.get()
    assert parse_qsl(api.asked()[0].body.decode())[3:] == [
        ("expires", "3600"),
        ("rate", "0.5"),
        ("remember", "true"),
        ("never", "false"),
        ("scopes", "a"),
        ("scopes", "2"),
        ("of.id", "7"),
    ]
