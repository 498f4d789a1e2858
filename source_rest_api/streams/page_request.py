"""One page while it is requested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from source_rest_api.pagination.page import Page, Position


@dataclass(slots=True)
class PageRequest:
    """One page that was asked for, and what came of it."""

    position: Position | None
    number: int
    overlap: bool = False
    """True if it begins with the last row of the page before it."""
    pages: Iterable[Page] = ()
    error: BaseException | None = None
    ready: bool = False

    def taken(self) -> Iterator[Page]:
        """Returns the response's pages, or raises its error."""
        if self.error is not None:
            raise self.error
        yield from self.pages
