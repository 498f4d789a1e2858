"""Takes secrets out of text, in every form in which they may have got there."""

from __future__ import annotations

import json
import re
import string
from base64 import b64encode, urlsafe_b64encode
from functools import cached_property, lru_cache
from html import escape
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from pydantic import BaseModel, SecretStr

from source_rest_api.formats.excerpt import CUT, LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "****"
_SHORTEST = 4
"""Shorter secrets would blot out ordinary words; they are never written by us in the first place."""
_CUTS = re.compile(rf"{CUT}|\.{{3}}")
"""Signs at the end of a text that was cut, by us or by the API."""
_SIGNED = re.compile(
    r"(?:[?&#]|%26|%3F|\\u0026)(?:amp;)?"
    r"(?:[\w.-]{0,40}(?:signature|credential|token|secret|passw|api[_-]?key|access[_-]?key)[\w.-]{0,40}"
    r"|sig|key|key-pair-id|policy|auth|authorization|code|jwt|hmac|sas|pwd)"
    r"(?:=|%3D|\\u003d)"
    r"(?P<value>(?:\\/|(?!%26)[^&#\s\"'<>\\`…])+)",
    re.IGNORECASE,
)
"""A parameter of a URL that lets whoever knows it in: the signatures of AWS, Google, Azure and others, tokens and keys.
They come from APIs that quote a request or give signed URLs; those of the config are known as secrets."""
_LOWER = {ord(letter): letter.lower() for letter in string.ascii_uppercase}


def secrets_of(value: object) -> Iterator[str]:
    """Every secret in a config, and what is derived from it."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
        yield from _password(value.get_secret_value())
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_of(getattr(value, name))
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
    """The password in a URL, as it stands there and as it is sent."""
    userinfo, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    password = userinfo.partition(":")[2]
    if at and password:
        yield from {password, unquote(password)}
        yield b64encode(unquote(userinfo).encode()).decode()


class Mask:
    """Replaces all forms of the secrets in a text, for all threads; and credentials in the query of any URL.

    Args:
        secrets: What must not be shown.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._lock = Lock()
        self._forms = _Forms(form for secret in secrets for form in _forms(secret))

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        spans = [match.span("value") for match in _SIGNED.finditer(text)] + self._forms.spans(text)
        shown, end = "", 0
        for start, stop in sorted(spans):
            if start >= end:
                shown += text[end:start] + MASK
            end = max(end, stop)
        return shown + text[end:]

    def learn(self, secret: str) -> None:
        """Replace one more secret from now on."""
        with self._lock:
            self._forms = self._forms.with_more(_forms(secret))


class _Forms:
    """All that secrets may look like, and where it stands in a text."""

    def __init__(self, forms: Iterable[str]) -> None:
        self._known = sorted(set(forms), key=len, reverse=True)
        # Each place is looked at, also inside what was found: secrets may overlap. The longest goes first.
        self._whole = _any("".join(map(_pattern, form)) for form in self._known)

    @cached_property
    def _begun(self) -> re.Pattern[str]:
        """The first characters of each."""
        return _any("".join(map(_pattern, form[:_SHORTEST])) for form in self._known)

    def with_more(self, forms: Iterable[str]) -> _Forms:
        """These and others."""
        more = set(forms).difference(self._known)
        return _Forms([*self._known, *more]) if more else self

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Yields the places of secrets in a text: whole ones, and beginnings before a cut."""
        if not self._known:
            return []
        return [match.span(1) for match in self._whole.finditer(text)] + [*self._cut(text)]

    def _cut(self, text: str) -> Iterator[tuple[int, int]]:
        """Returns the beginning of a secret before a cut."""
        for cut in _CUTS.finditer(text):
            end = cut.start()
            for begun in self._begun.finditer(text, max(0, end - LONGEST), end):
                if any(_leads_to(form, text[begun.start() : end]) for form in self._known):
                    yield begun.start(), end
                    break  # what begins later is in it


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(f"(?=({'|'.join(patterns)}))", re.IGNORECASE)


def _leads_to(form: str, text: str) -> bool:
    """True if a text is the beginning of a form, in whatever spelling; its last character may be spelled in part."""
    lowered, ends = text.translate(_LOWER), {0}
    for character in form:
        ways = [spelling.translate(_LOWER) for spelling in _spellings(character)]
        if any(way.startswith(lowered[end:]) for end in ends for way in ways):
            return True
        ends = {end + len(way) for end in ends for way in ways if lowered.startswith(way, end)}
    return False


def masker(secrets: Iterable[str]) -> Mask:
    """Returns a function that masks these secrets in texts."""
    return Mask(secrets)


def _forms(secret: str) -> Iterator[str]:
    """The secret, each line of a longer one such as a PEM, and all these in base64."""
    for text in {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}:
        if len(text.strip()) >= _SHORTEST:
            data = text.encode("utf-8", "surrogatepass")
            yield text
            yield b64encode(data).decode().rstrip("=")
            yield urlsafe_b64encode(data).decode().rstrip("=")


def _pattern(character: str) -> str:
    """A pattern for all spellings of a character."""
    spellings = _spellings(character)
    return f"(?:{'|'.join(map(re.escape, spellings))})" if len(spellings) > 1 else re.escape(character)


@lru_cache(1024)
def _spellings(character: str) -> tuple[str, ...]:
    """How URLs, JSON, Python, HTML and excerpts spell a character, the longest first; each escapes its own choice."""
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
        escape(character),
        f"&#{ord(character)};",
        f"&#x{ord(character):x};",
        character if character.isprintable() else " ",
        character if character.isascii() else "\ufffd",
    }
    return tuple(sorted(spellings, key=len, reverse=True))
