"""The cookies of a session, kept as a browser does (RFC 6265)."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message
    from http.cookiejar import CookieJar
    from urllib.request import Request

    from source_rest_api.http.prepared import Prepared


class Cookies:
    """The cookies that an API has set. Few APIs set any, so the library is imported with the first one."""

    def __init__(self) -> None:
        self._jar: CookieJar | None = None
        self._lock = Lock()

    def keep(self, prepared: Prepared, said: Sequence[str]) -> None:
        """Keep the cookies in the `Set-Cookie` headers of the response to a request."""
        self._filled().extract_cookies(cast("Any", _Answer(said)), _asked(prepared))

    def update(self, others: Cookies) -> None:
        """Add the cookies of another session, in place of those of the same name."""
        for cookie in others._jar or ():
            self._filled().set_cookie(cookie)

    def add_to(self, prepared: Prepared) -> None:
        """Put the cookies that belong to a request on it, unless it has its own."""
        if self._jar is None or "Cookie" in prepared.headers:
            return
        asked = _asked(prepared)
        self._jar.add_cookie_header(asked)
        if asked.has_header("Cookie"):
            prepared.headers["Cookie"] = str(asked.get_header("Cookie"))

    def _filled(self) -> CookieJar:
        from http.cookiejar import CookieJar  # noqa: PLC0415 -- start-up counts

        with self._lock:
            if self._jar is None:
                self._jar = CookieJar()
            return self._jar


class _Answer:
    """A response as a jar reads it."""

    def __init__(self, cookies: Sequence[str]) -> None:
        self._cookies = cookies

    def info(self) -> Message:
        from email.message import Message  # noqa: PLC0415 -- start-up counts

        headers = Message()
        for cookie in self._cookies:
            headers["Set-Cookie"] = cookie
        return headers


def _asked(prepared: Prepared) -> Request:
    """Return a request as a jar reads it: to the host that its `Host` header names, if it has one."""
    from urllib.request import Request  # noqa: PLC0415 -- start-up counts

    url = urlsplit(prepared.url)
    return Request(url._replace(netloc=prepared.headers.get("Host", url.netloc)).geturl())  # noqa: S310 -- never opened
