"""Paginators that follow the URL of the next page, in the body or in the `Link` header."""

from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import model_validator
from typing_extensions import Self

from source_rest_api.errors import ConfigError
from source_rest_api.formats.json_value import JsonValue
from source_rest_api.formats.link_header import resolve
from source_rest_api.http.request import Request
from source_rest_api.model import Path
from source_rest_api.pagination import page_expressions, signals
from source_rest_api.pagination.page import End, Next, Page, Position
from source_rest_api.pagination.paginator import Paginator, only_one


class _Links(Paginator):
    """Base of paginators that follow URLs."""

    keep_params: list[str] = []
    """Parameters of the first page to add to URLs that lack them. Default: URLs are followed unchanged."""

    def place(self, request: Request, position: Position | None, *, templated: bool = False) -> Request:  # noqa: ARG002
        first = self._sized(request)
        if position is None:
            return first
        url = str(position)
        own = parse_qs(urlsplit(url).query, keep_blank_values=True)
        kept = {name: first.params[name] for name in self.keep_params if name in first.params and name not in own}
        return request.at_url(url).with_params(**kept)


class NextUrl(_Links):
    """Follows the URL of the next page in the body, absolute or relative. No URL, null or "" is the end."""

    type: Literal["next_url"] = "next_url"
    next_url_path: Path | None = None
    """Path of the URL, or of an object with the URL as `href`, such as `links.next`."""
    next_url: page_expressions.PageExpression | None = None
    """An expression that gives the URL, in place of `next_url_path`, such as `'/items?after=' ~ last_record.id`. It
    reads what `stop_when` reads; null or an empty text is the end."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        only_one(self, "next_url_path", "next_url")
        return self

    def following(self, page: Page) -> Next:
        following = self._url(page)
        if isinstance(following, JsonValue):
            raise ConfigError("`pagination.next_url` gives an array or an object where a URL was expected: change it.")
        return following if isinstance(following, End) else resolve(page.base_url, str(following))

    def _url(self, page: Page) -> Next:
        if self.next_url_path is not None:
            return signals.url(page.raw(self.next_url_path), self.next_url_path, "next_url_path")
        return page_expressions.position(self.next_url or "", page, self.page_size, "next_url")


class LinkHeader(_Links):
    """Follows the `Link` header with rel="next" (RFC 8288). No such link is the end."""

    type: Literal["link_header"] = "link_header"

    def following(self, page: Page) -> Next:
        return page.link("next") or End("no next link")
