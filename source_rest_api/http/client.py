"""The connections of one session: how they are made, with proxy and certificates, and which are free."""

from __future__ import annotations

from email.message import Message
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import MockRequest, MockResponse
from requests.structures import CaseInsensitiveDict
from requests.utils import check_header_validity

from source_rest_api.errors import ConfigError
from source_rest_api.http import http1
from source_rest_api.http.connection_pool import ConnectionPool
from source_rest_api.http.tls import CertificateFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.http.settings import HttpSettings


Answer: TypeAlias = http1.RawResponse | requests.Response
"""An answer whose head has come. One of `requests` comes from what has been put in place of the network."""
_HEADERS = {
    "User-Agent": "source-rest-api",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}
"""Of all requests, unless they say otherwise."""
_SENDERS = (requests.Session.send, HTTPAdapter.send)


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
        self.routes = ConnectionPool(settings, clock)
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

    def send(self, prepared: requests.PreparedRequest, *, trusted: bool) -> Answer:
        """Send a request; the answer, when its head has come.

        The session is passed over: it looks for redirects, hooks and more, at the cost of a small page. But where
        something has been put in place of how `requests` sends, that is asked: requests-mock or responses, in tests.

        Args:
            prepared: With its credentials.
            trusted: Whether the client certificate may be shown there. It is the same for all URLs of an origin.
        """
        settings = partial(self.settings, str(prepared.url), trusted=trusted)
        if (requests.Session.send, HTTPAdapter.send) != _SENDERS:
            timeout = self.routes.timeouts
            return self.session.send(prepared, stream=True, allow_redirects=False, timeout=timeout, **settings())
        answer = self.routes.send(prepared, settings)
        if answer.cookies:
            said: Any = Message()
            for cookie in answer.cookies:
                said["Set-Cookie"] = cookie
            # `requests` has these two so that its requests and answers look like those of the standard library.
            self.session.cookies.extract_cookies(cast("Any", MockResponse(said)), cast("Any", MockRequest(prepared)))
        return answer

    def settings(self, url: str, *, trusted: bool = True) -> dict[str, Any]:
        """What `requests` wants to know for connections to a URL, by the config and the environment.

        Args:
            url: Where to.
            trusted: As for `send`.
        """
        verify = self._files.ca_bundle if self._files else None
        settings = self.session.merge_environment_settings(url, dict(self._proxies), None, verify, None)
        client = self._files.client if self._files and trusted else None
        cert = client or settings["cert"]
        return {"proxies": settings["proxies"], "verify": settings["verify"], "cert": cert}

    def close(self) -> None:
        """Close all connections, and remove what was written for them."""
        self.routes.close()
        self.session.close()
        if self._folder is not None:
            self._folder.cleanup()
