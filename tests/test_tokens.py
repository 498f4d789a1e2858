"""Tokens are shared, renewed in time, and requested once."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.auth import access_token
from source_rest_api.auth.token_answer import TokenAnswer
from source_rest_api.errors import ConfigError, SourceError, TransientError
from source_rest_api.http.response import Response
from tests.api import JSON, Answer, Call
from tests.sign_in import Session, TokenApi

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
NOW = 1_700_000_000.0


@pytest.fixture
def api() -> Iterator[TokenApi]:
    """Run an API behind tokens."""
    with TokenApi() as api:
        yield api


@given(st.floats(min_value=0.001, max_value=1e9))
def test_a_token_is_renewed_ahead_of_its_end(life: float) -> None:
    """A tenth of its life before, at least a minute, at most half of it."""
    margin = access_token.margin(life)
    assert margin <= life / 2
    assert margin >= min(60, life / 2)
    assert margin == pytest.approx(life / 10) or life < 600


def test_a_token_is_renewed_when_its_time_comes(api: TokenApi) -> None:
    """Not before nine tenths of its lifetime, and without a rejected request."""
    with Session(api.oauth()) as session:
        for later in (0, 3239, 2, 3239, 2):
            session.clock.now += later
            session.get()
    assert api.issued == 3
    assert len(api.asked("/x")) == 5


def test_a_token_without_expiry_lives_as_long_as_the_config_says(api: TokenApi) -> None:
    """`lifetime` is what is assumed."""
    api.answer_with = {}
    with Session(api.oauth(lifetime=100)) as session:
        for later in (0, 49, 2):
            session.clock.now += later
            session.get()
    assert api.issued == 2


def test_a_token_that_the_api_refuses_is_renewed_once(api: TokenApi) -> None:
    """The request is sent again with the new one; if that is refused too, the error says so."""
    with Session(api.oauth()) as session:
        session.get()
        api.valid = set()
        assert session.get() == b"[]"
        api.get("/x")(lambda _: Answer({}, 401))
        with pytest.raises(ConfigError, match=r"HTTP 401.*Check the credentials"):
            session.get()
    assert api.issued == 3


def test_threads_share_one_token(api: TokenApi) -> None:
    """Eight threads that start together ask for one token, and for one more when it is refused to all."""
    with Session(api.oauth()) as session, ThreadPoolExecutor(8) as pool:
        barrier = Barrier(8)

        def get(_: int) -> bytes:
            barrier.wait()
            return session.get()

        assert list(pool.map(get, range(8))) == [b"[]"] * 8
        assert api.issued == 1
        api.valid = set()
        assert list(pool.map(get, range(8))) == [b"[]"] * 8
        assert api.issued == 2
        session.clock.now += 3600
        assert list(pool.map(get, range(8))) == [b"[]"] * 8
        assert api.issued == 3


@pytest.mark.parametrize(
    ("answer", "kind"), [(Answer({}, 500, delay=0.3), TransientError), (Answer({}, 400, delay=0.3), ConfigError)]
)
def test_threads_share_one_failure(api: TokenApi, answer: Answer, kind: type[SourceError]) -> None:
    """Threads that waited for the token get the same error, and do not request it again."""
    api.post("/token")(lambda _: answer)
    raw = api.oauth() | {"retry": {"max_attempts": 1}}
    with Session(raw) as session, ThreadPoolExecutor(8) as pool:
        barrier = Barrier(8)

        def get(_: int) -> str:
            barrier.wait()
            with pytest.raises(kind) as caught:
                session.get()
            return str(caught.value)

        messages = set(pool.map(get, range(8)))
    assert len(messages) == 1
    assert messages.pop().count("GET") == 1
    assert len(api.asked()) == 1


def test_after_a_passing_failure_it_is_asked_for_again(api: TokenApi) -> None:
    """A later request tries again."""
    api.post("/token")(lambda call: Answer({}, 500) if call.number == 0 else api.give(call))
    with Session(api.oauth() | {"retry": {"max_attempts": 1}}) as session:
        with pytest.raises(TransientError):
            session.get()
        session.clock.now += 61
        assert session.get() == b"[]"


def test_minted_tokens_are_masked(api: TokenApi) -> None:
    """A token is masked from the moment it arrives, before a request could fail with it."""

    @api.get("/x")
    def x(call: Call) -> JSON:
        return Answer({"error": f"no such token: {call.headers['Authorization']}"}, 403)

    with Session(api.oauth()) as session:
        with pytest.raises(ConfigError) as caught:
            session.get()
        assert "T1-secret" in str(caught.value)
        assert "T1-secret" not in session.mask(str(caught.value))


@pytest.mark.parametrize(
    ("value", "headers", "life"),
    [
        (None, {}, 7.0),
        (3600, {}, 3600.0),
        ("3600", {}, 3600.0),
        (0.5, {}, 0.5),
        (0, {}, 7.0),
        (-1, {}, 7.0),
        (NOW + 60, {}, 60.0),
        (str(int(NOW) + 60), {}, 60.0),
        ((NOW + 60) * 1000, {}, 60.0),
        ("2023-11-14T22:14:20Z", {}, 60.0),
        ("2023-11-14T23:14:20+01:00", {}, 60.0),
        ("2023-11-14T22:14:20Z", {"Date": "Tue, 14 Nov 2023 22:14:10 GMT"}, 10.0),
        ("2023-11-14T22:14:20Z", {"Date": "soon"}, 60.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", {}, 60.0),
        ("0001-01-01T00:00:00Z", {}, 7.0),
    ],
)
def test_expiry(value: Any, headers: dict[str, str], life: float) -> None:
    """Seconds, numbers as text, dates, epochs; the server's clock counts where it is known."""
    body = msgspec.json.encode({} if value is None else {"ends": value})
    answer = TokenAnswer(Response(200, headers, body, ""))
    assert answer.life(("ends",), 7.0, NOW) == pytest.approx(life)


@pytest.mark.parametrize("value", ["", "soon", [1], {}, True, "1e999", "nan", "2023-11-14T22:13:00Z", NOW - 1])
def test_expiry_that_is_none(value: Any) -> None:
    """An invalid or past time is an error."""
    with pytest.raises(ConfigError):
        TokenAnswer(Response(200, {}, msgspec.json.encode({"ends": value}), "")).life(("ends",), 7.0, NOW)


PROGRAM = """
import json, sys
from tests.sign_in import Session

with Session(json.loads(sys.argv[1])) as session:
    session.get()
print("jinja2" in sys.modules)
"""
OAUTH = {"type": "oauth2", "client_id": "a", "client_secret": "b"}
JWT = {"type": "jwt", "algorithm": "HS256", "key": "k" * 32}


@pytest.mark.parametrize(
    ("authentication", "needed"),
    [
        ({"type": "bearer", "token": "t"}, False),
        ({"type": "api_key", "api_key": "k"}, False),
        ({"type": "api_key", "api_key": "k", "value": "Key {{ api_key }}"}, True),
        ({"type": "basic", "username": "ada"}, False),
        ({**OAUTH, "token_url": "URL"}, False),
        ({**OAUTH, "token_url": "URL", "place": {"value": "Token {{ token }}"}}, True),
        ({"type": "login", "login_url": "URL", "username": "a", "password": "b", "token_path": "access_token"}, False),
        (JWT, False),
        ({**JWT, "token_url": "URL"}, False),
    ],
)
def test_signing_in_with_the_defaults_needs_no_templates(
    api: TokenApi, authentication: dict[str, Any], needed: bool
) -> None:
    """The first request does not wait for Jinja unless the config has a template."""
    api.get("/x")(lambda _: [])
    config = json.dumps(api.config(**authentication)).replace("URL", f"{api.url}/token")
    done = subprocess.run([sys.executable, "-c", PROGRAM, config], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{needed}\n"
    assert len(api.asked()) == ("URL" in authentication.values())
