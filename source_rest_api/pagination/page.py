"""The two values that everything passes on: a request, and the page that answered it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct, field
from msgspec.structs import replace

from source_rest_api.formats import raw_json
from source_rest_api.http.request_body import JsonPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from msgspec import Raw

    from source_rest_api.http.request_body import Payload
    from source_rest_api.model import Path

LARGEST_BODY = 1 << 29
"""Bytes. More at once would not leave memory for anything else."""
Position: TypeAlias = int | str
"""Where in a slice a page stands: a page number, an offset, a token or a URL. Small, and fit for state."""


class End(Struct, frozen=True):
    """Why a slice has no further page."""

    reason: str
    said: bool = False
    """Whether the API said so itself (a false flag, a reached total, an empty page), so that no other sign counts."""
    ignored: bool = False
    """Whether it is an error that the config ignores."""
    capped: bool = False
    """Whether there may be more that this question does not give; the slice goes on from its newest cursor value."""


Next: TypeAlias = Position | End

ParamValue: TypeAlias = str | list[str]


class Request(Struct, frozen=True):
    """One HTTP request before credentials are put on it, so it can be shown and logged."""

    method: str
    url: str
    params: Mapping[str, ParamValue] = {}
    headers: Mapping[str, str] = {}
    body: Payload | None = None
    endpoint: str = ""
    """For whom it is; requests of one endpoint share what is known of its rate limit."""

    def with_params(self, /, **params: ParamValue) -> Request:
        """Return it with query parameters added or replaced."""
        return replace(self, params={**self.params, **params})

    def with_value(self, where: Literal["query", "header", "body"], name: str, value: Position) -> Request:
        """Return it with a value added or replaced in its query, its headers or its body.

        Raises:
            ConfigError: The body has no place for it.
        """
        if where == "query":
            return self.with_params(**{name: str(value)})
        if where == "header":
            return replace(self, headers={**self.headers, name: str(value)})
        return replace(self, body=(self.body or JsonPayload({})).with_field(name, value))

    def at_url(self, url: str) -> Request:
        """Return it for a URL that the API gave, which carries its own query."""
        return replace(self, url=url, params={})

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{self.method} {urlunsplit((parts.scheme, host, parts.path, '', ''))}"


class Response(Struct, frozen=True):
    """What came back: a whole body, content coding undone."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes
    url: str
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    """The body in place of `body`, where it is read while it arrives."""
    close: Callable[[], None] = lambda: None
    """Ends the reading of `chunks`."""
    largest: int = LARGEST_BODY
    """Bytes that what is in `chunks` may come to, where it is held at once."""
    is_accepted: bool = False
    """Whether an error rule says that it is no error, whatever stands in it."""
    end: End | None = None
    """Set where an error rule says that this is the last page."""

    @property
    def is_empty(self) -> bool:
        """Whether it has no records, whatever its body: by its status, or as an error that ends the pages."""
        return self.status == HTTPStatus.NO_CONTENT or (self.end is not None and not self.is_accepted)

    @property
    def content_type(self) -> str:
        """Media type in lower case, without parameters; empty if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class Page(Struct, frozen=True):
    """The records of one response, and what paginators ask of it."""

    request: Request
    response: Response
    root: Raw
    """The whole body."""
    records: list[Raw]
    position: Position | None = None
    number: int = 1
    """1 for the first page of its slice."""
    records_before: int = 0
    """Records of the slice's earlier pages."""
    earlier: int = 0
    """Records of earlier parts of the same answer, where it is read while it arrives."""
    last: bool = True
    """Whether the answer ends with this part."""
    known: Mapping[Path, Raw | None] = {}
    """Values of the body that have been read."""

    def __len__(self) -> int:
        return self.earlier + len(self.records)

    @property
    def weight(self) -> int:
        """Bytes of its records, at most: those of the body that holds them, if it was held at once."""
        return len(self.root) if len(self.root) > len(b"null") else sum(map(len, self.records))

    @property
    def records_so_far(self) -> int:
        """Records of the slice up to and with this page."""
        return self.records_before + len(self)

    def parts(self, batches: Iterator[list[Raw]]) -> Iterator[Page]:
        """The page in parts, as its records come. Only a page without any records has an empty part."""
        earlier, waiting = 0, next(batches, [])
        for batch in batches:
            yield replace(self, records=waiting, earlier=earlier, last=False)
            earlier, waiting = earlier + len(waiting), batch
        yield replace(self, records=waiting, earlier=earlier)

    def raw(self, path: Path) -> Raw | None:
        """The undecoded value at a path of the body, or None if it is absent."""
        return self.known[path] if path in self.known else raw_json.find(self.root, path)

    @property
    def base_url(self) -> str:
        """What relative URLs in the body begin at: its context URL (OData JSON Format 4.01, section 4.3), or its own.

        Raises:
            ConfigError: The context URL is none.
        """
        from source_rest_api.formats.link_header import resolve  # noqa: PLC0415

        context = self.raw(("@odata.context",))
        return self.response.url if context is None else resolve(self.response.url, raw_json.text(context) or "")

    def link(self, relation: str) -> str | None:
        """The target of the `Link` header with this relation (RFC 8288), resolved against the request's URL."""
        from source_rest_api.formats.link_header import find_link  # noqa: PLC0415

        return find_link(self.response.headers.get("Link", ""), relation, self.response.url)
