"""The HTTP client of one session: its transport, proxy, certificates and cookies."""

from __future__ import annotations

from email.message import Message
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.cookies import MockRequest, MockResponse
from requests.structures import CaseInsensitiveDict
from requests.utils import check_header_validity

from source_rest_api.errors import ConfigError
from source_rest_api.http.connection_pool import ConnectionPool
from source_rest_api.http.requests_transport import RequestsTransport
from source_rest_api.http.tls import CertificateFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.http.settings import HttpSettings
    from source_rest_api.http.transport import ConnectionOptions, RawResponse, Transport


_HEADERS = {
    "User-Agent": "source-rest-api",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}
"""Default headers of all requests."""


class _Session(requests.Session):
    """A session that ignores redirects, and does not prepare the next request for them: the sender follows them."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class HttpClient:
    """The HTTP client of one session. If a proxy is set, the proxy decides which hosts can be reached.

    Args:
        settings: The HTTP settings of the API.
        clock: Monotonic seconds, for deadlines.
    """

    def __init__(self, settings: HttpSettings, clock: Callable[[], float]) -> None:
        self.session = _Session()
        self.session.cookies = settings.cookies
        self.transport: Transport = (
            ConnectionPool(settings, self._options, clock)
            if settings.transport == "own"
            else RequestsTransport(settings, self.session, self._options, clock)
        )
        proxy = None if settings.proxy_url is None else settings.proxy_url.get_secret_value()
        self._proxies = {} if proxy is None else {"http": proxy, "https": proxy}
        self._folder: TemporaryDirectory[str] | None = None
        self._files: CertificateFiles | None = None
        if settings.tls is not None:
            self._folder = TemporaryDirectory(prefix="source-rest-api-")
            try:
                self._files = CertificateFiles(settings.tls, Path(self._folder.name))
            except OSError as error:
                raise ConfigError(f"The certificates in `tls` cannot be written to a file: {error.strerror}.") from None

    def prepare(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> requests.PreparedRequest:
        """Return a request with the default headers and the session's cookies, ready for an authenticator.

        Args:
            method: The method, in upper case.
            url: The URL, as returned by `origins.canonical`.
            headers: Headers of this request; they override the defaults.
            body: The body, if there is one.

        Raises:
            requests.exceptions.InvalidHeader: A header is not valid.
        """
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url = method, url
        for header in headers.items():
            check_header_validity(header)
        prepared.headers = CaseInsensitiveDict({**_HEADERS, **headers})
        if self.session.cookies:
            prepared.prepare_cookies(self.session.cookies)
        prepared.prepare_body(body, None)
        return prepared

    def send(self, prepared: requests.PreparedRequest, *, trusted: bool) -> RawResponse:
        """Send a request like `Transport.send`, and keep the cookies of its response."""
        answer = self.transport.send(prepared, trusted=trusted)
        if answer.cookies:
            said: Any = Message()
            for cookie in answer.cookies:
                said["Set-Cookie"] = cookie
            # `requests` uses these two to make its requests and responses look like those of the standard library.
            self.session.cookies.extract_cookies(cast("Any", MockResponse(said)), cast("Any", MockRequest(prepared)))
        return answer

    def _options(self, url: str, *, trusted: bool) -> ConnectionOptions:
        verify = self._files.ca_bundle if self._files else None
        found = self.session.merge_environment_settings(url, dict(self._proxies), None, verify, None)
        client = self._files.client if self._files and trusted else None
        return {"proxies": found["proxies"], "verify": found["verify"], "cert": client or found["cert"]}

    def close(self) -> None:
        """Close all connections, and delete the certificate files."""
        self.transport.close()
        self.session.close()
        if self._folder is not None:
            self._folder.cleanup()
