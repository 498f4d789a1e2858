"""The cursor on an opaque token of the API."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import model_validator
from typing_extensions import Self

from source_rest_api.cursors.slices import CursorValue, PageCursors, Slice
from source_rest_api.formats import raw_json
from source_rest_api.http.request import Request
from source_rest_api.model import Model, Path
from source_rest_api.pagination.page import Page
from source_rest_api.pagination.paginator import In


class TokenCursor(Model):
    """Reads by a token that the API returns with each response (a delta or sync token).

    The next sync sends the last token.
    """

    type: Literal["token"] = "token"
    token_path: Path | None = None
    """Path of the token in the body, such as `nextSyncToken`. Pages without a token are ignored."""
    token_header: str | None = None
    """Response header that contains the token."""
    start_param: str | None = None
    """Parameter for the token, such as `syncToken`. Without it, the token is the URL to request, as in OData's delta
    links."""
    location: In = "query"
    """Place of the parameter. In a JSON body, dots lead into nested objects. In GraphQL it is a variable."""

    cursor_field: ClassVar[None] = None
    in_order: ClassVar[bool] = False
    newest_first: ClassVar[bool] = False
    forgettable: ClassVar[bool] = True

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if (self.token_path is None) == (self.token_header is None):
            raise ValueError("needs either `token_path` or `token_header`")
        return self

    @property
    def source(self) -> str:
        """The path or the header that holds the token."""
        return ".".join(self.token_path or (self.token_header or "",))

    @property
    def in_body(self) -> bool:
        """True if the cursor adds its parameter to the body."""
        return self.location == "body" and self.start_param is not None

    def filled(self, context: Mapping[str, Any]) -> Self:  # noqa: ARG002
        """Returns the cursor unchanged: it has no templates."""
        return self

    def mark(self, text: str) -> CursorValue:
        """Parses a cursor value from the state: any text is a token."""
        return CursorValue(text, text)

    def bounds(
        self,
        saved: CursorValue | None,
        start_date: str | None,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        context: Mapping[str, Any],  # noqa: ARG002
    ) -> Slice:
        """Returns the interval of this sync: everything, or the changes since the token."""
        return Slice(saved)

    def windows(self, whole: Slice) -> Iterator[Slice]:
        """Yields the whole interval as the only slice."""
        yield whole

    def clamp(self, mark: CursorValue, now: datetime) -> CursorValue:  # noqa: ARG002
        """Returns the value unchanged: a token cannot lie in the future."""
        return mark

    def at_deletion(self, now: datetime, newest: CursorValue | None) -> None:
        """Returns None: delete records have no cursor field to fill."""

    def written_like(self, mark: CursorValue, sample: str | None) -> CursorValue:  # noqa: ARG002
        """Returns the value unchanged: tokens are not computed."""
        return mark

    def unfiltered(self, seen: PageCursors, interval: Slice) -> None:
        """Returns None: a token's changes are what the API says they are."""

    def later(self, one: CursorValue | None, other: CursorValue | None) -> CursorValue | None:
        """Returns the value that counts of two that were seen in this order: the last."""
        return other or one

    def place(self, request: Request, interval: Slice) -> Request:
        """Adds the token to a request, to receive only the changes since then."""
        if interval.start is None:
            return request
        if self.start_param is None:
            return request.at_url(interval.start.text)
        return request.with_value(self.location, self.start_param, interval.start.text)

    def times(self, interval: Slice) -> dict[str, str]:
        """Returns the interval for templates."""
        return {} if interval.start is None else {"start_time": interval.start.text}

    def problems(self, start_date: str | None, *, templated: bool) -> Iterator[str]:  # noqa: ARG002
        """Returns no conflicts with the rest of the config."""
        return iter(())

    def observe(self, page: Page, interval: Slice) -> PageCursors:  # noqa: ARG002
        """Returns the page's token; its records have no cursor value."""
        text = self._token(page)
        return PageCursors(page.records, [None] * len(page.records), CursorValue(text, text) if text else None)

    def _token(self, page: Page) -> str | None:
        if self.token_path is None:
            return page.response.headers.get(self.token_header or "")
        found = page.raw(self.token_path)
        return None if found is None else raw_json.text(found)
