"""The origins (RFC 6454) that requests may go to: that of `url_base`, and those in `allowed_origins`."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import AfterValidator, ConfigDict, model_validator
from typing_extensions import Self

from source_rest_api.errors import ConfigError
from source_rest_api.model import Model
from source_rest_api.spellings import IN_FILE

_PORTS = {"http": 80, "https": 443}
_START = re.compile(r"[^/?#]*//[^/?#]*")
"""Matches the start of a URL, up to its path."""
_ESCAPE = "%(?:[01][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-DF]|[89A-F][0-9A-F])"
"""Matches a percent-encoded byte that is no letter, digit, `-`, `.`, `_` or `~`."""
_CANONICAL = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?::[1-9]\d{0,3}|:[1-5]\d{4})?"
    rf"(/(?:[\w.~!$&'()*+,;=:@/-]|{_ESCAPE})*(?:\?(?:[\w.~!$&'()*+,;=:@/?-]|{_ESCAPE})+)?)?",
    re.ASCII,
)
"""Matches most URLs that are canonical already, or lack only a path: without user, fragment, unusual characters and
needless escapes. The group is the path with the query."""
_ANY_HOST = "https://*"
_ENDING = re.compile(r"(\.[A-Za-z0-9-]+)*")
"""Matches the rest of an origin after its `*`."""
_ADVICE = "If it belongs to the API, add it to `allowed_origins`; if the API has moved there, set `url_base` to it."


class Origin(Struct, frozen=True):
    """Scheme, host and port of a URL. Credentials are bound to an origin."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: str | None) -> "Origin":
        """Return the origin of an absolute URL.

        Raises:
            ValueError: The URL is not valid.
        """
        start = _START.match(url or "")
        return _origin(start[0] if start else "")

    @property
    def secure(self) -> "Origin":
        """The same origin over TLS, derived as browsers do it (RFC 6797, section 8.3)."""
        return Origin("https", self.host, _PORTS["https"] if self.port == _PORTS["http"] else self.port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS.get(self.scheme) else f":{self.port}")


@lru_cache(256)
def _origin(start: str) -> Origin:
    parts = urlsplit(start)
    return Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme))


def _check(value: str) -> str:
    if value.startswith(_ANY_HOST):
        if not _ENDING.fullmatch(value.removeprefix(_ANY_HOST)):
            raise ValueError("may have `*` only for the first part of a host, such as `https://*.example.com`")
        return value.lower()
    parts = urlsplit(value)
    if (
        parts.scheme not in _PORTS
        or not parts.hostname
        or "@" in parts.netloc
        or value != f"{parts[0]}://{parts[1]}"
        or "*" in value
    ):
        raise ValueError("must be only scheme, host and port, such as `https://files.example.com`")
    _canonical(value)
    return value


class AllowedOrigin(Model):
    """A further origin to which next links, redirects and URLs in `path` may lead. In a file, write just the origin."""

    model_config = ConfigDict(json_schema_extra={IN_FILE: {"type": ["object", "string"]}})

    origin: Annotated[str, AfterValidator(_check)]
    """Scheme, host and, if it is not the default, port, such as `https://files.example.com`. `https://*.example.com`
    stands for all hosts below `example.com`, and `https://*` for any host. Such hosts never receive credentials."""
    credentials: bool = False
    """Send the same as to `url_base`: credentials, headers, body, client certificate. By default the connector sends
    nothing from the config there: it requests the URL exactly as the API returned it."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"origin": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _keep_to_one_host(self) -> Self:
        if self.credentials and self.ending is not None:
            raise ValueError("`credentials: true` needs one host: write it in place of `*`")
        return self

    @property
    def ending(self) -> str | None:
        """The ending of all hosts that the origin stands for, such as `.example.com`; None if it is a single host."""
        return self.origin.removeprefix(_ANY_HOST) if self.origin.startswith(_ANY_HOST) else None


class Origins:
    """The origins that one session may send requests to.

    Args:
        home: A URL at the origin that receives the credentials, or a function that returns it as long as it may change.
        allowed: Further allowed origins.
        advice: Advice for the user if a URL leads to any other origin.

    Raises:
        ConfigError: `home` is not a URL, or it is https and an allowed origin is plain http.
    """

    def __init__(self, home: str | Callable[[], str], allowed: Iterable[AllowedOrigin], advice: str = _ADVICE) -> None:
        allowed = list(allowed)
        self._endings = tuple(other.ending for other in allowed if other.ending is not None)
        self._allowed = {_canonical(other.origin): other.credentials for other in allowed if other.ending is None}
        self._advice = advice
        self._moving = home if callable(home) else None
        self._fixed = {} if callable(home) else self._trusted_with(home)

    @property
    def _trusted(self) -> Mapping[Origin, bool]:
        """Whether credentials may go to an origin, for all allowed ones."""
        return self._fixed if self._moving is None else self._trusted_with(self._moving())

    def _trusted_with(self, home: str) -> Mapping[Origin, bool]:
        try:
            origin = _canonical(home)
        except ValueError:
            raise ConfigError(
                "`url_base` is not a valid URL: set it to one such as `https://api.example.com/v1`."
            ) from None
        trusted = {**self._allowed, origin: True}
        if origin.scheme == "https":
            plain = next((other for other in trusted if other.scheme == "http"), None)
            if plain is not None:
                raise ConfigError(f"`allowed_origins` has {plain}, but `url_base` is https: use https there too.")
        return trusted

    def trusts(self, origin: Origin) -> bool:
        """Return True if credentials may be sent to an origin.

        Raises:
            ConfigError: The origin is not allowed at all.
        """
        trusted = self._trusted
        if origin in trusted:
            return trusted[origin]
        if self._matches(origin):
            return False
        raise ConfigError(
            f"The API leads to another origin, {origin}. The connector sends nothing there, to protect the "
            f"credentials. {self._advice}"
        )

    def _matches(self, origin: Origin) -> bool:
        """True if the origin is https on the default port, and its host has one of the allowed endings."""
        usual = origin.scheme == "https" and origin.port == _PORTS["https"]
        return usual and origin.host.endswith(self._endings)

    def secured(self, url: str) -> str | None:
        """Return the https URL to use in place of an http URL, if its host is read over TLS; else None.

        A server behind a proxy that terminates TLS does not know that clients use TLS, and writes `http://` into the
        URLs of its next pages.
        """
        if not url.startswith("http:"):
            return None
        origin = Origin.of(url)
        trusted = self._trusted
        if origin in trusted or origin.secure not in trusted:
            return None
        parts = urlsplit(url)
        return parts._replace(scheme="https", netloc=parts.netloc.removesuffix(f":{_PORTS['http']}")).geturl()


@lru_cache(256)
def canonical(url: str) -> str:
    """Return a URL as it is sent: host name in lower case and ASCII, unusual characters percent-encoded.

    Raises:
        InvalidUrlError: The URL is not valid.
    """
    usual = _CANONICAL.fullmatch(url)
    if usual is not None and "/." not in url:
        return url if usual[1] else f"{url}/"
    from requests import PreparedRequest  # noqa: PLC0415 -- start-up counts

    from source_rest_api.http.requests_errors import as_transport_errors  # noqa: PLC0415

    prepared = PreparedRequest()
    with as_transport_errors:
        prepared.prepare_url(url, None)
    return str(prepared.url)


def _canonical(url: str) -> Origin:
    return Origin.of(canonical(url))
