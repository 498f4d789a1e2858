"""Requests one page of an endpoint, and reads its records from the response."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import Raw
from msgspec.structs import replace

from source_rest_api.errors import ErrorContext
from source_rest_api.pagination.page import Page
from source_rest_api.pagination.paginator import paths
from source_rest_api.records.decoders import Json, WholeBody
from source_rest_api.records.envelope import Envelope
from source_rest_api.records.zip_decoder import Zip
from source_rest_api.streams import grouped_page
from source_rest_api.streams.body_watch import BodyWatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.cursors import Slice
    from source_rest_api.http.request import Request
    from source_rest_api.http.requester import Requester
    from source_rest_api.http.response import Response
    from source_rest_api.pagination.page import Position
    from source_rest_api.pagination.paginator import PaginatorProtocol
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.records.decoders import StreamedDecoder
    from source_rest_api.records.opened_body import OpenedBody
    from source_rest_api.streams.batch import Partition
    from source_rest_api.streams.embedded_list import EmbeddedList
    from source_rest_api.streams.request_builder import RequestBuilder
    from source_rest_api.streams.server_clock import ServerClock


class PageSource:
    """Gives pages of one endpoint by their positions."""

    def __init__(
        self,
        endpoint: Endpoint,
        paginator: PaginatorProtocol,
        requests: RequestBuilder,
        requester: Requester,
        stats: ReadStats,
        clock: ServerClock,
        embedded: EmbeddedList,
    ) -> None:
        self._embedded = embedded
        self._first = paginator.first
        self._size: int | None = getattr(paginator, "page_size", None)
        self._clock = clock
        self._watch = BodyWatch(endpoint)
        self._name = endpoint.name
        self._groups = endpoint.field_groups and endpoint.field_groups.merging_by(endpoint.primary_key)
        self._decoder: WholeBody | Zip | StreamedDecoder = endpoint.decoder
        self._selector = endpoint.selector
        whole = endpoint.decoder if isinstance(endpoint.decoder, WholeBody) else Json()
        self._envelope = Envelope(whole, endpoint.selector, paths(paginator))
        self._requests = requests
        self._requester = requester
        self._stats = stats

    @property
    def streamed(self) -> bool:
        """True if responses are streamed, so that a page comes in parts."""
        return not isinstance(self._decoder, WholeBody)

    def _surplus(self, body: OpenedBody) -> int:
        """Returns the number of records beyond the API's rows.

        An API that counts the items of several lists sends no more of them than requested. One that sends more counts
        what holds the lists, or each list alone; to count its rows as items would skip some.
        """
        count, size, selector = len(body.records), self._size, self._selector
        if selector.explode is not None or not selector.merges_lists or size is None or count <= size:
            return body.surplus
        fewest = selector.fewest_rows(body.root)
        return count - fewest if fewest <= size else 0

    def ask(self, partition: Partition, interval: Slice, position: Position | None, number: int) -> Iterator[Page]:
        """Requests a page and yields it; in parts if the response is streamed.

        Args:
            partition: The partition to read.
            interval: The slice to read.
            position: The position of the page in the slice.
            number: The number of the page; the first is 1.

        Raises:
            SourceError: The request failed, or the response is unusable.
        """
        with ErrorContext(self._name):
            request = self._requests.build(partition, interval, position)
        with ErrorContext(self._name, request, f"page {number}"):
            if number == 1 and position == self._first():
                page = self._embedded.page(partition, request, position)
                if page is not None:
                    yield page
                    return
            decoder = self._decoder
            if isinstance(decoder, WholeBody):

                def read(asked: Request, response: Response) -> Page:
                    self._stats.add(bytes=len(response.body))
                    if number == 1:
                        self._clock.note(response.headers)
                    if response.is_empty:
                        return Page(asked, response, Raw(b"null"), [], position, number)
                    body = self._envelope.open(response)
                    self._watch.lists(body.records)
                    whole = Page(asked, response, body.root, body.records, position, number, known=body.known)
                    surplus = self._surplus(body)
                    return replace(whole, surplus=surplus) if surplus else whole

                def fetched(each: Request) -> Page:
                    return self._requester.fetch(each, partial(read, each), self._stats)

                groups = self._groups
                yield fetched(request) if groups is None else grouped_page.read(groups, request, fetched)
                return
            pages = partial(decoder.pages, select=self._selector.select) if isinstance(decoder, Zip) else decoder.pages

            def parts(response: Response) -> Iterator[Page]:
                if number == 1:
                    self._clock.note(response.headers)
                if not isinstance(decoder, Zip) and not response.is_empty:
                    self._watch.frame(response, required=decoder.require_frame)
                response = replace(response, chunks=self._stats.received(response.chunks))
                page = Page(request, response, Raw(b"null"), [], position, number)
                return iter([page]) if response.is_empty else page.parts(pages(response))

            yield from self._requester.stream(request, parts, self._stats)
