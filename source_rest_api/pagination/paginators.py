"""The built-in paginators: how each requests the next page, and how it recognizes the end.

A paginator is stateless: `first` and `next` return positions (a page number, an offset, a token, a URL), and `place`
puts one into a request. Its position is all that a paginator needs to request a page again.
"""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator
from typing_extensions import Self

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.http.request import Request
from source_rest_api.lazy_models import ByType
from source_rest_api.model import Model, Path
from source_rest_api.pagination import page_expressions, signals
from source_rest_api.pagination.link_paginators import LinkHeader, NextUrl
from source_rest_api.pagination.page import End, Next, Page, Position, count
from source_rest_api.pagination.paginator import Paginator, only_one


class NoPagination(Model):
    """Reads everything with one request."""

    type: Literal["none"] = "none"
    first_page_only: bool = False
    """Read only the first page, even if the API says that there is more."""

    shifts: ClassVar[Literal["row", "page"] | None] = None
    in_body: ClassVar[bool] = False
    has_signals: ClassVar[bool] = False

    def first(self) -> Position | None:
        return None

    def place(self, request: Request, position: Position | None, *, templated: bool = False) -> Request:  # noqa: ARG002
        return request

    def next(self, page: Page) -> Next:  # noqa: ARG002
        return End("one page", said=self.first_page_only)

    def back(self, position: Position) -> Position:
        return position

    def after(self, position: Position | None, size: int) -> Position | None:  # noqa: ARG002
        return None

    def pages_left(self, page: Page) -> int | None:  # noqa: ARG002
        return None

    def total(self, page: Page) -> int | None:  # noqa: ARG002
        return None

    def reached(self, page: Page) -> bool:  # noqa: ARG002
        return False


class PageNumber(Paginator):
    """Counts pages: `?page=1`, `?page=2`, … until an empty page or an end signal."""

    type: Literal["page_number"] = "page_number"
    page_param: str = "page"
    """Parameter for the page number."""
    first_page: NonNegativeInt = 1
    """Number of the first page: 1 or 0."""
    omit_first: bool = False
    """Send no number for the first page."""
    overlap: bool = False
    """Request each page once more after the next one, to notice rows that shifted. This doubles the requests. If the
    API gives a total, deleted rows are noticed without it."""

    shifts = "page"

    def first(self) -> Position | None:
        return self.first_page

    def place(self, request: Request, position: Position | None, *, templated: bool = False) -> Request:
        return self._asked(request, self.page_param, None if templated else position)

    def following(self, page: Page) -> Next:
        beyond = count(page.position) + 1
        return self._empty(page, beyond, page.number * self._window(page)) or beyond

    def _reach(self, page: Page) -> int:
        return max(page.records_so_far, page.number * (self.page_size or 0))

    def back(self, position: Position) -> Position:
        return max(count(position) - 1, self.first_page)

    def after(self, position: Position | None, size: int) -> Position | None:  # noqa: ARG002
        return count(position) + 1


class Offset(Paginator):
    """Skips records: `?offset=0`, `?offset=100`, … by the number received, until an empty page or an end signal."""

    type: Literal["offset"] = "offset"
    offset_param: str = "offset"
    """Parameter for the number of records to skip."""
    page_size_param: str | None = Field(default="limit", alias="limit_param")
    """Parameter for the page size."""
    page_size: PositiveInt | None = Field(default=100, alias="limit")
    """Number of records to request per page."""
    first_offset: NonNegativeInt = 0
    """Offset of the first record: 0, or 1 where the API counts from one."""
    omit_first: bool = False
    """Send no offset for the first page."""
    overlap: bool | None = None
    """Request the last row again with each page, to notice rows that shifted. Default: on if there is a primary key."""

    shifts = "row"

    def first(self) -> Position | None:
        return self.first_offset

    def place(self, request: Request, position: Position | None, *, templated: bool = False) -> Request:
        return self._asked(request, self.offset_param, None if templated else position)

    def following(self, page: Page) -> Next:
        beyond = count(page.position) + (len(page) or self._window(page))
        return self._empty(page, beyond, beyond - self.first_offset) or beyond

    def back(self, position: Position) -> Position:
        return max(count(position) - 1, self.first_offset)

    def after(self, position: Position | None, size: int) -> Position | None:
        return count(position) + size if size else None


class TokenPagination(Paginator):
    """Reads a token from each response and sends it as a parameter of the next request. No token or "" is the end."""

    model_config = ConfigDict(title="Cursor")  # the form's word; in the code, a cursor is that of incremental reads
    type: Literal["cursor"] = "cursor"
    cursor_path: Path | None = None
    """Path of the token, such as `meta.next_cursor`. A JSON body can also take an array or an object."""
    cursor_header: str | None = None
    """Response header that contains the token, in place of `cursor_path`."""
    cursor: page_expressions.PageExpression | None = None
    """An expression that gives the token, in place of `cursor_path`, such as `response.page + 1`. It reads what
    `stop_when` reads; null or an empty text is the end. A list, such as `last_record.sort`, goes into a JSON body."""
    cursor_param: str = "cursor"
    """Parameter for the token."""
    first_cursor: str | None = None
    """Token of the first page, if the API wants one there too, such as `*`."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        only_one(self, "cursor_path", "cursor_header", "cursor")
        return self

    def first(self) -> Position | None:
        return self.first_cursor

    def place(self, request: Request, position: Position | None, *, templated: bool = False) -> Request:
        return self._asked(request, self.cursor_param, None if templated else position)

    def following(self, page: Page) -> Next:
        following = self._token(page)
        if following == page.position and page.is_empty:
            return End("an empty page with the same token", said=True)
        return following

    def _token(self, page: Page) -> Next:
        if self.cursor is not None:
            return page_expressions.position(self.cursor, page, self.page_size, "cursor")
        if self.cursor_path is not None:
            return signals.position(page.raw(self.cursor_path), self.cursor_path, "cursor_path")
        header = self.cursor_header or ""
        return page.response.headers.get(header, "").strip() or End(f"no `{header}`")


class LastRecord(Paginator):
    """Sends a field of the last record as a parameter, to read on after it. An empty page is the end."""

    type: Literal["last_record"] = "last_record"
    field: Path
    """The unique field by which the records are sorted, such as `id`, or a list of sort values, such as `sort`."""
    param: str
    """Parameter for its value, such as `starting_after`."""
    first_value: str | None = None
    """Value for the first page, if the API wants one there too, such as `0`."""

    def first(self) -> Position | None:
        return self.first_value

    def place(self, request: Request, position: Position | None, *, templated: bool = False) -> Request:
        return self._asked(request, self.param, None if templated else position)

    def following(self, page: Page) -> Next:
        end = self._empty(page)
        if end:
            return end
        last = raw_json.find(page.records[-1], self.field) if page.records else None
        value = signals.position(last, self.field, "field")
        if isinstance(value, End):
            raise ConfigError(
                f"The page's last record has no `{'.'.join(self.field)}`, so the connector cannot request the next "
                "page. Change `pagination.field`."
            )
        return value


Pagination: TypeAlias = Annotated[
    NoPagination | PageNumber | Offset | TokenPagination | LastRecord | NextUrl | LinkHeader,
    ByType(),
]
