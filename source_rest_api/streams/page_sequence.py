"""The pages of one slice as a sequence: the new rows of each page, and the position after it or the end."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from msgspec.structs import replace

from source_rest_api.pagination.page import End
from source_rest_api.streams.loop_guard import RepeatedPageError
from source_rest_api.streams.row_count import RowCount
from source_rest_api.streams.row_drift import RowDrift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_rest_api.errors import SourceError
    from source_rest_api.pagination.page import Next, Page, Position
    from source_rest_api.state.state import SliceState
    from source_rest_api.streams.endpoint_reader import EndpointReader

_LOG = logging.getLogger("airbyte.source_rest_api.streams.page_sequence")
_BEYOND_THE_END = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Statuses of responses to a page number or an offset beyond the last page."""


class Again:
    """Returned in place of a position: the pages must be read again from the first."""


class PageSequence:
    """The pages of a slice so far. Only the thread that holds the slice's turn uses it.

    Args:
        reader: Reads the endpoint.
        ask: Requests a page of the slice by its position and number.
        saved: The place where an earlier run stopped.

    Attributes:
        drift: Detects rows that shifted between pages.
    """

    def __init__(
        self,
        reader: EndpointReader,
        ask: Callable[[Position | None, int], Iterator[Page]],
        saved: SliceState | None = None,
    ) -> None:
        self._reader = reader
        self._ask = ask
        self.drift = RowDrift(reader, ask)
        self._guard = reader.loop_guard()
        before = 0 if saved is None else saved.records
        self._rows = RowCount(reader.paginator, hashes=reader.key_hashes, before=before, resumes=saved is not None)
        self._fresh = 0
        self._total_reached = False
        self._has_total = False
        if saved is not None:
            self.drift.resume(saved.anchor)

    def advanced(self, page: Page) -> tuple[Page, Page, End | None] | None:
        """Notes a page.

        Returns:
            The page with the counts of the slice; the same page with only its new rows; the end if it has none. None if
            rows shifted, so that an earlier page must be requested first.

        Raises:
            RepeatedPageError: The page has no new row, but that does not prove the end.
        """
        end = None
        try:
            continued = self.drift.check(page)
            if continued is None:
                return None
            if not page.earlier and (continued is page or continued.records):
                self._guard.check(page, self.drift.drifts)
        except RepeatedPageError as error:
            is_last = self._fresh > 1 and error.earlier == page.number - 1
            end = self._reader.repeated_last_page(page) if is_last else None
            if end is None:
                raise
            continued = replace(page, records=[], earlier=len(page))
        page, continued = self._rows.counted(page, continued, self.drift.drifts)
        if page.least_total is not None and not self._has_total:
            self._has_total = True
            left = page.least_total - page.rows_so_far + len(continued.records)
            self._reader.stats.add(totals=1, expected=max(left, 0))
        self._fresh += page.last and bool(continued.records)
        return page, continued, end

    def next(self, page: Page, continued: Page, *, passed: bool) -> Next | Again:
        """Returns the next position or a proven end. A page with only the overlapping row counts as empty.

        Args:
            page: The page.
            continued: The page with only its new rows.
            passed: True if all later records are older than the slice.

        Raises:
            ConfigError: Paging ends, but the API shows signs of more that the config does not follow.
        """
        self._total_reached = False
        if passed:
            # The list does not end here, so `EndpointReader.end` must not compare its total.
            self._reader.stats.end("older than the cursor")
            return End("older than the cursor", said=True)
        if self.drift.only_known:
            page = replace(page, records=continued.records, earlier=continued.earlier)
        following: Next = self._reader.following(page)
        if self._rows.found_all:
            following = End("total reached", said=True)
        if not isinstance(following, End):
            self._total_reached = self._reader.paginator.reached(page)
            return following
        if not following.capped and self._rows.begin_pass():
            return Again()
        return self._reader.end(page, following)

    def is_end(self, error: SourceError) -> bool:
        """True if an error only confirms a total that was reached: there is no page beyond the last one."""
        return self._total_reached and error.status in _BEYOND_THE_END

    def step_back(self) -> None:
        """Prepares for pages that were read before."""
        self._guard = self._reader.loop_guard()

    def begin_pass(self) -> None:
        """Prepares for another pass over all pages, because rows shifted and some are missing."""
        self.step_back()
        self.drift = RowDrift(self._reader, self._ask)
        _LOG.warning(
            "Stream %s: rows shifted between pages, and fewer rows arrived than the API's total says. Reading all "
            "pages again.",
            self._reader.name,
        )
