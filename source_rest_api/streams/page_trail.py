"""The way back along pages that were reached by links, if the URLs of the links count rows or pages.

A URL such as `?page=3` or `?offset=200` shifts with the rows, as a number does. A URL with a token or a key does not.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from source_rest_api.pagination.signs import count_of

if TYPE_CHECKING:
    from source_rest_api.pagination.page import Page, Position
    from source_rest_api.pagination.paginator import PaginatorProtocol

_LONGEST = 50
"""Upper limit of the pages that reading may step back in a row."""
_LONGEST_COUNT = 12
"""Digits from which a number is an identifier or a time, not a count."""
_OF_A_ROW = re.compile(r"after|before|since|cursor|token|key|last|marker|(?:\b|_)id$|Id$")
"""Names of parameters that hold the key of a row. Keys may follow one another without a gap, as offsets do."""
_LINKS = frozenset({"next_url", "link_header"})
"""Types of paginators that follow links."""


def counts(asked: str, following: str, rows: int) -> bool:
    """True if a URL counts: a number in the query advances by one or by the rows of a page, and nothing else changes.

    Args:
        asked: The URL of a page.
        following: The URL of the next page.
        rows: The number of rows on the page.
    """
    before, after = (dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) for url in (asked, following))
    changed = [name for name, value in after.items() if before.get(name) != value]
    if len(changed) != 1 or _OF_A_ROW.search(changed[0]):
        return False
    old, new = before.get(changed[0]), after[changed[0]]
    if not all(text.isdecimal() and len(text) < _LONGEST_COUNT for text in (old or "0", new)):
        return False
    if old is None:  # the number of the first page, or its offset, is 0 or 1
        return int(new) in {1, 2, rows, rows + 1}
    return int(new) - int(old) in {1, rows}


class PageTrail:
    """The pages of a slice so far, for a paginator that follows links; without any for other paginators.

    Args:
        paginator: Reads totals.
    """

    def __init__(self, paginator: PaginatorProtocol) -> None:
        self._paginator = paginator
        self.follows_links = paginator.type in _LINKS
        self.counts = False
        """True if the URLs of the links count rows or pages."""
        self._pages: deque[tuple[Position | None, int, int]] = deque(maxlen=_LONGEST)
        self._last: tuple[str, int] | None = None
        self._has_totals = True

    def look(self, page: Page) -> None:
        """Compare the URL of a page with that of the page before it."""
        if self._last is not None and page.position is not None:
            self.learn(*self._last, page.position)

    def learn(self, asked: str, rows: int, following: Position) -> None:
        """Note the URL that a page led to."""
        self.counts = self.follows_links and (self.counts or counts(asked, str(following), rows))

    def keep(self, page: Page) -> None:
        """Note a page whose rows are new."""
        if self.follows_links:
            self._pages.append((page.position, page.number, page.records_before))
            self._last = page.response.url, len(page)

    def back(self) -> tuple[Position | None, int, int]:
        """Returns position, number and `records_before` of the last page; forgets it. At last: of the first page."""
        self._last = None
        return self._pages.pop() if self._pages else (None, 1, 0)

    def total(self, page: Page) -> int | None:
        """Returns the total of a page: what the config or a header says, or a field with a usual name."""
        total = self._paginator.total(page)
        if total is not None or not self._has_totals:
            return total
        # On the first page, `count` is a total only if it exceeds the rows of the page. Later it counts as reached.
        total = count_of(replace(page, distinct=len(page) if page.number == 1 else -1))
        self._has_totals = total is not None
        return total
