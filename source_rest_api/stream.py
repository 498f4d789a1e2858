"""Reads one stream: partitions x slices x pages. No threads, no messages."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from source_rest_api.checkpoint import Checkpoints
from source_rest_api.continuation import check_end
from source_rest_api.cursors import Mark, Slice
from source_rest_api.decoders import Json
from source_rest_api.envelope import Envelope
from source_rest_api.ledger import Ledger
from source_rest_api.loop_guard import LoopGuard
from source_rest_api.page import End, Next, Page, Position, Response
from source_rest_api.paging import paths
from source_rest_api.parent_record import Copier
from source_rest_api.parents import Parents
from source_rest_api.partitions import Partition, Partitions
from source_rest_api.place import Place
from source_rest_api.record_changes import RecordChanges
from source_rest_api.request_builder import RequestBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from source_rest_api.checkpoint import Checkpoint
    from source_rest_api.config import Config
    from source_rest_api.endpoint import Endpoint
    from source_rest_api.requester import Requester
    from source_rest_api.state import StreamState

_LOG = logging.getLogger("airbyte.source_rest_api.stream")


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one page, ready to be emitted."""

    records: list[Raw]


class Stream:
    """One endpoint, read through a requester.

    Args:
        config: The API.
        endpoint: What to read.
        requester: How to ask.
        raw_config: The config as the user wrote it, for templates.
        now: The moment up to which it is read.
        parents: Reads the streams above, once for all streams that are made with it.
    """

    def __init__(
        self,
        config: Config,
        endpoint: Endpoint,
        requester: Requester,
        raw_config: Mapping[str, Any],
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        parents: Parents | None = None,
    ) -> None:
        endpoint = endpoint.filled(raw_config)
        self.name = endpoint.name
        self.endpoint = endpoint
        self.ledger = Ledger()
        self._config = config
        self._raw_config = raw_config
        self._requester = requester
        self._requests = RequestBuilder(config, endpoint, raw_config)
        self._now = now
        self._paginator = endpoint.pagination or config.pagination
        self._envelope = Envelope(Json(), endpoint.selector, paths(self._paginator))
        self._changes = RecordChanges(endpoint, self.ledger) if endpoint.changes_records else None
        parents = parents or Parents(config, lambda above, p: Stream(config, above, requester, raw_config, now, p))
        self._partitions = Partitions(config, endpoint, raw_config, parents)

    def read(self, state: StreamState, *, incremental: bool) -> Iterator[Batch | Checkpoint]:
        """All records that are newer than the state, page by page; after each slice the state that covers it.

        Raises:
            SourceError: With stream, request and page. The state has not moved past what was yielded before.
        """
        checkpoints = Checkpoints(state)
        started = self._now()
        try:
            for partition in self.partitions():
                self.ledger.partitions += 1
                cursor = state.get(partition.key) if incremental else None
                for interval in self._slices(cursor, started):
                    newest = yield from self._batches(partition, interval, checkpoints)
                    if incremental and newest is not None:
                        checkpoints.advance(partition.key, self._not_after(started, newest))
                    yield from checkpoints.due()
        except Exception:
            yield from checkpoints.rest()
            raise
        yield from checkpoints.last(self._now(), incremental=incremental)

    def _batches(
        self, partition: Partition, interval: Slice, checkpoints: Checkpoints
    ) -> Generator[Batch, None, Mark | None]:
        """The pages of one slice, ready to be emitted; returns the newest cursor value."""
        newest: Mark | None = None
        for page in self.pages(partition, interval):
            with self._place(page):
                records, mark = self._observed(page, interval)
                batch = Batch(self.completed(records, partition, interval))
            newest = self.endpoint.incremental.later(newest, mark) if self.endpoint.incremental else None
            self.ledger.records += len(records)
            checkpoints.count(len(records))
            yield batch
        return newest

    def partitions(self) -> Iterator[Partition]:
        """What the stream is read for, each once."""
        return iter(self._partitions)

    def pages(self, partition: Partition, interval: Slice) -> Iterator[Page]:
        """The pages of one slice, to the end that the API gives.

        Raises:
            SourceError: An answer is unusable, paging does not advance, or it ends beside signs of more.
        """
        guard = LoopGuard(self._paginator.repeats)
        position, number, before = self._paginator.first(), 1, 0
        while True:
            for page in self._answer(partition, interval, position, number, before):
                if not page.earlier:
                    with self._place(page):
                        guard.check(page)
                    self.ledger.pages += 1
                yield page
            following = self.following(page)
            if isinstance(following, End):
                return
            position, number, before = following, number + 1, page.records_so_far

    def first_page(self, partition: Partition) -> Page:
        """The first page of everything, or what came of it first."""
        interval = next(iter(self._slices(None, self._now())))
        return next(self._answer(partition, interval, self._paginator.first(), 1, 0))

    def missing_copies(self, partition: Partition) -> Iterator[str]:
        """The names in `include_from_parent` whose field the parent's record does not have."""
        return self._partitions.missing_copies(partition)

    def completed(self, records: list[Raw], partition: Partition, interval: Slice) -> list[Raw]:
        """Records as they are emitted: filtered, changed, with what is copied from parents and lists.

        Raises:
            ConfigError: Two fields would be in one place, or a template cannot be filled.
        """
        copy = Copier(partition.copies).copy_into if partition.copies else None
        if self._changes is not None:
            return self._changes.apply(records, self._requests.names(partition, interval), copy)
        return records if copy is None else [copy(record) for record in records]

    def following(self, page: Page) -> Next:
        """Where to go on after a page.

        Raises:
            ConfigError: It is the end, and the API shows signs of more that the config does not follow.
        """
        with self._place(page):
            following = self._paginator.next(page)
            if isinstance(following, End):
                self._check_end(page, following)
            return following

    def _place(self, page: Page) -> Place:
        return Place(self.name, str(page.request), f"page {page.number}")

    def _answer(
        self, partition: Partition, interval: Slice, position: Position | None, number: int, before: int
    ) -> Iterator[Page]:
        """The page that answers a request; in parts, where the format is read while it arrives."""
        with Place(self.name):
            request = self._requests.build(partition, interval, position)
        with Place(self.name, str(request), f"page {number}"):
            decoder = self.endpoint.decoder
            if isinstance(decoder, Json):

                def read(response: Response) -> Page:
                    if response.status == HTTPStatus.NO_CONTENT:
                        return Page(request, response, Raw(b"null"), [], position, number, before)
                    body = self._envelope.open(response)
                    return Page(request, response, body.root, body.records, position, number, before, known=body.known)

                yield self._requester.fetch(request, read)
                return
            pages = decoder.pages

            def parts(response: Response) -> Iterator[Page]:
                page = Page(request, response, Raw(b"null"), [], position, number, before)
                return page.parts(pages(response))

            yield from self._requester.stream(request, parts)

    def _slices(self, cursor: str | None, now: datetime) -> Iterable[Slice]:
        incremental = self.endpoint.incremental
        if incremental is None:
            return [Slice()]
        saved = None if cursor is None else incremental.mark(cursor)
        whole = incremental.bounds(saved, self._config.start_date, now, {"config": self._raw_config})
        return incremental.windows(whole)

    def _observed(self, page: Page, interval: Slice) -> tuple[list[Raw], Mark | None]:
        incremental = self.endpoint.incremental
        if incremental is None:
            return page.records, None
        observation = incremental.observe(page, interval)
        if observation.unreadable and not self.ledger.unreadable_cursors:
            _LOG.warning(
                "Stream %s: records without a readable `%s`; they are emitted, and do not move the state.",
                self.name,
                ".".join(incremental.cursor_field or ()),
            )
        self.ledger.unreadable_cursors += observation.unreadable
        return observation.records, observation.newest

    def _not_after(self, now: datetime, newest: Mark) -> str:
        """The state's text: never after the read began, or what comes until then would never be read."""
        assert self.endpoint.incremental is not None  # noqa: S101 -- or there would be no mark
        clamped = self.endpoint.incremental.clamp(newest, now)
        if clamped != newest and self.endpoint.incremental.clamp(newest, self._now()) != newest:
            _LOG.warning(
                "Stream %s: a record's cursor %s is in the future; the state stays at now.",
                self.name,
                newest.text,
            )
        return clamped.text

    def _check_end(self, page: Page, end: End) -> None:
        self.ledger.ends[end.reason] = self.ledger.ends.get(end.reason, 0) + 1
        doubt = check_end(page, end, paged=self._paginator.type != "none")
        if doubt is not None:
            _LOG.warning("Stream %s: the pages ended (%s), but %s.", self.name, end.reason, doubt)
