"""Parses the `Link` header (RFC 8288)."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from source_rest_api.errors import ConfigError

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*(?:[\w*!#$&+.^`|~-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]+))?)?)*)')
_PARAMETER = re.compile(r';\s*([\w*!#$&+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+)))?')


def find_links(header: str) -> dict[str, dict[str, str]]:
    """Returns all links by relation type, each with its `url` as written and its parameters."""
    found: dict[str, dict[str, str]] = {}
    for link in _LINK.finditer(header):
        parameters: dict[str, str] = {}
        for parameter in _PARAMETER.finditer(link[2]):
            name, quoted, token = parameter.groups("")
            parameters.setdefault(name.lower(), quoted or token.strip("'"))
        for relation in parameters.get("rel", "").lower().split():
            found.setdefault(relation, {"url": as_utf8(link[1].strip()), **parameters})
    return found


def find_link(header: str, relation: str, base_url: str) -> str | None:
    """Returns the absolute target of the first link with `rel` = `relation`, or None.

    Relation types are case-insensitive, and one `rel` may contain several, separated by spaces. If a link has several
    `rel` parameters, the first counts (section 3.3).

    Raises:
        ConfigError: The target is not a URL.
    """
    link = find_links(header).get(relation)
    return None if link is None else resolve(base_url, link["url"])


def as_utf8(url: str) -> str:
    """Returns a URL from a header as its server means it: most write characters beyond ASCII, if any, in UTF-8.

    Args:
        url: The URL as HTTP libraries give it, one character for each byte.
    """
    try:
        return url.encode("latin-1").decode()
    except UnicodeError:
        return url


def resolve(base_url: str, target: str) -> str:
    """Makes a URL from a response absolute.

    Raises:
        ConfigError: The target is not a URL.
    """
    try:
        url = urljoin(base_url, target)
        _ = urlsplit(url).port  # urlsplit validates the port only on access
    except ValueError:
        raise ConfigError("The URL of the next page in the response is not valid: check `pagination`.") from None
    return url
