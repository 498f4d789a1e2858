"""What puts credentials on requests while a session lasts, and renews them when they are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable
from urllib.parse import unquote_plus, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.http.credentials import Auth, Credentials, Static
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr
    from requests import PreparedRequest

    from source_rest_api.http.error_policy import Verdict
    from source_rest_api.http.request import Request
    from source_rest_api.http.response import Response

Location: TypeAlias = Literal["header", "query", "cookie", "body"]
"""Where in a request credentials go; in the body it is a field of a form or of a JSON object."""

_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""Of a header or cookie (RFC 9110, section 5.6.2)."""
_VALUE = re.compile(r"(?! )[ -~\xa1-\xff]*(?<! )")
"""Of a header, as far as it can be sent unchanged (RFC 9110, section 5.5)."""


class TokenExchange(Protocol):
    """Sends a request for a token."""

    def __call__(self, request: Request, auth: Auth, judge: Callable[[Response], Verdict | None]) -> Response:
        """The successful answer, after as many attempts as `retry` allows; only to the request's own origin.

        Args:
            request: Where to ask.
            auth: Puts the secrets on it.
            judge: What an answer means.

        Raises:
            SourceError: There is none.
        """


class AuthContext(Struct, frozen=True):
    """What a session does for its authenticator."""

    context: Mapping[str, Any]
    """What the templates of all authenticators read: `templates.CONFIG_NAMES`."""
    exchange: TokenExchange
    learn: Callable[[str], None]
    """Notes a secret that must never be shown."""
    replace: Callable[[str, str], None]
    """Passes the config on with another secret in place of one, and returns when that has been done."""
    clock: Callable[[], float]
    """Seconds, for expiry."""
    time: Callable[[], float]
    """Seconds since 1970."""


class RequestAuthenticator(Protocol):
    """An authenticator that needs nothing but its config: what `requests` calls an auth."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put credentials on one request."""


@runtime_checkable
class SessionAuthenticator(Protocol):
    """An authenticator that needs something of the session: a token, a challenge, a template."""

    def session(self, desk: AuthContext) -> Credentials:
        """The credentials of one session."""


def start(authenticator: SessionAuthenticator | RequestAuthenticator, desk: AuthContext) -> Credentials:
    """The credentials of a session, whichever kind the authenticator is."""
    return authenticator.session(desk) if isinstance(authenticator, SessionAuthenticator) else Static(authenticator)


def check_header(secret: SecretStr) -> SecretStr:
    """Raise ValueError for what no header can hold."""
    if not _VALUE.fullmatch(secret.get_secret_value()):
        raise ValueError(
            "it has a line break, a space at its beginning or end, or a character that no header can hold; "
            "was it copied wrongly?"
        )
    return secret


def check_name(location: Location, name: str) -> None:
    """Raise ValueError if a header or cookie cannot have this name."""
    if location in {"header", "cookie"} and not _NAME.fullmatch(name):
        raise ValueError(f"`name` is not one that a {location} can have")


def put(request: PreparedRequest, location: Location, name: str, value: str) -> PreparedRequest:
    """Put a value where it belongs, in place of one of the same name.

    Raises:
        ConfigError: It cannot stand there.
    """
    if location == "query":
        # A link that the API gave may have it already.
        request.prepare_url(_without(request.url or "", name), {name: value})
        return request
    if location == "body":
        request.prepare_body(_with_field(request, name, value), None)
        return request
    if not _VALUE.fullmatch(value) or (location == "cookie" and ";" in value):
        raise ConfigError(f"What `authentication` gives for `{name}` has a character that no {location} can hold.")
    if location == "cookie":
        others = [c.strip() for c in request.headers.get("Cookie", "").split(";")]
        kept = [c for c in others if c and c.partition("=")[0] != name]
        request.headers["Cookie"] = "; ".join([*kept, f"{name}={value}"])
    else:
        request.headers[name] = value
    return request


def check_names(text: str, *own: str) -> None:
    """Raise ValueError if a template reads anything but `templates.CONFIG_NAMES` and the names of its own."""
    known = templates.CONFIG_NAMES | set(own)
    unknown = templates.names(text) - known
    if unknown:
        names = ", ".join(f"`{name}`" for name in sorted(known))
        raise ValueError(f"the template reads `{min(unknown)}`; here it can read {names}")


def _without(url: str, name: str) -> str:
    """The URL without a query parameter, all others as they are."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=_kept(parts.query, name)))


def _kept(pairs: str, name: str) -> str:
    """Percent-encoded pairs without those of a name, all others as they are."""
    return "&".join(pair for pair in pairs.split("&") if unquote_plus(pair.partition("=")[0]) != name)


def _with_field(request: PreparedRequest, name: str, value: str) -> bytes:
    """The body with a field more, all others as they are."""
    kind = str(request.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
    body = request.body if isinstance(request.body, bytes) else b""
    if kind == "application/x-www-form-urlencoded":
        return "&".join(filter(None, [_kept(body.decode(), name), urlencode({name: value})])).encode()
    if kind == "application/json" and body[:1] == b"{":
        return msgspec.json.encode(_placed(raw_json.fields(msgspec.Raw(body)), name.split("."), value))
    raise ConfigError(
        f"`authentication` puts `{name}` into the body, but the request has none that is a form or a JSON object: give "
        "the endpoint a `body` of one of these types."
    )


def _placed(fields: dict[str, msgspec.Raw], path: list[str], value: str) -> dict[str, Any]:
    inner = (
        value if len(path) == 1 else _placed(raw_json.fields(fields.get(path[0], msgspec.Raw(b"{}"))), path[1:], value)
    )
    return {**fields, path[0]: inner}
