"""Judges failures below HTTP: no connection, no response, or an incomplete one."""

from __future__ import annotations

import re
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING

from requests import exceptions as http
from urllib3 import exceptions as wire

from source_rest_api.errors import BrokenAnswerError, ConfigError, TransientError
from source_rest_api.http.error_policy import PROXY_CREDENTIALS, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.http.transport import TransportError

_REASONS = (
    ("refused", "connection refused"),
    ("name or service not known", "unknown host name"),
    ("no address associated", "unknown host name"),
    ("temporary failure in name resolution", "name resolution failed"),
    ("reset", "connection reset"),
)


def judge(failure: TransportError) -> Verdict:
    """Return the verdict on a request without a complete response.

    The messages of urllib3 and `requests` are not shown, because they contain URLs and so perhaps secrets.
    """
    error = failure.__cause__ or failure
    causes = list(_causes(error))

    def caused(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    detail = f"{type(error).__name__}: {_told(causes[-1])}"
    if isinstance(error, http.InvalidURL | http.MissingSchema | http.InvalidSchema | wire.LocationValueError):
        message = "The URL is not valid: check `url_base`, `path`, and the next URL that the API returns."
        return Verdict(ConfigError(message, type(error).__name__))
    if isinstance(error, http.InvalidHeader):
        message = "A header is not valid: check `headers` and `authentication`."
        return Verdict(ConfigError(message, type(error).__name__))
    if caused(ssl.SSLError, wire.SSLError):
        return _tls(causes, detail)
    if caused(http.ProxyError, wire.ProxyError):
        return _proxy(causes, detail)
    refused = caused(wire.NewConnectionError)
    if caused(http.ConnectTimeout, wire.ConnectTimeoutError) and not refused:
        message = "No connection within `connect_timeout`: check `url_base`, the network and the firewall."
        return Verdict(TransientError(message, detail), retry=True, refused=True, overload=True)
    if caused(http.ReadTimeout, wire.ReadTimeoutError):
        message = "The API sent no data within `read_timeout`: if the API is slow, raise `read_timeout`."
        return Verdict(TransientError(message, detail), retry=True, overload=True)
    if caused(wire.IncompleteRead, wire.DecodeError):
        return Verdict(
            BrokenAnswerError("The response body was cut short, or its framing is broken.", detail), retry=True
        )
    message = f"The API cannot be reached ({_reason(causes[-1])}): check `url_base`, the network and the firewall."
    return Verdict(TransientError(message, detail), retry=True, refused=refused)


def _tls(causes: list[BaseException], detail: str) -> Verdict:
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        message = "The API's TLS certificate cannot be verified: check `url_base`, or set `tls.ca_bundle`."
        return Verdict(ConfigError(message, detail))
    message = "The TLS connection failed: check `url_base` (https, or http?), the network and the proxy."
    return Verdict(TransientError(message, detail), retry=True)


def _proxy(causes: list[BaseException], detail: str) -> Verdict:
    answer = re.search(r"Tunnel connection failed: (\d+)", str(causes[-1]))
    if answer is not None and int(answer[1]) == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return Verdict(ConfigError(f"The proxy requires credentials: {PROXY_CREDENTIALS}.", detail))
    reason = _reason(causes[-1]) if answer is None else f"it returned HTTP {answer[1]}"
    message = f"The proxy did not connect to the API ({reason}): check `proxy_url`, or `HTTPS_PROXY` and `NO_PROXY`."
    return Verdict(TransientError(message, detail), retry=True, refused=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, down to the innermost."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _told(error: BaseException) -> str:
    """Describe a system error with its message, others by type only: their messages may quote a full URL."""
    own = isinstance(error, OSError) and not isinstance(error, http.RequestException)
    return f"{type(error).__name__}: {error}" if own else type(error).__name__


def _reason(error: BaseException) -> str:
    lowered = str(error).lower()
    return next((reason for sign, reason in _REASONS if sign in lowered), "connection lost")
