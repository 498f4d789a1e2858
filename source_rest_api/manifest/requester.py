"""Requesters: the URL, the parameters, the headers and the body of a stream's requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import interpolation, query_properties
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

_HOLE = re.compile(r"\{[{%].*?[%}]\}")
_ORIGIN = re.compile(r"(?:(?:\{\{.*?\}\}|[^/{])*?//)?(?:\{\{.*?\}\}|\{%.*?%\}|[^/{])*")
_LIST_OF_ONE = re.compile(r"\s*\[\s*((['\"])\{\{(?:(?!\}\}|\{\{).)*\}\}\2)\s*\]\s*", re.DOTALL)
"""Matches a list of one quoted template, written as text."""
_EPOCH = re.compile(r"^\{\{ (format_datetime\([^()]*, '%(?:s|ms|us|epoch_microseconds)'\)) \}\}$")
"""Matches a template that only writes a time since the epoch: a number, which the CDK sends as one."""
_ON_FIRST_PAGE = "if not next_page_token"
_WITH_BODY = {"GET", "POST", "PUT", "PATCH"}
"""The methods whose body the CDK sends."""
PLACES = {"request_parameter": "params", "header": "headers", "body_json": "json", "body_data": "form"}
"""Where a `RequestOption` puts its value, by `inject_into`."""
_LOCATIONS = {"params": "query", "headers": "header", "json": "body", "form": "body"}
"""The `in` of a setting that puts a value there."""


def url(requester: Component, scope: Scope) -> str:
    """Returns the whole URL of a stream's requests, with templates in it.

    Raises:
        ConfigError: Its host is not known before the read.
    """
    base = _of(requester, "url_base", scope) or _of(requester, "url", scope)
    path = _of(requester, "path", scope)
    whole = path if path.startswith(("http://", "https://")) else base
    if path and whole is not path:
        whole = f"{base.rstrip('/')}/{path.lstrip('/')}"
    if "//" not in whole and whole and not whole.startswith("{"):
        whole = f"https://{whole}"
    shown = _HOLE.sub("x", whole) if scope.config is None else whole
    host = shown.partition("://")[2].partition("/")[0] if "://" in shown else shown.partition("/")[0]
    if templates.has_holes(host) or not host:
        raise ConfigError("the host of its URL is not known before the read")
    return whole


def origin(url: str) -> str:
    """Returns the scheme and the host of a URL, which may be templates."""
    found = _ORIGIN.match(url)
    return found.group() if found else url


def _of(requester: Component, name: str, scope: Scope) -> str:
    return scope.url(requester.get(name)).strip()


def method(requester: Component) -> str:
    """Returns the HTTP method."""
    return str(requester.get("http_method") or "GET").upper()


def options(requester: Component, scope: Scope) -> dict[str, Any]:
    """Returns `params`, `headers` and `body` of an endpoint.

    Raises:
        ConfigError: A part of them has no equivalent here.
    """
    legacy = requester.get("request_options_provider") or {}
    given = {name.removeprefix("request_"): value for name, value in {**legacy, **requester}.items() if value}
    found: dict[str, Any] = {"params": _named(given.get("parameters"), scope, "request_parameters")}
    found["headers"] = _named(given.get("headers"), scope, "request_headers")
    if method(requester) in _WITH_BODY and (content := body(given, scope)) is not None:
        found["body"] = content
    return found


def timeouts(requester: Component, scope: Scope) -> dict[str, float]:
    """Returns the seconds that a request may take to connect, and to get the next part of a response."""
    names = {f"{name}_timeout": f"{name}_timeout_in_seconds" for name in ("connect", "read")}
    given = {ours: scope.known(requester.get(name), f"`{name}`") for ours, name in names.items()}
    return {name: float(seconds) for name, seconds in given.items() if seconds}


def body(given: Mapping[str, Any], scope: Scope) -> dict[str, Any] | None:
    """Returns the body of the requests, or None.

    Args:
        given: The fields of the requester, without `request_`.
        scope: What templates read.
    """
    content = given.get("body")
    if isinstance(content, dict):
        kind, value = content.get("type"), content.get("value")
        if kind == "RequestBodyGraphQL":
            return _json(value, scope)
        return {"RequestBodyPlainText": _text, "RequestBodyUrlEncodedForm": _form}.get(str(kind), _json)(value, scope)
    if given.get("body_json"):
        return _json(given["body_json"], scope)
    if isinstance(given.get("body_data"), dict):
        return _form(given["body_data"], scope)
    return _text(given["body_data"], scope) if given.get("body_data") else None


def _json(value: Any, scope: Scope) -> dict[str, Any]:
    if isinstance(value, str):
        found = scope.value(value)
        if isinstance(found, str):  # a JSON text with templates in it
            return {"type": "text", "text": found, "content_type": "application/json"}
        value = found
    return {"type": "json", "value": json_value(value, scope)}


def json_value(value: Any, scope: Scope) -> Any:
    """Returns a JSON value with its templates: texts that are numbers become numbers, and null ones are left out."""
    if isinstance(value, dict):
        items = {scope.text(key): json_value(inner, scope) for key, inner in value.items()}
        return {key: inner for key, inner in items.items() if inner is not None}
    if isinstance(value, list):
        return [json_value(item, scope) for item in value]
    if not isinstance(value, str):
        return value
    if (inner := _LIST_OF_ONE.fullmatch(value)) is not None:
        return [json_value(inner[1], scope)]
    if not _reads(value):
        return interpolation.literal(value) if value else None
    found = scope.value(value)
    if not isinstance(found, str):
        return found
    return interpolation.plain(found) if scope.is_fixed(value) else _EPOCH.sub(r"{{ \1 | int }}", found)


def _reads(value: Any) -> bool:
    """True if a value of the manifest is a template."""
    return isinstance(value, str) and templates.has_holes(value)


def _form(value: Any, scope: Scope) -> dict[str, Any]:
    return {"type": "form", "fields": _named(value, scope, "request_body_data")}


def _text(value: Any, scope: Scope) -> dict[str, Any]:
    return {"type": "text", "text": scope.text(value)}


def _named(value: Any, scope: Scope, what: str) -> dict[str, Any]:
    """Returns parameters, headers or form fields: what is empty is left out."""
    if isinstance(value, str):
        value = scope.known(value, f"`{what}`")
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"`{what}` is not an object")
    found = {}
    for name, given in value.items():
        if what == "request_parameters" and query_properties.is_one(given):
            continue
        if isinstance(given, dict):
            raise ConfigError(f"`{what}.{name}` is a `{given.get('type', 'object')}`, which has no equivalent here")
        key, made = scope.text(name), named_value(given, scope)
        if made is not None:
            found[key] = made
    return found


def named_value(given: Any, scope: Scope) -> Any:
    """Returns the value of a parameter, header or form field; None if it is left out."""
    if isinstance(given, list):
        return [made for item in given if (made := named_value(item, scope)) is not None]
    value = scope.value(given)
    if value is None or value == "":
        return None
    if isinstance(value, list):
        return [interpolation.plain(str(item)) for item in value]
    if isinstance(value, str) and _reads(given) and templates.has_holes(value):
        return _left_out_if_empty(value)
    return interpolation.plain(str(value))


def _left_out_if_empty(text: str) -> str:
    """A parameter that is a single expression is left out if it is empty, as in the CDK."""
    inner = templates.expression(text)
    if inner is None or not _may_be_empty(inner):
        return text
    return f"{{{{ ({inner.strip()}) if ({inner.strip()}) not in ['', none] }}}}"


def _may_be_empty(expression: str) -> bool:
    return any(word in expression for word in (" if ", ".get(", " or ", "next_page_token"))


def on_first_page(expression: str) -> str:
    """Returns the template of a value that only the request of the first page has."""
    return f"{{{{ {expression} {_ON_FIRST_PAGE} }}}}"


def is_on_first_page(value: Any) -> bool:
    """True if only the request of the first page has a value."""
    return isinstance(value, str) and value.endswith(f"{_ON_FIRST_PAGE} }}}}")


def inject(endpoint: dict[str, Any], option: Component, value: Any, scope: Scope) -> None:
    """Puts a value where a `RequestOption` says.

    Raises:
        ConfigError: There is no such place.
    """
    place = _place(option)
    path = field_path(option, scope)
    if place in {"params", "headers"}:
        endpoint.setdefault(place, {})[path[-1]] = value
    elif has_body(endpoint):
        _into_body(endpoint, str(option["inject_into"]), path, value)


def location(option: Component, scope: Scope) -> tuple[str, str]:
    """Returns where a `RequestOption` puts its value, as `in`, and under which name.

    Raises:
        ConfigError: There is no such place.
    """
    return _LOCATIONS[_place(option)], ".".join(field_path(option, scope))


def _place(option: Component) -> str:
    place = PLACES.get(str(option.get("inject_into")))
    if place is None:
        raise ConfigError(f"`inject_into: {option.get('inject_into')}` has no equivalent here")
    return place


def has_body(endpoint: dict[str, Any]) -> bool:
    """True if the requests of an endpoint have a place for a body."""
    return endpoint.get("http_method") in _WITH_BODY


def empty_body(inject_into: str) -> dict[str, Any]:
    """Returns the body into which a `RequestOption` can put a value."""
    return {"type": "json", "value": {}} if PLACES.get(inject_into) == "json" else {"type": "form", "fields": {}}


def _into_body(endpoint: dict[str, Any], option: str, path: list[str], value: Any) -> None:
    content = endpoint.setdefault("body", empty_body(option))
    inner = content.get("value") if content["type"] == "json" else content.get("fields")
    if not isinstance(inner, dict):
        raise ConfigError("a value has to go into a body that is a text, which has no equivalent here")
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    inner[path[-1]] = value


def field_path(option: Component, scope: Scope) -> list[str]:
    """Returns the name at which a `RequestOption` puts its value, or the path of it in a JSON body."""
    path = option.get("field_path") or [option.get("field_name") or ""]
    return [scope.text(key) for key in path]
