"""The cookies of a session, kept as a browser does (RFC 6265)."""

from __future__ import annotations

from email.message import Message
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from urllib.request import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from source_rest_api.http.prepared import Prepared


class Cookies:
    """The cookies that an API has set."""

    def __init__(self) -> None:
        self._jar = CookieJar()

    def keep(self, prepared: Prepared, said: Sequence[str]) -> None:
        """Keep the cookies in the `Set-Cookie` headers of the response to a request."""
        self._jar.extract_cookies(cast("Any", _Answer(said)), _asked(prepared))

    def add_to(self, prepared: Prepared) -> None:
        """Put the cookies that belong to a request on it, unless it has its own."""
        if "Cookie" in prepared.headers:
            return
        asked = _asked(prepared)
        self._jar.add_cookie_header(asked)
        if asked.has_header("Cookie"):
            prepared.headers["Cookie"] = str(asked.get_header("Cookie"))


class _Answer:
    """A response as a jar reads it."""

    def __init__(self, cookies: Sequence[str]) -> None:
        self._headers = Message()
        for cookie in cookies:
            self._headers["Set-Cookie"] = cookie

    def info(self) -> Message:
        return self._headers


def _asked(prepared: Prepared) -> Request:
    """Return a request as a jar reads it: to the host that its `Host` header names, if it has one."""
    url = urlsplit(prepared.url)
    return Request(url._replace(netloc=prepared.headers.get("Host", url.netloc)).geturl())  # noqa: S310 -- it is never opened
