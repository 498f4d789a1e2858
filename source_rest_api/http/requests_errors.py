"""Translates the errors of `requests` and urllib3, where those send, connect or write URLs."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from requests import RequestException
from requests import exceptions as http
from urllib3 import exceptions as wire

from source_rest_api.http import transport_errors as own

if TYPE_CHECKING:
    from source_rest_api.http.transport_errors import TransportError

_OUTERMOST: list[tuple[tuple[type[Exception], ...], type[TransportError]]] = [
    ((http.InvalidURL, http.MissingSchema, http.InvalidSchema, wire.LocationValueError), own.InvalidUrlError),
    ((http.InvalidHeader,), own.InvalidHeaderError),
]
_CAUSES: list[tuple[tuple[type[Exception], ...], type[TransportError]]] = [
    ((http.ProxyError, wire.ProxyError), own.ProxyError),
    ((ssl.SSLError, wire.SSLError), own.TlsError),
    ((wire.NewConnectionError,), own.NotConnectedError),
    ((http.ConnectTimeout, wire.ConnectTimeoutError), own.ConnectTimeoutError),
    ((http.ReadTimeout, wire.ReadTimeoutError), own.ReadTimeoutError),
    ((wire.IncompleteRead, wire.DecodeError), own.CutShortError),
]
"""Errors that an error may have as a cause, most telling first."""


class _TransportErrors:
    """Turns the errors of urllib3 and `requests` into `TransportError`s."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RequestException | wire.HTTPError):
            raise _translated(error) from error


as_transport_errors = _TransportErrors()


def _translated(error: Exception) -> TransportError:
    for kinds, failure in _OUTERMOST:
        if isinstance(error, kinds):
            return failure()
    causes = list(own.causes_of(error))
    for kinds, failure in _CAUSES:
        if any(isinstance(cause, kinds) for cause in causes):
            return failure()
    return own.ConnectionLostError()
