"""Masks secrets in text, in every encoding in which they may appear."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from html import escape
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from pydantic import BaseModel, SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "****"
_SHORTEST = 4
"""Characters of the shortest secret that is masked: masking shorter ones would hide ordinary words."""


def secrets_of(value: object) -> Iterator[str]:
    """Yields every secret in a config, and the credentials derived from secrets."""
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
    """Yields the password in a URL as written and decoded, and its Basic credentials."""
    userinfo, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    password = userinfo.partition(":")[2]
    if at and password:
        yield from {password, unquote(password)}
        yield b64encode(unquote(userinfo).encode()).decode()


class Mask:
    """Replaces all forms of the secrets in a text, the longest first. Thread-safe.

    Args:
        secrets: The secrets to mask.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._lock = Lock()
        self._spelled = {form: _spelled(form) for secret in secrets for form in _forms(secret)}
        self._pattern = self._compiled()

    def __call__(self, text: str) -> str:
        """Returns the text with all secrets masked."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def learn(self, secret: str) -> None:
        """Adds a secret to mask from now on."""
        with self._lock:
            known = len(self._spelled)
            self._spelled |= {form: _spelled(form) for form in _forms(secret) if form not in self._spelled}
            if len(self._spelled) > known:
                self._pattern = self._compiled()

    def _compiled(self) -> re.Pattern[str] | None:
        forms = sorted(self._spelled, key=len, reverse=True)
        return re.compile("|".join(self._spelled[form] for form in forms), re.IGNORECASE) if forms else None


def masker(secrets: Iterable[str]) -> Mask:
    """Returns a mask for these secrets."""
    return Mask(secrets)


def _spelled(form: str) -> str:
    return "".join(map(_spellings, form))


def _forms(secret: str) -> Iterator[str]:
    """Yields the secret, each line of a multi-line secret such as a PEM key, and all of these in base64."""
    for text in {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}:
        if len(text.strip()) >= _SHORTEST:
            data = text.encode("utf-8", "surrogatepass")
            yield text
            yield b64encode(data).decode().rstrip("=")
            yield urlsafe_b64encode(data).decode().rstrip("=")


def _spellings(character: str) -> str:
    """Returns a pattern for a character as URLs, JSON, Python and HTML may write it; each escapes other characters."""
    if character.isascii() and character.isalnum():
        return character
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
    }
    return f"(?:{'|'.join(map(re.escape, sorted(spellings, key=len, reverse=True)))})"
