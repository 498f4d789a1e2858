"""No form of a secret gets through, and what is no secret stays as it is."""

from __future__ import annotations

import json
import string
from base64 import b64encode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr
from requests.utils import requote_uri

from source_rest_api.config import loading, masking
from source_rest_api.model import Model, Secret

if TYPE_CHECKING:
    from collections.abc import Callable


def forms(secret: str) -> dict[str, str]:
    """Every form in which a secret may stand in a text."""
    data = secret.encode("utf-8", "surrogatepass")
    encoded = quote(secret, safe="", errors="replace")
    ascii_json = json.dumps(secret)[1:-1]
    return {
        "raw": secret,
        "quote": encoded,
        "quote in a path": quote(secret, errors="replace"),
        "quote_plus": quote_plus(secret, errors="replace"),
        "lower-case percent-encoding": encoded.lower(),
        "URL of requests": requote_uri(secret.replace("%", "%25")) if secret.isascii() else secret,
        "JSON": ascii_json,
        "JSON in UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "JSON of PHP": ascii_json.replace("/", "\\/"),
        "JSON of .NET": ascii_json.replace("+", "\\u002B").replace("&", "\\u0026").replace("'", "\\u0027"),
        "repr": repr(secret)[1:-1],
        "HTML": escape(secret),
        "base64": b64encode(data).decode(),
        "base64 for URLs": urlsafe_b64encode(data).decode(),
        "base64 without padding": urlsafe_b64encode(data).decode().rstrip("="),
        "base64 in a URL": quote(b64encode(data).decode(), safe=""),
        "upper case": secret.upper() if secret.isascii() else secret,
    }


SECRETS = st.text(min_size=4).filter(lambda text: len(text.strip()) >= 4 and "*" not in text)
AROUND = st.text(string.ascii_letters + ' \n"{}=&?:', max_size=10)


@given(secret=SECRETS | st.text(string.printable.replace("*", ""), min_size=4), before=AROUND, after=AROUND)
def test_no_form_of_a_secret_gets_through(secret: str, before: str, after: str) -> None:
    """Whoever wrote it, and whatever stands around it."""
    assume(len(secret.strip()) >= 4)
    mask = masking.masker([secret])
    for name, form in forms(secret).items():
        masked = mask(before + form + after)
        assert form not in masked, name
        assert masking.MASK in masked, name


@given(st.lists(SECRETS, min_size=1, max_size=4), st.randoms())
def test_one_secret_may_hold_another(secrets: list[str], random: object) -> None:
    """The longest goes first, so that nothing of it is left beside the mask of a shorter one."""
    long = "".join(secrets)
    shuffled = [*secrets, long]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert masking.masker(shuffled)(f"<{long}>") == "<****>"


@given(st.lists(st.text(max_size=3)), st.text())
def test_short_secrets_do_not_corrupt(secrets: list[str], text: str) -> None:
    """A secret of a letter or two would blot out everything; it is not replaced."""
    assert masking.masker(secrets)(text) == text


@pytest.mark.parametrize("secret", ["", " ", "      ", "\n\n\n\n\n", "E", "RQ==", "type"])
def test_ordinary_text_is_kept(secret: str) -> None:
    """Blanks are no secret."""
    text = '{"level": "INFO",      "message": "a\n\n\n\n\nb"}'
    assert masking.masker([secret])(text) == text


def test_all_of_it_is_replaced() -> None:
    """Every occurrence, in one text."""
    mask = masking.masker(["pa ss/wörd"])
    text = "a=pa+ss%2fw%C3%B6rd&b=pa%20ss/w%c3%b6rd 'pa ss/wörd' pa ss\\/w\\u00F6rd"
    assert mask(text) == "a=****&b=**** '****' ****"


def test_each_line_of_a_key_is_a_secret() -> None:
    """A PEM is masked in whole, with its line breaks escaped, and line by line."""
    lines = [
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0B",
        "AQEFAASCBKcwggSjAgEAAoIB",
        "-----END PRIVATE KEY-----",
    ]
    pem = "\n".join(lines) + "\n"
    mask = masking.masker([pem])
    assert mask(f"x {pem}y") == "x ****y"
    assert mask(json.dumps(pem)) == '"****"'
    for line in lines:
        assert mask(f"could not read {line}!") == "could not read ****!"
        assert line not in mask(pem.replace("\n", "\r\n"))


class Holder(Model):
    """A part of a config with secrets in all places."""

    one: Secret
    """A secret."""
    many: list[Secret] = []  # noqa: RUF012 -- pydantic copies it
    """Secrets in a list."""
    named: dict[str, tuple[Secret, ...]] = {}  # noqa: RUF012
    """Secrets in a mapping."""
    inner: Holder | None = None
    """A part below."""
    name: str = "no secret"
    """Something else."""


def test_secrets_are_found_wherever_they_stand() -> None:
    """In lists, mappings and parts of parts."""
    holder = Holder(
        one=SecretStr("s-1"),
        many=[SecretStr("s-2"), SecretStr("s-3")],
        named={"a": (SecretStr("s-4"),)},
        inner=Holder(one=SecretStr("s-5")),
    )
    assert sorted(masking.secrets_of(holder)) == ["s-1", "s-2", "s-3", "s-4", "s-5"]


@pytest.mark.parametrize(
    ("authentication", "sent"),
    [
        ({"type": "bearer", "token": "hush hush"}, "hush hush"),
        ({"type": "api_key", "api_key": "hush+hush", "in": "query"}, "hush%2Bhush"),
        ({"type": "basic", "username": "me", "password": "hush"}, b64encode(b"me:hush").decode()),
        ({"type": "basic", "username": "sk_live_key"}, b64encode(b"sk_live_key:").decode()),
        ({"type": "basic", "username": "më", "password": "hüsh"}, b64encode("më:hüsh".encode()).decode()),
    ],
)
def test_what_an_authenticator_sends_is_masked(authentication: dict[str, str], sent: str) -> None:
    """The credentials of a config, as they stand in its requests."""
    loaded = loading.load(
        {"url_base": "https://h", "authentication": authentication, "endpoints": [{"name": "a", "path": "/"}]}
    )
    mask: Callable[[str], str] = masking.masker(masking.secrets_of(loaded))
    assert mask(f"GET /?x={sent} failed") == "GET /?x=**** failed"
    assert mask(f"Authorization: Basic {sent}") == "Authorization: Basic ****"


def test_a_secret_that_is_learned_is_masked_from_then_on() -> None:
    """Beside those that were known, by whichever thread."""
    mask = masking.masker(["first"])
    assert mask("first second") == "**** second"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(mask.learn, [f"token-{n}x" for n in range(40)]))
    mask.learn("second")
    assert mask("first second " + " ".join(f"token-{n}x" for n in range(40))).replace("*", "").strip() == ""
    assert masking.masker([])("text") == "text"
