"""The HTTP client of one session: its transport, proxy, certificates and cookies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.http.connection_pool import ConnectionPool
from source_rest_api.http.prepared import Prepared, RequestHeaders
from source_rest_api.http.transport import ConnectionOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from tempfile import TemporaryDirectory

    from source_rest_api.http.settings import HttpSettings
    from source_rest_api.http.tls import CertificateFiles
    from source_rest_api.http.transport import RawResponse, Transport


_HEADERS = RequestHeaders(
    {
        "User-Agent": "source-rest-api",
        "Accept-Encoding": "gzip, deflate",
        "Accept": "*/*",
        "Connection": "keep-alive",
    }
)
"""Default headers of all requests."""


_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
"""Environment variables that name a proxy, in either case."""
_HAS_SYSTEM_PROXIES = sys.platform in {"darwin", "win32"}
"""True if the system may have a proxy that no variable names."""


class HttpClient:
    """The HTTP client of one session. If a proxy is set, the proxy decides which hosts can be reached.

    Args:
        settings: The HTTP settings of the API.
        clock: Monotonic seconds, for deadlines.
    """

    def __init__(self, settings: HttpSettings, clock: Callable[[], float]) -> None:
        self.transport = self._transport(settings, clock)
        self._cookies = settings.cookies
        self._proxy = None if settings.proxy_url is None else settings.proxy_url.get_secret_value()
        self._folder: TemporaryDirectory[str] | None = None
        self._files: CertificateFiles | None = None
        if settings.tls is not None:
            from tempfile import TemporaryDirectory  # noqa: PLC0415 -- most APIs need none; start-up counts

            from source_rest_api.http.tls import CertificateFiles  # noqa: PLC0415

            self._folder = TemporaryDirectory(prefix="source-rest-api-")
            try:
                self._files = CertificateFiles(settings.tls, Path(self._folder.name))
            except OSError as error:
                raise ConfigError(f"The certificates in `tls` cannot be written to a file: {error.strerror}.") from None

    def _transport(self, settings: HttpSettings, clock: Callable[[], float]) -> Transport:
        if settings.transport == "own":
            return ConnectionPool(settings, self._options, clock)
        from source_rest_api.http.requests_transport import RequestsTransport  # noqa: PLC0415 -- start-up counts

        return RequestsTransport(settings, self._options, clock)

    def prepare(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Prepared:
        """Return a request with the default headers and the session's cookies, ready for an authenticator.

        Args:
            method: The method, in upper case.
            url: The URL, as returned by `origins.canonical`.
            headers: Headers of this request; they override the defaults.
            body: The body, if there is one.

        Raises:
            InvalidHeaderError: A header is not valid.
        """
        prepared = Prepared(method, url, headers, body, _HEADERS)
        self._cookies.add_to(prepared)
        return prepared

    def send(self, prepared: Prepared, *, trusted: bool) -> RawResponse:
        """Send a request like `Transport.send`, and keep the cookies of its response."""
        answer = self.transport.send(prepared, trusted=trusted)
        if answer.cookies:
            self._cookies.keep(prepared, answer.cookies)
        return answer

    def _options(self, url: str, *, trusted: bool) -> ConnectionOptions:
        files = self._files
        bundle = files.ca_bundle if files else None
        return ConnectionOptions(
            self._proxy_of(url),
            bundle or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"),
            files.client if files and trusted else None,
        )

    def _proxy_of(self, url: str) -> str | None:
        """Return the proxy of the config, or of the environment unless that excludes the host."""
        if self._proxy is not None or not (_HAS_SYSTEM_PROXIES or _PROXIES & set(map(str.lower, os.environ))):
            return self._proxy
        from requests import utils  # noqa: PLC0415 -- start-up counts

        found: str | None = utils.select_proxy(url, utils.get_environ_proxies(url))
        return found

    def close(self) -> None:
        """Close all connections, and delete the certificate files."""
        self.transport.close()
        if self._folder is not None:
            self._folder.cleanup()
