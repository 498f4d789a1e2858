"""What an answer, or none, means: go on, try again after a while, or give up, and whose turn it then is."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from pydantic import NonNegativeFloat, PositiveInt

from source_rest_api.decoders import describe
from source_rest_api.errors import ConfigError, SourceError, TransientError
from source_rest_api.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_rest_api.page import Response

_LONGEST = 1e9
"""Seconds; whatever is longer is for ever."""
_RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_ADVICE = {
    HTTPStatus.BAD_REQUEST: "check the endpoint's `params`, `body` and `pagination`",
    HTTPStatus.UNAUTHORIZED: "check the credentials in `authentication`",
    HTTPStatus.FORBIDDEN: "the credentials in `authentication` do not allow it",
    HTTPStatus.NOT_FOUND: "check `url_base` and the endpoint's `path`",
    HTTPStatus.METHOD_NOT_ALLOWED: "check `http_method`",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "the proxy asks for credentials",
}


class Verdict(NamedTuple):
    """What a failed attempt means."""

    error: SourceError
    """Raised when it is not, or no longer, tried again."""
    retry: bool = False
    wait: float | None = None
    """Seconds that the API asks to wait."""
    limited: bool = False
    """Whether it is a rate limit, which is waited out on a budget of its own."""
    refused: bool = False
    """Whether the API did nothing with the request, so that even a POST may be sent again."""
    overload: bool = False
    """Whether the API may bear fewer requests at the same time."""


class Retry(Model):
    """Broken answers, server errors (5xx, 408, 425) and lost connections are tried again; other errors are not."""

    max_attempts: PositiveInt = 5
    """How often one request is sent before giving up."""
    max_seconds: NonNegativeFloat = 600
    """How long one request may be tried again."""
    rate_limit_seconds: NonNegativeFloat = 3600
    """How long one request may wait for a rate limit (429). It is not bounded by the number of attempts."""
    post: bool = False
    """Whether a POST may be sent again after it may have reached the API; only for POSTs that change nothing."""

    def backoff(self, attempt: int, jitter: float) -> float:
        """Seconds before the next attempt: 1, 2, 4, ... up to 60, plus up to half of it.

        Args:
            attempt: How often it was tried, from 1.
            jitter: Uniform between 0 and 1.
        """
        return min(2.0 ** min(attempt - 1, 6), 60.0) * (1 + jitter / 2)


def judge(response: Response) -> Verdict | None:
    """None if the answer is a success."""
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    message = f"The API answered {describe(response)}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and "Retry-After" in response.headers):
        error = TransientError(f"{message}. It limits the rate of requests; the sync goes on from its state later.")
        return Verdict(error, retry=True, wait=retry_after(response.headers), limited=True, refused=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        overload = status == HTTPStatus.SERVICE_UNAVAILABLE
        refused = overload and "Retry-After" in response.headers
        wait = retry_after(response.headers)
        return Verdict(TransientError(f"{message}."), retry=True, wait=wait, refused=refused, overload=overload)
    if status in _RETRIED:
        return Verdict(TransientError(f"{message}."), retry=True, wait=retry_after(response.headers), refused=True)
    advice = _ADVICE.get(HTTPStatus(status) if status in set(HTTPStatus) else HTTPStatus.IM_A_TEAPOT)
    return Verdict(ConfigError(f"{message}{f': {advice}' if advice else ''}."))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the `Retry-After` header (RFC 9110, section 10.2.3): a number, or a date.

    A date is measured by the server's own clock (`Date`). What cannot be read is None; what is past is 0.
    """
    value = headers.get("Retry-After", "").strip()
    if value.replace(".", "", 1).isdecimal() and value.isascii():
        return min(float(value), _LONGEST)
    try:
        until, now = parsedate_to_datetime(value), parsedate_to_datetime(headers.get("Date", ""))
        return min(max((until - now).total_seconds(), 0.0), _LONGEST)
    except (TypeError, ValueError, OverflowError):
        return None
