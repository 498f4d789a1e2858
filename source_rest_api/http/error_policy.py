"""What an answer, or none, means: go on, try again after a while, or give up, and whose turn it then is."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from source_rest_api.errors import ConfigError, SourceError, TransientError
from source_rest_api.http import rate_limits
from source_rest_api.http.response import describe

if TYPE_CHECKING:
    from source_rest_api.http.response import Response

_READ = 2000
"""Bytes of an error's body in which words are looked for."""
_RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_EXPECTED = "; where that is no error, say so in `errors`, with `action: ignore`"
PROXY_CREDENTIALS = "give them in `proxy_url`, or in `HTTP_PROXY` and `HTTPS_PROXY`"
"""What the user may do where a proxy asks who asks."""
_ADVICE = {
    HTTPStatus.NOT_MODIFIED: "Nothing changed, it says: remove `If-None-Match` and `If-Modified-Since` from `headers`",
    HTTPStatus.UNAUTHORIZED: "Check the credentials in `authentication`",
    HTTPStatus.FORBIDDEN: f"The credentials in `authentication` do not allow it{_EXPECTED}",
    HTTPStatus.NOT_FOUND: f"Check `url_base` and the endpoint's `path`{_EXPECTED}",
    HTTPStatus.METHOD_NOT_ALLOWED: "Check `http_method`",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: f"The proxy asks for credentials; {PROXY_CREDENTIALS}",
    HTTPStatus.GONE: "What was asked for is gone for good: if the state is too old for the API, reset the stream; if "
    f"the API has retired the path, correct `path`{_EXPECTED}",
}
_FAULTS_REQUEST = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


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
    faults_request: bool = False
    """True if the API finds fault with what the request asks for, so that the error has to show it."""


def judge(response: Response) -> Verdict | None:
    """None if the answer is a success."""
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    message = _sentence(f"The API answered {describe(response)}")
    wait = rate_limits.retry_after(response.headers)
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and _limits(response)):
        limit = TransientError(f"{message} It limits the rate of requests; the sync goes on from its state later.")
        return Verdict(limit, retry=True, wait=rate_limits.wait(response.headers), limited=True, refused=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        overload = status == HTTPStatus.SERVICE_UNAVAILABLE
        refused = overload and wait is not None
        return Verdict(TransientError(message), retry=True, wait=wait, refused=refused, overload=overload)
    if status in _RETRIED:
        return Verdict(TransientError(message), retry=True, wait=wait, refused=True)
    advice = _ADVICE.get(HTTPStatus(status) if status in set(HTTPStatus) else HTTPStatus.IM_A_TEAPOT)
    error = ConfigError(f"{message} {advice}." if advice else message)
    return Verdict(error, faults_request=status in _FAULTS_REQUEST)


def _sentence(text: str) -> str:
    return text if text.endswith(("…", "?", "!")) else f"{text}."


def _limits(response: Response) -> bool:
    """Whether a 403 is a rate limit, as GitHub's and Google's are."""
    remaining, _ = rate_limits.allowance(response.headers)
    start = response.body[:_READ].decode("utf-8", "replace")
    return "Retry-After" in response.headers or remaining == 0 or rate_limits.named_in(start)
