"""The base of paginators: page size, location of the parameters, and end signals.

End signals come from the API: no next token, a false flag, a reached total, an empty page. A short page is one only
with `stop_on_short_page`, because servers cap page sizes.
"""

from typing import Annotated, ClassVar, Literal, Protocol, TypeAlias

from pydantic import Field, PositiveInt, model_validator
from typing_extensions import Self

from source_rest_api.formats import raw_json
from source_rest_api.http.request import Request
from source_rest_api.model import Model, Path
from source_rest_api.pagination import page_expressions, signals
from source_rest_api.pagination.page import End, Next, Page, Position
from source_rest_api.pagination.page_expressions import PageExpression
from source_rest_api.pagination.signs import header_total, is_lower_bound
from source_rest_api.plurals import counted

In: TypeAlias = Annotated[Literal["query", "header", "body"], Field(alias="in")]
"""The part of a request that takes a parameter."""


_SMALLEST_PAGE, _SIZE_STEP = 10, 5
"""Usual page sizes are 10, 15, 20, 25, 50, 100, …: a first page with so many records may be full."""


def paths(paginator: object) -> list[Path]:
    """Returns the paths in the body that a paginator reads: the values of its `…_path` settings."""
    return [value for name, value in vars(paginator).items() if value is not None and name.endswith("_path")]


def only_one(component: Model, *names: str) -> None:
    """Raise ValueError unless exactly one of these settings is set."""
    if [getattr(component, name) for name in names].count(None) != len(names) - 1:
        listed = " and ".join([", ".join(f"`{name}`" for name in names[:-1]), f"`{names[-1]}`"])
        raise ValueError(f"set exactly one of {listed}")


class PaginatorProtocol(Protocol):
    """The contract of a paginator. It is stateless: a position is all that it needs to request a page.

    `Paginator` implements it, except `type` and `place`. Its `next` also needs a method `following`.
    """

    @property
    def type(self) -> str:
        """The `type` in the config; `none` if there is only one page."""

    @property
    def has_signals(self) -> bool:
        """True if the config names a field that says whether there is more."""

    @property
    def shifts(self) -> Literal["row", "page"] | None:
        """The unit of positions, if inserted or deleted rows shift the rows behind them; otherwise None."""

    @property
    def in_body(self) -> bool:
        """True if paging parameters go into the request's body."""

    def first(self) -> Position | None:
        """Returns the position of the first page; None if the first request has none."""

    def place(self, request: Request, position: Position | None, *, templated: bool = False) -> Request:
        """Returns the request for the page at a position.

        Args:
            request: The request without a position.
            position: The position of the page.
            templated: True if the request has templates that insert the position.
        """

    def next(self, page: Page) -> Next:
        """Returns the position of the next page, or why there is none."""

    def back(self, position: Position) -> Position:
        """Returns the position of the page that holds the row before a position."""

    def after(self, position: Position | None, size: int) -> Position | None:
        """Returns the position after a page with `size` records; None if only the response can tell."""

    def pages_left(self, page: Page) -> int | None:
        """Returns the number of pages still to read, if the API says so."""

    def total(self, page: Page) -> int | None:
        """Returns the total number of records, if the API says so."""

    def reached(self, page: Page) -> bool:
        """True if the total that the config names is reached with this page."""


class Paginator(Model):
    """Base of all paginators: the page size, and the fields that say whether there is more."""

    page_size_param: str | None = None
    """Parameter for the page size."""
    page_size: PositiveInt | None = None
    """Number of records to request per page."""
    location: In = "query"
    """Place of the paging parameters. In a JSON body, dots lead into nested objects (`page.cursor`). In GraphQL they
    are variables."""
    more_path: Path | None = None
    """Path of the flag that is true while there are more pages, such as `has_more`."""
    end_path: Path | None = None
    """Path of the flag that is true on the last page, such as `isLast`."""
    total_path: Path | None = None
    """Path of the total number of records. Null is no total, nor need pages after the first have one."""
    total_pages_path: Path | None = None
    """Path of the total number of pages. Null is no total, nor need pages after the first have one."""
    stop_on_short_page: bool = False
    """Treat a page with fewer records than `page_size` as the last. Safe only if the API never limits the page size."""
    stop_on_empty_page: bool = False
    """Treat a page without records as the last, even if it has a token, a link or a total that was not reached."""
    stop_when: PageExpression | None = None
    """An expression that holds for the last page, such as `response.page >= response.pages`. It reads `response`,
    `headers`, `last_record`, `last_page_size`, `page_size` and `next_page_token`; a missing value is null."""
    result_cap: PositiveInt | None = None
    """Largest number of results of one query, such as 10000. Beyond it, the connector queries again from the newest
    cursor value. The endpoint needs `incremental` with `sorted: true`."""

    @model_validator(mode="after")
    def _check_paths(self) -> Self:
        for name, value in vars(self).items():
            if value is not None and name.endswith("_path") and raw_json.WILDCARD in value:
                raise ValueError(f"`{name}` must lead to one value, so it cannot contain `*`. Use an expression")
        return self

    @model_validator(mode="after")
    def _check_complete(self) -> Self:
        if type(self).next is Paginator.next and type(self).following is Paginator.following:
            raise ValueError(f"`{type(self).__name__}` needs a method `following` that returns the next position")
        return self

    def first(self) -> Position | None:
        """Returns the position of the first page; None if the first request has none."""
        return None

    def following(self, page: Page) -> Next:
        """Returns the position of the next page; called only if no signal says that this is the last."""
        raise NotImplementedError

    def next(self, page: Page) -> Next:
        """Returns the position of the next page, or why there is none.

        Raises:
            ConfigError: The page lacks a field that the config names.
        """
        return self._capped(page, self._end(page) or self.following(page))

    shifts: ClassVar[Literal["row", "page"] | None] = None
    """The unit of positions, if inserted or deleted rows shift the rows behind them; otherwise None."""

    def back(self, position: Position) -> Position:
        """Returns the position of the page that holds the row before a position."""
        return position

    def after(self, position: Position | None, size: int) -> Position | None:  # noqa: ARG002
        """Returns the position after a page with `size` records; None if only the response can tell."""
        return None

    def pages_left(self, page: Page) -> int | None:
        """Returns the number of pages still to read, if the body or `result_cap` says so."""
        size = self.page_size or len(page) or 1
        within = [] if self.result_cap is None else [(self.result_cap - self._reach(page)) // size]
        if (pages := self._count(page, self.total_pages_path)) is not None:
            within.append(pages - page.number)
        elif len(page) and (total := self._count(page, self.total_path)) is not None:
            within.append(-(-(total - page.records_so_far) // len(page)))
        return max(min(within), 0) if within else None

    def total(self, page: Page) -> int | None:
        """Returns the total number of records from `total_path` or a usual header; None if neither has it.

        Raises:
            ConfigError: The value at `total_path` is not a count.
        """
        total = self._count(page, self.total_path)
        return header_total(page.response.headers) if total is None else total

    def reached(self, page: Page) -> bool:
        """True if the total that the config names is reached with this page. The total may be capped or wrong."""
        total, pages = self._count(page, self.total_path), self._count(page, self.total_pages_path)
        if self.total_path is not None and total is not None and page.rows_so_far >= total:
            return not is_lower_bound(page, self.total_path)
        return pages is not None and page.number >= pages

    @staticmethod
    def _count(page: Page, path: Path | None) -> int | None:
        return None if path is None else signals.count(page, path)

    @property
    def has_signals(self) -> bool:
        """True if the config names a field that says whether there is more."""
        return bool(self._signals)

    @property
    def _signals(self) -> list[Path]:
        return [path for path in (self.more_path, self.end_path, self.total_path, self.total_pages_path) if path]

    @property
    def in_body(self) -> bool:
        """True if paging parameters go into the request's body."""
        return self.location == "body"

    def _sized(self, request: Request) -> Request:
        if self.page_size is None or self.page_size_param is None:
            return request
        return request.with_value(self.location, self.page_size_param, self.page_size)

    def _asked(self, request: Request, name: str, position: Position | None) -> Request:
        """Returns the request with the page size, and with the position if there is one."""
        sized = self._sized(request)
        return sized if position is None else sized.with_value(self.location, name, position)

    def _end(self, page: Page) -> End | None:
        """Returns the end, if a signal that the config names says that this page is the last."""
        if self.more_path is not None and not signals.flag(page, self.more_path, "more_path"):
            return End(f"`{'.'.join(self.more_path)}` is false", said=True)
        if self.end_path is not None and signals.flag(page, self.end_path, "end_path"):
            return End(f"`{'.'.join(self.end_path)}` is true", said=True)
        if self.reached(page) and not self._is_full(page):
            return End("total reached", said=True)
        if self.stop_when is not None and page_expressions.holds(self.stop_when, page, self.page_size):
            return End("`stop_when` holds", said=not page_expressions.reads_nothing(self.stop_when, page))
        if self.stop_on_empty_page and page.is_empty:
            return End("empty page", said=True)
        if self.stop_on_short_page and self.page_size is not None and len(page) < self.page_size:
            beyond = self.following(page)
            return End("short page", guessed=True, beyond=None if isinstance(beyond, End) else beyond)
        return None

    def _is_full(self, page: Page) -> bool:
        """True if the page may be full: as large as the page size or an earlier page.

        Totals may be capped, so a reached total proves the end only if the page is not full.
        """
        if self.page_size is not None or page.largest_before:
            sizes = [size for size in (self.page_size, page.largest_before) if size]
            return len(page) >= min(sizes)
        return len(page) >= _SMALLEST_PAGE and len(page) % _SIZE_STEP == 0

    def _reach(self, page: Page) -> int:
        """Returns the number of results up to the end of a page, as the API counts them."""
        return page.records_so_far

    def _capped(self, page: Page, following: Next) -> Next:
        """Returns the next position, or the end if the next page would exceed `result_cap`.

        An end at the cap proves nothing, because totals and tokens stop there too.
        """
        if self.result_cap is None:
            return following
        if isinstance(following, End):
            below = page.records_so_far < self.result_cap
        else:
            below = self._reach(page) + (self.page_size or 1) <= self.result_cap
        if below:
            return following
        reason = f"{counted(page.records_so_far, 'record')}, and `result_cap` is {self.result_cap}"
        return End(reason, said=True, capped=True)

    def _window(self, page: Page) -> int:
        """Returns the largest number of records that a page may have, as far as known."""
        return page.largest_before or self.page_size or 1

    def _empty(self, page: Page, beyond: Position | None = None, reach: int | None = None) -> End | None:
        """Returns the end, if the page is empty and no signal says that there is more.

        Args:
            page: The page.
            beyond: The position after it, if no record is needed to know it.
            reach: See `End.reach`.
        """
        if not page.is_empty:
            return None
        counts = {self.total_path, self.total_pages_path}
        names = [
            ".".join(path) for path in self._signals if path not in counts or signals.count(page, path) is not None
        ]
        if not names:
            return End("empty page", guessed=True, beyond=beyond, reach=reach)
        total = self.total(page)
        if beyond is not None and (total is None or reach is None or reach < total):
            return None
        return End("empty page", guessed=True, contradicted_by=names[0])
