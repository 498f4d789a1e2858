"""JSON Web Tokens signed by the connector (RFC 7519), sent directly or exchanged for an access token (RFC 7523)."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, PositiveFloat, model_validator
from typing_extensions import Self

from source_rest_api.auth import token_fields, token_request
from source_rest_api.auth.access_token import SharedToken, Token, TokenLocation
from source_rest_api.auth.credentials import AuthContext, check_names
from source_rest_api.auth.token_answer import WHOLE_BODY
from source_rest_api.auth.token_fields import TokenFields
from source_rest_api.auth.token_request import TokenRequest
from source_rest_api.errors import ConfigError
from source_rest_api.http.credentials import Credentials
from source_rest_api.model import Model, NamedTexts, Path, Secret, SecretLines, Text
from source_rest_api.templates import templates


def _asserted(signed: str) -> dict[str, str]:
    """Return the fields that exchange a signed token for an access token (RFC 7523, section 2.1)."""
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}


_ASSERTION: TokenFields = {**_asserted("{{ jwt }}")}
"""The default templates. They are rendered without Jinja, so that most configs never import Jinja."""


_URL_SAFE = str.maketrans("-_", "+/")


class Jwt(Model):
    """A JSON Web Token (JWT) that the connector signs. With `token_url`, it is exchanged for an access token."""

    type: Literal["jwt"] = "jwt"
    algorithm: Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]
    """The signing algorithm: HS with a shared secret; RS, PS or ES with a private key."""
    key: SecretLines
    """The shared secret, or the private key in PEM format."""
    key_encoding: Literal["text", "hex", "base64"] = "text"
    """Encoding of `key`: `hex` for a secret in hexadecimal, such as Ghost's, or `base64`."""
    passphrase: Secret | None = None
    """Passphrase of an encrypted private key."""
    key_id: str | None = None
    """ID of the key, sent as header `kid`."""
    jwt_headers: TokenFields = {}
    """Further headers of the JWT itself. Templates read `config` and `secrets`."""
    issuer: str | None = None
    """Issuer of the token, sent as claim `iss`."""
    subject: str | None = None
    """Subject of the token, sent as claim `sub`."""
    audience: str | None = None
    """Recipient of the token, sent as claim `aud`; often the token URL."""
    claims: TokenFields = {}
    """Further claims, such as `scope`. Templates read `config` and `secrets`."""
    lifetime: PositiveFloat = 1200
    """Seconds that the token is valid, sent as claim `exp`."""
    token_url: Text | None = None
    """URL that exchanges the JWT for an access token. Templates read `config` and `secrets`."""
    fields: TokenFields = Field(default=_ASSERTION, validate_default=False)
    """Fields of the token request. Templates read `jwt`, `config` and `secrets`. By default the fields of RFC 7523,
    section 2.1."""
    headers: NamedTexts = {}
    """Further headers of the token request. Templates read `jwt`, `config` and `secrets`."""
    token_path: Path = ("access_token",)
    """Path of the access token in the token response. `$` stands for the whole response, as plain text."""
    expires_path: Path = ("expires_in",)
    """Path of the access token's expiry in the token response. Without it, `lifetime` is used."""
    place: TokenLocation = TokenLocation()
    """The place of the token in a request; by default `Authorization: Bearer <token>`."""

    @property
    def has_answer(self) -> bool:
        """True if the JWT is exchanged for an access token."""
        return self.token_url is not None

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
            _asserted(signed) if self.fields == _ASSERTION else token_fields.filled(self.fields, context),
            token_request.filled(self.headers, context),
            answers_json=self.token_path != WHOLE_BODY,
        )
        answer = request.send(desk)
        value = answer.token(self.token_path)
        desk.learn(value)
        return Token(value, answer.life(self.expires_path, self.lifetime, desk.time()), answer)

    def _signed(self, desk: AuthContext) -> str:
        now = int(desk.time())
        named = {"iss": self.issuer, "sub": self.subject, "aud": self.audience}
        claims: dict[str, Any] = {name: text for name, text in named.items() if text is not None}
        claims |= token_fields.filled(self.claims, desk.context)
        headers = token_fields.filled(self.jwt_headers, desk.context)
        return self._sign({**claims, "iat": now, "exp": now + int(self.lifetime)}, headers)

    def _sign(self, claims: dict[str, Any], headers: Mapping[str, Any] = {}) -> str:
        import jwt  # noqa: PLC0415 -- it imports cryptography, which would slow down every start

        own = {} if self.key_id is None else {"kid": self.key_id}
        try:
            return jwt.encode(claims, self._opened(), algorithm=self.algorithm, headers={**headers, **own})
        except Exception as error:  # noqa: BLE001 -- several libraries have their own, whose messages may quote the key
            given = (
                "with this `passphrase`" if self.passphrase else "without a passphrase (`authentication.passphrase`)"
            )
            kind = "shared secret" if self.algorithm.startswith("HS") else f"private key in PEM format {given}"
            detail = type(error).__name__
            encoded = "" if self.key_encoding == "text" else f" in {self.key_encoding} (`key_encoding`)"
            raise ConfigError(
                f"`authentication.key` is not a valid {kind} for {self.algorithm}{encoded}.", detail
            ) from None

    def _opened(self) -> Any:
        """Return the key, decrypted if it has a passphrase."""
        key = self._decoded()
        if not self.passphrase:
            return key
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 -- as above

        text = key.encode() if isinstance(key, str) else key
        return load_pem_private_key(text, self.passphrase.get_secret_value().encode())

    def _decoded(self) -> str | bytes:
        """Return the key; a PEM that was entered as one line gets its escaped line breaks back."""
        key = self.key.get_secret_value()
        if self.key_encoding == "hex":
            return bytes.fromhex(key.strip())
        if self.key_encoding == "base64":
            plain = "".join(key.split()).translate(_URL_SAFE).rstrip("=")
            return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        return key.replace("\\n", "\n") if key.startswith("-----BEGIN") and "\n" not in key.strip() else key

    @model_validator(mode="after")
    def _check(self) -> Self:
        token_fields.check(self.claims)
        token_fields.check(self.jwt_headers)
        if self.fields != _ASSERTION:
            token_fields.check(self.fields, "jwt")
            token_fields.check_flat(self.fields)
        token_request.check(self.headers, "jwt")
        check_names(self.token_url or "")
        try:
            self._sign({})
        except ConfigError as error:
            raise ValueError(error.message) from None
        return self
