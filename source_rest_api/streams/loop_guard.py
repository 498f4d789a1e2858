"""Detects paging that does not advance, or that exceeds the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from source_rest_api.config.config import Limits
    from source_rest_api.pagination.page import Page


_MOST_MOVED = 10
"""Upper limit of the pages in a slice that may repeat earlier ones because rows shifted."""
_PARAMETERS = ("page_param", "offset_param", "cursor_param", "param")
"""Settings of paginators that name the parameter for the position."""


_BEYOND = (
    "The pages before it differ, so the API returns its last page again. To recognize the last page, set "
    "`primary_key`, `pagination.total_path`, `more_path` or `stop_when`."
)


class RepeatedPageError(ConfigError):
    """A page has only rows of an earlier page."""

    earlier = 0
    """The number of the earlier page."""


class LoopGuard:
    """Raises an error if paging does not advance: all rows of a page were on one earlier page of the slice.

    It compares rows, not positions: a token may change although the page stays the same, and a scroll token may stay
    although the page changes. If rows shift by a whole page, a page may repeat an earlier one without a loop.

    Args:
        paginator: Its settings name the parameter that the API may ignore, for the message.
        limits: Upper limits of pages.
        key: Returns the primary key of a record; None to compare rows by their bytes.
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
            page: The next page.
            drifts: How often shifted rows were noticed so far.

        Raises:
            RepeatedPageError: The page has no new row.
            ConfigError: The page exceeds a limit.
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
                f"The API returned more than {counted(limits.pages, 'page')} (`limits.pages`). If that is correct, "
                "raise the limit, or read in shorter intervals (`incremental.step`)."
            )
        self._empty = 0 if len(page) else self._empty + 1
        if self._empty > limits.empty_pages:
            raise ConfigError(
                f"More than {counted(limits.empty_pages, 'page')} in a row had no records, but each led to a next "
                "page. Check `records_path` and `pagination`. If an empty page is the end, set "
                "`pagination.stop_on_empty_page`. If so many are normal, raise `limits.empty_pages`."
            )

    def _rows(self, page: Page) -> int:
        """Returns a hash of a page: of three keys, which is fast, or of all bytes if the rows have no key."""
        records = page.records
        if self._key is not None:
            keys = [self._key(records[index]) for index in (0, len(records) // 2, -1)]
            if all(key.strip(b"\0") for key in keys):
                return hash((len(records), *keys))
        return hash(b"".join(records))


def repeated(page: Page, earlier: int, paginator: object, since: int | None = None) -> RepeatedPageError:
    """Returns the error for a page without any new row.

    Args:
        page: The page.
        earlier: The number of the earlier page with the same rows.
        paginator: Its settings name the parameter that the API may ignore.
        since: The number of the first page with these rows, if it is not the earlier one.
    """
    error = RepeatedPageError(
        f"Page {page.number} repeats the records of page {earlier}, so paging does not advance. "
        f"{_advice(page, since or earlier, paginator)}"
    )
    error.earlier = earlier
    return error


def _advice(page: Page, since: int, paginator: object) -> str:
    setting = next((name for name in _PARAMETERS if hasattr(paginator, name)), None)
    if setting is None:
        return "The API's link to the next page leads to the same page. Check `pagination`."
    if since > 1:
        return _BEYOND
    name = str(getattr(paginator, setting))
    request = page.request
    sent = {*request.params, *request.headers, *(request.body.names if request.body else ())}
    if name in sent or any(field.endswith(f".{name}") for field in sent):
        token = ", and that `cursor_path` leads to the token of the next page" if setting == "cursor_param" else ""
        return f"The API seems to ignore `{name}`. Check `pagination.{setting}`{token}."
    return f"The request did not have `{name}`. Check where the templates of the endpoint write `next_page_token`."
