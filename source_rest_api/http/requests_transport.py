"""The transport based on `requests`: slower, but tests can replace the way it sends, for example with requests-mock."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from source_rest_api.http.adapter import BoundedAdapter
from source_rest_api.http.transport import RawResponse, as_transport_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from source_rest_api.http.settings import HttpSettings
    from source_rest_api.http.transport import FindOptions

_CHUNK = 1 << 18
"""Maximum bytes read at once."""


class RequestsTransport:
    """Sends requests through a session of `requests`.

    Args:
        settings: The HTTP settings of the API.
        session: The session.
        options: Finds the connection options.
        clock: Monotonic seconds, for deadlines.
    """

    def __init__(
        self, settings: HttpSettings, session: requests.Session, options: FindOptions, clock: Callable[[], float]
    ) -> None:
        self._timeouts = (settings.connect_timeout, settings.read_timeout)
        self._session = session
        self._options = options
        adapter = BoundedAdapter(settings.request_timeout, clock)
        for scheme in ("https://", "http://"):
            session.mount(scheme, adapter)

    def send(self, prepared: requests.PreparedRequest, *, trusted: bool) -> RawResponse:
        """Send a request; the session keeps the response's cookies."""
        options = self._options(str(prepared.url), trusted=trusted)
        with as_transport_errors:
            response = self._session.send(
                prepared, stream=True, allow_redirects=False, timeout=self._timeouts, **options
            )
        return RawResponse(response.status_code, response.headers, _chunks(response), response.close)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()


def _chunks(response: requests.Response) -> Iterator[bytes]:
    with as_transport_errors:
        yield from iter(partial(response.raw.read1, _CHUNK, decode_content=False), b"")
