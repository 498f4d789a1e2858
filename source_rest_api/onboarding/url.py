"""Finds out what a URL leads to: an OpenAPI document, an API that has one, an index of collections, or records."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from source_rest_api.errors import ConfigError
from source_rest_api.formats.link_header import find_link
from source_rest_api.onboarding import har, observed, openapi, web
from source_rest_api.onboarding.given import Given, Operation
from source_rest_api.onboarding.observed import PASSWORD, TOKEN, USER, Observed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from source_rest_api.http.response import Response

_DOCUMENTS = ("openapi.json", "openapi.yaml", "swagger.json", "v3/api-docs", "api-docs", "api/openapi.json")
"""Where frameworks put the OpenAPI document, below the base URL."""
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def given(url: str, stop: Event) -> Given:
    """Returns what a URL leads to.

    Raises:
        ConfigError: It leads to nothing that can be read.
    """
    response = web.get(url, {}, stop)
    body = _body(response)
    if openapi.is_document(body):
        return openapi.given(body, url)
    if isinstance(body, dict) and isinstance(body.get("log"), dict):
        return har.given(body)
    for place in _places(url, response):
        document = _body(web.get(place, {}, stop))
        if openapi.is_document(document):
            return openapi.given(document, place)
    entries = list(_index(body))
    if entries:
        return Given(url.rstrip("/"), [Operation(path) for path in entries], urlsplit(url).hostname or "REST API")
    if response.status == HTTPStatus.OK and not isinstance(body, dict | list):
        raise ConfigError(f"{url} has neither records nor an OpenAPI document. Give the URL of one of them.")
    if response.status != HTTPStatus.OK and response.status not in _REFUSED:
        raise ConfigError(f"{url} answers {response.status}. Give the URL of a collection, or of an OpenAPI document.")
    return observed.given([Observed("GET", url)])


def authentication(response: Response) -> dict[str, Any] | None:
    """Returns the authentication that a response asks for (RFC 9110, section 11.6.1); None if it lets anybody in."""
    if response.status not in _REFUSED:
        return None
    scheme = response.headers.get("WWW-Authenticate", "").partition(" ")[0].lower()
    if scheme in {"basic", "digest"}:
        return {"type": scheme, "username": f"${{{USER}}}", "password": f"${{{PASSWORD}}}"}
    return {"type": "bearer", "token": f"${{{TOKEN}}}"}


def _places(url: str, response: Response) -> Iterator[str]:
    """Yields the URLs where an API may describe itself: by a link (RFC 8631), below the URL, and at its root."""
    if urlsplit(url).query:
        return
    link = find_link(response.headers.get("Link", ""), "service-desc", url)
    if link:
        yield link
    home = f"{url.rstrip('/')}/"
    for base in dict.fromkeys([home, urljoin(url, "/")]):
        yield from (urljoin(base, name) for name in _DOCUMENTS)


def _index(body: Any) -> Iterator[str]:
    """Yields the paths of an index of collections, such as an OData service document or `{"orders": {"url": …}}`."""
    items = body.get("value") if isinstance(body, dict) else body
    if not isinstance(items, list) or not items:
        return
    for item in items:
        target = item.get("url") or item.get("href") if isinstance(item, dict) else None
        if not isinstance(target, str) or item.get("kind", "EntitySet") != "EntitySet" or "://" in target:
            return
        yield target.lstrip("/")


def _body(response: Response) -> Any:
    if response.status != HTTPStatus.OK:
        return None
    try:
        return web.parsed(response.body.decode(), "the answer")
    except (ConfigError, UnicodeDecodeError):
        return None
