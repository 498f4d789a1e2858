"""How a request shows who asks.

Each authenticator is a `requests` auth: a callable that puts credentials on a prepared request. It is called for
each attempt, on requests to allowed origins only (`requester.py`).
"""

from __future__ import annotations

from base64 import b64encode
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field, SecretStr

from source_rest_api.model import Model, Secret

if TYPE_CHECKING:
    from requests import PreparedRequest


class NoAuth(Model):
    """No authentication: a public API."""

    type: Literal["none"] = "none"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


class Bearer(Model):
    """`Authorization: Bearer <token>` (RFC 6750)."""

    type: Literal["bearer"] = "bearer"
    token: Secret
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
            request.prepare_url(request.url, {self.name: key})
        elif self.location == "cookie":
            cookies = SimpleCookie(request.headers.get("Cookie", ""))
            cookies[self.name] = key
            request.headers["Cookie"] = cookies.output(header="", sep=";").strip()
        else:
            request.headers[self.name] = key
        return request


class Basic(Model):
    """User name and password in `Authorization: Basic` (RFC 7617)."""

    type: Literal["basic"] = "basic"
    username: str
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
