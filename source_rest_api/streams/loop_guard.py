"""Notices paging that does not advance, or not within its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from source_rest_api.config.config import Limits
    from source_rest_api.pagination.page import Page


_MOST_MOVED = 10
"""Pages of a slice that may come again because rows moved."""
_PARAMETERS = ("page_param", "offset_param", "cursor_param", "param")
"""Settings of paginators that name the parameter for the position."""


class RepeatedPageError(ConfigError):
    """A page holds the rows of an earlier one, and none that is new."""

    earlier = 0
    """The number of the earlier page."""


class LoopGuard:
    """Ends paging that does not advance: a page whose rows were all on an earlier page of the slice.

    It asks for new rows and not for new positions: a token may change with every response while the page stays, and a
    scroll token may stay while the pages change. Where rows move by as many as pages advance by, a page is like an
    earlier one, and no loop.

    Args:
        paginator: For the message: its settings name the parameter that the API may ignore.
        limits: How many pages there may be.
        key: The primary key of a record; None where the stream has none, so that rows are compared by their bytes.
    """

    def __init__(self, paginator: object, limits: Limits, key: Callable[[Raw], bytes] | None = None) -> None:
        self._paginator = paginator
        self._limits = limits
        self._key = key
        self._seen: dict[int, tuple[int, int]] = {}
        self._moved = 0
        self._empty = 0

    def check(self, page: Page, drifts: int = 0) -> None:
        """Notes a page.

        Args:
            page: The next one.
            drifts: How often rows were seen to have moved so far.

        Raises:
            RepeatedPageError: It has no new row.
            ConfigError: It is one page too many.
        """
        self._count(page)
        if not page.records:
            return
        rows = self._rows(page)
        if rows in self._seen:
            earlier, drifted = self._seen[rows]
            self._moved += 1
            if drifted == drifts or self._moved > _MOST_MOVED:
                raise repeated(page, earlier, self._paginator)
        self._seen[rows] = page.number, drifts

    def _count(self, page: Page) -> None:
        limits = self._limits
        if limits.pages is not None and page.number > limits.pages:
            raise ConfigError(
                f"The API gives more than {limits.pages} pages (`limits.pages`). If they are right, raise the limit or "
                "read in shorter intervals (`incremental.step`)."
            )
        self._empty = 0 if len(page) else self._empty + 1
        if self._empty > limits.empty_pages:
            raise ConfigError(
                f"More than {limits.empty_pages} pages in a row held no record, and each led to a next one. "
                "Check `records_path` and `pagination`, set `pagination.stop_on_empty_page` if an empty page is the "
                "end, or raise `limits.empty_pages`."
            )

    def _rows(self, page: Page) -> int:
        """Tells pages apart: by three keys, which cost little, or by all bytes if it has none."""
        records = page.records
        if self._key is not None:
            keys = [self._key(records[index]) for index in (0, len(records) // 2, -1)]
            if all(key.strip(b"\0") for key in keys):
                return hash((len(records), *keys))
        return hash(b"".join(records))


def repeated(page: Page, earlier: int, paginator: object) -> RepeatedPageError:
    """The error for a page without any new row.

    Args:
        page: The page.
        earlier: The number of the page that had the rows before.
        paginator: Its settings name the parameter that the API may ignore.
    """
    name = next((name for name in _PARAMETERS if hasattr(paginator, name)), None)
    advice = (
        "The API's link to the next page leads to the same page: check `pagination`."
        if name is None
        else f"The API seems to ignore `{getattr(paginator, name)}`: check `pagination.{name}`."
    )
    error = RepeatedPageError(
        f"Page {page.number} repeats the records of page {earlier}, so paging does not advance. {advice}"
    )
    error.earlier = earlier
    return error
