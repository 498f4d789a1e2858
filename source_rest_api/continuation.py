"""Signs in an answer that there is more than the config asks for.

When paging ends without the API having said so, these are looked for: a stream that stops beside a sign is
incomplete, and the error names the sign and the `pagination` that would follow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from source_rest_api import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Raw

    from source_rest_api.page import Page

_NEXT = frozenset(
    {"next", "nextlink", "nexturl", "nexturi", "nextpage", "nextpageurl", "nextpagelink", "@odata.nextlink"}
)
_TOKEN = frozenset({"nextcursor", "nextpagetoken", "nexttoken", "nextpagecursor", "continuationtoken", "continuation"})
_FLAG = frozenset({"hasmore", "hasnext", "hasnextpage", "moreitems", "morerecords", "moreitemsincollection"})
_TOTAL = frozenset({"total", "totalcount", "totalrecords", "totalresults", "totalitems", "totalhits"})
_TOTAL_PAGES = frozenset({"totalpages", "pagecount", "lastpage"})
_LARGEST_ENVELOPE = 20_000
"""Bytes. Objects beyond it hold data, not paging."""


class Sign(NamedTuple):
    """Something that says that there is more."""

    what: str
    """For the user: where it stands and what it says."""
    pagination: str
    """The config that would follow it."""
    certain: bool = True
    """False for totals: they may count rows that a filter leaves out."""


def find_sign(page: Page) -> Sign | None:
    """The first sign that there is more than the pages read so far; certain ones first."""
    if page.link("next"):
        return Sign('a `Link` header with rel="next"', "{type: link_header}")
    signs = list(_signs(page))
    return next((sign for sign in signs if sign.certain), signs[0] if signs else None)


def _signs(page: Page) -> Iterator[Sign]:
    for path, value in _envelope(page):
        sign = _sign(path, value, page)
        if sign is not None:
            yield sign


def _envelope(page: Page) -> Iterator[tuple[str, Raw]]:
    """The body's fields, and those of its small objects, two levels down."""
    for name, value in page.fields.items():
        yield name, value
        if raw_json.kind(value) == "object" and len(memoryview(value)) <= _LARGEST_ENVELOPE:
            for inner, inner_value in raw_json.fields(value).items():
                yield f"{name}.{inner}", inner_value
                if raw_json.kind(inner_value) == "object":
                    for leaf, leaf_value in raw_json.fields(inner_value).items():
                        yield f"{name}.{inner}.{leaf}", leaf_value


def _sign(path: str, value: Raw, page: Page) -> Sign | None:
    names = path.rsplit(".", 2)
    name = _plain(names[-1] if not path.lower().endswith("@odata.nextlink") else "@odata.nextLink")
    if name == "href" and len(names) > 1:
        name = _plain(names[-2])
    said = raw_json.text(value)
    if name in _FLAG and bytes(value) == b"true":
        return Sign(f"`{path}` is true", f"{{…, more_path: {path}}}")
    if not said:
        return None
    if name in _NEXT and said.startswith(("http://", "https://", "/", "?")):
        return Sign(f"`{path}` holds a URL", f"{{type: next_url, next_url_path: {path}}}")
    if name in _NEXT and said.isdecimal():
        following = f"{{type: page_number, page_param: page}} or {{type: cursor, cursor_path: {path}}}"
        return Sign(f"`{path}` is {said}", following)
    if name in _NEXT | _TOKEN:
        return Sign(f"`{path}` holds a token", f"{{type: cursor, cursor_path: {path}, cursor_param: …}}")
    if name in _TOTAL and said.isdecimal() and int(said) > page.records_so_far:
        what = f"`{path}` is {said}, and {page.records_so_far} records were read"
        return Sign(what, f"{{type: page_number, total_path: {path}}} or {{type: offset, …}}", certain=False)
    if name in _TOTAL_PAGES and said.isdecimal() and int(said) > page.number:
        what = f"`{path}` is {said}, and {page.number} were read"
        return Sign(what, f"{{type: page_number, total_pages_path: {path}}}")
    return None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
