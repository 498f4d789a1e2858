"""Takes secrets out of text, in every form in which they may have got there."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MASK = "****"
_SHORTEST = 4
"""Shorter secrets would blot out ordinary words; they are never written by us in the first place."""


def secrets_of(value: object) -> Iterator[str]:
    """Every secret in a config, and what is derived from it."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
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


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces all forms of the secrets in a text, the longest first."""
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
    if not forms:
        return lambda text: text
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)), re.IGNORECASE)
    return lambda text: pattern.sub(MASK, text)


def _forms(secret: str) -> Iterator[str]:
    """Raw, percent-encoded, escaped for JSON and Python, in base64; and each line of a longer text such as a PEM."""
    for text in {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}:
        data = text.encode("utf-8", "surrogatepass")
        yield text
        yield quote(text, safe="", errors="replace")
        yield quote(text, errors="replace")
        yield quote_plus(text, errors="replace")
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield repr(text)[1:-1]
        yield b64encode(data).decode()
        yield urlsafe_b64encode(data).decode().rstrip("=")
