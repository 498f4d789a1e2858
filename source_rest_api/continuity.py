"""Holds the pages of a slice together where positions shift: offsets and page numbers, when rows come or go meanwhile.

An offset is asked for one row early, so each page begins with the last row of the page before. If it does not, rows
have moved: reading steps back until it meets a row that it knows. A later run begins in the same way. Page numbers
cannot be asked for early, but where rows came in, a page begins with the last rows of the page before.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from source_rest_api import state
from source_rest_api.delivery import Bookmark
from source_rest_api.errors import ConfigError
from source_rest_api.loop_guard import REPEATED_PAGE
from source_rest_api.page import End

if TYPE_CHECKING:
    from msgspec import Raw

    from source_rest_api.page import Next, Page, Position
    from source_rest_api.stream import Stream

_LOG = logging.getLogger("airbyte.source_rest_api.continuity")
_RETURNS = 3
"""How often reading may go back to the first row before the order of rows counts as none."""


class Continuity:
    """What one page of a slice has delivered, and where in the next one the new rows begin."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._paginator = stream.paginator
        self._tail: list[Raw] = []
        self._anchor: str | None = None
        self._resuming = False
        self._returns = 0
        self._stale = 0
        self._searching = False

    def resume(self, anchor: str | None) -> None:
        """Expect a page of an earlier run, which holds the row with this digest."""
        self._anchor, self._resuming = anchor, True

    def overlapping(self, position: Position | None) -> Position | None:
        """Where to ask for a page, so that it begins with the row before it."""
        return self._paginator.back(position) if self._overlaps and position is not None else position

    @property
    def _overlaps(self) -> bool:
        """Pages of one row cannot overlap: the next one would be the same."""
        return not self._resuming and len(self._tail) > 1 and self._stream.overlaps

    def check(self, page: Page) -> Page | None:
        """The page without the rows that are known; None if no row of it is, so that an earlier page is needed.

        Raises:
            ConfigError: A page had nothing new, and the next one has not either: paging does not advance.
        """
        new = page.records if page.earlier or page.response.end is not None else self._new(page)
        if new is None:
            return None
        known = len(page.records) - len(new)
        self._tail = page.records or self._tail
        self._stale = self._stale + 1 if known == len(page.records) > 1 else 0
        if self._stale > 1:
            raise ConfigError(REPEATED_PAGE)
        return replace(page, records=new, earlier=page.earlier + known) if known else page

    def earlier(self, page: Page) -> tuple[Position, int]:
        """A position before the page, and how many rows it lies before it.

        Raises:
            ConfigError: The rows have no order.
        """
        first, asked = int(self._paginator.first() or 0), int(page.position or 0)
        position = max(first, asked - max(len(self._tail) - 1, 1))
        self._returns += position == first
        if self._returns > _RETURNS:
            raise ConfigError(
                "The API gives its rows in another order each time, so that offsets mean nothing. Have it sort by a "
                "field that does not change (`params`)."
            )
        return position, asked - position

    def bookmark(self, page: Page, following: Next | None) -> Bookmark | None:
        """Where a later run may go on after a page, if that is safe to keep."""
        if following is None or isinstance(following, End) or not self._stream.may_keep(following):
            return None
        if self._paginator.shifts is None:
            return Bookmark(following, page.number, page.records_so_far)
        anchor = self._digest(self._tail[-1]) if self._tail else None
        back = self._paginator.back(following)
        if self._paginator.shifts == "page":
            return Bookmark(back, page.number - 1, page.records_before, anchor)
        return Bookmark(back, page.number, page.records_so_far - 1, anchor)

    def _new(self, page: Page) -> list[Raw] | None:
        """The page's rows that are not known; None if none of it is, so that nothing joins it to the page before."""
        rows = page.records
        if self._resuming:
            self._resuming = False
            if self._anchor is None:
                return rows
            anchors = [index for index, row in enumerate(rows) if self._digest(row) == self._anchor]
            return rows[anchors[-1] + 1 :] if anchors else None
        if not self._overlaps:
            return rows[self._repeated(rows) :]
        if rows and rows[0] == self._tail[-1]:
            self._searching = False
            return rows[1:]
        known = {self._stream.identity(row): row for row in self._tail}
        met = [index for index, row in enumerate(rows) if self._stream.identity(row) in known]
        if met != [0] and not self._searching:
            self._note()
        self._searching = not met
        if met == [0]:
            return rows[1:]
        if not met:
            return rows if page.position == self._paginator.first() else None
        return self._unchanged_left_out(rows, known)

    def _unchanged_left_out(self, rows: list[Raw], known: dict[bytes, Raw]) -> list[Raw]:
        """Rows that moved, without those that were delivered byte for byte as they are now.

        Between them may be rows that moved there from further on, and without a key two rows may be alike.
        """
        keyed = bool(self._stream.endpoint.primary_key)
        new = [row for row in rows if not keyed or known.get(self._stream.identity(row)) != row]
        asked_for = self._tail[-1] in rows and keyed  # the row before the page, which does not count
        twice = sum(self._stream.identity(row) in known for row in new)
        self._stream.ledger.add(withheld=len(rows) - len(new) - asked_for, twice=twice)
        return new

    def _repeated(self, rows: list[Raw]) -> int:
        """How many rows a page by number repeats of the end of the page before, byte for byte, because rows came in.

        A page that repeats all of it is the loop guard's business.
        """
        if self._paginator.shifts != "page" or not self._stream.endpoint.primary_key or not rows:
            return 0
        if rows[0] not in self._tail:
            return 0
        count = len(self._tail) - self._tail.index(rows[0])
        if count == len(self._tail) or rows[:count] != self._tail[-count:]:
            return 0
        self._note()
        self._stream.ledger.add(withheld=count)
        return count

    def _digest(self, row: Raw) -> str:
        return state.digest(self._stream.identity(row))

    def _note(self) -> None:
        if self._stream.ledger.add(drifts=1) == 1:
            _LOG.warning(
                "Stream %s: rows came or went while pages were read, so that others moved from page to page.",
                self._stream.name,
            )
