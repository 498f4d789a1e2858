"""A page that was requested, until its turn comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from source_rest_api.pagination.page import Page, Position


class PageRequest(Struct):
    """One requested page, and its response or error."""

    position: Position | None
    number: int
    overlap: bool = False
    """True if the page begins with the last row of the page before it."""
    pages: Iterable[Page] = ()
    error: BaseException | None = None
    ready: bool = False

    def taken(self) -> Iterator[Page]:
        """Yields the pages of the response, or raises its error."""
        if self.error is not None:
            raise self.error
        yield from self.pages
