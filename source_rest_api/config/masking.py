"""Masks secrets in text, in every encoding in which they may appear."""

from __future__ import annotations

import json
import re
import string
from base64 import b64encode, urlsafe_b64encode
from functools import cached_property, lru_cache
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from pydantic import BaseModel, SecretStr

from source_rest_api.formats.excerpt import CUT, LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "****"
_SHORTEST = 4
"""Characters of the shortest secret that is masked: masking shorter ones would hide ordinary words."""
_CUTS = re.compile(rf"{CUT}|\.{{3}}")
"""Signs at the end of a text that this connector or the API truncated."""
_SIGNED = re.compile(
    r"(?:[?&#]|%26|%3F|\\u0026)(?:amp;)?"
    r"(?:[\w.-]{0,40}(?:signature|credential|token|secret|passw|api[_-]?key|access[_-]?key)[\w.-]{0,40}"
    r"|sig|key|key-pair-id|policy|auth|authorization|code|jwt|hmac|sas|pwd)"
    r"(?:=|%3D|\\u003d)"
    r"(?P<value>(?:\\/|(?!%26)[^&#\s\"'<>\\`…])+)",
    re.IGNORECASE,
)
"""A URL parameter that grants access: signatures of AWS, Google, Azure and others, tokens and keys.

APIs return them in quoted requests and in signed URLs. Those of the config are masked as secrets already."""
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
_LOWER = {ord(letter): letter.lower() for letter in string.ascii_uppercase}


_HOLDERS = (SecretStr, BaseModel, dict, list, tuple)
"""Types of values that are secrets or may hold some."""


def secrets_of(value: object) -> Iterator[str]:
    """Yields every secret in a config, and the credentials derived from secrets."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
        yield from _password(value.get_secret_value())
    elif isinstance(value, BaseModel):
        fields = type(value).model_fields
        for name, inner in vars(value).items():
            if inner and isinstance(inner, _HOLDERS) and name in fields:  # most of the many fields are plain values
                yield from secrets_of(inner)
        credentials = getattr(value, "credentials", None)
        if isinstance(credentials, str):
            yield credentials
    elif isinstance(value, dict):
        for inner in value.values():
            yield from secrets_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secrets_of(inner)


def _password(url: str) -> Iterator[str]:
    """Yields the password in a URL as written and decoded, and its Basic credentials."""
    userinfo, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    password = userinfo.partition(":")[2]
    if at and password:
        yield from {password, unquote(password)}
        yield b64encode(unquote(userinfo).encode()).decode()


class Mask:
    """Replaces all forms of the secrets in a text, and credentials in the query of any URL. Thread-safe.

    Args:
        secrets: The secrets to mask.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._lock = Lock()
        self._forms = _Forms(form for secret in secrets for form in _forms(secret))

    def __call__(self, text: str) -> str:
        """Returns the text with all secrets masked."""
        spans = [match.span("value") for match in _SIGNED.finditer(text)] + self._forms.spans(text)
        shown, end = "", 0
        for start, stop in sorted(spans):
            if start >= end:
                shown += text[end:start] + MASK
            end = max(end, stop)
        return shown + text[end:]

    def learn(self, secret: str) -> None:
        """Adds a secret to mask from now on."""
        with self._lock:
            self._forms = self._forms.with_more(_forms(secret))


class _Forms:
    """All forms of the secrets, and the search for them in a text."""

    def __init__(self, forms: Iterable[str]) -> None:
        self._known = sorted(set(forms), key=len, reverse=True)
        # Searches at every position, also inside a match, because secrets may overlap. The longest form comes first.
        self._whole = _any("".join(map(_pattern, form)) for form in self._known)

    @cached_property
    def _begun(self) -> re.Pattern[str]:
        """The pattern of the first characters of all forms."""
        return _any("".join(map(_pattern, form[:_SHORTEST])) for form in self._known)

    def with_more(self, forms: Iterable[str]) -> _Forms:
        """Returns these forms and further ones."""
        more = set(forms).difference(self._known)
        return _Forms([*self._known, *more]) if more else self

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Returns the spans of secrets in a text: whole secrets, and beginnings of secrets before a cut."""
        if not self._known:
            return []
        return [match.span(1) for match in self._whole.finditer(text)] + [*self._cut(text)]

    def _cut(self, text: str) -> Iterator[tuple[int, int]]:
        """Yields the span of the beginning of a secret before each cut."""
        for cut in _CUTS.finditer(text):
            end = cut.start()
            for begun in self._begun.finditer(text, max(0, end - LONGEST), end):
                if any(_leads_to(form, text[begun.start() : end]) for form in self._known):
                    yield begun.start(), end
                    break  # a later start is inside this span


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(f"(?=({'|'.join(patterns)}))", re.IGNORECASE)


def _leads_to(form: str, text: str) -> bool:
    """True if a text is the beginning of a form in any spelling. The spelling of its last character may be cut."""
    lowered, ends = text.translate(_LOWER), {0}
    for character in form:
        ways = [spelling.translate(_LOWER) for spelling in _spellings(character)]
        if any(way.startswith(lowered[end:]) for end in ends for way in ways):
            return True
        ends = {end + len(way) for end in ends for way in ways if lowered.startswith(way, end)}
    return False


def masker(secrets: Iterable[str]) -> Mask:
    """Returns a mask for these secrets."""
    return Mask(secrets)


def _forms(secret: str) -> Iterator[str]:
    """Yields the secret, each line of a multi-line secret such as a PEM key, and all of these in base64."""
    for text in {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}:
        if len(text.strip()) >= _SHORTEST:
            data = text.encode("utf-8", "surrogatepass")
            yield text
            yield b64encode(data).decode().rstrip("=")
            yield urlsafe_b64encode(data).decode().rstrip("=")


def _pattern(character: str) -> str:
    """Returns a pattern for all spellings of a character."""
    spellings = _spellings(character)
    return f"(?:{'|'.join(map(re.escape, spellings))})" if len(spellings) > 1 else re.escape(character)


@lru_cache(1024)
def _spellings(character: str) -> tuple[str, ...]:
    """Returns the spellings of a character in URLs, JSON, Python, HTML and excerpts, the longest first."""
    if character.isascii() and character.isalnum():
        return (character,)
    utf16 = character.encode("utf-16-be", "surrogatepass").hex()
    spellings = {
        character,
        quote(character, safe="", errors="replace"),
        quote_plus(character, errors="replace"),
        "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass")),
        json.dumps(character)[1:-1],
        repr(character)[1:-1],
        "".join(f"\\u{utf16[i : i + 4]}" for i in range(0, len(utf16), 4)),
        f"\\{character}",
        _HTML.get(character, character),
        f"&#{ord(character)};",
        f"&#x{ord(character):x};",
        character if character.isprintable() else " ",
        character if character.isascii() else "\ufffd",
    }
    return tuple(sorted(spellings, key=len, reverse=True))
