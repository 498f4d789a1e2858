"""Notices paging that does not advance, or not within its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.config.config import Limits
    from source_rest_api.pagination.page import Page


_MOST_MOVED = 10
"""Pages of a slice that may come again because rows moved."""


class LoopGuard:
    """Ends paging that does not advance: a position, or a page's records, that were there before in the slice.

    Where rows move by as many as pages advance by, a page is like an earlier one, and no loop.

    Args:
        repeats: What shows it: `position` or `page`.
        limits: How many pages there may be.
    """

    def __init__(self, repeats: str, limits: Limits) -> None:
        self._by_page = repeats == "page"
        self._limits = limits
        self._seen: dict[int, int] = {}
        self._moved = 0
        self._empty = 0

    def check(self, page: Page, drifts: int = 0) -> None:
        """Note the page.

        Args:
            page: The next one.
            drifts: How often rows were seen to have moved so far.

        Raises:
            ConfigError: It was there before, or is one too many.
        """
        self._count(page)
        what = self._digest(page) if self._by_page else hash(repr(page.position))
        if what is None:
            return
        if what in self._seen:
            self._moved += 1
            if self._seen[what] == drifts or self._moved > _MOST_MOVED:
                raise ConfigError(REPEATED_PAGE if self._by_page else _REPEATED_POSITION)
        self._seen[what] = drifts

    def _count(self, page: Page) -> None:
        limits = self._limits
        if limits.pages is not None and page.number > limits.pages:
            raise ConfigError(
                f"The API gives more than {limits.pages} pages (`limits.pages`): if they are right, raise it, or read "
                "in shorter intervals (`incremental.step`)."
            )
        self._empty = 0 if len(page) else self._empty + 1
        if self._empty > limits.empty_pages:
            raise ConfigError(
                f"More than {limits.empty_pages} pages one after the other held no record, and each led to a next one: "
                "check `records_path` and `pagination`, or raise `limits.empty_pages`."
            )

    def _digest(self, page: Page) -> int | None:
        return hash(b"".join(page.records)) if page.records else None


REPEATED_PAGE = (
    "The page's records were there before, so paging does not advance. Either the API does not know a parameter of "
    "`pagination`: compare their names with its documentation. Or it repeats its last page: say how the end is known, "
    "by `total_path`, `total_pages_path`, `more_path` or `stop_when` of `pagination`."
)
_REPEATED_POSITION = (
    "The API gave a position (token or URL) that was there before, so paging would not end. Check `pagination`: "
    "whether the token goes where the API expects it."
)
