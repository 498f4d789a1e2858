"""Authentication with a login request that returns a token."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, PositiveFloat, model_validator
from typing_extensions import Self

from source_rest_api.auth import token_fields, token_request
from source_rest_api.auth.access_token import SharedToken, Token, TokenLocation
from source_rest_api.auth.credentials import AuthContext, check_names
from source_rest_api.auth.token_answer import WHOLE_BODY, TokenAnswer
from source_rest_api.auth.token_fields import TokenFields
from source_rest_api.auth.token_request import BodyFormat, TokenRequest
from source_rest_api.errors import ConfigError
from source_rest_api.http.credentials import Credentials
from source_rest_api.model import Model, NamedTexts, Path, Secret, Text
from source_rest_api.templates import templates


def _check_fields(fields: dict[str, Any]) -> dict[str, Any]:
    token_fields.check(fields, "username", "password")
    return fields


def _check_headers(headers: NamedTexts) -> NamedTexts:
    token_request.check(headers, "username", "password")
    return headers


class Login(Model):
    """A login request with user name and password that returns a token; repeated when the token expires."""

    type: Literal["login"] = "login"
    login_url: Text
    """URL of the login request. Templates read `config` and `secrets`."""
    username: str = ""
    """The user name, or the value that the API uses in its place."""
    password: Secret
    """The password, or the key that the login requires."""
    http_method: Literal["POST", "PUT", "GET"] = "POST"
    """Method of the login request."""
    fields: Annotated[TokenFields, AfterValidator(_check_fields)] | None = None
    """Fields of the login request. Templates read `username`, `password`, `config` and `secrets`. In JSON, numbers and
    booleans keep their types. By default `username` and `password`; none with `basic`."""
    body_format: BodyFormat = "json"
    """Format of the body. In JSON, dots in field names lead into inner objects. With `query`, and with GET, the fields
    go into the URL."""
    basic: bool = False
    """Send user name and password in `Authorization: Basic`."""
    headers: Annotated[NamedTexts, AfterValidator(_check_headers)] = {}
    """Further headers of the login request. Templates read `username`, `password`, `config` and `secrets`."""
    token_path: Path | None = None
    """Path of the token in the login response, such as `data.token`. `$` stands for the whole response, as plain
    text."""
    token_header: str | None = None
    """Header of the login response that contains the token, in place of `token_path`."""
    token_cookie: str | None = None
    """Cookie of the login response that contains the token, in place of `token_path`. It is sent back as that cookie,
    unless `place` is set."""
    expires_path: Path | None = None
    """Path of the token's expiry in the login response: seconds, a date, or seconds since 1970."""
    lifetime: PositiveFloat = 3600
    """Lifetime of a token in seconds, if the response does not contain its expiry."""
    place: TokenLocation = TokenLocation()
    """The place of the token in a request. By default a token from a cookie is sent in that cookie, and any other token
    as `Authorization: Bearer <token>`."""

    has_answer: ClassVar[bool] = True

    def session(self, desk: AuthContext) -> Credentials:
        """Share one token among all threads of a session."""
        place = self.place
        if self.token_cookie is not None and place == TokenLocation():
            place = TokenLocation.model_validate({"in": "cookie", "name": self.token_cookie})
        return SharedToken(lambda: self._token(desk), place, desk)

    def _token(self, desk: AuthContext) -> Token:
        secret = self.password.get_secret_value()
        context = {**desk.context, "username": self.username, "password": secret}
        if self.fields is not None:
            fields = token_fields.filled(self.fields, context)
        else:
            fields = {} if self.basic else {"username": self.username, "password": secret}
        request = TokenRequest(
            templates.render(self.login_url, context),
            fields,
            token_request.filled(self.headers, context),
            (self.username, secret) if self.basic else None,
            self.body_format,
            self.http_method,
            answers_json=self.token_path not in {None, WHOLE_BODY} or self.expires_path is not None,
        )
        answer = request.send(desk)
        value = self._found(answer)
        desk.learn(value)
        return Token(value, answer.life(self.expires_path, self.lifetime, desk.time()), answer)

    def _found(self, answer: TokenAnswer) -> str:
        if self.token_path is not None:
            return answer.token(self.token_path)
        headers = answer.response.headers
        if self.token_cookie is not None:
            # Repeated `Set-Cookie` headers have been joined with commas.
            cookie = re.search(rf"(?:^|,\s*){re.escape(self.token_cookie)}=([^;,]*)", headers.get("Set-Cookie", ""))
            value, what = cookie[1].strip() if cookie else "", f"cookie `{self.token_cookie}`: check `token_cookie`"
        else:
            header = self.token_header or ""
            value, what = headers.get(header, ""), f"header `{header}`: check `token_header`"
        if not value:
            raise ConfigError(f"The login response has no {what}.")
        return value

    @property
    def credentials(self) -> str:
        """Base64 of user name and password; it is masked in all output."""
        return token_request.basic(self.username, self.password.get_secret_value())

    @model_validator(mode="after")
    def _check(self) -> Self:
        if [self.token_path, self.token_header, self.token_cookie].count(None) != 2:  # noqa: PLR2004 -- all but one
            raise ValueError("set exactly one of `token_path`, `token_header` and `token_cookie`")
        check_names(self.login_url)
        if self.body_format != "json" or self.http_method == "GET":
            token_fields.check_flat(self.fields or {})
        return self
