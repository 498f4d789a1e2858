"""OAuth 2 (RFC 6749): tokens for a client, or by a refresh token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat, SecretStr, model_validator

from source_rest_api.auth import access_token, token_request
from source_rest_api.auth.access_token import SharedToken, Token, TokenLocation
from source_rest_api.auth.credentials import check_names
from source_rest_api.auth.token_request import BodyFormat, TokenRequest
from source_rest_api.formats import raw_json
from source_rest_api.model import Model, NamedTexts, Path, Secret, Text
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from msgspec import Raw
    from typing_extensions import Self

    from source_rest_api.auth.credentials import AuthContext
    from source_rest_api.http.credentials import Credentials


class OAuth2(Model):
    """OAuth 2: an access token by client credentials or a refresh token, renewed ahead of its end and on a 401."""

    type: Literal["oauth2"] = "oauth2"
    token_url: Text
    """URL that gives access tokens. Templates read `config` and `secrets`."""
    grant_type: Literal["client_credentials", "refresh_token"] | None = None
    """By default `refresh_token` if there is one, else `client_credentials`."""
    client_id: str
    """The client's id."""
    client_secret: Secret = SecretStr("")
    """The client's secret; empty for a public client."""
    refresh_token: Secret = SecretStr("")
    """The refresh token. Where it may be used only once, the platform is given each new one before it is used."""
    scopes: list[str] = []
    """Scopes to ask for."""
    credentials_in: Literal["body", "basic"] = "body"
    """Whether id and secret go into the body, or into `Authorization: Basic` (unencoded, as most APIs expect it)."""
    body_format: BodyFormat = "form"
    """How the body of the token request is written; in JSON dots lead into inner objects."""
    fields: NamedTexts = {}
    """Further fields of the token request, such as `audience`. Templates read `config` and `secrets`."""
    headers: NamedTexts = {}
    """Further headers of the token request. Templates read `config` and `secrets`."""
    token_path: Path = ("access_token",)
    """Where the token stands in the answer."""
    expires_path: Path = ("expires_in",)
    """Where its expiry stands in the answer: seconds, a date, or seconds since 1970."""
    lifetime: PositiveFloat = 3600
    """Seconds that a token lives if the answer does not say it."""
    place: TokenLocation = TokenLocation()
    """Where the token goes in a request; by default `Authorization: Bearer <token>`."""

    @property
    def credentials(self) -> str:
        """Base64 of id and secret, to be masked."""
        return token_request.basic(self.client_id, self.client_secret.get_secret_value())

    def session(self, desk: AuthContext) -> Credentials:
        """Share one access token among all threads of a session."""
        return SharedToken(_Grant(self, desk), self.place, desk)

    @property
    def refreshes(self) -> bool:
        """Whether a refresh token is what is shown for an access token."""
        return (
            self.grant_type or ("refresh_token" if self.refresh_token.get_secret_value() else "")
        ) == "refresh_token"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.refreshes and not self.refresh_token.get_secret_value():
            raise ValueError("`refresh_token` is missing")
        if not self.refreshes and not self.client_secret.get_secret_value():
            raise ValueError("`client_secret` is missing")
        check_names(self.token_url)
        token_request.check(self.fields)
        token_request.check(self.headers)
        return self


class _Grant:
    """Gets access tokens, and keeps the refresh token that is valid."""

    def __init__(self, oauth: OAuth2, desk: AuthContext) -> None:
        self._oauth = oauth
        self._desk = desk
        self._refresh_token = oauth.refresh_token.get_secret_value()

    def __call__(self) -> Token:
        """A new access token. Called by one thread at a time."""
        answer = self._request().send(self._desk)
        root = token_request.json_of(answer)
        # First of all the new refresh token is brought home: from now on the old one may be worth nothing.
        self._keep_refresh_token(root)
        value = access_token.text_at(root, self._oauth.token_path, "token_path")
        self._desk.learn(value)
        expires = raw_json.find(root, self._oauth.expires_path)
        return Token(value, access_token.life(answer, expires, self._oauth.lifetime, self._desk.time()))

    def _keep_refresh_token(self, root: Raw) -> None:
        """Pass on a new refresh token, which stands beside the access token (RFC 6749, section 6)."""
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
            {**own, **token_request.filled(oauth.fields, context)},
            token_request.filled(oauth.headers, context),
            (oauth.client_id, secret) if oauth.credentials_in == "basic" else None,
            oauth.body_format,
        )
