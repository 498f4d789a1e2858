"""Detects from a refused request which authentication an API requires."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from source_rest_api.errors import ConfigError
from source_rest_api.onboarding import web
from source_rest_api.onboarding.observed import CLIENT, CLIENT_SECRET, PASSWORD, TOKEN, USER

if TYPE_CHECKING:
    from collections.abc import Collection
    from threading import Event

    from source_rest_api.http.response import Response

REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_METADATA = (".well-known/oauth-authorization-server", ".well-known/openid-configuration")
"""Path at which an OAuth 2 server describes itself (RFC 8414, section 3)."""


def authentication(response: Response, known: Collection[str], stop: Event) -> dict[str, Any] | None:
    """Returns the authentication that a response requires (RFC 9110, section 11.6.1); None if it is no refusal.

    Args:
        response: The response to a request without credentials.
        known: The variables that are set. With a client ID and no token, the server is asked where tokens come from.
        stop: Set from outside to end early.
    """
    if response.status not in REFUSED:
        return None
    scheme = response.headers.get("WWW-Authenticate", "").partition(" ")[0].lower()
    if scheme in {"basic", "digest"} or (not scheme and TOKEN not in known and USER in known):
        kind = "digest" if scheme == "digest" else "basic"
        return {"type": kind, "username": f"${{{USER}}}", "password": f"${{{PASSWORD}}}"}
    told = None if TOKEN in known or CLIENT not in known else _client_credentials(response.url, stop)
    return told or {"type": "bearer", "token": f"${{{TOKEN}}}"}


def _client_credentials(address: str, stop: Event) -> dict[str, Any] | None:
    for place in _METADATA:
        response = web.get(urljoin(address, f"/{place}"), {}, stop)
        try:
            told = web.parsed(response.body.decode(), place) if response.status == HTTPStatus.OK else None
        except (ConfigError, UnicodeDecodeError):
            told = None
        if isinstance(told, dict) and "client_credentials" in told.get("grant_types_supported", ()):
            methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
            basic = {"credentials_in": "basic"} if "client_secret_basic" in methods else {}
            secrets = {"client_id": f"${{{CLIENT}}}", "client_secret": f"${{{CLIENT_SECRET}}}"}
            return {"type": "oauth2", "token_url": told["token_endpoint"], **secrets, **basic}
    return None
