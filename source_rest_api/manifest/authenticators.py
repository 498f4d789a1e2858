"""Authenticators: what a stream's requests carry to be let in."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from source_rest_api.errors import ConfigError
from source_rest_api.formats import datetimes
from source_rest_api.manifest import decoders, requester
from source_rest_api.records import tree
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

_NAMES = {
    "client_id_name": "client_id",
    "client_secret_name": "client_secret",
    "grant_type_name": "grant_type",
    "refresh_token_name": "refresh_token",
}
SELECT = "select"
"""The type of a choice that the config makes, until the config is known."""
_GRANTS = {"client_credentials", "refresh_token"}
_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TRUE = {True, "true", "True"}


def authentication(authenticator: Component | None, scope: Scope) -> dict[str, Any]:
    """Returns the `authentication` of a stream.

    Raises:
        ConfigError: It has no equivalent here.
    """
    if not authenticator:
        return {"type": "none"}
    make = _KINDS.get(str(authenticator.get("type")))
    if make is None:
        name = authenticator.get("class_name") or authenticator.get("type")
        raise ConfigError(f"`{name}` has no equivalent here")
    return make(authenticator, scope.of(authenticator))


def _known(component: Component, name: str, scope: Scope) -> str:
    value = scope.known(component.get(name), f"`{name}`")
    return "" if value is None else str(value)


def _bearer(component: Component, scope: Scope) -> dict[str, Any]:
    return {"type": "bearer", "token": _known(component, "api_token", scope).strip()}


def _api_key(component: Component, scope: Scope) -> dict[str, Any]:
    location, name = "header", _known(component, "header", scope) or "Authorization"
    if component.get("inject_into"):
        location, name = _location(component["inject_into"], scope)
    return {"type": "api_key", "api_key": _known(component, "api_token", scope).strip(), "in": location, "name": name}


def _location(option: Component, scope: Scope) -> tuple[str, str]:
    if option.get("inject_into") == "cookie":
        return "cookie", ".".join(requester.field_path(option, scope))
    return requester.location(option, scope)


def _basic(component: Component, scope: Scope) -> dict[str, Any]:
    names = ("username", "password")
    return {"type": "basic", **{name: _known(component, name, scope) for name in names}}


def _oauth(component: Component, scope: Scope) -> dict[str, Any]:
    url = _known(component, "token_refresh_endpoint", scope)
    if not url:
        return {"type": "bearer", "token": _known(component, "access_token_value", scope)}
    headers = requester.options({"request_headers": component.get("refresh_request_headers")}, scope)["headers"]
    is_json = "json" in str(headers.pop("Content-Type", headers.pop("content-type", "")))
    fields = requester.options({"request_parameters": component.get("refresh_request_body")}, scope)["params"]
    scopes = component.get("scopes")
    if scopes:
        fields["scopes"] = " ".join(scope.text(each) for each in scopes)
    in_query = scope.value(component.get("send_refresh_request_as_query_params")) is True
    common = {
        "body_format": "query" if in_query else "json" if is_json else "form",
        "headers": headers,
        "token_path": [_known(component, "access_token_name", scope) or "access_token"],
        "expires_path": [_known(component, "expires_in_name", scope) or "expires_in"],
    }
    if scope.known(component.get("use_profile_assertion"), "`use_profile_assertion`") in _TRUE:
        return _asserted(component, scope, {"token_url": url, **common})
    renewed = (component.get("refresh_token_updater") or {}).get("refresh_token_name") or "refresh_token"
    if renewed != "refresh_token":
        raise ConfigError(f"`refresh_token_name: {renewed}` of a `refresh_token_updater` has no equivalent here")
    grant = _known(component, "grant_type", scope) or "refresh_token"
    is_plain = grant in _GRANTS and all(component.get(name) in {None, usual} for name, usual in _NAMES.items())
    secrets = {name: _known(component, name, scope) for name in ("client_id", "client_secret", "refresh_token")}
    names = ["refresh_token"] if "Authorization" in headers else list(secrets)
    is_plain = is_plain and len(names) > 1
    if is_plain and (secrets["refresh_token"] if grant == "refresh_token" else secrets["client_secret"]):
        fields = {name: value for name, value in fields.items() if name not in {*_NAMES.values()}}
        place = {"credentials_in": component.get("credentials_in") or "body"}
        return {"type": "oauth2", "token_url": url, "grant_type": grant, **secrets, **place, "fields": fields, **common}
    own = {str(component.get(f"{name}_name") or name): secrets[name] for name in names if secrets[name]}
    own[_known(component, "grant_type_name", scope) or "grant_type"] = grant
    return {"type": "login", "login_url": url, "password": "", "fields": {**fields, **own}, **common}


def _asserted(component: Component, scope: Scope, common: dict[str, Any]) -> dict[str, Any]:
    """Returns the exchange of a signed token for an access token (RFC 7523)."""
    signed = component.get("profile_assertion") or {}
    if signed.get("type") != "JwtAuthenticator" or common.pop("body_format") != "form":
        raise ConfigError("this `profile_assertion` has no equivalent here")
    name = _known(component, "grant_type_name", scope) or "grant_type"
    own = {} if name == "grant_type" else {"fields": {name: _BEARER_GRANT, "assertion": "{{ jwt }}"}}
    made = {key: value for key, value in _jwt(signed, scope.of(signed)).items() if key != "place"}
    return {**made, **common, **own}


def _session(component: Component, scope: Scope) -> dict[str, Any]:
    decoders.check_answer(component.get("decoder"))
    login = component.get("login_requester") or {}
    inner = scope.of(login)
    found = requester.options(login, inner)
    settings: dict[str, Any] = {"type": "login", "login_url": requester.url(login, inner), "password": ""}
    settings["http_method"] = requester.method(login)
    headers = found["headers"]
    _sign_in(authentication(login.get("authenticator"), inner), settings, headers, found["params"])
    if found["params"] and settings["http_method"] == "GET":
        settings["fields"] = found["params"]
    elif found["params"]:
        settings["login_url"] += f"?{urlencode(found['params'])}"
    content = found.get("body") or {}
    if content.get("type") == "text":
        raise ConfigError("a login with a text as its body has no equivalent here")
    if content:
        settings["body_format"] = content["type"]
        settings["fields"] = _flat(content.get("value") or content.get("fields") or {})
    settings.setdefault("fields", {})
    settings["headers"] = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    settings["token_path"] = [scope.text(key) for key in component.get("session_token_path") or []]
    lifetime = scope.known(component.get("expiration_duration"), "`expiration_duration`")
    if lifetime and not templates.has_holes(str(lifetime)):
        settings["lifetime"] = datetimes.duration(str(lifetime)).total_seconds()
    return {**settings, **_place(component.get("request_authentication") or {}, scope)}


def _place(use: Component, scope: Scope) -> dict[str, Any]:
    """Returns the `place` of the token; `Authorization: Bearer` needs none."""
    if use.get("type") != "ApiKey":
        return {}
    location, name = _location(use.get("inject_into") or {}, scope)
    value = str(use.get("api_token") or "").replace("{{ session_token }}", "{{ token }}")
    return {"place": {"in": location, "name": name, "value": value or "{{ token }}"}}


def _sign_in(auth: dict[str, Any], settings: dict[str, Any], headers: dict[str, Any], params: dict[str, Any]) -> None:
    """Puts the credentials of the login request where they belong."""
    if auth["type"] == "basic":
        settings |= {"username": auth["username"], "password": auth["password"], "basic": True}
    elif auth["type"] == "bearer":
        headers["Authorization"] = f"Bearer {auth['token']}"
    elif auth["type"] == "api_key" and auth["in"] in {"header", "query"}:
        (headers if auth["in"] == "header" else params)[auth["name"]] = auth["api_key"]
    elif auth["type"] != "none":
        raise ConfigError(f"a login that is authenticated by `{auth['type']}` has no equivalent here")


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested objects as fields whose names have dots."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= _flat(inner, f"{prefix}{name}.") if isinstance(inner, dict) else {f"{prefix}{name}": inner}
    return found


def _legacy_session(component: Component, scope: Scope) -> dict[str, Any]:
    url = f"{_known(component, 'api_url', scope).rstrip('/')}/{_known(component, 'login_url', scope).lstrip('/')}"
    name = _known(component, "header", scope) or "X-Session-Token"
    token = _known(component, "session_token", scope)
    if token:
        return {"type": "api_key", "api_key": token, "in": "header", "name": name}
    names = ("username", "password")
    fields = {each: _known(component, each, scope) for each in names}
    key = _known(component, "session_token_response_key", scope)
    place = {"in": "header", "name": name}
    return {"type": "login", "login_url": url, "password": "", "fields": fields, "token_path": [key], "place": place}


def _jwt(component: Component, scope: Scope) -> dict[str, Any]:
    key = _known(component, "secret_key", scope)
    if component.get("base64_encode_secret_key"):
        key = base64.b64encode(key.encode()).decode()
    headers = {**(component.get("jwt_headers") or {}), **(component.get("additional_jwt_headers") or {})}
    kid = scope.text(headers.pop("kid", None))
    others = {name: text for name, value in headers.items() if name != "type" and (text := scope.text(value))}
    if others.get("typ") == "JWT":
        del others["typ"]
    passphrase = _known(component, "passphrase", scope)
    payload = component.get("jwt_payload") or {}
    named = {"iss": "issuer", "sub": "subject", "aud": "audience"}
    claims = {name: scope.text(value) for name, value in (component.get("additional_jwt_payload") or {}).items()}
    prefix = _known(component, "header_prefix", scope)
    settings: dict[str, Any] = {
        "type": "jwt",
        "algorithm": str(component.get("algorithm")),
        "key": key,
        "lifetime": scope.known(component.get("token_duration"), "`token_duration`") or 1200,
        **({"passphrase": passphrase} if passphrase else {}),
        **({"key_id": kid} if kid else {}),
        **({"jwt_headers": others} if others else {}),
        **{ours: text for name, ours in named.items() if (text := scope.text(payload.get(name)))},
        "claims": claims,
    }
    place = {"in": "header", "name": "Authorization", "value": f"{prefix} {{{{ token }}}}".strip()}
    if component.get("request_option"):
        place["in"], place["name"] = _location(component["request_option"], scope)
    return {**settings, "place": place}


def _selected(component: Component, scope: Scope) -> dict[str, Any]:
    """Returns the authenticator that the config chooses."""
    if scope.config is None:
        among = {name: authentication(of, scope) for name, of in (component.get("authenticators") or {}).items()}
        return {"type": SELECT, "path": component.get("authenticator_selection_path"), "among": among}
    return authentication(chosen(component, scope), scope)


def chosen(component: Component | None, scope: Scope) -> Component | None:
    """Returns an authenticator, or of several the one that the config chooses.

    Raises:
        ConfigError: The config chooses none.
    """
    if not component or component.get("type") != "SelectiveAuthenticator" or scope.config is None:
        return component
    known: dict[Any, Component] = component.get("authenticators") or {}
    path = component.get("authenticator_selection_path") or []
    value = tree.find(scope.config, path)
    if value not in known:
        raise ConfigError(
            f"the config chooses no authenticator: `{'.'.join(path)}` must be one of {', '.join(map(str, known))}"
        )
    return known[value]


_KINDS: dict[str, Callable[[Component, Scope], dict[str, Any]]] = {
    "ApiKeyAuthenticator": _api_key,
    "BasicHttpAuthenticator": _basic,
    "BearerAuthenticator": _bearer,
    "JwtAuthenticator": _jwt,
    "LegacySessionTokenAuthenticator": _legacy_session,
    "NoAuth": lambda _component, _scope: {"type": "none"},
    "OAuthAuthenticator": _oauth,
    "SelectiveAuthenticator": _selected,
    "SessionTokenAuthenticator": _session,
}
