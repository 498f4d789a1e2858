"""A page while it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from source_rest_api.pagination.page import Page, Position


@dataclass(slots=True)
class Fetch:
    """One page that was asked for, and what came of it."""

    position: Position | None
    number: int
    before: int
    pages: Iterable[Page] = ()
    error: BaseException | None = None
    ready: bool = False

    def taken(self) -> Iterator[Page]:
        """What came; raises what went wrong."""
        if self.error is not None:
            raise self.error
        yield from self.pages
