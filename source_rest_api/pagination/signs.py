"""Signs in a response that there are more records: links, tokens, flags, totals, headers and the status.

Signs are recognized by pattern, not by a list of names. The pattern covers the words of a name and the type of its
value: `nextRecordsUrl`, `X-Next-Page` and `next_page_uri` all begin with "next", followed by nouns of paging.
"""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from source_rest_api.formats import paging_names, raw_json
from source_rest_api.formats.excerpt import excerpt
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_rest_api.model import Path
    from source_rest_api.pagination.page import Page

_TARGETS = frozenset({"href", "url", "uri", "link", "after", "cursor", "token", "offset", "page", "value"})
"""Fields that hold the link or token in an object whose name matches `paging_names.NEXT`, as in `next: {href: …}`."""
_RELATIONS = ("rel", "relation")
_DEPTH = 4
"""Levels of objects to search: `data.issues.pageInfo.hasNextPage` has four."""
_MOST_LINKS = 50
"""Upper limit of the items in an array of links; a longer array holds data."""
_RANGE = re.compile(r"\s*\w+[ =](\d+)-(\d+)/(\d+)\s*")
"""A `Content-Range` (RFC 9110, section 14.4) in any unit: first, last, total."""
_PLAIN = re.compile(r"[A-Za-z_$][\w.$-]*")
"""Paths that YAML reads as they are."""
_RELATIVE = re.compile(r"[\w./%()-]+\?[^\s=&]+=")
"""A relative URL with a query, as OData writes it: `Orders?$skiptoken=100`."""
_FIRST = frozenset({"0", "1"})
_AT_LEAST = frozenset({"gte", "gt"})
_LONGEST_TOTAL = 20
"""Digits from which a number is no total."""


class Sign(Struct, frozen=True):
    """Something in a response that says that there is more."""

    what: str
    """The sign in words for the user: the field or header, and its value."""
    pagination: str
    """The `pagination` that would follow it."""
    certain: bool = True
    """False for totals: they may include rows that a filter leaves out."""
    total: int | None = None
    """The total number of records, if the sign is a total that was not reached."""
    number: int | None = None
    """The same; also that of a field such as `count`, which may be the number of records on the page."""


def find_sign(page: Page) -> Sign | None:
    """Returns the first sign that there is more than the pages read so far; certain signs win."""
    signs = list(_signs(page))
    return next((sign for sign in signs if sign.certain), signs[0] if signs else None)


def find_total(page: Page) -> Sign | None:
    """Returns a total that was not reached, found by the usual names in the body or the headers."""
    return next((sign for sign in _signs(page) if sign.total is not None), None)


def total_of(page: Page) -> int | None:
    """Returns the total, reached or not, found by the usual names in the body or the headers."""
    sign = find_total(replace(page, distinct=-1))  # -1 is below every total, so none counts as reached
    return None if sign is None else sign.total


def count_of(page: Page) -> int | None:
    """Returns the total, found by the usual names, or else the number in a field such as `count`.

    Only a number larger than `page.rows_so_far` is found.
    """
    counts = [sign for sign in _signs(page) if sign.number is not None]
    return next((sign.total for sign in counts if sign.total is not None), counts[0].number if counts else None)


def header_total(headers: Mapping[str, str]) -> int | None:
    """Returns the total in a header such as `X-Total-Count`; None if there is none."""
    texts = (text.strip() for name, text in headers.items() if _is_total(name))
    return next((int(text) for text in texts if text.isdecimal() and len(text) < _LONGEST_TOTAL), None)


@lru_cache(maxsize=256)
def _is_total(name: str) -> bool:
    return paging_names.TOTAL.fullmatch(paging_names.plain(name).removeprefix("x")) is not None


def is_lower_bound(page: Page, path: Path) -> bool:
    """True if a field beside a total says that it is only a lower bound (Elasticsearch's `relation: gte`)."""
    relation = page.raw((*path[:-1], "relation"))
    return relation is not None and raw_json.text(relation) in _AT_LEAST


def _signs(page: Page) -> Iterator[Sign]:
    yield from _link_signs(page)
    for keys, value, is_record in _envelope(page.root, page.records, ()):
        sign = _link_in(keys, value, page.records) or _sign(keys, value, page, is_record=is_record)
        if sign is not None:
            yield sign
    yield from _header_signs(page)
    if page.response.status == HTTPStatus.PARTIAL_CONTENT and _rest(page.response.headers) is None:
        yield Sign("HTTP 206 (Partial Content)", "… as the API's documentation pages this endpoint")


def _link_signs(page: Page) -> Iterator[Sign]:
    if page.link("next"):
        yield Sign('a `Link` header with rel="next"', "{type: link_header}")
    last = page.link("last")
    if last is not None and not _same_page(last, page.response.url):
        yield Sign('a `Link` header with rel="last" that names another page', "{type: page_number, …}")


def _same_page(link: str, url: str) -> bool:
    """True if a URL has all parameters of a link. The URL of a first page may omit its number."""
    asked = dict(parse_qsl(urlsplit(url).query))
    named = parse_qsl(urlsplit(link).query)
    return all(asked.get(name, value if value in _FIRST else None) == value for name, value in named)


@lru_cache(1000)
def _is_of_paging(header: str) -> bool:
    """True if a header's name is one of those that `_header_signs` knows; most pages have the same headers."""
    plain = paging_names.plain(header).removeprefix("x")
    known = (paging_names.NEXT, paging_names.MORE, paging_names.TOTAL, paging_names.TOTAL_PAGES)
    return any(pattern.fullmatch(plain) for pattern in known)


def _header_signs(page: Page) -> Iterator[Sign]:
    for name, text in page.response.headers.items():
        if text.startswith("{"):  # ASP.NET's X-Pagination
            yield from _in_json(name, text, page)
            continue
        if not _is_of_paging(name):
            continue
        plain = paging_names.plain(name).removeprefix("x")
        if paging_names.NEXT.fullmatch(plain) and text.strip().lower() not in {"", "0", "null", "none", "false"}:
            yield Sign(f"the header `{name}` is {excerpt(text)}", f"{{type: cursor, cursor_header: {name}, …}}")
        elif paging_names.MORE.fullmatch(plain) and text.strip().lower() in {"true", "1"}:
            yield Sign(f"the header `{name}` is {text}", "{type: page_number, …} or {type: offset, …}")
        elif paging_names.TOTAL.fullmatch(plain) or paging_names.TOTAL_PAGES.fullmatch(plain):
            sign = _count_sign(f"the header `{name}`", plain, Raw(msgspec.json.encode(text)), page, "")
            if sign is not None:
                yield sign
    rest = _rest(page.response.headers)
    if rest:
        text = page.response.headers.get("Content-Range", "")
        yield Sign(f"the header `Content-Range` is {text}", "{type: offset, …}")


def _rest(headers: Mapping[str, str]) -> int | None:
    """Returns the number of records after the range in `Content-Range`; None if the header does not tell."""
    found = _RANGE.fullmatch(headers.get("Content-Range", ""))
    return None if found is None else max(int(found[3]) - int(found[2]) - 1, 0)


def _in_json(name: str, text: str, page: Page) -> Iterator[Sign]:
    try:
        root = raw_json.parse(text.encode())
    except msgspec.DecodeError:
        return
    for keys, value, _ in _envelope(root, [], (name,)):
        sign = _sign(keys, value, page, is_record=False)
        if sign is not None:
            yield sign


def _envelope(
    value: Raw, records: list[Raw], path: Path, *, is_record: bool = False
) -> Iterator[tuple[Path, Raw, bool]]:
    """Yields path and value of each field of the body, and True if the field belongs to a record."""
    if len(path) == _DEPTH:
        return
    is_record = is_record or [value] == records
    for name, inner in raw_json.fields(value).items():
        yield (*path, name), inner, is_record
        yield from _envelope(inner, records, (*path, name), is_record=is_record)


def _link_in(keys: Path, value: Raw, records: list[Raw]) -> Sign | None:
    """Finds rel "next" in an array of links: `links: [{rel: next, href: …}]` (OGC, STAC, PayPal; FHIR: `relation`)."""
    if "link" not in keys[-1].lower():
        return None
    links = raw_json.items(value)
    if not 0 < len(links) <= _MOST_LINKS or links[0] in records:
        return None
    path = ".".join(keys)
    for link in links:
        fields = raw_json.fields(link)
        relation = next((raw_json.text(fields[name]) for name in _RELATIONS if name in fields), None)
        target = next((name for name in fields if name in _TARGETS), None)
        if relation == "next" and target is not None:
            by = next(name for name in _RELATIONS if name in fields)
            expression = f"(response.{path} | selectattr('{by}', 'equalto', 'next') | first).{target}"
            return Sign(f"`{path}` has a link with {by} next", f'{{type: next_url, next_url: "{expression}"}}')
    return None


def _sign(keys: Path, value: Raw, page: Page, *, is_record: bool) -> Sign | None:
    path = ".".join(keys)
    name, holder = paging_names.plain(keys[-1]), paging_names.plain("".join(keys[-2:-1]))
    if (name in _TARGETS and paging_names.NEXT.fullmatch(holder)) or (
        name == "value" and paging_names.TOTAL.fullmatch(holder)
    ):
        name = holder
    if paging_names.flags_more(name, value):
        return Sign(f"`{path}` is true", f"{{…, more_path: {_in_yaml(path)}}}")
    if paging_names.NEXT.fullmatch(name):
        said = raw_json.text(value)
        return _next_sign(path, said, page) if said and said != "0" else None
    if is_record:  # totals and flags in a record are data
        return None
    if paging_names.flags_not_last(name, value):
        return Sign(
            f"`{path}` is false", f"{{type: page_number, end_path: {_in_yaml(path)}, …}} or {{type: offset, …}}"
        )
    if _counts_the_list(keys, name, page):
        name = "total"
    return _count_sign(f"`{path}`", name, value, page, path)


def _counts_the_list(keys: Path, name: str, page: Page) -> bool:
    """True if a field's name is "total" and the name of the list with the records: `total_rooms` beside `rooms`."""
    listed = name.removeprefix("total")
    beside = page.raw(keys[:-1]) if listed not in {name, ""} else None
    if beside is None or not page.records:
        return False
    lists = (value for key, value in raw_json.fields(beside).items() if paging_names.plain(key) == listed)
    return any(raw_json.items(value)[-1:] == page.records[-1:] for value in lists)


def _count_sign(what: str, name: str, value: Raw, page: Page, path: str) -> Sign | None:
    count = raw_json.count(value)
    if count is None:
        return None
    if paging_names.TOTAL_PAGES.fullmatch(name) and count > page.number:
        setting = f", total_pages_path: {_in_yaml(path)}" if path else ", …"
        said = f"{what} is {count}, but the connector read {counted(page.number, 'page')}"
        return Sign(said, f"{{type: page_number{setting}}}")
    if (paging_names.TOTAL.fullmatch(name) or paging_names.COUNT.fullmatch(name)) and count > page.rows_so_far:
        setting = f", total_path: {_in_yaml(path)}" if path else ", …"
        said = f"{what} is {count}, but the connector read {counted(page.rows_so_far, 'record')}"
        following = f"{{type: page_number{setting}}} or {{type: offset, …}}"
        total = None if paging_names.COUNT.fullmatch(name) else count
        return Sign(said, following, certain=False, total=total, number=count)
    return None


def _in_yaml(path: str) -> str:
    """Returns a path as it stands in a config: `@odata.nextLink` needs quotes."""
    return path if _PLAIN.fullmatch(path) else f"'{path}'"


def _next_sign(path: str, said: str, page: Page) -> Sign:
    if said.startswith(("http://", "https://", "/", "?")) or _RELATIVE.match(said):
        return Sign(f"`{path}` holds a URL", f"{{type: next_url, next_url_path: {_in_yaml(path)}}}")
    if said.isdecimal():
        following = f"{{type: page_number, page_param: page}} or {{type: cursor, cursor_path: {_in_yaml(path)}}}"
        if said == str(page.rows_so_far) and page.rows_so_far > 1:  # offsets notice rows that shift, tokens do not
            following = f"{{type: offset, …}} or {following}"
        return Sign(f"`{path}` is {said}", following)
    return Sign(f"`{path}` holds a token", f"{{type: cursor, cursor_path: {_in_yaml(path)}, cursor_param: …}}")
