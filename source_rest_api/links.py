"""The `Link` header (RFC 8288)."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from source_rest_api.errors import ConfigError

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*(?:[\w*!#$&+.^`|~-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]+))?)?)*)')
_PARAMETER = re.compile(r';\s*([\w*!#$&+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+)))?')


def find_link(header: str, relation: str, base_url: str) -> str | None:
    """The absolute target of the first link with `rel` = `relation`, or None.

    Relation types are compared without regard to case; one `rel` may hold several, divided by spaces. Of several
    `rel`, the first counts (section 3.3).

    Raises:
        ConfigError: The target is not a URL.
    """
    for link in _LINK.finditer(header):
        target, parameters = link.groups()
        for parameter in _PARAMETER.finditer(parameters):
            name, quoted, token = parameter.groups("")
            if name.lower() != "rel":
                continue
            if relation in (quoted or token.strip("'")).lower().split():
                return resolve(base_url, str(target).strip())
            break
    return None


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
