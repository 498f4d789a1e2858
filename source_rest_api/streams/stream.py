"""One endpoint, read as one stream: its partitions, its slices, and the pages of each. No threads, no messages."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from source_rest_api.cursors.cursors import Slice
from source_rest_api.deletions import row_keys
from source_rest_api.deletions.sweep import Sweep
from source_rest_api.errors import ErrorContext
from source_rest_api.pagination.end_check import check_end, says_more
from source_rest_api.pagination.page import End, Next, Page, Position
from source_rest_api.pagination.signs import find_sign
from source_rest_api.read_stats import ReadStats
from source_rest_api.state import state
from source_rest_api.state.progress import Progress
from source_rest_api.state.progress_events import Planned
from source_rest_api.streams import resume
from source_rest_api.streams.emission import RecordEmitter
from source_rest_api.streams.loop_guard import LoopGuard
from source_rest_api.streams.page_source import PageSource
from source_rest_api.streams.parents import Parents
from source_rest_api.streams.partitions import Partitions
from source_rest_api.streams.request_builder import RequestBuilder
from source_rest_api.streams.resume import SliceTask
from source_rest_api.streams.slice_checks import CursorBoundary
from source_rest_api.streams.slice_reader import SliceReader

if TYPE_CHECKING:
    from source_rest_api.streams.batch import Partition
    from collections.abc import Callable, Iterator, Mapping

    from msgspec import Raw

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.cursors import CursorValue, PageCursors
    from source_rest_api.deletions.sweep import Step
    from source_rest_api.http.requester import Requester
    from source_rest_api.streams.batch import Batch

_LOG = logging.getLogger("airbyte.source_rest_api.streams.stream")


class Stream:
    """One endpoint, read through a requester.

    Args:
        config: The API.
        endpoint: What to read.
        requester: How to ask.
        raw_config: The config as the user wrote it, for templates.
        now: The moment up to which it is read.
        mask: Hides the secrets of a text.
        parents: Reads the streams above, once for all streams that are made with it.
    """

    def __init__(
        self,
        config: Config,
        endpoint: Endpoint,
        requester: Requester,
        raw_config: Mapping[str, Any],
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        mask: Callable[[str], str] = lambda text: text,
        parents: Parents | None = None,
    ) -> None:
        endpoint = endpoint.filled(raw_config)
        self.name = endpoint.name
        self.endpoint = endpoint
        self.ledger = ReadStats()
        self.paginator = endpoint.pagination or config.pagination
        self._config = config
        requests = RequestBuilder(config, endpoint, raw_config)
        self.pages = PageSource(endpoint, self.paginator, requests, requester, self.ledger)
        self.emission = RecordEmitter(endpoint, config.limits, requests, self.ledger)
        self._raw_config = raw_config
        self._now = now
        self._mask = mask

        def other(endpoint: Endpoint, parents: Parents) -> Stream:
            return Stream(config, endpoint, requester, raw_config, now, mask, parents)

        shared = parents or Parents(config, other)
        self._partitions = Partitions(config, endpoint, raw_config, shared)
        self.sweep = (
            None
            if endpoint.deletions is None
            else Sweep(endpoint, lambda swept: other(swept, shared), self.ledger, shared)
        )

    @property
    def in_order(self) -> bool:
        """Whether the config says that records come oldest first."""
        return self.endpoint.incremental is not None and self.endpoint.incremental.in_order

    @property
    def overlaps(self) -> bool:
        """Whether the last row of each page is asked for again with the next one, to notice rows that moved."""
        wished: bool | None = getattr(self.paginator, "overlap", None)
        return self.paginator.shifts == "row" and bool(self.endpoint.primary_key) if wished is None else wished

    def progress(self, saved: Mapping[str, Any] | None, *, incremental: bool) -> Progress:
        """The progress of a read that goes on from a state.

        Raises:
            ConfigError: The state is not one of this stream.
        """
        loaded = state.load(self.name, saved)
        cursor, now, inventory = self.endpoint.incremental, self._now(), None
        if cursor is not None:
            try:
                for text in loaded.texts():
                    cursor.mark(text)
                if self.sweep is not None and incremental:
                    inventory = self.sweep.inventory(loaded, now)
            except ValueError as error:
                raise state.foreign(self.name, saved, str(error)) from None
        of = resume.depends_on(self._config, self.endpoint, self.paginator)
        return Progress(loaded, cursor if incremental else None, of, now, inventory)

    def plan(self, progress: Progress, reach: int) -> Iterator[Step]:
        """The slices to read, and for each partition their number after the last; then a sweep, if it is due.

        Args:
            progress: Where earlier syncs came.
            reach: Pages of a slice that may be asked for at the same time.
        """
        now = self._now()
        for partition in self.partitions():
            self.ledger.add(partitions=1)
            if progress.is_done(partition.key):
                continue
            saved = progress.saved(partition.key)
            digests = progress.known(partition.key)
            known = CursorBoundary(saved, digests) if saved is not None and digests else None
            whole = self._whole(saved, now, partition)
            count = 0
            for task in resume.tasks(whole, progress.earlier.get(partition.key, ()), self.endpoint.incremental):
                count += 1
                yield SliceReader(self, partition, task, known, reach)
            yield Planned(partition.key, count)
        if self.sweep is not None and progress.inventory is not None:
            yield from self.sweep.steps(progress.inventory, self._now, reach)

    def batches(self, partition: Partition, interval: Slice) -> Iterator[Batch]:
        """All records of one slice, page after page."""
        return SliceReader(self, partition, SliceTask(interval), None, 1).read()

    def sample(self) -> Iterator[Batch]:
        """Records to infer a schema from."""
        for partition in self.partitions():
            yield from self.from_start(partition)

    def from_start(self, partition: Partition) -> Iterator[Batch]:
        """All records of a partition, asked for as in a first sync."""
        for task in self._first_tasks(partition):
            yield from self.batches(partition, task.interval)

    def partitions(self) -> Iterator[Partition]:
        """What the stream is read for, each once."""
        return iter(self._partitions)

    def first_page(self, partition: Partition) -> Page:
        """The first page of everything, or what came of it first."""
        first = next(self._first_tasks(partition))
        return next(self.pages.ask(partition, first.interval, self.paginator.first(), 1))

    def missing_copies(self, partition: Partition) -> Iterator[str]:
        """The names in `include_from_parent` whose field the parent's record does not have."""
        return self._partitions.missing_copies(partition)

    def following(self, page: Page) -> Next:
        """Where to go on after a page. An end has to be checked by `end`."""
        with self.place(page):
            following = page.last_of_all or self.paginator.next(page)
            if isinstance(following, End) and following.beyond is not None and says_more(page, following) is not None:
                return following.beyond
            return following

    def end(self, page: Page, end: End) -> End:
        """Note the end of a slice.

        Raises:
            ConfigError: The API shows signs of more that the config does not follow.
        """
        self.ledger.end(end)
        if end.capped and self.in_order:  # the slice goes on from its newest record
            return end
        doubt = check_end(page, end, paged=self.paginator.type != "none")
        if doubt is not None:
            self.ledger.add(doubts=1)
            _LOG.warning("Stream %s: the pages ended (%s), but %s.", self.name, end.reason, doubt)
        return end

    def repeated_last_page(self, page: Page) -> End | None:
        """Returns the end, if the API gives its last page again for each page number or offset beyond it.

        That is proven only where rows have a key, and nothing in the response says that there is more.
        """
        counted = self.endpoint.primary_key and self.paginator.shifts is not None
        if not counted or self.paginator.has_signals or find_sign(page) is not None:
            return None
        _LOG.info("Stream %s: page %d repeats the one before, so that was the last page.", self.name, page.number)
        end = End("the API repeats its last page", guessed=True)
        self.ledger.end(end)
        return end

    def loop_guard(self) -> LoopGuard:
        """Ends the paging of one slice where it does not advance."""
        key = self.identity if self.endpoint.primary_key else None
        return LoopGuard(self.paginator, self._config.limits, key)

    def place(self, page: Page) -> ErrorContext:
        """Says of errors where they happened."""
        return ErrorContext(self.name, page.request, f"page {page.number}")

    def identity(self, record: Raw) -> bytes:
        """What tells a record from others: its primary key, or all of it."""
        return row_keys.identity(record, self.endpoint.primary_key)

    def may_keep(self, position: Position) -> bool:
        """Whether a position may stand in the state: it holds no secret."""
        return isinstance(position, int) or self._mask(position) == position

    def observe(self, page: Page, interval: Slice) -> PageCursors | None:
        """What the cursor values of a page tell."""
        incremental = self.endpoint.incremental
        if incremental is None:
            return None
        observation = incremental.observe(page, interval)
        new = self.ledger.unreadable(observation.unreadable, observation.examples)
        if new:
            _LOG.warning(
                "Stream %s: records without a readable `%s`, with %s there: emitted, but they do not move the state.",
                self.name,
                ".".join(incremental.cursor_field or ()),
                ", ".join(new),
            )
        return observation

    def _first_tasks(self, partition: Partition) -> Iterator[SliceTask]:
        """The slices of a partition that has no state."""
        return resume.tasks(self._whole(None, self._now(), partition), (), self.endpoint.incremental)

    def _whole(self, saved: CursorValue | None, now: datetime, partition: Partition) -> Slice:
        incremental = self.endpoint.incremental
        if incremental is None:
            return Slice()
        context = {"config": self._raw_config, **partition.records}
        return incremental.bounds(saved, self._config.start_date, now, context)
