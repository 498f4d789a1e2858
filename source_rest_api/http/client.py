"""The connections of one session: how they are made, with proxy and certificates, and which are free."""

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
"""Of all requests, unless they say otherwise."""


class _Session(requests.Session):
    """Looks at no redirect, not even to prepare what is sent next: the requester follows them."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class HttpClient:
    """One session's connections. Where a proxy is set, the proxy decides where connections may lead.

    Args:
        settings: Those of the API.
        clock: Seconds, for deadlines.
    """

    def __init__(self, settings: HttpSettings, clock: Callable[[], float]) -> None:
        self.session = _Session()
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
                raise ConfigError(f"The certificates of `tls` cannot be written to a file: {error.strerror}.") from None

    def prepare(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> requests.PreparedRequest:
        """A request with the usual headers and the session's cookies, for an authenticator to put credentials on.

        Args:
            method: In upper case.
            url: As `origin.canonical` has it.
            headers: Its own.
            body: Its body.

        Raises:
            requests.exceptions.InvalidHeader: A header is none.
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
        """Send a request, as `Transport.send`, and keep the cookies of its response."""
        answer = self.transport.send(prepared, trusted=trusted)
        if answer.cookies:
            said: Any = Message()
            for cookie in answer.cookies:
                said["Set-Cookie"] = cookie
            # `requests` has these two so that its requests and answers look like those of the standard library.
            self.session.cookies.extract_cookies(cast("Any", MockResponse(said)), cast("Any", MockRequest(prepared)))
        return answer

    def _options(self, url: str, *, trusted: bool) -> ConnectionOptions:
        verify = self._files.ca_bundle if self._files else None
        found = self.session.merge_environment_settings(url, dict(self._proxies), None, verify, None)
        client = self._files.client if self._files and trusted else None
        return {"proxies": found["proxies"], "verify": found["verify"], "cert": client or found["cert"]}

    def close(self) -> None:
        """Close all connections, and remove what was written for them."""
        self.transport.close()
        self.session.close()
        if self._folder is not None:
            self._folder.cleanup()
