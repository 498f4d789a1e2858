"""How a request shows who asks.

Each authenticator is a `requests` auth: a callable that puts credentials on a prepared request. It is called for
each attempt, on requests to allowed origins only (`requester.py`).
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from source_rest_api.model import Model, Secret

if TYPE_CHECKING:
    from requests import PreparedRequest
    from typing_extensions import Self

_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""Of a header or cookie (RFC 9110, section 5.6.2)."""
_VALUE = re.compile(r"(?! )[ -~\xa1-\xff]*(?<! )")
"""Of a header, as far as it can be sent unchanged (RFC 9110, section 5.5)."""


def _check_header(secret: SecretStr) -> SecretStr:
    if not _VALUE.fullmatch(secret.get_secret_value()):
        raise ValueError(
            "it has a line break, a space at its beginning or end, or a character that no header can hold; "
            "was it copied wrongly?"
        )
    return secret


def _check_username(value: str) -> str:
    if ":" in value:
        raise ValueError("a user name cannot hold a colon (RFC 7617); is it `username:password`?")
    return value


class NoAuth(Model):
    """No authentication: a public API."""

    type: Literal["none"] = "none"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


class Bearer(Model):
    """`Authorization: Bearer <token>` (RFC 6750)."""

    type: Literal["bearer"] = "bearer"
    token: Annotated[Secret, AfterValidator(_check_header)]
    """The access token, without the word Bearer."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token.get_secret_value()}"
        return request


class ApiKey(Model):
    """A key in a header, a query parameter or a cookie of the API's own name."""

    type: Literal["api_key"] = "api_key"
    api_key: Secret
    """The key."""
    name: str = "X-Api-Key"
    """Name of the header, parameter or cookie."""
    location: Literal["header", "query", "cookie"] = Field(default="header", alias="in")
    """Where the key goes."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        key = self.api_key.get_secret_value()
        if self.location == "query":
            # A link that the API gave may have the key already.
            request.prepare_url(_without(request.url or "", self.name), {self.name: key})
        elif self.location == "cookie":
            others = [c.strip() for c in request.headers.get("Cookie", "").split(";")]
            kept = [c for c in others if c and c.partition("=")[0] != self.name]
            request.headers["Cookie"] = "; ".join([*kept, f"{self.name}={key}"])
        else:
            request.headers[self.name] = key
        return request

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.location == "query":
            return self
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"`name` is not one that a {self.location} can have")
        _check_header(self.api_key)
        if self.location == "cookie" and ";" in self.api_key.get_secret_value():
            raise ValueError("`api_key`: a cookie cannot hold a semicolon")
        return self


class Basic(Model):
    """User name and password in `Authorization: Basic` (RFC 7617)."""

    type: Literal["basic"] = "basic"
    username: Annotated[str, AfterValidator(_check_username)]
    """The user name; for some APIs the API key."""
    password: Secret = SecretStr("")
    """The password; may be empty."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Basic {self.credentials}"
        return request

    @property
    def credentials(self) -> str:
        """Base64 of `username:password` in UTF-8."""
        return b64encode(f"{self.username}:{self.password.get_secret_value()}".encode()).decode()


Authenticator: TypeAlias = Annotated[NoAuth | Bearer | ApiKey | Basic, Field(discriminator="type")]


def _without(url: str, name: str) -> str:
    """The URL without a query parameter, all others as they are."""
    parts = urlsplit(url)
    kept = [p for p in parts.query.split("&") if unquote_plus(p.partition("=")[0]) != name]
    return urlunsplit(parts._replace(query="&".join(kept)))
