"""Where a URL leads: scheme, host and port (RFC 6454)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port; credentials belong to one."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: str | None) -> Origin:
        """The origin of an absolute URL.

        Raises:
            ValueError: It is not a valid URL.
        """
        parts = urlsplit(url or "")
        return cls(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS.get(self.scheme) else f":{self.port}")
