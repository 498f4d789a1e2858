"""The interfaces between an authenticator and its session, and the functions that put credentials on requests."""

from __future__ import annotations

import re
from time import monotonic
from time import time as seconds_since_1970
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable
from urllib.parse import unquote_plus, urlencode, urlsplit, urlunsplit

from msgspec import Raw, Struct

from source_rest_api.errors import ConfigError
from source_rest_api.http.credentials import Auth, Credentials, Static
from source_rest_api.http.request_body import JsonPayload
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from source_rest_api.http.error_policy import Verdict
    from source_rest_api.http.prepared import Prepared
    from source_rest_api.http.request import Request
    from source_rest_api.http.response import Response

Location: TypeAlias = Literal["header", "query", "cookie", "body"]
"""The part of a request that carries credentials. In the body, this is a field of a form or of a JSON object."""

_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""A valid name of a header or cookie (RFC 9110, section 5.6.2)."""
_VALUE = re.compile(r"(?! )[ -~\xa1-\xff]*(?<! )")
"""A header value that can be sent unchanged (RFC 9110, section 5.5)."""


class TokenExchange(Protocol):
    """Sends a request for a token."""

    def __call__(self, request: Request, auth: Auth, judge: Callable[[Response], Verdict | None]) -> Response:
        """Return the successful response, retrying as `retry` allows; only the request's own origin is allowed.

        Args:
            request: The request, without secrets.
            auth: Puts the secrets on the request.
            judge: Judges a response; returns None for a success.

        Raises:
            SourceError: All attempts failed.
        """


class AuthContext(Struct, frozen=True):
    """Services an authenticator may use: send a token request, mask a secret, persist a rotated one, read the clock."""

    context: Mapping[str, Any]
    """Values that the templates of all authenticators may read: `templates.CONFIG_NAMES`."""
    exchange: TokenExchange
    learn: Callable[[str], None]
    """Registers a secret to mask in all output."""
    replace: Callable[[str, str], None]
    """Persists the config with a secret replaced by a new one; returns only when that is done."""
    clock: Callable[[], float] = monotonic
    """Returns monotonic seconds, for expiry."""
    time: Callable[[], float] = seconds_since_1970
    """Returns seconds since 1970."""


class RequestAuthenticator(Protocol):
    """An authenticator that needs nothing but its config: what `requests` calls an auth."""

    def __call__(self, request: Prepared) -> Prepared:
        """Put credentials on one request."""


@runtime_checkable
class SessionAuthenticator(Protocol):
    """An authenticator that needs a service of the session: a token, a challenge or a template."""

    def session(self, desk: AuthContext) -> Credentials:
        """Create the credentials of one session."""


def start(authenticator: SessionAuthenticator | RequestAuthenticator, desk: AuthContext) -> Credentials:
    """Create the credentials of one session, for either kind of authenticator."""
    return authenticator.session(desk) if isinstance(authenticator, SessionAuthenticator) else Static(authenticator)


def has_answer(authenticator: SessionAuthenticator | RequestAuthenticator) -> bool:
    """Return True if it requests a token, and templates may read the response as `token`."""
    return bool(getattr(authenticator, "has_answer", False))


def check_header(secret: SecretStr) -> SecretStr:
    """Return the secret; raise ValueError if it cannot be sent in a header."""
    if not _VALUE.fullmatch(secret.get_secret_value()):
        raise ValueError(
            "it has a line break, a space at its beginning or end, or a character that a header cannot contain; "
            "copy it again"
        )
    return secret


def check_name(location: Location, name: str) -> None:
    """Raise ValueError if the name is not valid for a header or cookie."""
    if location in {"header", "cookie"} and not _NAME.fullmatch(name):
        raise ValueError(f"`name` is not a valid {location} name; use letters, digits and `-`, such as `X-Api-Key`")


def put(request: Prepared, location: Location, name: str, value: str) -> Prepared:
    """Put a value at its location in a request, replacing any value of the same name.

    Raises:
        ConfigError: The location cannot carry the value.
    """
    if location == "query":
        # A next link from the API may already carry the parameter.
        request.prepare_url(without(request.url or "", name), {name: value})
        return request
    if location == "body":
        request.prepare_body(_with_field(request, name, value), None)
        return request
    if not _VALUE.fullmatch(value) or (location == "cookie" and ";" in value):
        raise ConfigError(
            f"The value for `{name}` has a character that a {location} cannot contain: check `authentication`."
        )
    if location == "cookie":
        others = [c.strip() for c in request.headers.get("Cookie", "").split(";")]
        kept = [c for c in others if c and c.partition("=")[0] != name]
        request.headers["Cookie"] = "; ".join([*kept, f"{name}={value}"])
    else:
        request.headers[name] = value
    return request


def check_names(text: str, *own: str) -> None:
    """Raise ValueError if a template reads any name but `templates.CONFIG_NAMES` and its own."""
    known = templates.CONFIG_NAMES | set(own)
    unknown = templates.names(text) - known
    if unknown:
        names = ", ".join(f"`{name}`" for name in sorted(known))
        raise ValueError(f"the template reads `{min(unknown)}`, which is unknown here; use one of {names}")


def without(url: str, name: str) -> str:
    """Return the URL without a query parameter; all others stay unchanged."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=_kept(parts.query, name)))


def _kept(pairs: str, name: str) -> str:
    """Return percent-encoded pairs without those of a name; all others stay unchanged."""
    return "&".join(pair for pair in pairs.split("&") if unquote_plus(pair.partition("=")[0]) != name)


def _with_field(request: Prepared, name: str, value: str) -> bytes:
    """Return the body with a field added or replaced; all others stay unchanged."""
    kind = str(request.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
    body = request.body if isinstance(request.body, bytes) else b""
    if kind == "application/x-www-form-urlencoded":
        return "&".join(filter(None, [_kept(body.decode(), name), urlencode({name: value})])).encode()
    if kind == "application/json" and body[:1] == b"{":
        return JsonPayload(Raw(body)).with_field(name, value).encode()
    raise ConfigError(
        f"`authentication` puts `{name}` into the body, but the request's body is not a form or a JSON object: set the "
        "endpoint's `body` to `type: form` or `type: json`."
    )
