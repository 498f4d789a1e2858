"""Signs in an answer that there is more than the config asks for.

When paging ends without the API having said so, these are looked for: a stream that stops beside a sign is
incomplete, and the error names the sign and the `pagination` that would follow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Raw

    from source_rest_api.model import Path
    from source_rest_api.pagination.page import End, Page

_NEXT = frozenset(
    {"next", "nextlink", "nexturl", "nexturi", "nextpage", "nextpageurl", "nextpagelink", "@odata.nextlink"}
)
_TARGET = frozenset({"href", "url", "uri", "link", "after", "cursor", "token"})
"""What an object under one of those names holds the next page by."""
_TOKEN = frozenset({"nextcursor", "nextpagetoken", "nexttoken", "nextpagecursor", "continuationtoken", "continuation"})
_MORE = frozenset({"hasmore", "hasnext", "hasnextpage", "moreitems", "morerecords", "moreitemsincollection"})
_LAST = frozenset({"islast", "islastpage", "last", "lastpage"})
_TOTAL = frozenset({"total", "totalcount", "totalrecords", "totalresults", "totalitems", "totalhits", "totalelements"})
_TOTAL_PAGES = frozenset({"totalpages", "pagecount", "lastpage"})
_COUNTS = _LAST | _TOTAL | _TOTAL_PAGES
_DEPTH = 4
"""Levels of objects that are looked into: `data.issues.pageInfo.hasNextPage` is four."""


class Sign(NamedTuple):
    """Something that says that there is more."""

    what: str
    """For the user: where it stands and what it says."""
    pagination: str
    """The config that would follow it."""
    certain: bool = True
    """False for totals: they may count rows that a filter leaves out."""


def check_end(page: Page, end: End, *, paged: bool) -> str | None:
    """Look for signs of more after the last page.

    Args:
        page: The last one.
        end: Why it is the last.
        paged: Whether the config has a pagination at all.

    Returns:
        A sign that proves nothing, such as a total that may count what a filter leaves out; or None.

    Raises:
        ConfigError: There is more, and the config does not follow it.
    """
    if end.capped:
        raise ConfigError(
            f"The API gives no more records to one question ({end.reason}), and there may be more. Give the endpoint "
            "`incremental` with `sorted: true`, to go on from the newest cursor value."
        )
    sign = None if end.said else find_sign(page)
    if sign is None or (paged and not sign.certain):
        return None if sign is None else sign.what
    only_first = ", or `pagination: {type: none, first_page_only: true}` if the first page is all you want"
    raise ConfigError(
        f"The API says that there is more: {sign.what}. The config reads no further ({end.reason}). "
        f"Set `pagination: {sign.pagination}`{'' if paged else only_first}."
    )


def find_sign(page: Page) -> Sign | None:
    """The first sign that there is more than the pages read so far; certain ones first."""
    if page.link("next"):
        return Sign('a `Link` header with rel="next"', "{type: link_header}")
    signs = list(_signs(page))
    return next((sign for sign in signs if sign.certain), signs[0] if signs else None)


def _signs(page: Page) -> Iterator[Sign]:
    for path, value in _envelope(page.root, page.records, ()):
        sign = _sign(path, value, page)
        if sign is not None:
            yield sign


def _envelope(value: Raw, records: list[Raw], path: Path, *, record: bool = False) -> Iterator[tuple[Path, Raw]]:
    """The fields of the body, with their paths. Where an object is itself the record, a total may be its own."""
    if len(path) == _DEPTH:
        return
    record = record or [value] == records
    for name, inner in raw_json.fields(value).items():
        if not record or _plain(name) not in _COUNTS:
            yield (*path, name), inner
        yield from _envelope(inner, records, (*path, name), record=record)


def _sign(keys: Path, value: Raw, page: Page) -> Sign | None:
    path = ".".join(keys)
    name, holder = _plain(keys[-1]), _plain("".join(keys[-2:-1]))
    if name in _TARGET and holder in _NEXT:
        name = holder
    said = raw_json.text(value)
    count = raw_json.count(value)
    if name in _MORE and bytes(value) == b"true":
        return Sign(f"`{path}` is true", f"{{…, more_path: {path}}}")
    if name in _LAST and bytes(value) == b"false":
        return Sign(f"`{path}` is false", "{type: page_number, …} or {type: offset, …}")
    if not said:
        return None
    if name in _NEXT | _TOKEN:
        return _next_sign(path, said, is_url=name in _NEXT and said.startswith(("http://", "https://", "/", "?")))
    if name in _TOTAL and count is not None and count > page.records_so_far:
        what = f"`{path}` is {said}, and {page.records_so_far} records were read"
        return Sign(what, f"{{type: page_number, total_path: {path}}} or {{type: offset, …}}", certain=False)
    if name in _TOTAL_PAGES and count is not None and count > page.number:
        what = f"`{path}` is {said}, and {page.number} were read"
        return Sign(what, f"{{type: page_number, total_pages_path: {path}}}")
    return None


def _next_sign(path: str, said: str, *, is_url: bool) -> Sign:
    if is_url:
        return Sign(f"`{path}` holds a URL", f"{{type: next_url, next_url_path: {path}}}")
    if said.isdecimal():
        following = f"{{type: page_number, page_param: page}} or {{type: cursor, cursor_path: {path}}}"
        return Sign(f"`{path}` is {said}", following)
    return Sign(f"`{path}` holds a token", f"{{type: cursor, cursor_path: {path}, cursor_param: …}}")


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
