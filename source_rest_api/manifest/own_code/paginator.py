"""Pagination strategies of a connector's `components.py`."""

import inspect
from typing import Any, Literal

import msgspec

from source_rest_api.formats.json_value import JsonValue
from source_rest_api.http.request import Request
from source_rest_api.manifest.own_code.component import response_of
from source_rest_api.pagination.page import End, Next, Page, Position, plain
from source_rest_api.pagination.paginator import Paginator


class OwnPaginator(Paginator):
    """Asks a class of the connector for the token of the next page, and puts it where a standard paginator does."""

    type: Literal["components.py"] = "components.py"
    strategy: Any
    placing: Any
    """The standard paginator."""

    def first(self) -> Position | None:
        """Returns the token of the first page, if the class has one.

        Raises:
            SourceError: The class fails.
        """
        first: Position | None = self.strategy.call(lambda strategy: _position(strategy.initial_token))
        return first

    def place(self, request: Request, position: Position | None, *, templated: bool = False) -> Request:
        """Returns the request with the token of its page."""
        placed: Request = self.placing.place(request, position, templated=templated)
        return placed

    def following(self, page: Page) -> Next:
        """Returns the token of the next page, or the end.

        Raises:
            SourceError: The class fails.
        """
        token = self.strategy.call(lambda strategy: _position(_next(strategy.next_page_token, page)))
        return End("the connector's own code names no further page", said=True) if token is None else token


def _next(ask: Any, page: Page) -> Any:
    """Returns what a class gives; of the arguments it gets those that it takes."""
    last = msgspec.json.decode(page.records[-1]) if page.records else None
    arguments = {
        "response": response_of(page.response),
        "last_page_size": len(page),
        "last_record": last,
        "last_page_token_value": plain(page.position),
        "last_records": [] if last is None else [last],
    }
    taken = inspect.signature(ask).parameters
    return ask(**{name: value for name, value in arguments.items() if name in taken})


def _position(token: Any) -> Position | None:
    if token is None or token is False or token == "":
        return None
    if isinstance(token, int | str):
        return token
    return JsonValue.of(token)
