"""The cursor that is an opaque token of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import model_validator

from source_rest_api.cursors.slices import CursorValue, PageCursors, Slice
from source_rest_api.formats import raw_json
from source_rest_api.model import Model, Path
from source_rest_api.pagination.paginator import In

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from typing_extensions import Self

    from source_rest_api.http.request import Request
    from source_rest_api.pagination.page import Page


class TokenCursor(Model):
    """By a token that the API gives with its answers (a delta or sync token): the last one is sent in the next sync."""

    type: Literal["token"] = "token"
    token_path: Path | None = None
    """Where the body holds the token, such as `nextSyncToken`. Pages without one are passed over."""
    token_header: str | None = None
    """The header that holds the token."""
    start_param: str | None = None
    """Parameter for the token, such as `syncToken`. Without it the token is the URL to ask, as in
    OData's delta links."""
    location: In = "query"
    """Where the parameter goes. In a JSON body dots lead into inner objects, in GraphQL it is a variable."""

    cursor_field: ClassVar[None] = None
    in_order: ClassVar[bool] = False
    newest_first: ClassVar[bool] = False

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if (self.token_path is None) == (self.token_header is None):
            raise ValueError("needs either `token_path` or `token_header`")
        return self

    @property
    def in_body(self) -> bool:
        """Whether it puts something into the body."""
        return self.location == "body" and self.start_param is not None

    def filled(self, context: Mapping[str, Any]) -> Self:  # noqa: ARG002
        """The cursor: it has no templates."""
        return self

    def mark(self, text: str) -> CursorValue:
        """The mark that a state's text stands for: any text is a token."""
        return CursorValue(text, text)

    def bounds(
        self,
        saved: CursorValue | None,
        start_date: str | None,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        context: Mapping[str, Any],  # noqa: ARG002
    ) -> Slice:
        """What to read in this sync: everything, or what changed since the token."""
        return Slice(saved)

    def windows(self, whole: Slice) -> Iterator[Slice]:
        """The one interval that there is."""
        yield whole

    def clamp(self, mark: CursorValue, now: datetime) -> CursorValue:  # noqa: ARG002
        """The mark: tokens have no now."""
        return mark

    def at_deletion(self, now: datetime, newest: CursorValue | None) -> None:
        """What its field holds for a row that is gone: it has no field."""

    def later(self, one: CursorValue | None, other: CursorValue | None) -> CursorValue | None:
        """The mark that counts of two that were seen one after the other: the last."""
        return other or one

    def place(self, request: Request, interval: Slice) -> Request:
        """Ask for what changed since the token."""
        if interval.start is None:
            return request
        if self.start_param is None:
            return request.at_url(interval.start.text)
        return request.with_value(self.location, self.start_param, interval.start.text)

    def times(self, interval: Slice) -> dict[str, str]:
        """The interval as templates read it."""
        return {} if interval.start is None else {"start_time": interval.start.text}

    def problems(self, start_date: str | None, *, templated: bool) -> Iterator[str]:  # noqa: ARG002
        """What is wrong with it beside the rest of the config: nothing."""
        return iter(())

    def observe(self, page: Page, interval: Slice) -> PageCursors:  # noqa: ARG002
        """The page's token; its records have none."""
        text = self._token(page)
        return PageCursors(page.records, [None] * len(page.records), CursorValue(text, text) if text else None)

    def _token(self, page: Page) -> str | None:
        if self.token_path is None:
            return page.response.headers.get(self.token_header or "")
        found = page.raw(self.token_path)
        return None if found is None else raw_json.text(found)
