"""What a failure below HTTP means: no connection, no answer, or half of one."""

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
    """The verdict on a request that got no whole answer. What urllib3 and requests say is not shown: it holds URLs."""
    error = failure.__cause__ or failure
    causes = list(_causes(error))

    def caused(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    detail = f"{type(error).__name__}: {_told(causes[-1])}"
    if isinstance(error, http.InvalidURL | http.MissingSchema | http.InvalidSchema | wire.LocationValueError):
        message = "The URL is not valid: check `url_base`, `path`, and what the API gives as the next URL."
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
        message = "No connection within `connect_timeout`: check `url_base`, network and firewall."
        return Verdict(TransientError(message, detail), retry=True, refused=True, overload=True)
    if caused(http.ReadTimeout, wire.ReadTimeoutError):
        message = "The API sent nothing within `read_timeout`."
        return Verdict(TransientError(message, detail), retry=True, overload=True)
    if caused(wire.IncompleteRead, wire.DecodeError):
        return Verdict(BrokenAnswerError("The answer's body was cut or its framing is broken.", detail), retry=True)
    message = f"The API cannot be reached ({_reason(causes[-1])}): check `url_base`, network and firewall."
    return Verdict(TransientError(message, detail), retry=True, refused=refused)


def _tls(causes: list[BaseException], detail: str) -> Verdict:
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Verdict(ConfigError("The TLS certificate of the API cannot be verified: check `url_base`.", detail))
    message = "The TLS connection failed: check `url_base` (https, or http?), network and proxy."
    return Verdict(TransientError(message, detail), retry=True)


def _proxy(causes: list[BaseException], detail: str) -> Verdict:
    answer = re.search(r"Tunnel connection failed: (\d+)", str(causes[-1]))
    if answer is not None and int(answer[1]) == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return Verdict(ConfigError(f"The proxy asks for credentials: {PROXY_CREDENTIALS}.", detail))
    reason = _reason(causes[-1]) if answer is None else f"it answered {answer[1]}"
    message = f"The proxy does not lead to the API ({reason}): check `proxy_url`, or `HTTPS_PROXY` and `NO_PROXY`."
    return Verdict(TransientError(message, detail), retry=True, refused=True)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, down to the innermost."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _told(error: BaseException) -> str:
    """An error of the system in its own words; others may quote a URL, query and all."""
    own = isinstance(error, OSError) and not isinstance(error, http.RequestException)
    return f"{type(error).__name__}: {error}" if own else type(error).__name__


def _reason(error: BaseException) -> str:
    lowered = str(error).lower()
    return next((reason for sign, reason in _REASONS if sign in lowered), "connection lost")
