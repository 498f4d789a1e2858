"""A request as it is sent, which authenticators change: the part of `requests.PreparedRequest` that they need."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from source_rest_api.http.transport_errors import InvalidHeaderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from requests import PreparedRequest
    from typing_extensions import Self

    from source_rest_api.http.request import ParamValue

_FORM = "application/x-www-form-urlencoded"
_WITHOUT_LENGTH = frozenset({"GET", "HEAD"})
_UNRESERVED = re.compile(r"[\w.~-]*", re.ASCII)
"""Matches texts that are the same in a query (RFC 3986, section 2.3)."""
_HEADER = re.compile(r"[^\s:][^:\r\n]*\n(?:\S[^\r\n]*)?")
"""Matches the name and the value of a header, with a line break between them."""
_PACKAGE = f"{__name__.partition('.')[0]}."


class RequestHeaders(MutableMapping[str, str]):
    """The headers of a request, in the order and spelling in which they are sent; names are case-insensitive."""

    __slots__ = ("_by_name",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._by_name = {name.lower(): (name, value) for name, value in headers.items()}

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()][1]

    def __setitem__(self, name: str, value: str) -> None:
        self._by_name[name.lower()] = name, value

    def __delitem__(self, name: str) -> None:
        del self._by_name[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Iterate over names and values. Faster than `items`, which looks each name up."""
        return iter(self._by_name.values())

    def copy(self) -> RequestHeaders:
        """Return a copy."""
        copied = RequestHeaders({})
        copied._by_name = self._by_name.copy()
        return copied


_NONE = RequestHeaders({})


class Prepared:
    """A request as it is sent. Its attributes and methods are a part of those of `requests.PreparedRequest`.

    Args:
        method: The method, in upper case.
        url: The whole URL, as `origins.canonical` returns it, with encoded parameters.
        headers: All headers but `Host`, `Content-Length` and the defaults, which they override.
        body: The body, if there is one.
        defaults: Headers of all requests of a session.

    Raises:
        InvalidHeaderError: A header cannot be sent.
    """

    __slots__ = ("body", "headers", "method", "url")

    body: bytes | None

    def __init__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, defaults: RequestHeaders = _NONE
    ) -> None:
        self.method = method
        self.url = url
        self.headers = defaults.copy()
        for name, value in headers.items():
            _check_header(name, value)
            self.headers[name] = value
        self.prepare_body(body)

    def prepare_url(self, url: str, params: Mapping[str, str] | Sequence[tuple[str, str]]) -> None:
        """Set the URL, with parameters appended to those that it has."""
        self.url = with_query(url, urlencode(params, doseq=True))

    def prepare_body(self, data: bytes | Sequence[tuple[str, str]] | None, files: None = None) -> None:  # noqa: ARG002 -- as in `requests`
        """Set the body to bytes, or to the fields of a form. An empty body is none."""
        if not data:
            self.body = None
        elif isinstance(data, bytes):
            self.body = data
        else:
            self.headers.setdefault("Content-Type", _FORM)
            self.body = urlencode(data, doseq=True).encode()
        self._declare_length()

    def prepare_auth(self, auth: Callable[[Any], Any]) -> None:
        """Put credentials on the request.

        The authenticators of this package need only this class. Any other may have been written for `requests`, and
        gets a request of that library.
        """
        if str(auth.__module__).startswith(_PACKAGE):
            auth(self)
        else:
            self.sign(auth)
        self._declare_length()

    def sign(self, auth: Callable[[Any], Any]) -> Self:
        """Let an authenticator that was written for `requests` change the request."""
        from source_rest_api.http.requests_errors import as_transport_errors  # noqa: PLC0415 -- start-up counts

        whole = self.for_requests()
        with as_transport_errors:
            whole.prepare_auth(auth)
        self.method, self.url = str(whole.method), str(whole.url)
        self.headers = RequestHeaders(whole.headers)
        self.body = whole.body.encode() if isinstance(whole.body, str) else whole.body
        return self

    def for_requests(self) -> PreparedRequest:
        """Return the same as a request of `requests`."""
        from requests import PreparedRequest  # noqa: PLC0415 -- start-up counts
        from requests.structures import CaseInsensitiveDict  # noqa: PLC0415

        whole = PreparedRequest()
        whole.method, whole.url, whole.body = self.method, self.url, self.body
        whole.headers = CaseInsensitiveDict(self.headers)
        return whole

    def _declare_length(self) -> None:
        if self.body is not None:
            self.headers["Content-Length"] = str(len(self.body))
        elif self.method not in _WITHOUT_LENGTH:
            self.headers.setdefault("Content-Length", "0")


def with_query(url: str, query: str) -> str:
    """Return a URL with encoded parameters appended to those that it has."""
    if not query:
        return url
    url, mark, fragment = url.partition("#")
    return f"{url}{'&' if '?' in url else '?'}{query}{mark}{fragment}"


def query(params: Mapping[str, ParamValue]) -> str:
    """Return encoded parameters. A space becomes `%20`, which all servers accept; some OData servers reject `+`."""
    pairs = [(name, each) for name, value in params.items() for each in ([value] if isinstance(value, str) else value)]
    return "&".join([f"{_encoded(name)}={_encoded(each)}" for name, each in pairs])


def _encoded(text: str) -> str:
    return text if _UNRESERVED.fullmatch(text) else quote(text, safe="")


def _check_header(name: str, value: str) -> None:
    """Check a header as `requests` does: a value begins with no space, and nothing contains a line break."""
    if not _HEADER.fullmatch(f"{name}\n{value}"):
        raise InvalidHeaderError
