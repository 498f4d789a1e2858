"""The authentication methods of an API.

An authenticator that needs only its config is what `requests` calls an auth: a callable that puts credentials on a
prepared request. Those here get a `Prepared` (`http/prepared.py`), those of a connector a `requests.PreparedRequest`.
One that needs a token, a challenge or a template has `session(desk)`, which creates the credentials of one session
(`credentials.py`). Credentials are sent to allowed origins only (`sender.py`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, model_validator
from typing_extensions import Self

from source_rest_api.auth import token_request
from source_rest_api.auth.aws_signature import AwsSignature
from source_rest_api.auth.credentials import (
    AuthContext,
    Location,
    RequestAuthenticator,
    SessionAuthenticator,
    check_header,
    check_name,
    check_names,
    put,
)
from source_rest_api.auth.digest import Digest
from source_rest_api.auth.jwt import Jwt
from source_rest_api.auth.login import Login
from source_rest_api.auth.oauth import OAuth2
from source_rest_api.auth.oauth1 import OAuth1
from source_rest_api.formats import setting_text
from source_rest_api.http.credentials import Credentials, Static
from source_rest_api.http.prepared import Prepared
from source_rest_api.lazy_models import ByType
from source_rest_api.model import Model, Secret, Text, own
from source_rest_api.spellings import ALSO, LIKE, InFile
from source_rest_api.templates import templates

_KEY_ALONE = "{{ api_key }}"
"""The default template. It is rendered without Jinja, so that most configs never import Jinja."""


def _check_username(value: str) -> str:
    if ":" in value:
        raise ValueError("a user name cannot contain a colon (RFC 7617); put the password into `password`")
    return value


class NoAuth(Model):
    """No authentication: a public API."""

    type: Literal["none"] = "none"

    def __call__(self, request: Prepared) -> Prepared:
        return request


class Bearer(Model):
    """`Authorization: Bearer <token>` (RFC 6750)."""

    type: Literal["bearer"] = "bearer"
    token: Annotated[Secret, AfterValidator(check_header)]
    """The access token, without the word Bearer."""

    def __call__(self, request: Prepared) -> Prepared:
        request.headers["Authorization"] = f"Bearer {self.token.get_secret_value()}"
        return request


class ApiKey(Model):
    """An API key, sent in a header, a query parameter, a cookie or a field of the body."""

    type: Literal["api_key"] = "api_key"
    api_key: Secret
    """The API key."""
    name: str = "X-Api-Key"
    """Name of the header, query parameter, cookie or field. In a JSON body, dots lead into inner objects."""
    location: Location = Field(default="header", alias="in")
    """The part of the request that carries the key."""

    value: Text = Field(default=_KEY_ALONE, validate_default=False)
    """The value to send, such as `Token {{ api_key }}`. Templates read `api_key`, `config` and `secrets`."""

    def session(self, desk: AuthContext) -> Credentials:
        """Render the template once, for all requests of the session."""
        key = self.api_key.get_secret_value()
        is_alone = self.value == _KEY_ALONE
        value = key if is_alone else templates.render(self.value, {**desk.context, "api_key": key})
        desk.learn(value)
        return Static(lambda request: put(request, self.location, self.name, value))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.value != _KEY_ALONE:
            check_names(self.value, "api_key")
        check_name(self.location, self.name)
        if self.location in {"header", "cookie"}:
            check_header(self.api_key)
        if self.location == "cookie" and ";" in self.api_key.get_secret_value():
            raise ValueError("`api_key`: a cookie cannot contain a semicolon; check the key, or set another `in`")
        return self


class Basic(Model):
    """User name and password in `Authorization: Basic` (RFC 7617)."""

    type: Literal["basic"] = "basic"
    username: Annotated[str, AfterValidator(_check_username)]
    """The user name. Some APIs expect the API key here."""
    password: Secret = SecretStr("")
    """The password. It may be empty."""

    def __call__(self, request: Prepared) -> Prepared:
        request.headers["Authorization"] = f"Basic {self.credentials}"
        return request

    @property
    def credentials(self) -> str:
        """Base64 of user name and password; it is masked in all output."""
        return token_request.basic(self.username, self.password.get_secret_value())


Authenticator: TypeAlias = Annotated[
    NoAuth | Bearer | ApiKey | Basic | OAuth2 | Login | Jwt | Digest | AwsSignature | OAuth1,
    ByType(),
]
Authentication: TypeAlias = Annotated[
    Authenticator, own(RequestAuthenticator, SessionAuthenticator, advice="give it one of them (docs/connector.md)")
]
"""An authenticator of this connector, or one of a connector of your own."""


EndpointAuthentication: TypeAlias = Annotated[
    Authentication | None,
    BeforeValidator(setting_text.from_yaml),
    WithJsonSchema({"type": "string", "multiline": True}, mode="validation"),
    InFile({LIKE: "authentication"}, ALSO),
]
"""The authentication of one endpoint, or its YAML text."""


def with_secrets(authenticator: SessionAuthenticator | RequestAuthenticator, context: Mapping[str, Any]) -> Any:
    """Return an authenticator with the templates of its secrets filled, such as `{{ secrets.key }}`.

    Args:
        authenticator: The authenticator of one endpoint.
        context: The values of `config` and `secrets`.

    Raises:
        ConfigError: A template cannot be filled.
    """
    if not isinstance(authenticator, Model):
        return authenticator
    secrets = {name: value for name, value in authenticator if isinstance(value, SecretStr)}
    filled = {name: templates.render(secret.get_secret_value(), context) for name, secret in secrets.items()}
    changed = {name: SecretStr(text) for name, text in filled.items() if text != secrets[name].get_secret_value()}
    return authenticator.model_copy(update=changed) if changed else authenticator
