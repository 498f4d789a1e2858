"""Where requests may go: the origin (RFC 6454) of `url_base`, and those that the config allows."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator
from requests import PreparedRequest

from source_rest_api.errors import ConfigError
from source_rest_api.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterable

_PORTS = {"http": 80, "https": 443}
_START = re.compile(r"[^/?#]*//[^/?#]*")
"""Of a URL, up to its path."""
_ADVICE = "If it is a part of the API, list it in `allowed_origins`; if the API lives there, set `url_base` to it."


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
        start = _START.match(url or "")
        return _origin(start[0] if start else "")

    @property
    def secure(self) -> Origin:
        """The origin that answers over TLS for one of plain HTTP, as browsers find it (RFC 6797, section 8.3)."""
        return Origin("https", self.host, _PORTS["https"] if self.port == _PORTS["http"] else self.port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS.get(self.scheme) else f":{self.port}")


@lru_cache(256)
def _origin(start: str) -> Origin:
    parts = urlsplit(start)
    return Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme))


def _check(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or value != f"{parts[0]}://{parts[1]}":
        raise ValueError("must be scheme, host and port alone, such as `https://files.example.com`")
    _canonical(value)
    return value


class AllowedOrigin(Model):
    """A further origin to which next links and redirects may lead. In a file the origin alone will do."""

    origin: Annotated[str, AfterValidator(_check)]
    """Scheme, host and, where it is not the usual one, port, such as `https://files.example.com`."""
    credentials: bool = False
    """Whether requests there carry what those to `url_base` do: credentials, headers, body, client certificate. By
    default the URL is asked for as the API gave it, with nothing of the config on it."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"origin": value} if isinstance(value, str) else value


class Origins:
    """All origins of one session.

    Args:
        home: A URL of the origin that gets the credentials.
        allowed: The further ones.
        advice: What the user may do about a URL that leads elsewhere.

    Raises:
        ConfigError: `home` is no URL, or it is https and another origin would be asked without.
    """

    def __init__(self, home: str, allowed: Iterable[AllowedOrigin], advice: str = _ADVICE) -> None:
        try:
            self._home = _canonical(home)
        except ValueError:
            raise ConfigError("`url_base` is not a valid URL.") from None
        self._trusted = {_canonical(other.origin): other.credentials for other in allowed} | {self._home: True}
        self._advice = advice
        if self._home.scheme == "https":
            plain = next((origin for origin in self._trusted if origin.scheme == "http"), None)
            if plain is not None:
                raise ConfigError(f"`allowed_origins` has {plain}, but what is read by https is not left for http.")

    def trusts(self, origin: Origin) -> bool:
        """Whether credentials go to an origin.

        Raises:
            ConfigError: Nothing is asked there.
        """
        if origin not in self._trusted:
            raise ConfigError(
                f"The API leads to another origin, {origin}: nothing is sent there, credentials least of all. "
                f"{self._advice}"
            )
        return self._trusted[origin]

    def secured(self, url: str) -> str | None:
        """The https URL to ask for in place of one of plain HTTP whose host is asked over TLS only.

        A server behind a proxy that ends TLS does not know that it is asked over TLS, and writes `http://` into the
        URLs of its next pages.
        """
        if not url.startswith("http:"):
            return None
        origin = Origin.of(url)
        if origin in self._trusted or origin.secure not in self._trusted:
            return None
        parts = urlsplit(url)
        return parts._replace(scheme="https", netloc=parts.netloc.removesuffix(f":{_PORTS['http']}")).geturl()


@lru_cache(256)
def canonical(url: str) -> str:
    """A URL as it is sent: host name in lower case and ASCII, unusual characters percent-encoded.

    Raises:
        requests.exceptions.InvalidURL, MissingSchema: It is none.
    """
    prepared = PreparedRequest()
    prepared.prepare_url(url, None)
    return str(prepared.url)


def _canonical(url: str) -> Origin:
    return Origin.of(canonical(url))
