"""No form of a secret gets through, and other texts are unchanged."""

from __future__ import annotations

import ast
import json
import string
from base64 import b64encode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr
from requests.utils import requote_uri

from source_rest_api.config import loading, masking
from source_rest_api.http.error_policy import judge
from source_rest_api.http.response import Response
from source_rest_api.model import Model, Secret
from source_rest_api.protocol.messages import Messages

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
    """No text contains the secret, whoever wrote it."""
    assume(len(secret.strip()) >= 4)
    mask = masking.masker([secret])
    for name, form in forms(secret).items():
        masked = mask(before + form + after)
        assert form not in masked, name
        assert masking.MASK in masked, name


@given(st.lists(SECRETS, min_size=1, max_size=4), st.randoms())
def test_one_secret_may_hold_another(secrets: list[str], random: object) -> None:
    """The longest is masked first, so that no part of it is left beside the mask of a shorter one."""
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


ODD = st.text(string.digits + "QXZqxz" + "\"\\/+=%&<' é€😀", min_size=6).filter(lambda text: len(text.strip()) >= 6)
"""Secrets of characters that no error of ours has in such an order."""
WRITTEN: dict[str, Callable[[str], str]] = {
    "reason": lambda text: json.dumps({"error": {"message": text}}),
    "other JSON": lambda text: json.dumps({"you": {"sent": text}}),
    "JSON in UTF-8": lambda text: json.dumps({"you": {"sent": text}}, ensure_ascii=False),
    "text": lambda text: text,
    "query": lambda text: quote(text, safe=""),
    "HTML": lambda text: f"<p>{escape(text)}</p>",
    "base64": lambda text: b64encode(text.encode()).decode(),
}


def seen(secret: str, text: str) -> list[str]:
    """The parts of a secret that can be read in a text, six characters long and in any form."""
    parts = [secret[at : at + 6] for at in range(len(secret) - 5)]
    encoded = b64encode(secret.encode()).decode()
    return [
        part
        for part in [*parts, *(encoded[at : at + 8] for at in range(len(encoded) - 7))]
        if part.strip()
        and {part, quote(part, safe=""), escape(part), *(json.dumps(part, ensure_ascii=a)[1:-1] for a in (True, False))}
        & {text[at : at + length] for length in range(6, 80) for at in range(len(text) - length + 1)}
    ]


@given(secret=ODD, before=st.integers(0, 520), after=st.integers(0, 520), form=st.sampled_from(sorted(WRITTEN)))
def test_no_part_of_a_secret_is_left_where_a_text_is_cut(secret: str, before: int, after: int, form: str) -> None:
    """A quoted response that is cut inside a secret shows no part of it."""
    echo = f"{'.' * before}{secret}{'.' * after}" if form != "base64" else secret
    body = ("." * before if form == "base64" else "") + WRITTEN[form](echo)
    verdict = judge(Response(401, {"Content-Type": "application/json"}, body.encode(), "https://h/"))
    assert verdict is not None
    shown = json.loads(Messages(masking.masker([secret])).error(verdict.error, "s"))["trace"]["error"]["message"]
    assert seen(secret, shown) == []


@pytest.mark.parametrize("kept", [*range(6, 44), 60])
def test_the_beginning_of_a_secret_before_a_cut_is_masked(kept: int) -> None:
    """At any length before the cut; without a cut the same text is an ordinary word."""
    secret = "tok/3f9a-77 c1é2b8d04e6a5b9c8d7e6f5a4b3c2d1e0"
    mask = masking.masker([secret, "another"])
    for form in forms(secret).values():
        for cut in ("…", "..."):
            assert mask(f"sent {form[:kept]}{cut} (401)") == f"sent ****{cut} (401)"
    assert mask("sent tok…, or tok/3 at last") == "sent tok…, or tok/3 at last"


def test_secrets_that_overlap_are_masked_together() -> None:
    """The end of one is the beginning of another."""
    assert masking.masker(["abcdef", "defghi"])("<abcdefghi>") == "<****>"
    assert masking.masker(["abcabc"])("<abcabcabc>") == "<****>"


SIGNED = "https://b.s3.amazonaws.com/x.csv?X-Amz-Date=20240101T000000Z&X-Amz-Signature=4f1d%2F9&partNumber=1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (SIGNED, SIGNED.replace("4f1d%2F9", "****")),
        (SIGNED.replace("&", "&amp;"), SIGNED.replace("&", "&amp;").replace("4f1d%2F9", "****")),
        (SIGNED.replace("&", "\\u0026"), SIGNED.replace("&", "\\u0026").replace("4f1d%2F9", "****")),
        (f'{{"to": "{SIGNED}"}}', f'{{"to": "{SIGNED.replace("4f1d%2F9", "****")}"}}'),
        ("/login?next=https%3A%2F%2Fh%3Fsig%3Dab%26a%3D1", "/login?next=https%3A%2F%2Fh%3Fsig%3D****%26a%3D1"),
        ("https://h/?sv=2022&sig=a\\/b%2Bc%3D gone", "https://h/?sv=2022&sig=**** gone"),
        ("GET /a?token=abc&page=2 failed", "GET /a?token=****&page=2 failed"),
        ("<https://h/?page=2&access_token=abc>; rel=next", "<https://h/?page=2&access_token=****>; rel=next"),
        ("?api_key=1&apikey=2&x-api-key=3&key=4", "?api_key=****&apikey=****&x-api-key=****&key=****"),
        ("see https://h/docs?topic=token&lang=en#key", "see https://h/docs?topic=token&lang=en#key"),
        ("token=abc is no URL; what is the key?", "token=abc is no URL; what is the key?"),
    ],
)
def test_credentials_in_any_url_are_masked(text: str, shown: str) -> None:
    """Signatures, tokens and keys that the config does not know, by the names of their parameters."""
    assert masking.masker([])(text) == shown


def cuts(module: ast.Module) -> bool:
    """True if bytes are cut and read as text, or what stands in an f-string is cut."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr == "decode":
            inner: list[ast.AST] = [node.value]
        else:
            inner = list(ast.walk(node)) if isinstance(node, ast.FormattedValue) else []
        slices = [each.slice for each in inner if isinstance(each, ast.Subscript)]
        if any(isinstance(each, ast.Slice) and each.upper is not None for each in slices):
            return True
    return False


def test_nothing_else_cuts_what_it_quotes() -> None:
    """Only before the end of an `excerpt` does the mask know the beginning of a secret."""
    package = Path(masking.__file__).parent.parent
    found = {path.stem for path in package.rglob("*.py") if cuts(ast.parse(path.read_text()))}
    assert found - {"excerpt"} == {
        "datetimes",  # puts dates together
        "error_policy",  # looks for words
        "http1",  # reads a chunk's length
        "list_shape",  # takes a body apart
        "masking",  # spells characters
        "records",  # takes a manifest's templates apart
    }


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
    """The credentials of a config are masked in the form in which its requests send them."""
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
