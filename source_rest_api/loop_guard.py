"""Notices paging that does not advance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.page import Page


class LoopGuard:
    """Ends paging that does not advance: a position, or a page's records, that were there before in the slice."""

    def __init__(self, repeats: str) -> None:
        self._by_page = repeats == "page"
        self._seen: set[int] = set()

    def check(self, page: Page) -> None:
        """Note the page.

        Raises:
            ConfigError: It was there before.
        """
        what = self._digest(page) if self._by_page else hash(repr(page.position))
        if what is None:
            return
        if what in self._seen:
            raise ConfigError(REPEATED_PAGE if self._by_page else _REPEATED_POSITION)
        self._seen.add(what)

    def _digest(self, page: Page) -> int | None:
        return hash(tuple(map(bytes, page.records))) if page.records else None


REPEATED_PAGE = (
    "The page's records were there before, so paging does not advance. Check the names of the parameters in "
    "`pagination` (the API may not know them)."
)
_REPEATED_POSITION = (
    "The API gave a position (token or URL) that was there before, so paging would not end. Check `pagination`: "
    "whether the token goes where the API expects it."
)
