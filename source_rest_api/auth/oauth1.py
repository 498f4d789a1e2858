"""Signs requests by OAuth 1.0a (RFC 5849)."""

import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping
from secrets import token_hex
from typing import Literal
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import SecretStr

from source_rest_api.auth.credentials import AuthContext
from source_rest_api.http.credentials import Credentials, Static
from source_rest_api.http.origins import Origin
from source_rest_api.http.prepared import Prepared
from source_rest_api.model import Model, Secret

_FORM = "application/x-www-form-urlencoded"


class OAuth1(Model):
    """OAuth 1.0a: signs each request with a client's secret and a token's secret (RFC 5849)."""

    type: Literal["oauth1"] = "oauth1"
    consumer_key: str
    """The client's key, also called consumer key or API key."""
    consumer_secret: Secret
    """The client's secret."""
    token: Secret = SecretStr("")
    """The access token, also called token ID. Leave it empty if the API uses only the client's key."""
    token_secret: Secret = SecretStr("")
    """The token's secret."""
    signature_method: Literal["HMAC-SHA1", "HMAC-SHA256"] = "HMAC-SHA1"
    """The signature method. NetSuite, for example, accepts only `HMAC-SHA256`."""
    realm: str | None = None
    """The realm of the `Authorization` header, if the API requires one, such as NetSuite's account ID."""

    def session(self, desk: AuthContext) -> Credentials:
        """Create credentials that sign each request when it is sent, with its own timestamp and nonce."""

        def sign(request: Prepared) -> Prepared:
            request.headers["Authorization"] = self._header(request, int(desk.time()), token_hex(16))
            return request

        return Static(sign)

    def _header(self, request: Prepared, time: int, nonce: str) -> str:
        token = self.token.get_secret_value()
        own = {
            "oauth_consumer_key": self.consumer_key,
            "oauth_nonce": nonce,
            "oauth_signature_method": self.signature_method,
            "oauth_timestamp": str(time),
            "oauth_version": "1.0",
            **({"oauth_token": token} if token else {}),
        }
        signed = {**own, "oauth_signature": self._signature(_base(request, own))}
        shown = {**({} if self.realm is None else {"realm": self.realm}), **signed}
        return "OAuth " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in shown.items())

    def _signature(self, base: str) -> str:
        secrets = (self.consumer_secret.get_secret_value(), self.token_secret.get_secret_value())
        key = "&".join(map(_quoted, secrets)).encode()
        algorithm = self.signature_method.removeprefix("HMAC-").lower()
        return b64encode(hmac.new(key, base.encode(), algorithm).digest()).decode()


def _base(request: Prepared, own: Mapping[str, str]) -> str:
    """Return the text to sign: method, URL and all parameters (RFC 5849, section 3.4.1)."""
    url = urlsplit(request.url)
    kind = str(request.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
    form = (request.body or b"").decode("utf-8", "replace") if kind == _FORM else ""
    given = [pair for text in (url.query, form) for pair in parse_qsl(text, keep_blank_values=True)]
    place = f"{Origin.of(request.url)}{url.path or '/'}"
    parts = (request.method, place, _sorted([*given, *own.items()]))
    return "&".join(map(_quoted, parts))


def _sorted(pairs: Iterable[tuple[str, str]]) -> str:
    """Return parameters in the order and encoding in which they are signed."""
    return "&".join(
        f"{name}={value}" for name, value in sorted((_quoted(name), _quoted(value)) for name, value in pairs)
    )


def _quoted(text: str) -> str:
    return quote(text, safe="~")
