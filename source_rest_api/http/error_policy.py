"""The default error policy: decides by a response whether to continue, retry or fail, and with which error."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from source_rest_api.errors import ConfigError, SourceError, TransientError
from source_rest_api.http import rate_limits
from source_rest_api.http.response import describe

if TYPE_CHECKING:
    from source_rest_api.http.response import Response

_READ = 2000
"""Bytes at the start of an error body that are searched for rate limit words."""
_SUCCESSES = range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)
_RETRIED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_EXPECTED = "; if this response is expected, add a rule with `action: ignore` to `errors`"
PROXY_CREDENTIALS = "set them in `proxy_url`, or in `HTTP_PROXY` and `HTTPS_PROXY`"
"""Advice for the user if a proxy requires authentication."""
_ADVICE = {
    HTTPStatus.NOT_MODIFIED: "The API sends only what changed: remove `If-None-Match` and `If-Modified-Since` from "
    "`headers`, or have `incremental` fill them, such as `{type: token, token_header: ETag, start_param: "
    "If-None-Match, in: header}`. If the request has neither, a cache responded: set `Cache-Control: no-cache` in "
    "`headers`",
    HTTPStatus.UNAUTHORIZED: "Check the credentials in `authentication`",
    HTTPStatus.FORBIDDEN: f"The credentials in `authentication` lack permission{_EXPECTED}",
    HTTPStatus.NOT_FOUND: f"Check `url_base` and the endpoint's `path`{_EXPECTED}",
    HTTPStatus.METHOD_NOT_ALLOWED: "Check `http_method`; if only the pages after the first need another method, set "
    "`further_request`",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: f"The proxy requires credentials; {PROXY_CREDENTIALS}",
    HTTPStatus.GONE: "The resource is gone for good: if the state is too old for the API, reset the stream; if "
    f"the API has retired the path, correct `path`{_EXPECTED}",
}
_ENCODED = {
    "%2F": "The path has an encoded slash (`%2F`): if it separates two segments, add `| urlencode` to the template of "
    "the value, which keeps slashes",
    "%252F": "The path has a slash that is encoded twice (`%252F`): if the API returns encoded values, add `| safe` to "
    "the template of the value",
}
"""Advice on a path that was not found, by the encoded slash in it."""
_FAULTS_REQUEST = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


class Verdict(Struct, frozen=True):
    """The outcome of a failed attempt: the error, and whether and when to retry."""

    error: SourceError
    """The error to raise if the request is not retried, or the retries are used up."""
    retry: bool = False
    wait: float | None = None
    """Seconds to wait, if the API asks for it."""
    limited: bool = False
    """True if this is a rate limit; its waits have a budget of their own."""
    refused: bool = False
    """True if the API rejected the request without processing it, so even a POST may be retried."""
    overload: bool = False
    """True if the API seems overloaded, so fewer requests should run at the same time."""
    faults_request: bool = False
    """True if the API finds fault with the request, so that the error has to show its parameters."""


def is_passing(status: int) -> bool:
    """Return True if a request that is answered with a status may succeed later."""
    retried = status in _RETRIED or status == HTTPStatus.TOO_MANY_REQUESTS
    return retried or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def judge(response: Response) -> Verdict | None:
    """Return the verdict on a response; None if it is a success."""
    status = response.status
    if status in _SUCCESSES:
        return None
    message = _sentence(f"The API returned {describe(response)}")
    wait = rate_limits.retry_after(response.headers)
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and _limits(response)):
        limit = TransientError(f"Rate limited by the API ({describe(response)}).")
        return Verdict(limit, retry=True, wait=rate_limits.wait(response.headers), limited=True, refused=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        overload = status == HTTPStatus.SERVICE_UNAVAILABLE
        refused = overload and wait is not None
        return Verdict(TransientError(message), retry=True, wait=wait, refused=refused, overload=overload)
    if status in _RETRIED:
        return Verdict(TransientError(message), retry=True, wait=wait, refused=True)
    advice = _ADVICE.get(HTTPStatus(status) if status in set(HTTPStatus) else HTTPStatus.IM_A_TEAPOT)
    if status == HTTPStatus.UNAUTHORIZED:
        advice = f"{response.unsigned or advice}{_wanted(response)}"
    if status == HTTPStatus.FORBIDDEN and response.unsigned:
        advice = f"{response.unsigned}{_EXPECTED}"
    if status == HTTPStatus.NOT_FOUND:
        found = (said for sign, said in _ENCODED.items() if sign in urlsplit(response.url).path.upper())
        advice = ". ".join([*found, str(advice)])
    error = ConfigError(f"{message} {advice}." if advice else message)
    error.status = status
    return Verdict(error, faults_request=status in _FAULTS_REQUEST)


def _wanted(response: Response) -> str:
    """Return the scheme of the credentials that a 401 asks for (RFC 9110, section 11.6.1), as the end of a sentence."""
    scheme = re.match(r"[A-Za-z][\w-]{0,30}(?=\s|,|$)", response.headers.get("WWW-Authenticate", "").strip())
    return f"; the API asks for `{scheme[0]}`" if scheme else ""


def _sentence(text: str) -> str:
    return text if text.endswith(("…", "?", "!")) else f"{text}."


def judge_part(response: Response) -> Verdict | None:
    """Returns the verdict on a success that is not a complete response; None if it may be complete.

    202 means that the API has not done the work yet (RFC 9110, section 15.3.3). 206 is the response to a range request,
    which the connector never sends. Some APIs use it for pages, and name the range in `Content-Range`.
    """
    accept = f"if the response is complete, set `errors: [{{status: {response.status}, action: accept}}]`"
    if response.status == HTTPStatus.ACCEPTED:
        error = TransientError(f"The API accepted the request and has no result yet (HTTP 202); {accept}.")
        return Verdict(error, retry=True, wait=rate_limits.retry_after(response.headers))
    if response.status == HTTPStatus.PARTIAL_CONTENT and "Content-Range" not in response.headers:
        return Verdict(ConfigError(f"The API returned partial content (HTTP 206) without a `Content-Range`; {accept}."))
    return None


def _limits(response: Response) -> bool:
    """Return True if a 403 is a rate limit, as GitHub and Google use it."""
    remaining, _ = rate_limits.allowance(response.headers)
    start = response.body[:_READ].decode("utf-8", "replace")
    return "Retry-After" in response.headers or remaining == 0 or rate_limits.named_in(start)
