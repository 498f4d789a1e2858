"""Tokens that are signed here (RFC 7519), sent as they are or exchanged for an access token (RFC 7523)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveFloat, model_validator

from source_rest_api.auth import access_token, token_request
from source_rest_api.auth.access_token import SharedToken, Token, TokenLocation
from source_rest_api.auth.credentials import check_names
from source_rest_api.auth.token_request import TokenRequest
from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.model import Model, NamedTexts, Path, SecretLines, Text
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from typing_extensions import Self

    from source_rest_api.auth.credentials import AuthContext
    from source_rest_api.http.credentials import Credentials


def _asserted(signed: str) -> dict[str, str]:
    """The fields by which a token is exchanged (RFC 7523, section 2.1)."""
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}


_ASSERTION: NamedTexts = {**_asserted("{{ jwt }}")}
"""The default templates; they are filled without Jinja, which most configs never import."""


class Jwt(Model):
    """A JSON Web Token that the connector signs; with `token_url` it is exchanged there for an access token."""

    type: Literal["jwt"] = "jwt"
    algorithm: Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]
    """How it is signed: HS with a shared secret, RS, PS or ES with a private key."""
    key: SecretLines
    """The shared secret, or the private key in PEM."""
    key_id: str | None = None
    """The key's id, as header `kid`."""
    issuer: str | None = None
    """Who signs, as claim `iss`."""
    subject: str | None = None
    """For whom, as claim `sub`."""
    audience: str | None = None
    """Who shall read it, as claim `aud`; often the token URL."""
    claims: NamedTexts = {}
    """Further claims, such as `scope`. Templates read `config` and `secrets`."""
    lifetime: PositiveFloat = 1200
    """Seconds that it is valid, as claim `exp`."""
    token_url: Text | None = None
    """URL that gives an access token for it. Templates read `config` and `secrets`."""
    fields: NamedTexts = Field(default=_ASSERTION, validate_default=False)
    """Fields of the token request. Templates read `jwt`, `config` and `secrets`. By default those of RFC 7523,
    section 2.1."""
    headers: NamedTexts = {}
    """Further headers of the token request. Templates read `jwt`, `config` and `secrets`."""
    token_path: Path = ("access_token",)
    """Where the access token stands in the answer."""
    expires_path: Path = ("expires_in",)
    """Where its expiry stands in the answer; `lifetime` if it is not there."""
    place: TokenLocation = TokenLocation()
    """Where the token goes in a request; by default `Authorization: Bearer <token>`."""

    def session(self, desk: AuthContext) -> Credentials:
        """Share one token among all threads of a session."""
        return SharedToken(lambda: self._token(desk), self.place, desk)

    def _token(self, desk: AuthContext) -> Token:
        signed = self._signed(desk)
        desk.learn(signed)
        if self.token_url is None:
            return Token(signed, self.lifetime)
        context = {**desk.context, "jwt": signed}
        request = TokenRequest(
            templates.render(self.token_url, context),
            _asserted(signed) if self.fields == _ASSERTION else token_request.filled(self.fields, context),
            token_request.filled(self.headers, context),
        )
        answer = request.send(desk)
        root = token_request.json_of(answer)
        value = access_token.text_at(root, self.token_path, "token_path")
        desk.learn(value)
        expires = raw_json.find(root, self.expires_path)
        return Token(value, access_token.life(answer, expires, self.lifetime, desk.time()))

    def _signed(self, desk: AuthContext) -> str:
        now = int(desk.time())
        named = {"iss": self.issuer, "sub": self.subject, "aud": self.audience}
        claims: dict[str, Any] = {name: text for name, text in named.items() if text is not None}
        claims |= token_request.filled(self.claims, desk.context)
        return self._sign({**claims, "iat": now, "exp": now + int(self.lifetime)})

    def _sign(self, claims: dict[str, Any]) -> str:
        import jwt  # noqa: PLC0415 -- it brings cryptography, and start-up counts

        headers = None if self.key_id is None else {"kid": self.key_id}
        try:
            return jwt.encode(claims, self._pem(), algorithm=self.algorithm, headers=headers)
        except Exception as error:  # noqa: BLE001 -- several libraries' own; what they say may quote the key
            kind = "shared secret" if self.algorithm.startswith("HS") else "private key in PEM, without a password,"
            detail = type(error).__name__
            raise ConfigError(f"`authentication.key` is no {kind} for {self.algorithm}.", detail) from None

    def _pem(self) -> str:
        """The key; in a form of one line, a PEM has its line breaks escaped."""
        key = self.key.get_secret_value()
        return key.replace("\\n", "\n") if key.startswith("-----BEGIN") and "\n" not in key.strip() else key

    @model_validator(mode="after")
    def _check(self) -> Self:
        token_request.check(self.claims)
        if self.fields != _ASSERTION:
            token_request.check(self.fields, "jwt")
        token_request.check(self.headers, "jwt")
        check_names(self.token_url or "")
        try:
            self._sign({})
        except ConfigError as error:
            raise ValueError(error.message) from None
        return self
