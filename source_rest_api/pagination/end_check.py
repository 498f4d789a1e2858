"""Proves the end of pagination: nothing in the last response of a slice or a sweep may say that there is more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.pagination.signs import find_sign, find_total
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from source_rest_api.pagination.page import End, Page
    from source_rest_api.pagination.signs import Sign

_PAGE_SIZES = frozenset({20, 25, 30, 50, 100, 200, 250, 300, 400, 500, 1000, 2000, 2500, 5000, 10_000})
"""Usual default page sizes: a response with exactly so many records may be only the first page."""


def says_more(page: Page, end: End) -> Sign | None:
    """Returns a sign that there are more pages, although the config would stop here.

    Args:
        page: The last page so far.
        end: Why the config would stop.
    """
    if end.said or end.beyond is None:
        return None
    sign = find_sign(page)
    if sign is None or sign.certain:
        return sign
    return sign if sign.total is not None and end.reach is not None and end.reach < sign.total else None


def check_end(page: Page, end: End, *, paged: bool, token: str = "") -> str | None:
    """Checks the last page for signs that there is more.

    Args:
        page: The last page.
        end: Why it is the last.
        paged: True if the config has a `pagination`.
        token: The path or header that the config reads as the sync token, or "".

    Returns:
        A sign that proves nothing, such as a total that may include rows that a filter leaves out; or None.

    Raises:
        ConfigError: There is more, and the config does not read it.
    """
    if end.capped:
        raise ConfigError(
            f"The API caps the results of one query ({end.reason}), and there may be more. Set `incremental` with "
            "`sorted: true`, so that the connector resumes from the newest cursor value."
        )
    if end.ignored:
        return None
    if end.contradicted_by is not None and not _came_meanwhile(page):
        raise ConfigError(
            f"The page is empty after {counted(page.rows_so_far, 'row')}, but `{end.contradicted_by}` says that there "
            "is more. If the API caps the results of one query, set `pagination.result_cap`. If the field is wrong, "
            "for example if it counts rows that the API hides, set `pagination.stop_on_empty_page: true`."
        )
    sign = find_total(page) if end.said else find_sign(page)
    if sign is None:
        return _round(page) if not paged and not end.said else None
    if sign.total is not None and _is_replaced(page):
        raise ConfigError(
            f"{sign.what}, and received {page.came_twice} of them twice: the order of the rows changes between pages. "
            "Use `params` to sort by a field that is unique and never changes, such as the primary key."
        )
    if end.said or (paged and not sign.certain and not _is_missing(page, end, sign)):
        return sign.what
    only = "the first page is all you want"
    if token and f"`{token}`" in sign.what:
        only = "it is only the token of the next sync, and a sync has one page"
    only_first = f", or `pagination: {{type: none, first_page_only: true}}` if {only}"
    raise ConfigError(
        f"The API says that there is more: {sign.what}. The config stops here ({end.reason}). "
        f"Set `pagination: {sign.pagination}`{'' if paged else only_first}."
    )


def _is_replaced(page: Page) -> bool:
    """True if duplicates hide missing rows: some rows came twice, and too few came, although the total never fell."""
    return page.came_twice > 0 and page.least_total is not None and not _came_meanwhile(page)


def _is_missing(page: Page, end: End, sign: Sign) -> bool:
    """True if a total proves missing rows: the end is only a guess, and even the smallest total was not reached."""
    return end.guessed and sign.total is not None and not _came_meanwhile(page)


def _came_meanwhile(page: Page) -> bool:
    """True if the smallest total was reached: rows beyond it were created during the read."""
    return page.least_total is not None and page.rows_so_far >= page.least_total


def _round(page: Page) -> str | None:
    """Returns a doubt about a response whose number of records is a usual page size. A file at its own URL is whole."""
    if len(page) not in _PAGE_SIZES or page.request.from_record:
        return None
    return (
        f"{len(page)} records is a common page size, and the config has no `pagination`; check the API's "
        "documentation, or set `pagination: {type: none, first_page_only: true}`"
    )
