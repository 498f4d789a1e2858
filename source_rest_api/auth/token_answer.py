"""The response to a token request: its token, the expiry of that token, and its other values."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Raw

from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError
from source_rest_api.formats import raw_json
from source_rest_api.http import server_time
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.http.response import Response
    from source_rest_api.model import Path

WHOLE_BODY: Path = ("$",)
"""The path for a token that is the whole response, as plain text or as a JSON string."""
_FORM = "application/x-www-form-urlencoded"
_SECRET = re.compile(r"token|secret|key|passw|session|jwt|signature|assertion", re.IGNORECASE)
_SHORTEST_SECRET = 12
"""Minimum length of a secret. A shorter value beside the token is a word, such as `Bearer` in `token_type`."""
_YEAR_2001 = 1e9
"""Seconds since 1970. For a token without expiry, some servers send an earlier date, such as year 1."""
_LONGEST = 1e9
"""Seconds. A lifetime of 31 years or more is ignored."""


class TokenAnswer:
    """The response to a token request. It is JSON or XML, unless its token is the whole body, a header or a cookie.

    Args:
        response: The successful response.
    """

    def __init__(self, response: Response) -> None:
        self.response = response

    @cached_property
    def root(self) -> Raw:
        """The body's JSON value; an empty object if the body is empty or not JSON."""
        try:
            return json_of(self.response)
        except SourceError:
            return Raw(b"{}")

    @cached_property
    def values(self) -> dict[str, Any]:
        """The values that templates read as `token`. If the response came over TLS, so do its URLs (RFC 6797)."""
        values = {name: raw_json.decode(value) for name, value in raw_json.fields(self.root).items()}
        if not self.response.url.startswith("https:"):
            return values
        return {
            name: f"https:{value[5:]}" if isinstance(value, str) and value.startswith("http:") else value
            for name, value in values.items()
        }

    @property
    def secrets(self) -> Iterator[str]:
        """The values that may be secrets, by name."""
        for name, value in self.values.items():
            if isinstance(value, str) and len(value) >= _SHORTEST_SECRET and _SECRET.search(name):
                yield value

    def token(self, path: Path) -> str:
        """Return the token at a path.

        Raises:
            ConfigError: There is no token. The error shows no values, because they may be secrets.
        """
        if path == WHOLE_BODY:
            return self._text()
        found = raw_json.find(self.root, path)
        value = None if found is None else raw_json.text(found)
        if not value:
            raise ConfigError(
                f"The token response has no token at `token_path: {'.'.join(path)}`; its keys: {self._keys()}."
            )
        return value

    def life(self, path: Path | None, default: float, now: float) -> float:
        """Return a token's lifetime in seconds, from the expiry at a path of the response.

        The expiry is in seconds, a date, or seconds or milliseconds since 1970. A date is compared with the server's
        own clock (`Date`), if the response has it. If the expiry is absent, null or 0, the lifetime is `default`.

        Args:
            path: The path of the expiry; None if the response has none.
            default: Seconds.
            now: Seconds since 1970, by our own clock.

        Raises:
            ConfigError: The expiry is in no known format, or has passed.
        """
        expires = None if path is None else raw_json.find(self.root, path)
        if expires is None or raw_json.kind(expires) == "null":
            return default
        found = server_time.named(raw_json.text(expires) or "")
        if found is None:
            raise ConfigError(
                "The expiry in the token response is neither a number of seconds nor a date: check `expires_path`."
            )
        seconds = found.seconds
        if found.is_moment:
            if seconds < _YEAR_2001:
                return default
            seconds -= server_time.now(self.response.headers, lambda: now)
            if seconds <= 0:
                raise ConfigError(
                    "The token in the response has already expired: check `expires_path` and this machine's clock."
                )
        return seconds if 0 < seconds < _LONGEST else default

    def _text(self) -> str:
        """Return the whole body, without the quotes of a JSON string and the space around it."""
        body = self.response.body.strip()
        if raw_json.fields(self.root):
            raise ConfigError(
                "The token response is a JSON object, but `token_path` is `$`: set it to the path of the token; the "
                f"object's keys: {self._keys()}."
            )
        value = raw_json.text(self.root) if body[:1] == b'"' else body.decode("utf-8", "replace")
        if not value or value == "null" or body[:1] == b"<" or "\n" in value:
            kind = self.response.content_type or "no content type"
            raise ConfigError(
                f"The token response is not a token alone ({kind}, {counted(len(body), 'byte')}). Check the token's "
                "URL and `token_path`."
            )
        return value

    def _keys(self) -> str:
        return ", ".join(list(raw_json.fields(self.root))[:20]) or "no keys"


def json_of(response: Response) -> Raw:
    """Return the body's JSON value; the same of XML and of a form (RFC 5849), and an empty object for no body.

    Raises:
        ConfigError: The body is an HTML page.
        BrokenAnswerError: The body is neither JSON nor XML. The error does not show it, as it may contain the token.
    """
    if not response.body.strip():
        return Raw(b"{}")
    if response.content_type == _FORM:
        return Raw(msgspec.json.encode(dict(parse_qsl(response.body.decode("utf-8", "replace")))))
    try:
        return response.structured()
    except SourceError as error:
        kind = response.content_type or "no content type"
        size = len(response.body)
        html = response.body.lstrip()[:1] == b"<"
        message = f"The token response is not JSON (HTTP {response.status}, {kind}, {counted(size, 'byte')})"
        if html:
            raise ConfigError(f"{message}, but an HTML page: check the token's URL.", error.detail) from None
        raise BrokenAnswerError(f"{message}.", error.detail) from None
