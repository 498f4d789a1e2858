"""Tokens that are signed here are what their readers expect."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from source_rest_api.config.loading import load
from source_rest_api.config.masking import masker, secrets_of
from source_rest_api.errors import ConfigError
from tests.sign_in import Session, TokenApi, form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api import JSON, Call

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
KEY = bytes(range(200, 240))
SHARED = "a shared secret of at least 32 bytes"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    """Write a private key."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Write the public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def api() -> Iterator[TokenApi]:
    """Run an API that takes any token at /y."""
    with TokenApi() as api:
        api.get("/y")(lambda _: [])
        yield api


def raw(api: TokenApi, **more: Any) -> dict[str, Any]:
    """Give a config that signs."""
    return api.config(**{"type": "jwt", "algorithm": "HS256", "key": SHARED, **more})


@pytest.mark.parametrize(
    ("algorithm", "key", "verify"),
    [
        ("HS256", SHARED, SHARED),
        ("RS256", pem(RSA), public(RSA)),
        ("RS256", pem(RSA).replace("\n", "\\n"), public(RSA)),
        ("PS256", pem(RSA), public(RSA)),
        ("ES256", pem(EC), public(EC)),
    ],
)
def test_a_token_that_is_sent_as_it_is(api: TokenApi, algorithm: str, key: str, verify: str) -> None:
    """Its reader can verify it, and finds who signed it, for whom, and until when."""
    named = {"key_id": "k1", "issuer": "me", "subject": "you", "audience": "them"}
    claims = {"scope": "{{ config['url_base'][:4] }} all"}
    with Session(raw(api, algorithm=algorithm, key=key, lifetime=600, claims=claims, **named)) as session:
        session.get("/y")
    token = api.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    options = {"verify_exp": False}
    read = jwt.decode(token, verify, algorithms=[algorithm], audience="them", options=options)  # type: ignore[arg-type]
    now = 1_700_001_000
    assert read == {"iss": "me", "sub": "you", "aud": "them", "scope": "http all", "iat": now, "exp": now + 600}
    assert jwt.get_unverified_header(token)["kid"] == "k1"
    assert session.mask(token) == "****"


def test_it_is_signed_again_ahead_of_its_end(api: TokenApi) -> None:
    """One token is used for nine tenths of its lifetime."""
    with Session(raw(api)) as session:
        for later in (0, 1079, 2):
            session.clock.now += later
            session.get("/y")
    one, same, other = (call.headers["Authorization"] for call in api.requests)
    assert one == same != other


def test_it_is_exchanged_for_an_access_token(api: TokenApi) -> None:
    """RFC 7523, section 2.1: the assertion goes to the token endpoint, the access token to the API."""
    with Session(raw(api, algorithm="RS256", key=pem(RSA), token_url=f"{api.url}/token")) as session:
        session.get()
    sent = form(api.asked()[0])
    assert sent["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert jwt.decode(sent["assertion"], options={"verify_signature": False})["exp"] == 1_700_001_000 + 1200
    assert session.mask(sent["assertion"]) == "****"


def test_it_shows_who_the_client_is(api: TokenApi) -> None:
    """RFC 7523, section 2.2: the fields of the request can be others."""
    fields = {"grant_type": "client_credentials", "client_assertion": "{{ jwt }}", "scope": "all"}

    @api.post("/token")
    def token(call: Call) -> JSON:
        return {"token": "T1-secret"} if set(form(call)) == set(fields) else {}

    with Session(raw(api, token_url=f"{api.url}/token", fields=fields, token_path="token")) as session:
        session.get("/y")
    assert api.requests[-1].headers["Authorization"] == "Bearer T1-secret"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", "KEY-secret"),
        ("RS256", pem(EC)),
        ("ES256", pem(RSA)),
        ("ES384", pem(EC)),
        ("RS256", public(RSA)),
        ("RS256", pem(RSA, b"password")),
        ("HS256", public(RSA)),
        ("HS256", ""),
    ],
)
def test_a_key_of_another_kind_is_refused_without_being_shown(algorithm: str, key: str) -> None:
    """At once, when the config is read."""
    with pytest.raises(ConfigError, match=r"`authentication\.key` is no") as caught:
        load(raw(TokenApi(), algorithm=algorithm, key=key))
    shown = f"{caught.value}{caught.value.detail}"
    assert not [line for line in key.splitlines() if line and line in shown]


@pytest.mark.parametrize("password", ["another", None])
def test_an_encrypted_key_without_its_passphrase_is_refused(password: str | None) -> None:
    """The error names the setting, and shows neither key nor passphrase."""
    with pytest.raises(ConfigError, match="passphrase") as caught:
        load(raw(TokenApi(), algorithm="RS256", key=pem(RSA, b"pass word"), passphrase=password))
    assert "another" not in f"{caught.value}{caught.value.detail}"


def test_an_encrypted_key_signs_and_further_headers_are_sent(api: TokenApi) -> None:
    """The key is decrypted by the passphrase; `jwt_headers` stand beside `kid`."""
    given = {"key": pem(RSA, b"pass word"), "passphrase": "pass word", "key_id": "k1", "jwt_headers": {"cty": "JWT"}}
    with Session(raw(api, algorithm="RS256", **given)) as session:
        session.get("/y")
    token = api.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, public(RSA), algorithms=["RS256"], options={"verify_exp": False})
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": "k1", "cty": "JWT"}
    assert "pass word" in set(secrets_of(load(raw(api, algorithm="RS256", **given))))


def test_a_private_key_is_masked_line_by_line() -> None:
    """No line of a PEM gets into a log."""
    config = load(raw(TokenApi(), algorithm="RS256", key=pem(RSA)))
    mask = masker(secrets_of(config))
    assert all(set(mask(line)) == {"*"} for line in pem(RSA).splitlines()[1:-1])


@pytest.mark.parametrize(
    ("encoding", "algorithm", "key", "verify"),
    [
        ("hex", "HS256", KEY.hex(), KEY),
        ("hex", "HS256", f" {KEY.hex().upper()}\n", KEY),
        ("base64", "HS256", b64encode(KEY).decode(), KEY),
        ("base64", "HS256", urlsafe_b64encode(KEY).decode().rstrip("="), KEY),
        ("base64", "RS256", b64encode(pem(RSA).encode()).decode(), public(RSA)),
    ],
)
def test_a_key_in_hex_or_base64(api: TokenApi, encoding: str, algorithm: str, key: str, verify: Any) -> None:
    """The token is signed with the decoded bytes of the key."""
    with Session(raw(api, algorithm=algorithm, key=key, key_encoding=encoding)) as session:
        session.get("/y")
    token = api.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, verify, algorithms=[algorithm], options={"verify_exp": False})


@pytest.mark.parametrize(("encoding", "key"), [("hex", "g" * 64), ("hex", "abc"), ("base64", "a*" * 20)])
def test_a_key_in_another_encoding(encoding: str, key: str) -> None:
    """The error names both settings, and does not show the key."""
    with pytest.raises(
        ConfigError, match=rf"`authentication.key` is not .* in {encoding} \(`key_encoding`\)"
    ) as caught:
        load(raw(TokenApi(), key=key, key_encoding=encoding))
    assert key not in f"{caught.value}{caught.value.detail}"


def test_claims_keep_their_types(api: TokenApi) -> None:
    """A claim may be a number, a boolean, a list or an object."""
    claims = {"admin": True, "level": 3, "roles": ["a", "b"], "of": {"id": 7}}
    with Session(raw(api, claims=claims)) as session:
        session.get("/y")
    token = api.requests[-1].headers["Authorization"].removeprefix("Bearer ")
    found = jwt.decode(token, SHARED, algorithms=["HS256"], options={"verify_exp": False})
    assert {name: found[name] for name in claims} == claims
