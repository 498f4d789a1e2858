"""A login request that answers a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, PositiveFloat, model_validator

from source_rest_api import raw_json, templates, token_request, tokens
from source_rest_api.credentials import check_names
from source_rest_api.errors import ConfigError
from source_rest_api.model import Model, NamedTexts, Path, Secret, Text
from source_rest_api.token_request import BodyFormat, TokenRequest
from source_rest_api.tokens import Token, TokenPlace, Tokens

if TYPE_CHECKING:
    from typing_extensions import Self

    from source_rest_api.credentials import Credentials, Desk

_KNOWN = {"config", "username", "password"}


def _check_fields(fields: NamedTexts) -> NamedTexts:
    token_request.check(fields, _KNOWN)
    return fields


class Login(Model):
    """A login: a request with user name and password whose answer has a token, repeated when the token ends."""

    type: Literal["login"] = "login"
    login_url: Text
    """URL of the login. Templates read `config`."""
    username: str = ""
    """The user name, or what the API has in its place."""
    password: Secret
    """The password, or the key that the login asks for."""
    http_method: Literal["POST", "PUT", "GET"] = "POST"
    """Method of the login request."""
    fields: Annotated[NamedTexts, AfterValidator(_check_fields)] | None = None
    """Fields of the login request. Templates read `username`, `password` and `config`. By default `username` and
    `password` by these names, or none with `basic`."""
    body_format: BodyFormat = "json"
    """How the body is written. With GET the fields are query parameters."""
    basic: bool = False
    """Whether user name and password go into `Authorization: Basic`."""
    headers: Annotated[NamedTexts, AfterValidator(_check_fields)] = {}
    """Further headers of the login request. Templates read `username`, `password` and `config`."""
    token_path: Path | None = None
    """Where the token stands in the answer, such as `data.token`."""
    token_header: str | None = None
    """The header of the answer that has the token, in place of `token_path`."""
    expires_path: Path | None = None
    """Where its expiry stands in the answer: seconds, a date, or seconds since 1970."""
    lifetime: PositiveFloat = 3600
    """Seconds that a token lives if the answer does not say it."""
    place: TokenPlace = TokenPlace()
    """Where the token goes in a request; by default `Authorization: Bearer <token>`."""

    def session(self, desk: Desk) -> Credentials:
        """Share one token among all threads of a session."""
        return Tokens(lambda: self._token(desk), self.place, desk)

    def _token(self, desk: Desk) -> Token:
        secret = self.password.get_secret_value()
        context = {"config": desk.config, "username": self.username, "password": secret}
        fields = {} if self.basic else {"username": "{{ username }}", "password": "{{ password }}"}
        request = TokenRequest(
            templates.render(self.login_url, context),
            token_request.filled(fields if self.fields is None else self.fields, context),
            token_request.filled(self.headers, context),
            (self.username, secret) if self.basic else None,
            self.body_format,
            self.http_method,
        )
        answer = request.send(desk)
        if self.token_header is None:
            value = tokens.text_at(token_request.json_of(answer), self.token_path or (), "token_path")
        else:
            value = answer.headers.get(self.token_header, "")
            if not value:
                raise ConfigError(f"The answer has no header `{self.token_header}`: check `token_header`.")
        desk.learn(value)
        expires = None
        if self.expires_path is not None:
            expires = raw_json.find(token_request.json_of(answer), self.expires_path)
        return Token(value, tokens.life(answer, expires, self.lifetime, desk.time()))

    @property
    def credentials(self) -> str:
        """Base64 of user name and password, to be masked."""
        return token_request.basic(self.username, self.password.get_secret_value())

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.token_path is None) == (self.token_header is None):
            raise ValueError("set one of `token_path` and `token_header`")
        check_names(self.login_url, {"config"})
        return self
