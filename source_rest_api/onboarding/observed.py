"""Derives an API from requests that somebody sent, as in curl command lines and HAR files."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping  # noqa: TC003 -- msgspec reads the types of the fields
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from source_rest_api.errors import ConfigError
from source_rest_api.onboarding import parameters
from source_rest_api.onboarding.given import Given, Operation

TOKEN, KEY, USER, PASSWORD = "API_TOKEN", "API_KEY", "API_USERNAME", "API_PASSWORD"
CLIENT, CLIENT_SECRET = "CLIENT_ID", "CLIENT_SECRET"
"""Names of the variables that hold the secrets."""
_SECRET_NAME = re.compile(
    r"(?:x_?)?(?:.*_)?(?:api_?key|auth|auth_?token|access_?token|secret|token|key|appid|"
    r"signature|sig|password|passwd|pwd|session(?:_?id)?|csrf(?:_?token)?)"
)
_SENT_ANYWAY = re.compile(
    r"host|content-length|connection|accept-encoding|user-agent|referer|origin|cookie|pragma|cache-control|dnt|te|"
    r"priority|upgrade-insecure-requests|if-none-match|if-modified-since|sec-.*|:.*|accept-language|content-type"
)
"""Headers that a browser or a client sends by itself."""
_IN_BODY = re.compile(r"passw|secret|api_?key|token$", re.IGNORECASE)
_ID = re.compile(r"\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{24,}", re.IGNORECASE)


class Observed(Struct, frozen=True):
    """One request as it was sent."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: str = ""


def given(requests: list[Observed]) -> Given:
    """Returns the API that the requests were sent to."""
    parts = urlsplit(requests[0].url)
    home = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    authentication: dict[str, Any] | None = None
    secrets: dict[str, str] = {}
    for request in requests:
        if authentication is None:
            authentication, secrets = _authentication(request)
    hidden = {str(authentication.get("name", "")).lower()} if authentication else set()
    operations = {operation.path: operation for operation in (_operation(each, hidden) for each in requests)}
    named = {_with_placeholders(path, operations): operation for path, operation in operations.items()}
    return Given(
        url_base=home,
        operations=[replace(operation, path=path) for path, operation in named.items()],
        title=parts.hostname or "REST API",
        authentication=authentication,
        secrets={**_further(requests, hidden), **secrets},
        headers=_headers(requests[0], hidden),
    )


def _operation(request: Observed, hidden: set[str]) -> Operation:
    parts = urlsplit(request.url)
    params: dict[str, Any] = {}
    declared: dict[str, dict[str, Any]] = {}
    sizes: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if parameters.pages(name) or parameters.has_role(name, "start"):
            declared[name] = {}
            if parameters.has_role(name, "size"):
                sizes[name] = value
        elif is_secret(name) and name.lower() not in hidden:
            params[name] = f"${{{variable(name)}}}"
        elif name.lower() not in hidden:
            before = params.get(name, [])
            params[name] = [*(before if isinstance(before, list) else [before]), value] if before else value
    try:
        body = json.loads(request.body) if request.body else None
    except ValueError:
        raise ConfigError("The request sends a body that is not JSON. Write `body` by hand.") from None
    if holds_secret(body):
        raise ConfigError("The body of the request holds a password or a token. Write `authentication` by hand.")
    return Operation(parts.path.lstrip("/"), request.method, params, body, declared, sizes=sizes)


def is_secret(name: str) -> bool:
    """True if the name of a parameter or a header says that its value is a secret."""
    return _SECRET_NAME.fullmatch(name.lower().replace("-", "_")) is not None


def variable(name: str) -> str:
    """Returns the name of the variable for a further secret."""
    return f"API_{re.sub(r'[^A-Z0-9]+', '_', name.upper()).strip('_')}"


def _further(requests: list[Observed], hidden: set[str]) -> dict[str, str]:
    """Returns the secrets besides those of the authentication, by variable."""
    pairs = [pair for each in requests for pair in parse_qsl(urlsplit(each.url).query)]
    pairs += [pair for each in requests[:1] for pair in each.headers.items()]
    return {variable(name): value for name, value in pairs if is_secret(name) and name.lower() not in hidden}


def holds_secret(body: Any) -> bool:
    """True if a JSON body has a field for a password or a token."""
    if isinstance(body, dict):
        return any(_IN_BODY.search(name) or holds_secret(value) for name, value in body.items())
    return isinstance(body, list) and any(map(holds_secret, body))


def _with_placeholders(path: str, known: Mapping[str, Operation]) -> str:
    """Returns a path in which the ID after the path of another request is a placeholder."""
    segments = path.split("/")
    for number in range(1, len(segments)):
        if _ID.fullmatch(segments[number]) and "/".join(path.split("/")[:number]) in known:
            segments[number] = f"{{{segments[number - 1]}_id}}"
    return "/".join(segments)


def _authentication(request: Observed) -> tuple[dict[str, Any] | None, dict[str, str]]:
    headers = {name.lower(): (name, value) for name, value in request.headers.items()}
    _, header = headers.get("authorization", ("", ""))
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer" and value:
        return {"type": "bearer", "token": f"${{{TOKEN}}}"}, {TOKEN: value.strip()}
    if scheme.lower() == "basic" and value:
        return _basic(value)
    if header:
        prefix = f"{scheme} " if value else ""
        told = {"type": "api_key", "name": "Authorization", "api_key": f"${{{KEY}}}"}
        return told | ({"value": f"{prefix}{{{{ api_key }}}}"} if prefix else {}), {KEY: value or header}
    for lower, (name, value) in headers.items():
        if is_secret(lower) and value:
            return {"type": "api_key", "name": name, "api_key": f"${{{KEY}}}"}, {KEY: value}
    for name, value in parse_qsl(urlsplit(request.url).query):
        if is_secret(name) and "page" not in name.lower():
            return {"type": "api_key", "name": name, "in": "query", "api_key": f"${{{KEY}}}"}, {KEY: value}
    _, cookies = headers.get("cookie", ("", ""))
    if cookies:
        name, _, value = cookies.partition(";")[0].partition("=")
        return {"type": "api_key", "name": name.strip(), "in": "cookie", "api_key": f"${{{KEY}}}"}, {KEY: value}
    return None, {}


def _basic(value: str) -> tuple[dict[str, Any] | None, dict[str, str]]:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, {}
    told = {"type": "basic", "username": f"${{{USER}}}", "password": f"${{{PASSWORD}}}"}
    return told, {USER: user, PASSWORD: password}


def _headers(request: Observed, hidden: set[str]) -> dict[str, str]:
    return {
        name: f"${{{variable(name)}}}" if is_secret(name) else value
        for name, value in request.headers.items()
        if not _SENT_ANYWAY.fullmatch(name.lower())
        and name.lower() not in {*hidden, "authorization"}
        and (name.lower() != "accept" or "html" not in value)
    }
