"""The two values that everything passes on: a request, and the page that answered it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec import Raw

    from source_rest_api.http.request import Request
    from source_rest_api.http.response import Response
    from source_rest_api.model import Path

Position: TypeAlias = int | str
"""The place of a page in a slice: a page number, an offset, a token or a URL. Small enough for the state."""


class End(Struct, frozen=True):
    """Why a slice has no further page."""

    reason: str
    said: bool = False
    """True if the API said so itself (a false flag, a reached total), so that links and tokens no longer count."""
    ignored: bool = False
    """True if it is an error that the config ignores."""
    capped: bool = False
    """True if there may be more that one query does not give; the slice goes on from its newest cursor value."""
    guessed: bool = False
    """True if it rests on something absent: an empty or a short page."""
    beyond: Position | None = None
    """The position to go on with, if the response shows signs of more."""
    contradicted_by: str | None = None
    """The field that the config names to say whether there is more, and that says so."""
    reach: int | None = None
    """Records up to the end of this page as positions count them, hidden ones included; None if nothing tells."""


Next: TypeAlias = Position | End


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
    distinct: int | None = None
    """Records of the slice up to and including this page, without those that came twice; None if nobody counted."""
    largest_before: int = 0
    """Records of the largest earlier page of the slice."""
    came_twice: int = 0
    """Records of the slice that had come before."""
    least_total: int | None = None
    """The smallest total that the pages of the slice gave so far. Rows beyond it came while pages were read."""
    earlier: int = 0
    """Records of earlier parts of the same answer, where it is read while it arrives."""
    last: bool = True
    """True if the answer ends with this part."""
    known: Mapping[Path, Raw | None] = {}
    """Values of the body that have been read."""

    def __len__(self) -> int:
        return self.earlier + len(self.records)

    @property
    def weight(self) -> int:
        """Bytes of its records, at most: those of the body that holds them, if it was held at once."""
        return len(self.root) if len(self.root) > len(b"null") else sum(map(len, self.records))

    @property
    def last_of_all(self) -> End | None:
        """The end, if an error rule says that this is the last page."""
        response = self.response
        return End(response.last_reason, said=True, ignored=response.is_ignored) if response.last_reason else None

    @property
    def records_so_far(self) -> int:
        """Records of the slice up to and including this page."""
        return self.records_before + len(self)

    @property
    def rows_so_far(self) -> int:
        """Records of the slice that differ, up to and including this page."""
        return self.records_so_far if self.distinct is None else self.distinct

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
        """The base of relative URLs in the body: its context URL (OData JSON Format 4.01, section 4.3), or its own.

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
