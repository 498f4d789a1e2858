"""How the next page is asked for, and how the end is known.

A paginator is stateless: `first` and `next` give positions (a page number, an offset, a token, a URL), `place` puts
one into a request. A page's position is all that is needed to ask for it again.

The end is what the API says: no next token, a false flag, a reached total, an empty page. A short page is not an end
unless `stop_on_short_page` says so, because servers cap page sizes.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, NonNegativeInt, PositiveInt

from source_rest_api import raw_json
from source_rest_api.errors import ConfigError
from source_rest_api.links import resolve
from source_rest_api.model import Model, Path
from source_rest_api.page import End, Next, Page, Position, Request


class NoPagination(Model):
    """The endpoint answers with everything at once."""

    type: Literal["none"] = "none"
    first_page_only: bool = False
    """Read the first page only, although the API says that there is more."""

    repeats: ClassVar[Literal["position", "page"]] = "position"

    def first(self) -> Position | None:
        return None

    def place(self, request: Request, position: Position | None) -> Request:  # noqa: ARG002
        return request

    def next(self, page: Page) -> Next:  # noqa: ARG002
        return End("one page", said=self.first_page_only)


class _Pages(Model):
    """What all paginators have: the page size, and where the API says whether there is more."""

    page_size_param: str | None = None
    """Query parameter for the page size."""
    page_size: PositiveInt | None = None
    """Records to ask for in one page."""
    more_path: Path | None = None
    """Where the body says whether there are more pages (true or false), such as `has_more`."""
    total_path: Path | None = None
    """Where the body says how many records there are in all."""
    total_pages_path: Path | None = None
    """Where the body says how many pages there are in all."""
    stop_on_short_page: bool = False
    """Take a page with fewer records than `page_size` for the last. Only for servers that never cap it."""

    repeats: ClassVar[Literal["position", "page"]] = "position"
    """What proves that paging does not advance: the same position, or the same page, twice."""

    def _sized(self, request: Request) -> Request:
        if self.page_size is None or self.page_size_param is None:
            return request
        return request.with_params(**{self.page_size_param: str(self.page_size)})

    def _end(self, page: Page) -> End | None:
        """The end, if a signal that the config names says that this page was the last."""
        if self.more_path is not None and not _flag(page, self.more_path):
            return End(f"`{'.'.join(self.more_path)}` is false", said=True)
        if self.total_path is not None and page.records_so_far >= _number(page, self.total_path):
            return End("total reached", said=True)
        if self.total_pages_path is not None and page.number >= _number(page, self.total_pages_path):
            return End("last of all pages", said=True)
        if self.stop_on_short_page and self.page_size is not None and len(page) < self.page_size:
            return End("short page")
        return None

    def _counted(self, page: Page, following: Position) -> Next:
        """The following position, unless a signal or an empty page ends it.

        Raises:
            ConfigError: The page is empty, and a signal says that there is more.
        """
        end = self._end(page)
        if end or page.records:
            return end or following
        signals = [".".join(path) for path in (self.more_path, self.total_path, self.total_pages_path) if path]
        if signals:
            raise ConfigError(
                f"The page is empty, but `{signals[0]}` says that there is more. The API may give no more than so many "
                "records to one question; else correct or remove the setting in `pagination`."
            )
        return End("empty page", said=True)


class PageNumber(_Pages):
    """Pages are counted: `?page=1`, `?page=2`, ... until an empty page or a signal."""

    type: Literal["page_number"] = "page_number"
    page_param: str = "page"
    """Query parameter for the page's number."""
    first_page: NonNegativeInt = 1
    """Number of the first page: 1 or 0."""

    repeats = "page"

    def first(self) -> Position | None:
        return self.first_page

    def place(self, request: Request, position: Position | None) -> Request:
        return self._sized(request).with_params(**{self.page_param: str(position)})

    def next(self, page: Page) -> Next:
        return self._counted(page, int(page.position or 0) + 1)


class Offset(_Pages):
    """Records are skipped: `?offset=0`, `?offset=100`, ... by what really came, until an empty page or a signal."""

    type: Literal["offset"] = "offset"
    offset_param: str = "offset"
    """Query parameter for the number of records to skip."""
    page_size_param: str | None = Field(default="limit", alias="limit_param")
    """Query parameter for the page size."""
    page_size: PositiveInt | None = Field(default=100, alias="limit")
    """Records to ask for in one page."""
    first_offset: NonNegativeInt = 0
    """Offset of the first record: 0, or 1 where the API counts from one."""

    repeats = "page"

    def first(self) -> Position | None:
        return self.first_offset

    def place(self, request: Request, position: Position | None) -> Request:
        return self._sized(request).with_params(**{self.offset_param: str(position)})

    def next(self, page: Page) -> Next:
        return self._counted(page, int(page.position or 0) + len(page))


class Cursor(_Pages):
    """The body holds a token for the next page, which goes into a parameter. None, null or "" is the end."""

    type: Literal["cursor"] = "cursor"
    cursor_path: Path
    """Where the body holds the token, such as `meta.next_cursor`."""
    cursor_param: str = "cursor"
    """Query parameter for the token."""

    def first(self) -> Position | None:
        return None

    def place(self, request: Request, position: Position | None) -> Request:
        sized = self._sized(request)
        return sized if position is None else sized.with_params(**{self.cursor_param: str(position)})

    def next(self, page: Page) -> Next:
        return self._end(page) or _token(page, self.cursor_path, "cursor_path")


class NextUrl(_Pages):
    """The body holds the URL of the next page, absolute or relative. None, null or "" is the end."""

    type: Literal["next_url"] = "next_url"
    next_url_path: Path
    """Where the body holds the URL, such as `links.next`."""

    def first(self) -> Position | None:
        return None

    def place(self, request: Request, position: Position | None) -> Request:
        return self._sized(request) if position is None else request.at_url(str(position))

    def next(self, page: Page) -> Next:
        following = self._end(page) or _token(page, self.next_url_path, "next_url_path")
        return resolve(page.response.url, following) if isinstance(following, str) else following


class LinkHeader(_Pages):
    """The `Link` header holds the URL of the next page (RFC 8288, rel="next"). No such link is the end."""

    type: Literal["link_header"] = "link_header"

    def first(self) -> Position | None:
        return None

    def place(self, request: Request, position: Position | None) -> Request:
        return self._sized(request) if position is None else request.at_url(str(position))

    def next(self, page: Page) -> Next:
        return self._end(page) or page.link("next") or End("no next link")


Paginator: TypeAlias = Annotated[
    NoPagination | PageNumber | Offset | Cursor | NextUrl | LinkHeader, Field(discriminator="type")
]


def _token(page: Page, path: Path, setting: str) -> str | End:
    """The opaque text of a token. Only absence, null, false and "" mean that there is none: 0 is a token."""
    value = page.raw(path)
    if value is None or raw_json.kind(value) == "null" or bytes(value) in {b'""', b"false"}:
        return End(f"no `{'.'.join(path)}`")
    token = raw_json.text(value)
    if token is None:
        raise ConfigError(
            f"`{'.'.join(path)}` holds {_a(raw_json.kind(value))} where a token was expected: "
            f"change `pagination.{setting}`."
        )
    return token


def _flag(page: Page, path: Path) -> bool:
    value = page.raw(path)
    if value is None or raw_json.kind(value) != "boolean":
        found = "nothing" if value is None else _a(raw_json.kind(value))
        raise ConfigError(
            f"`{'.'.join(path)}` holds {found} where true or false was expected: change `pagination.more_path`."
        )
    return raw_json.decode(value) is True


def _number(page: Page, path: Path) -> int:
    value = page.raw(path)
    count = None if value is None else raw_json.count(value)
    if count is None:
        found = "nothing" if value is None else _a(raw_json.kind(value))
        raise ConfigError(
            f"`{'.'.join(path)}` holds {found} where a count was expected: "
            "change `pagination.total_path` or `total_pages_path`."
        )
    return count


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "ao" else kind if kind == "null" else f"a {kind}"
