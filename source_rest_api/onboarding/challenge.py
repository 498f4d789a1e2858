"""Detects from a refused request which authentication an API requires."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from source_rest_api.errors import ConfigError
from source_rest_api.onboarding import web
from source_rest_api.onboarding.observed import CLIENT, CLIENT_SECRET, KEY, PASSWORD, TOKEN, USER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Event

    from source_rest_api.http.response import Response

REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_OWN = frozenset({"token", "jwt", "apikey", "api-key", "key"})
"""Schemes that only put a word before the token, as `Authorization: Token …` of Django REST framework does."""
_METADATA = (".well-known/oauth-authorization-server", ".well-known/openid-configuration")
"""Path at which an OAuth 2 server describes itself (RFC 8414, section 3)."""


def authentication(response: Response, known: Mapping[str, str], stop: Event) -> dict[str, Any] | None:
    """Returns the authentication that a response requires (RFC 9110, section 11.6.1); None if it is no refusal.

    Args:
        response: The response to a request without credentials.
        known: The variables that are set. With a client ID and no token, the server is asked where tokens come from.
        stop: Set from outside to end early.
    """
    if response.status not in REFUSED:
        return None
    word = response.headers.get("WWW-Authenticate", "").partition(" ")[0]
    scheme = word.lower()
    if scheme in {"basic", "digest"} or (not scheme and TOKEN not in known and USER in known):
        kind = "digest" if scheme == "digest" else "basic"
        return {"type": kind, "username": f"${{{USER}}}", "password": f"${{{PASSWORD}}}"}
    if scheme in _OWN:
        name = KEY if KEY in known and TOKEN not in known else TOKEN
        return authorization(name, word)
    told = None if TOKEN in known or CLIENT not in known else _client_credentials(response.url, stop)
    return told or {"type": "bearer", "token": f"${{{TOKEN}}}"}


def authorization(variable: str, word: str) -> dict[str, Any]:
    """Returns the authentication by a secret in `Authorization`, after a word if it is not empty."""
    value = {"value": f"{word} {{{{ api_key }}}}"} if word else {}
    return {"type": "api_key", "name": "Authorization", "api_key": f"${{{variable}}}", **value}


def completed(told: Mapping[str, Any], wanted: Mapping[str, Any], known: Mapping[str, str]) -> Mapping[str, Any]:
    """Returns the authentication of an input, with the word before the secret that the response names.

    Args:
        told: The authentication as the input says.
        wanted: The authentication that the response requires.
        known: The variables that are set. A secret that begins with the word needs no other.
    """
    if told.get("name") != "Authorization" or told.get("type") != "api_key":
        return told
    value = wanted.get("value") or told.get("value", "")
    begins = known.get(str(told["api_key"])[2:-1], "").lower().startswith(value.partition("{")[0].lower() or "\0")
    rest = {name: setting for name, setting in told.items() if name != "value"}
    return {**rest, "value": value} if value and not begins else rest


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
