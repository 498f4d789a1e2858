"""Detects rows that shift between the pages of a slice, when rows are inserted or deleted during the read.

Offsets and page numbers shift with the rows. The connector requests each offset one row early, so a page begins with
the last row of the page before. Pages by number cannot overlap. A smaller total then means that rows were deleted, and
rows of the page before mean that rows were inserted. With `overlap: true`, the connector requests that page again.

If rows shifted, reading steps back until a page has a known and unchanged row; a changed row may have moved by itself.
A resumed run begins in the same way.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from msgspec.structs import replace

from source_rest_api.errors import ConfigError
from source_rest_api.formats import digests as digests_module
from source_rest_api.pagination.page import End, count
from source_rest_api.state.progress_events import Bookmark
from source_rest_api.streams.loop_guard import repeated
from source_rest_api.streams.page_trail import PageTrail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from msgspec import Raw

    from source_rest_api.pagination.page import Next, Page, Position
    from source_rest_api.streams.endpoint_reader import EndpointReader

_LOG = logging.getLogger("airbyte.source_rest_api.streams.row_drift")
_MOST_STEPS = 40
"""Upper limit of the steps back in one slice beyond its pages; from there on, pages are read without this check."""
_RETURNS = 3
"""Upper limit of the steps back to the first row; beyond it, the rows have no stable order."""
_NOT_ALL = (
    " Numbered pages do not show every such change, so rows may be missing: set `overlap: true` in `pagination`, or "
    "sort by a field that never changes (`params`)."
)


class RowDrift:
    """Finds the new rows in each page of a slice.

    Args:
        reader: Reads the endpoint.
        ask: Requests a page of the slice by its position and number.
    """

    def __init__(self, reader: EndpointReader, ask: Callable[[Position | None, int], Iterator[Page]]) -> None:
        self._reader = reader
        self._paginator = reader.paginator
        self._by_row = reader.paginator.shifts == "row"
        self._by_row_overlaps = self._by_row and reader.overlaps
        self._ask = ask
        self._trail = PageTrail(reader.paginator)
        self._tail: list[Raw] = []
        self._anchor: str | None = None
        self._resuming = False
        self._returns = 0
        self._stale = 0
        self._searching = False
        self._volatile = False
        self._steps = 0
        self._gave_up = False
        self._total: int | None = None
        self._falls: set[tuple[Position | None, int]] = set()
        self.drifts = 0
        """How often shifted rows were noticed."""
        self.moved = False
        """True if rows shifted before the last page, so that pages requested in advance are useless."""
        self.only_known = False
        """True if the last page had only the overlapping row."""

    def resume(self, anchor: str | None) -> None:
        """Expect a page with the last row that an earlier run delivered, known by its digest."""
        self._anchor, self._resuming = anchor, True

    def overlapping(self, position: Position | None) -> Position | None:
        """Returns the position to request, so that the page overlaps the page before it by one row."""
        return self._paginator.back(position) if self._overlaps and position is not None else position

    @property
    def _overlaps(self) -> bool:
        """True if pages overlap. Pages of one row cannot: the next one would be the same."""
        return not self._gave_up and self._by_row_overlaps and not self._resuming and len(self._tail) > 1

    def check(self, page: Page) -> Page | None:
        """Returns the page with only its new rows; None if rows shifted and an earlier page is needed.

        Raises:
            RepeatedPageError: The same page came for the third time: paging does not advance.
        """
        self.moved = False
        self._trail.look(page)
        self.only_known = self._overlaps and len(page) == 1
        if page.earlier or page.response.last_reason or self._gave_up:
            new: list[Raw] | None = page.records
        elif self._is_repeated(page):
            new = []
        else:
            new = self._new(page)
        if new is None and self._may_step_back(page):
            return None
        if new is None:
            new = page.records
        self.only_known = self.only_known and not new
        known = len(page.records) - len(new)
        self._tail = page.records or self._tail
        if not page.earlier:
            self._trail.keep(page)
        return replace(page, records=new, earlier=page.earlier + known) if known else page

    def _may_step_back(self, page: Page) -> bool:
        """True while stepping back may help. It cannot if the table changes faster than it is read."""
        self._steps += 1
        if self._steps <= _MOST_STEPS + page.number:
            return True
        self._gave_up, self._searching = True, False
        self._reader.stats.add(doubts=1)
        _LOG.warning(
            "Stream %s: rows shift faster than pages are read, so rows may be missing or come twice. Use a pagination "
            "by token (`pagination`), or sort by a field that never changes (`params`).",
            self._reader.name,
        )
        return False

    def earlier(self, page: Page) -> tuple[Position | None, int, int]:
        """Returns the position of an earlier page, its number, and the number of records before it.

        Raises:
            ConfigError: The rows have no stable order.
        """
        if self._trail.follows_links:
            return self._trail.back()
        first, asked, rows = count(self._paginator.first()), count(page.position), len(self._tail)
        position = max(first, asked - (max(rows - 1, 1) if self._by_row else 1))
        self._returns += position == first
        if self._returns > _RETURNS:
            raise ConfigError(
                "The API returns its rows in a different order each time, so paging may miss rows. Use `params` to "
                "sort by a field that never changes."
            )
        back = asked - position
        if self._by_row:
            return position, max(page.number - 1, 1), max(page.records_before - back, 0)
        return position, page.number - back, max(page.records_before - back * rows, 0)

    def bookmark(self, page: Page, following: Next | None) -> Bookmark | None:
        """Returns the place after a page from which a later run may resume; None if it must not be saved."""
        if following is None or isinstance(following, End) or not self._reader.may_keep(following):
            return None
        self._trail.learn(page.response.url, len(page), following)
        if self._paginator.shifts is None and not self._trail.counts:
            return Bookmark(following, page.number, page.records_so_far)
        anchor = self._digest(self._tail[-1]) if self._tail else None
        if self._trail.counts:
            return Bookmark(page.position, page.number - 1, page.records_before, anchor)
        back = self._paginator.back(following)
        if self._by_row:
            return Bookmark(back, page.number, page.records_so_far - 1, anchor)
        return Bookmark(back, page.number - 1, page.records_before, anchor)

    def _new(self, page: Page) -> list[Raw] | None:
        """Returns the new rows of a page; None if an earlier page is needed."""
        rows, counted = page.records, self._paginator.shifts == "page" or self._trail.counts
        if self._resuming:
            self._resuming = False
            digests = [] if self._anchor is None else [self._digest(row) for row in rows]
            if self._anchor in digests:
                return rows[digests.index(self._anchor) + 1 :]
            return None if self._anchor else rows
        if not self._tail and (counted or self._trail.follows_links):
            self._fell(page)
        if not self._tail or not (self._overlaps or counted):
            return rows
        went = not self._searching and (not self._goes_on(page) if self._by_row else self._went(page))
        if went:
            self._note()
            self._searching = True
        elif self._searching and counted:
            self._total = self._trail.total(page)
        if not self._searching:
            return rows[1:] if self._by_row else rows[self._repeated(rows) :]
        new = None if counted and went else self._beyond_known(rows)
        if new is None and page.position == self._paginator.first():
            new = rows
        self._searching = new is None
        return new

    def _is_repeated(self, page: Page) -> bool:
        """True if the page equals the previous one: tolerated once, because as many rows may have been inserted.

        Without a key, equal rows may be different ones, so the loop guard treats such a page as an error.

        Raises:
            RepeatedPageError: The page came for the third time: paging is stuck.
        """
        keyed = self._reader.endpoint.primary_key and self._paginator.shifts is not None
        if not keyed or self._searching or self._resuming or not page.records or page.records != self._tail:
            if self._stale:
                self._note()
            self._stale = 0
            return False
        self._stale += 1
        if self._stale > 1:
            raise repeated(page, page.number - 1, self._paginator, page.number - self._stale)
        self._reader.stats.add(withheld=len(page.records) - self._overlaps)
        self.moved = True
        return True

    def _goes_on(self, page: Page) -> bool:
        """True if an overlapping page begins with the last row of the page before it."""
        return bool(page.records) and self._is_last(page.records[0])

    def _is_last(self, row: Raw) -> bool:
        last = self._tail[-1]
        return self._reader.unmarked(row) == self._reader.unmarked(last) or (
            self._volatile and self._reader.identity(row) == self._reader.identity(last)
        )

    def _digest(self, row: Raw) -> str:
        return digests_module.digest(self._reader.unmarked(row))

    def _went(self, page: Page) -> bool:
        """True if rows before a numbered page were deleted, so that its rows may have shifted to the page before."""
        if self._fell(page):
            return True
        if not self._reader.overlaps or page.position == self._paginator.first():
            return False
        asked = self._paginator.back(page.position or 0)
        [again] = deque(self._ask(asked, page.number - 1), maxlen=1)
        return not again.records or not self._is_last(again.records[-1])

    def _fell(self, page: Page) -> bool:
        """True if the total is smaller than on the page before."""
        before, self._total = self._total, self._trail.total(page)
        if before is None or self._total is None or self._total >= before:
            return False
        fall = (page.position, self._total)
        if fall in self._falls:  # it falls on every read of this page, so it is not a total of all pages
            return False
        self._falls.add(fall)
        return True

    def _repeated(self, rows: list[Raw]) -> int:
        """Returns how many first rows of a numbered page were on the page before, because rows were inserted."""
        if not rows or not self._reader.endpoint.primary_key:
            return 0
        if self._tail[-1] not in rows and rows[0] not in self._tail:
            return 0
        self._note()
        self.moved = True
        count = next((index for index, row in enumerate(rows) if row not in self._tail), len(rows))
        self._reader.stats.add(withheld=count)
        return count

    def _beyond_known(self, rows: list[Raw]) -> list[Raw] | None:
        """Returns the rows of a shifted page that were not delivered unchanged; None if no row was.

        New rows may stand between known ones. Without a key, equal rows may be different ones.
        """
        if not self._reader.endpoint.primary_key:
            return rows if rows and rows[0] in self._tail else None
        known = {self._reader.identity(row): row for row in self._tail}
        names = [self._reader.identity(row) for row in rows]
        as_were = [known.get(name) == row for name, row in zip(names, rows, strict=True)]
        if not any(as_were) and names[: len(known)] == list(known):  # every row changes with every request
            self._volatile = True
        if self._volatile:
            as_were = [name in known for name in names]
        if not any(as_were):
            return None
        new = [index for index, as_was in enumerate(as_were) if not as_was]
        asked_for = self._by_row and self._tail[-1] in rows  # the overlapping row is not a duplicate
        twice = sum(names[index] in known for index in new)
        self._reader.stats.add(withheld=len(rows) - len(new) - asked_for, twice=twice)
        return [rows[index] for index in new]

    def _note(self) -> None:
        self.drifts += 1
        if self._reader.stats.add(drifts=1) == 1:
            _LOG.warning(
                "Stream %s: rows were inserted, deleted or changed during the read. Continuing from a known row.%s",
                self._reader.name,
                _NOT_ALL if self._paginator.shifts == "page" and not self._reader.overlaps else "",
            )
