"""Detects what a URL leads to: an OpenAPI document, an API that has one, an index of collections, or records."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from msgspec.structs import replace

from source_rest_api.errors import ConfigError
from source_rest_api.formats.link_header import find_link
from source_rest_api.onboarding import challenge, har, observed, openapi, web
from source_rest_api.onboarding.given import Given, Operation
from source_rest_api.onboarding.observed import Observed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from threading import Event

    from source_rest_api.http.response import Response

_DOCUMENTS = ("openapi.json", "openapi.yaml", "swagger.json", "v3/api-docs", "api-docs", "api/openapi.json", "schema/")
"""Paths below the base URL at which frameworks serve the OpenAPI document."""
_NO_COLLECTION = frozenset({"self", "profile", "curies", "parent", "home", "search"})
"""Relations of links in an index that lead to no collection."""


def given(url: str, stop: Event) -> Given:
    """Returns the API that a URL leads to.

    Raises:
        ConfigError: It leads to nothing that can be read.
    """
    plain, headers = _without_password(url)
    found = _at(plain, headers, stop)
    if not headers:
        return found
    signed = observed.given([Observed("GET", plain, headers)])
    return replace(found, authentication=signed.authentication, secrets={**found.secrets, **signed.secrets})


def _at(url: str, headers: Mapping[str, str], stop: Event) -> Given:
    response = web.get(url, {}, stop)
    body = _body(response)
    if openapi.is_document(body):
        return openapi.described(body, url)
    if isinstance(body, dict) and isinstance(body.get("log"), dict):
        return har.given(body)
    for place in _places(url, response):
        document = _body(web.get(place, {}, stop, guess=True))
        if openapi.is_document(document):
            return openapi.described(document, place)
    entries = index(body, url)
    if entries:
        return Given(url.rstrip("/"), [Operation(path) for path in entries], urlsplit(url).hostname or "REST API")
    shown = url.partition("?")[0]
    if response.status == HTTPStatus.OK and not isinstance(body, dict | list):
        raise ConfigError(f"{shown} has neither records nor an OpenAPI document. Give the URL of one of them.")
    if response.status != HTTPStatus.OK and response.status not in challenge.REFUSED:
        raise ConfigError(
            f"{shown} returned {response.status}. Give the URL of a collection, or of an OpenAPI document."
        )
    return observed.given([Observed("GET", url, headers)])


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    """Returns a URL without its user and password, and the header that sends them (RFC 3986, section 3.2.1)."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    credentials = base64.b64encode(unquote(user).encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {credentials}"}


def _places(url: str, response: Response) -> Iterator[str]:
    """Yields the URLs at which an API may describe itself: by a link (RFC 8631), below the URL, and at its root."""
    if urlsplit(url).query:
        return
    link = find_link(response.headers.get("Link", ""), "service-desc", url)
    if link:
        yield link
    home = f"{url.rstrip('/')}/"
    for base in dict.fromkeys([home, urljoin(url, "/")]):
        yield from (urljoin(base, name) for name in _DOCUMENTS)


def index(body: Any, url: str) -> list[str]:
    """Returns the paths in an index of collections; none if a body is no index.

    An index is a service document (OData JSON Format 4.01, section 5), an object with nothing but URLs below its own,
    as Django REST framework returns it, or one with nothing but `_links` (HAL, section 4.1.1).

    Args:
        body: The response.
        url: Its URL, which the paths are relative to.
    """
    if not isinstance(body, dict):
        return []
    home = f"{url.partition('?')[0].rstrip('/')}/"
    if isinstance(body.get("_links"), dict) and len(body) == 1:
        urls = [urljoin(home, href) for href in _hrefs(body["_links"])]
        return [each.removeprefix(home) for each in urls if each.startswith(home) and each != home]
    if "@odata.context" not in body:
        texts = [
            value for value in body.values() if isinstance(value, str) and value.startswith(home) != (value == home)
        ]
        return [text.removeprefix(home) for text in texts] if texts and len(texts) == len(body) else []
    items = body.get("value")
    found = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [str(item["url"]) for item in found if "url" in item and item.get("kind", "EntitySet") == "EntitySet"]


def _hrefs(links: Mapping[str, Any]) -> Iterator[str]:
    """Yields the targets of links, without the variables of URI templates (RFC 6570)."""
    for relation, told in links.items():
        for link in told if isinstance(told, list) else [told]:
            if relation not in _NO_COLLECTION and isinstance(link, dict) and isinstance(link.get("href"), str):
                yield link["href"].partition("{")[0]


def _body(response: Response) -> Any:
    if response.status != HTTPStatus.OK:
        return None
    try:
        return web.parsed(response.body.decode(), "the answer")
    except (ConfigError, UnicodeDecodeError):
        return None
