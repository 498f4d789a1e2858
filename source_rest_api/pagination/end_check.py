"""Proves the end of a slice or a sweep: the pages are over only if nothing in the last response says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.pagination.signs import find_sign, find_total

if TYPE_CHECKING:
    from source_rest_api.pagination.page import End, Page
    from source_rest_api.pagination.signs import Sign

_PAGE_SIZES = frozenset({20, 25, 30, 50, 100, 200, 250, 300, 400, 500, 1000, 2000, 2500, 5000, 10_000})
"""Numbers of records at which APIs cut a page, where nobody asked for another size."""


def says_more(page: Page, end: End) -> Sign | None:
    """Returns a sign that reading has to go on, although the config would stop here.

    Args:
        page: The last one so far.
        end: Why the config would stop.
    """
    if end.said or end.beyond is None:
        return None
    sign = find_sign(page)
    if sign is None or sign.certain:
        return sign
    return sign if sign.total is not None and end.reach is not None and end.reach < sign.total else None


def check_end(page: Page, end: End, *, paged: bool) -> str | None:
    """Looks for signs of more after the last page.

    Args:
        page: The last one.
        end: Why it is the last.
        paged: True if the config has a pagination at all.

    Returns:
        A sign that proves nothing, such as a total that may count what a filter leaves out; or None.

    Raises:
        ConfigError: There is more, and the config does not follow it.
    """
    if end.capped:
        raise ConfigError(
            f"The API caps the results of one query ({end.reason}), and there may be more. Give the endpoint "
            "`incremental` with `sorted: true`, to go on from the newest cursor value."
        )
    if end.ignored:
        return None
    if end.contradicted_by is not None and not _came_meanwhile(page):
        raise ConfigError(
            f"The page is empty, but `{end.contradicted_by}` says that there is more; {page.rows_so_far} rows came. If "
            "the API caps the results of one query, set `pagination.result_cap`; otherwise correct or remove that "
            "setting."
        )
    sign = find_total(page) if end.said else find_sign(page)
    if sign is None:
        return _round(page) if not paged and not end.said else None
    if sign.total is not None and _is_replaced(page):
        raise ConfigError(
            f"{sign.what}, and {page.came_twice} came twice: the order of the rows changes from page to page. Have the "
            "API sort by a field that does not change and that no two rows share (`params`)."
        )
    if end.said or (paged and not sign.certain and not _is_missing(page, end, sign)):
        return sign.what
    only_first = ", or `pagination: {type: none, first_page_only: true}` if the first page is all you want"
    raise ConfigError(
        f"The API says that there is more: {sign.what}. The config reads no further ({end.reason}). "
        f"Set `pagination: {sign.pagination}`{'' if paged else only_first}."
    )


def _is_replaced(page: Page) -> bool:
    """True if rows came twice in place of others that did not come, although the total never fell."""
    return page.came_twice > 0 and page.least_total is not None and not _came_meanwhile(page)


def _is_missing(page: Page, end: End, sign: Sign) -> bool:
    """True if a total proves that rows are missing: the end is a guess, and not even the smallest total was reached."""
    return end.guessed and sign.total is not None and not _came_meanwhile(page)


def _came_meanwhile(page: Page) -> bool:
    """True if the total was reached as it was at first: rows beyond it came while pages were read."""
    return page.least_total is not None and page.rows_so_far >= page.least_total


def _round(page: Page) -> str | None:
    """A doubt about a response that has as many records as a page of many APIs."""
    if len(page) not in _PAGE_SIZES:
        return None
    return (
        f"{len(page)} records are the page size of many APIs, and the config has no `pagination`; check the API's "
        "documentation, or set `pagination: {type: none, first_page_only: true}`"
    )
