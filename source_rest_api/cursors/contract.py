"""The contract of cursors: all that a read asks of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from msgspec import Raw
    from typing_extensions import Self

    from source_rest_api.cursors.slices import CursorValue, PageCursors, Slice
    from source_rest_api.http.request import Request
    from source_rest_api.model import Path
    from source_rest_api.pagination.page import Page


class CursorProtocol(Protocol):
    """A cursor as a read sees it. It keeps nothing: what was read stands in the state.

    `FieldCursor` has most of this for cursors by a field of the records.
    """

    @property
    def cursor_field(self) -> Path | None:
        """The field of the records, as the API sends them; None if the records have none."""

    @property
    def source(self) -> str:
        """What its values are read from: the name of the field, the path or the header."""

    @property
    def in_order(self) -> bool:
        """True if records are said to come oldest first."""

    @property
    def newest_first(self) -> bool:
        """True if records are said to come newest first, so that paging stops at the first older one."""

    @property
    def forgettable(self) -> bool:
        """True if the API may forget the values that it is asked from, so that reading has to begin anew."""

    def written_like(self, mark: CursorValue, sample: str | None) -> CursorValue:
        """A computed value, written as the records write theirs.

        Args:
            mark: The value.
            sample: A value of a record; None if none is known.
        """

    def filled(self, context: Mapping[str, Any]) -> Self:
        """The cursor with its own templates filled."""

    def problems(self, start_date: str | None, *, templated: bool) -> Iterator[str]:
        """Everything that is wrong with it beside the rest of the config.

        Args:
            start_date: The start date of all streams.
            templated: True if a template of the endpoint's request reads the interval.
        """

    def mark(self, text: str) -> CursorValue:
        """The value that a text of the state stands for.

        Raises:
            ValueError: It is none.
        """

    def bounds(
        self, saved: CursorValue | None, start_date: str | None, now: datetime, context: Mapping[str, Any]
    ) -> Slice:
        """The interval to read in this sync.

        Args:
            saved: The value that the last sync came to.
            start_date: The start date of all streams.
            now: When this sync began.
            context: The names that templates of the cursor read.
        """

    def windows(self, whole: Slice) -> Iterator[Slice]:
        """The intervals to read one by one; at least one. Neighbours share the value where they touch."""

    def place(self, request: Request, interval: Slice) -> Request:
        """Ask for an interval."""

    def times(self, interval: Slice) -> dict[str, str]:
        """The interval as templates read it."""

    def observe(self, page: Page, interval: Slice) -> PageCursors:
        """The records of a page to emit, and their cursor values."""

    def unfiltered(self, seen: PageCursors, interval: Slice) -> Any | None:
        """The oldest value of a page, if the API should not have returned it for the interval.

        A date-time may be up to a day too early, because of time zones and APIs that filter by day.
        """

    def later(self, one: CursorValue | None, other: CursorValue | None) -> CursorValue | None:
        """The value that counts, of two that were seen one after the other."""

    def clamp(self, mark: CursorValue, now: datetime) -> CursorValue:
        """The value to keep in the state, so that one in the future leaves nothing out of later syncs."""

    def at_deletion(self, now: datetime, newest: CursorValue | None) -> Raw | None:
        """The value of the field in the delete record of a row, as JSON, so that it is no earlier than any row's.

        Args:
            now: When the row was found gone.
            newest: The largest value of all rows so far.
        """
