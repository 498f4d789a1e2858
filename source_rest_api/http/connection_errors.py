"""Judges failures below HTTP: no connection, no response, or an incomplete one."""

from __future__ import annotations

import re
import ssl
from http import HTTPStatus

from source_rest_api.errors import BrokenAnswerError, ConfigError, TransientError
from source_rest_api.http.error_policy import PROXY_CREDENTIALS, Verdict
from source_rest_api.http.transport_errors import (
    ConnectTimeoutError,
    CutShortError,
    InvalidHeaderError,
    InvalidUrlError,
    NotConnectedError,
    ProxyError,
    ReadTimeoutError,
    TlsError,
    TransportError,
    UnprovenEndError,
    causes_of,
)

_REASONS = (
    ("refused", "connection refused"),
    ("name or service not known", "unknown host name"),
    ("no address associated", "unknown host name"),
    ("temporary failure in name resolution", "name resolution failed"),
    ("reset", "connection reset"),
)

_PRIVATE_AUTHORITY = "set `tls.ca_bundle` to the certificate of the authority that issued it"
_OTHER_HOST = "check the host in `url_base`"
_NOT_VALID_NOW = "check the clock of this machine, and ask the API's operator for a valid certificate"
_MALFORMED = (
    "Python 3.13 and later accept only certificates that follow RFC 5280, so ask the operator for one, or for a new "
    "certificate of the authority"
)
_CERTIFICATES = {
    9: _NOT_VALID_NOW,
    10: _NOT_VALID_NOW,
    62: _OTHER_HOST,
    64: _OTHER_HOST,
    **dict.fromkeys(range(77, 95), _MALFORMED),
}
"""What to change, by OpenSSL's verification error (`X509_V_ERR_*` in x509_vfy.h)."""
_CUT_SHORT = "The response body was cut short, or its framing is broken."
_BROKEN_OFF = (
    "The TLS connection broke off, and the response has neither `Content-Length` nor chunks, so it may be incomplete. "
    "If this persists, check the proxy, or request gzip (`headers: {Accept-Encoding: gzip}`)."
)


def judge(failure: TransportError) -> Verdict:
    """Return the verdict on a request without a complete response.

    The messages of urllib3 and `requests` are not shown, because they contain URLs and so perhaps secrets.
    """
    causes = list(causes_of(failure.__cause__ or failure))
    detail = f"{type(causes[0]).__name__}: {_told(causes[-1])}"
    match failure:
        case InvalidUrlError():
            message = "The URL is not valid: check `url_base`, `path`, and the next URL that the API returns."
            return Verdict(ConfigError(message, type(causes[0]).__name__))
        case InvalidHeaderError():
            message = "A header is not valid: check `headers` and `authentication`."
            return Verdict(ConfigError(message, type(causes[0]).__name__))
        case TlsError():
            return _tls(causes, detail)
        case ProxyError():
            return _proxy(causes, detail)
        case ConnectTimeoutError():
            message = "No connection within `connect_timeout`: check `url_base`, the network and the firewall."
            return Verdict(TransientError(message, detail), retry=True, refused=True, overload=True)
        case ReadTimeoutError():
            message = "The API sent no data within `read_timeout`: if the API is slow, raise `read_timeout`."
            return Verdict(TransientError(message, detail), retry=True, overload=True)
        case CutShortError():
            message = _BROKEN_OFF if isinstance(failure, UnprovenEndError) else _CUT_SHORT
            return Verdict(BrokenAnswerError(message, detail), retry=True)
    message = f"The API cannot be reached ({_reason(causes[-1])}): check `url_base`, the network and the firewall."
    refused = isinstance(failure, NotConnectedError)
    return Verdict(TransientError(message, detail), retry=True, refused=refused)


def _tls(causes: list[BaseException], detail: str) -> Verdict:
    if (unverified := _unverified(causes)) is not None:
        advice = _CERTIFICATES.get(unverified.verify_code, _PRIVATE_AUTHORITY)
        message = f"The API's TLS certificate cannot be verified ({_said_of(unverified)}): {advice}."
        return Verdict(ConfigError(message, detail))
    message = "The TLS connection failed: check `url_base` (https, or http?), the network and the proxy."
    return Verdict(TransientError(message, detail), retry=True)


def _proxy(causes: list[BaseException], detail: str) -> Verdict:
    if (unverified := _unverified(causes)) is not None:
        message = (
            f"The proxy's TLS certificate cannot be verified ({_said_of(unverified)}): check the host in `proxy_url`, "
            f"or {_PRIVATE_AUTHORITY}."
        )
        return Verdict(ConfigError(message, detail))
    answer = re.search(r"Tunnel connection failed: (\d+)", str(causes[-1]))
    if answer is not None and int(answer[1]) == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return Verdict(ConfigError(f"The proxy requires credentials: {PROXY_CREDENTIALS}.", detail))
    reason = _reason(causes[-1]) if answer is None else f"it returned HTTP {answer[1]}"
    message = f"The proxy did not connect to the API ({reason}): check `proxy_url`, or `HTTPS_PROXY` and `NO_PROXY`."
    return Verdict(TransientError(message, detail), retry=True, refused=True)


def _unverified(causes: list[BaseException]) -> ssl.SSLCertVerificationError | None:
    return next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)


def _said_of(error: ssl.SSLCertVerificationError) -> str:
    """Return OpenSSL's reason why a certificate is not valid."""
    return error.verify_message.rstrip(".") or "no reason given"


def _told(error: BaseException) -> str:
    """Describe a system error with its message, others by type only: their messages may quote a full URL."""
    is_of_system = isinstance(error, OSError) and type(error).__module__ in {"builtins", "socket", "ssl"}
    return f"{type(error).__name__}: {error}" if is_of_system else type(error).__name__


def _reason(error: BaseException) -> str:
    lowered = str(error).lower()
    return next((reason for sign, reason in _REASONS if sign in lowered), "connection lost")
