"""Counts the distinct rows of one slice, to compare them with the API's totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from source_rest_api.pagination.signs import total_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from source_rest_api.pagination.page import Page
    from source_rest_api.pagination.paginators import Pagination

_MOST = 100_000
"""Upper limit of the hashes kept, some 8 MB. Beyond it, every row counts as distinct."""
_MOST_PASSES = 3
"""Upper limit of the passes over the pages of a slice, the first included."""


class RowCount:
    """The number of distinct rows of a slice so far.

    Duplicates hide missing rows: without a stable order, an API may return 600 rows with 20 duplicates for a total of
    600. If rows have a key and the API gives a total, this class recognizes duplicates by their keys, because a row
    that changed during the read comes twice with different content. Another pass may then find the missing rows.

    Args:
        paginator: Reads totals.
        hashes: Returns a hash of the primary key of each record; None if the stream has no primary key. Without one,
            equal rows may be different ones.
        before: Number of rows that an earlier run delivered, without those of the first page of this run.
        resumes: True if an earlier run began the slice.
    """

    def __init__(
        self,
        paginator: Pagination,
        *,
        hashes: Callable[[list[Raw]], list[int]] | None,
        before: int = 0,
        resumes: bool = False,
    ) -> None:
        self._paginator = paginator
        self._hashes = None if paginator.shifts is None else hashes
        self._is_whole = not resumes
        self._resumes = resumes
        self._seen: set[int] = set()
        self._count = before
        self._twice = 0
        self._drifts = 0
        self._largest = 0
        self._least_total: int | None = None
        self._has_totals = False
        self._passes = 1
        self._before_pass = 0
        """Number of distinct rows when the current pass began."""

    def counted(self, page: Page, new: Page, drifts: int = 0) -> tuple[Page, Page]:
        """Notes a page.

        Args:
            page: The page as received.
            new: The page with only its new rows.
            drifts: How often shifted rows were noticed so far.

        Returns:
            Both with the counts of the slice; the second without rows of an earlier pass.
        """
        total = self._total(page)
        if total is not None and (self._least_total is None or total < self._least_total):
            self._least_total = total
        if self._resumes:  # the page begins with rows that the earlier run delivered but did not count
            self._resumes = False
            self._count += len(page) - page.earlier
        elif self._hashes is not None and total is not None and len(self._seen) < _MOST:
            new = self._unseen(new, self._hashes(new.records))
        else:
            self._is_whole = self._is_whole and not page.records
            self._count += len(new) - new.earlier
        self._drifts = drifts
        largest, self._largest = self._largest, max(self._largest, len(page))
        beside = {
            "distinct": self._count,
            "came_twice": self._twice,
            "largest_before": largest,
            "least_total": self._least_total,
        }
        counted = replace(page, **beside)
        return counted, counted if new is page else replace(new, **beside)

    @property
    def found_all(self) -> bool:
        """True if another pass found all rows that the first one missed."""
        return self._passes > 1 and self._least_total is not None and self._count >= self._least_total

    def begin_pass(self) -> bool:
        """Begins another pass and returns True, if it may find missing rows.

        Rows are missing if there are fewer distinct rows than the total. Another pass may find them if rows came twice
        or shifted, and if the last pass found new ones.
        """
        is_short = self._least_total is not None and self._count < self._least_total
        have_shifted = self._twice > 0 or self._drifts > 0
        advances = self._passes == 1 or self._count > self._before_pass
        if self._passes == _MOST_PASSES or not (self._is_whole and is_short and have_shifted and advances):
            return False
        self._passes += 1
        self._before_pass = self._count
        return True

    def _unseen(self, new: Page, hashes: list[int]) -> Page:
        if self._passes > 1:
            rows = [row for row, hashed in zip(new.records, hashes, strict=True) if hashed not in self._seen]
            new = replace(new, records=rows, earlier=new.earlier + len(new.records) - len(rows))
        known = len(self._seen)
        self._seen.update(hashes)
        self._count += len(self._seen) - known
        if self._passes == 1:
            self._twice += len(hashes) - (len(self._seen) - known)
        return new

    def _total(self, page: Page) -> int | None:
        total = self._paginator.total(page)
        if total is None and self._paginator.shifts is not None and (page.number == 1 or self._has_totals):
            total = total_of(page)
            self._has_totals = total is not None
        return total
