"""HTTP digest against a server that checks the hash."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from requests.utils import parse_dict_header

from source_rest_api.errors import ConfigError
from tests.api import JSON, Answer, Api, Call
from tests.sign_in import Session

if TYPE_CHECKING:
    from collections.abc import Iterator


def md5(text: str) -> str:
    """Hash as RFC 7616 does by default."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class DigestApi(Api):
    """An API whose nonces are valid for a limited number of requests, each with its own count."""

    def __init__(self, uses: int = 1000) -> None:
        super().__init__()
        self.nonces: dict[str, set[str]] = {}
        self.uses = uses
        self.get("/x")(self.x)

    def x(self, call: Call) -> JSON:
        """Check the answer to the challenge, or give one."""
        sent: dict[str, str] = parse_dict_header((call.headers["Authorization"] or "")[7:])  # type: ignore[no-untyped-call]
        counts = self.nonces.get(sent.get("nonce", ""), set())
        a1, a2 = md5("ada:api:pass-secret"), md5(f"GET:{call.target}")
        expected = md5(":".join([a1, *(sent.get(key, "") for key in ("nonce", "nc", "cnonce", "qop")), a2]))
        if sent.get("response") == expected and sent["nc"] not in counts and len(counts) < self.uses:
            counts.add(sent["nc"])
            return []
        nonce = f"n{len(self.nonces)}"
        self.nonces[nonce] = set()
        challenge = f'Basic realm="b", Digest realm="api", nonce="{nonce}", qop="auth", opaque="o"'
        return Answer({}, 401, {"WWW-Authenticate": challenge})


@pytest.fixture
def api() -> Iterator[DigestApi]:
    """Run an API behind digest."""
    with DigestApi() as api:
        yield api


def raw(api: Api, password: str = "pass-secret") -> dict[str, Any]:
    """Give a config with digest."""
    authentication = {"type": "digest", "username": "ada", "password": password}
    return {"url_base": api.url, "authentication": authentication, "endpoints": [{"name": "x", "path": "/x"}]}


def test_a_challenge_is_answered_and_serves_on(api: DigestApi) -> None:
    """One challenge serves many requests; the password is never sent."""
    with Session(raw(api)) as session:
        assert [session.get("/x?a=b%2Fc&d") for _ in range(3)] == [b"[]"] * 3
    assert len(api.requests) == 4
    assert not [call for call in api.requests if "pass-secret" in str(call.headers)]


def test_a_new_challenge_is_answered() -> None:
    """A nonce that ends in mid-sync costs a request, not the sync."""
    with DigestApi(uses=2) as api, Session(raw(api)) as session:
        assert [session.get() for _ in range(5)] == [b"[]"] * 5
    assert api.errors == []


def test_threads_have_challenges_of_their_own(api: DigestApi) -> None:
    """No two requests show the same count for the same nonce."""
    with Session(raw(api)) as session, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: session.get(), range(40))) == [b"[]"] * 40


def test_a_wrong_password_is_said_once(api: DigestApi) -> None:
    """The second 401 is the answer."""
    with Session(raw(api, "wrong")) as session, pytest.raises(ConfigError, match=r"HTTP 401.*credentials"):
        session.get()
    assert len(api.requests) == 2


def test_another_challenge_is_not_answered() -> None:
    """An API that wants something else gets no hash."""
    with Api(token="t") as api, Session(raw(api)) as session:
        with pytest.raises(ConfigError, match="HTTP 401"):
            session.get()
        assert len(api.requests) == 1
