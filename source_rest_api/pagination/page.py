"""One page of records, its position, and the end of pagination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from source_rest_api.formats import raw_json
from source_rest_api.formats.json_value import JsonValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec import Raw

    from source_rest_api.http.request import Request
    from source_rest_api.http.response import Response
    from source_rest_api.model import Path

Position: TypeAlias = int | str | JsonValue
"""The place of a page in a slice: a page number, an offset, a token, a URL or a list of values. Small enough for the
state."""


def plain(position: Position | None) -> Any:
    """Returns a position as templates read it."""
    return position.decoded() if isinstance(position, JsonValue) else position


def count(position: Position | None) -> int:
    """Returns a position that is a number; 0 if there is none."""
    return int(str(position)) if position else 0


class End(Struct, frozen=True):
    """Why a slice has no further page."""

    reason: str
    said: bool = False
    """True if the API itself declared the end (a false flag, a reached total). Other links and tokens no longer
    count."""
    ignored: bool = False
    """True if the end is an error that a rule ignores."""
    capped: bool = False
    """True if the API caps the results of one query. The slice resumes from its newest cursor value."""
    guessed: bool = False
    """True if only an empty or a short page suggests the end."""
    beyond: Position | None = None
    """The position to continue with if the response shows signs of more."""
    contradicted_by: str | None = None
    """A field named by the config that says that there is more, although the page is empty."""
    reach: int | None = None
    """Records up to the end of this page as positions count them, hidden ones included; None if unknown."""


Next: TypeAlias = Position | End


class Page(Struct, frozen=True):
    """One page: the records of one response, and what a paginator needs to find the next."""

    request: Request
    response: Response
    root: Raw
    """The whole body."""
    records: list[Raw]
    position: Position | None = None
    number: int = 1
    """The number of the page in its slice; the first is 1."""
    records_before: int = 0
    """Number of records on earlier pages of the slice."""
    distinct: int | None = None
    """Number of records of the slice up to and including this page, without duplicates; None if not counted."""
    largest_before: int = 0
    """Number of records on the largest earlier page of the slice."""
    came_twice: int = 0
    """Number of duplicates in the slice."""
    least_total: int | None = None
    """The smallest total in the pages of the slice so far. Rows beyond it were created during the read."""
    earlier: int = 0
    """Number of records in earlier parts of the same response, if the response is streamed."""
    surplus: int = 0
    """Number of records, less the number of the API's rows that `explode` made them of."""
    last: bool = True
    """True if this part is the last of its response."""
    known: Mapping[Path, Raw | None] = {}
    """Values of the body that are already parsed, by path."""

    def __len__(self) -> int:
        """The number of rows as the API counts them."""
        return self.earlier + len(self.records) - self.surplus

    @property
    def is_empty(self) -> bool:
        """True if the page has no row, not even one without records."""
        return not self.records and self.surplus == 0

    @property
    def weight(self) -> int:
        """Upper bound in bytes of the records; the whole body's size if it was buffered."""
        return len(self.root) if len(self.root) > len(b"null") else sum(map(len, self.records))

    @property
    def last_of_all(self) -> End | None:
        """The end of pagination, if an error rule makes this page the last."""
        response = self.response
        return End(response.last_reason, said=True, ignored=response.is_ignored) if response.last_reason else None

    @property
    def records_so_far(self) -> int:
        """Number of records of the slice up to and including this page, as the API counts them."""
        return self.records_before + len(self)

    @property
    def rows_so_far(self) -> int:
        """Number of records of the slice up to and including this page, without duplicates if they are counted."""
        return self.records_so_far if self.distinct is None else self.distinct

    def parts(self, batches: Iterator[list[Raw]]) -> Iterator[Page]:
        """Yields the page in parts as its records arrive. Only a page without records has an empty part."""
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
        """The base of relative URLs in the body: its OData context URL (JSON Format 4.01, section 4.3) or its own URL.

        Raises:
            ConfigError: The context URL is not a URL.
        """
        from source_rest_api.formats.link_header import resolve  # noqa: PLC0415

        context = self.raw(("@odata.context",))
        return self.response.url if context is None else resolve(self.response.url, raw_json.text(context) or "")

    def link(self, relation: str) -> str | None:
        """The target of the `Link` header with this relation (RFC 8288), resolved against the request's URL."""
        header = self.response.headers.get("Link")
        if not header:
            return None
        from source_rest_api.formats.link_header import find_link  # noqa: PLC0415

        return find_link(header, relation, self.response.url)
