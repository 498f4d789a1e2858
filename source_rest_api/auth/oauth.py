"""OAuth 2 (RFC 6749): access tokens by client credentials or by a refresh token."""

from typing import ClassVar, Literal

from msgspec import Raw
from pydantic import PositiveFloat, SecretStr, model_validator
from typing_extensions import Self

from source_rest_api.auth import token_fields, token_request
from source_rest_api.auth.access_token import SharedToken, Token, TokenLocation
from source_rest_api.auth.credentials import AuthContext, check_names
from source_rest_api.auth.token_answer import WHOLE_BODY
from source_rest_api.auth.token_fields import TokenFields
from source_rest_api.auth.token_request import BodyFormat, TokenRequest
from source_rest_api.formats import raw_json
from source_rest_api.http.credentials import Credentials
from source_rest_api.model import Model, NamedTexts, Path, Secret, Text
from source_rest_api.templates import templates


class OAuth2(Model):
    """OAuth 2: an access token by client credentials or a refresh token, renewed before it expires and after a 401."""

    type: Literal["oauth2"] = "oauth2"
    token_url: Text
    """URL of the token endpoint. Templates read `config` and `secrets`."""
    grant_type: Literal["client_credentials", "refresh_token"] | None = None
    """The grant type. By default `refresh_token` if that field is set, else `client_credentials`."""
    client_id: str
    """The client's ID."""
    client_secret: Secret = SecretStr("")
    """The client's secret; empty for a public client."""
    refresh_token: Secret = SecretStr("")
    """The refresh token. If each one can be used only once, Airbyte stores every new one before it is used."""
    scopes: list[str] = []
    """Scopes to request."""
    credentials_in: Literal["body", "basic"] = "body"
    """Place of the ID and secret: the body, or `Authorization: Basic` (not URL-encoded, as most APIs expect)."""
    body_format: BodyFormat = "form"
    """Format of the token request's body; `query` sends the fields in the URL instead. In JSON, dots in field names
    lead into inner objects."""
    fields: TokenFields = {}
    """Further fields of the token request, such as `audience`. Templates read `config` and `secrets`. In JSON, numbers
    and booleans keep their types."""
    headers: NamedTexts = {}
    """Further headers of the token request. Templates read `config` and `secrets`."""
    token_path: Path = ("access_token",)
    """Path of the access token in the token response. `$` stands for the whole response, as plain text."""
    expires_path: Path = ("expires_in",)
    """Path of the expiry in the token response: seconds, a date, or seconds since 1970."""
    lifetime: PositiveFloat = 3600
    """Lifetime of a token in seconds, if the response does not contain its expiry."""
    place: TokenLocation = TokenLocation()
    """The place of the token in a request; by default `Authorization: Bearer <token>`."""

    @property
    def credentials(self) -> str:
        """Base64 of client ID and secret; it is masked in all output."""
        return token_request.basic(self.client_id, self.client_secret.get_secret_value())

    has_answer: ClassVar[bool] = True

    def session(self, desk: AuthContext) -> Credentials:
        """Share one access token among all threads of a session."""
        return SharedToken(_Grant(self, desk), self.place, desk)

    @property
    def refreshes(self) -> bool:
        """True if access tokens are requested with a refresh token."""
        return (
            self.grant_type or ("refresh_token" if self.refresh_token.get_secret_value() else "")
        ) == "refresh_token"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.refreshes and not self.refresh_token.get_secret_value():
            raise ValueError("`refresh_token` is missing; set it, or set `grant_type: client_credentials`")
        if not self.refreshes and not self.client_secret.get_secret_value():
            raise ValueError("`client_secret` is missing; set it, or set `refresh_token`")
        check_names(self.token_url)
        token_fields.check(self.fields)
        if self.body_format != "json":
            token_fields.check_flat(self.fields)
        token_request.check(self.headers)
        return self


class _Grant:
    """Requests access tokens, and keeps the refresh token that is currently valid."""

    def __init__(self, oauth: OAuth2, desk: AuthContext) -> None:
        self._oauth = oauth
        self._desk = desk
        self._refresh_token = oauth.refresh_token.get_secret_value()

    def __call__(self) -> Token:
        """Return a new access token. Called by one thread at a time."""
        answer = self._request().send(self._desk)
        # Persist the new refresh token before anything can fail: the old one may already be invalid.
        self._keep_refresh_token(answer.root)
        value = answer.token(self._oauth.token_path)
        self._desk.learn(value)
        return Token(value, answer.life(self._oauth.expires_path, self._oauth.lifetime, self._desk.time()), answer)

    def _keep_refresh_token(self, root: Raw) -> None:
        """Persist a new refresh token, which stands beside the access token (RFC 6749, section 6)."""
        found = raw_json.find(root, (*self._oauth.token_path[:-1], "refresh_token"))
        fresh = None if found is None else raw_json.text(found)
        if self._oauth.refreshes and fresh and fresh != self._refresh_token:
            self._desk.learn(fresh)
            self._desk.replace(self._refresh_token, fresh)
            self._refresh_token = fresh

    def _request(self) -> TokenRequest:
        oauth = self._oauth
        secret = oauth.client_secret.get_secret_value()
        own = {"grant_type": "refresh_token" if oauth.refreshes else "client_credentials"}
        if oauth.refreshes:
            own["refresh_token"] = self._refresh_token
        if oauth.scopes:
            own["scope"] = " ".join(oauth.scopes)
        if oauth.credentials_in == "body":
            own |= {"client_id": oauth.client_id, **({"client_secret": secret} if secret else {})}
        context = self._desk.context
        return TokenRequest(
            templates.render(oauth.token_url, context),
            {**own, **token_fields.filled(oauth.fields, context)},
            token_request.filled(oauth.headers, context),
            (oauth.client_id, secret) if oauth.credentials_in == "basic" else None,
            oauth.body_format,
            answers_json=oauth.token_path != WHOLE_BODY,
        )
