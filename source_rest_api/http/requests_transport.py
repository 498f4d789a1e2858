"""The transport based on `requests`: slower, but tests can replace the way it sends, for example with requests-mock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import requests

from source_rest_api.http.adapter import BoundedAdapter
from source_rest_api.http.requests_errors import as_transport_errors
from source_rest_api.http.transport import RawResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_rest_api.http.prepared import Prepared
    from source_rest_api.http.settings import HttpSettings
    from source_rest_api.http.transport import FindOptions

_CHUNK = 1 << 18
"""Maximum bytes read at once."""


class _Session(requests.Session):
    """A session that ignores redirects, and does not prepare the next request for them: the sender follows them."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class RequestsTransport:
    """Sends requests through a session of `requests`.

    Args:
        settings: The HTTP settings of the API.
        options: Finds the connection options.
        clock: Monotonic seconds, for deadlines.
    """

    def __init__(self, settings: HttpSettings, options: FindOptions, clock: Callable[[], float]) -> None:
        self._timeouts = (settings.connect_timeout, settings.read_timeout)
        self._session = _Session()
        self._options = options
        adapter = BoundedAdapter(settings.request_timeout, clock)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)

    def send(self, prepared: Prepared, *, trusted: bool) -> RawResponse:
        """Send a request."""
        proxy, ca_bundle, certificate = self._options(prepared.url, trusted=trusted)
        with as_transport_errors:
            response = self._session.send(
                prepared.for_requests(),
                stream=True,
                allow_redirects=False,
                timeout=self._timeouts,
                proxies={} if proxy is None else {"http": proxy, "https": proxy},
                verify=ca_bundle or True,
                cert=certificate,
            )
        cookies: list[str] = response.raw.headers.getlist("Set-Cookie")
        return RawResponse(response.status_code, response.headers, _chunks(response), response.close, cookies)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()


def _chunks(response: requests.Response) -> Iterator[bytes]:
    with as_transport_errors:
        yield from iter(partial(response.raw.read1, _CHUNK, decode_content=False), b"")
