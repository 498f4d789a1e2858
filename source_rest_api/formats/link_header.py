"""The `Link` header (RFC 8288)."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from source_rest_api.errors import ConfigError

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*(?:[\w*!#$&+.^`|~-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]+))?)?)*)')
_PARAMETER = re.compile(r';\s*([\w*!#$&+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+)))?')


def find_links(header: str) -> dict[str, dict[str, str]]:
    """All links by their relations, each with its `url` as it stands there, and its parameters."""
    found: dict[str, dict[str, str]] = {}
    for link in _LINK.finditer(header):
        parameters: dict[str, str] = {}
        for parameter in _PARAMETER.finditer(link[2]):
            name, quoted, token = parameter.groups("")
            parameters.setdefault(name.lower(), quoted or token.strip("'"))
        for relation in parameters.get("rel", "").lower().split():
            found.setdefault(relation, {"url": link[1].strip(), **parameters})
    return found


def find_link(header: str, relation: str, base_url: str) -> str | None:
    """The absolute target of the first link with `rel` = `relation`, or None.

    Relation types are compared without regard to case; one `rel` may hold several, divided by spaces. Of several
    `rel`, the first counts (section 3.3).

    Raises:
        ConfigError: The target is not a URL.
    """
    link = find_links(header).get(relation)
    return None if link is None else resolve(base_url, link["url"])


def resolve(base_url: str, target: str) -> str:
    """Make a URL that the API gave absolute.

    Raises:
        ConfigError: It is not a URL.
    """
    try:
        url = urljoin(base_url, target)
        _ = urlsplit(url).port  # read, because it is checked only then
    except ValueError:
        raise ConfigError("The URL that the API gives for the next page is not valid: check `pagination`.") from None
    return url
