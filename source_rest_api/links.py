"""The `Link` header (RFC 8288)."""

from __future__ import annotations

import re
from urllib.parse import urljoin

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[\w*!#$&+.^`|~-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]+))?)*)')
_PARAMETER = re.compile(r';\s*([\w*!#$&+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+)))?')


def find_link(header: str, relation: str, base_url: str) -> str | None:
    """The absolute target of the first link with `rel` = `relation`, or None.

    Relation types are compared without regard to case; one `rel` may hold several, divided by spaces.
    """
    for link in _LINK.finditer(header):
        target, parameters = link.groups()
        for parameter in _PARAMETER.finditer(parameters):
            name, quoted, token = parameter.groups("")
            if name.lower() == "rel" and relation in (quoted or token).lower().split():
                return urljoin(base_url, str(target))
    return None
