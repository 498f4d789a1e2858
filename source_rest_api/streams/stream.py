"""One endpoint, read as one stream: its partitions, its slices, and the pages of each. No threads, no messages."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from source_rest_api.cursors.cursors import Slice
from source_rest_api.errors import ConfigError
from source_rest_api.state import state
from source_rest_api.state.progress import Progress
from source_rest_api.state.progress_events import Planned
from source_rest_api.streams import resume
from source_rest_api.streams.endpoint_reader import EndpointReader
from source_rest_api.streams.parents import Parents
from source_rest_api.streams.partitions import Partitions
from source_rest_api.streams.request_builder import RequestBuilder
from source_rest_api.streams.resume import SliceTask
from source_rest_api.streams.slice_checks import CursorBoundary
from source_rest_api.streams.slice_reader import SliceReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from msgspec import Raw

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.contract import CursorProtocol
    from source_rest_api.cursors.cursors import CursorValue
    from source_rest_api.http.requester import Requester
    from source_rest_api.pagination.page import Page
    from source_rest_api.state.progress import KnownRows
    from source_rest_api.state.state import SliceState, StreamState
    from source_rest_api.streams.batch import Batch, Partition


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
        self.now = now
        self.reader = EndpointReader(
            config, endpoint, RequestBuilder(config, endpoint, raw_config), requester, mask, now
        )
        self.stats = self.reader.stats
        self._config = config
        self._raw_config = raw_config

        def make(endpoint: Endpoint, parents: Parents) -> Stream:
            return Stream(config, endpoint, requester, raw_config, now, mask, parents)

        self._make = make
        self.parents = parents or Parents(config, make)
        self._partitions = Partitions(config, endpoint, raw_config, self.parents)

    def beside(self, endpoint: Endpoint) -> Stream:
        """Makes the stream of another endpoint, which shares the requester and the reads of parents."""
        return self._make(endpoint, self.parents)

    def progress(
        self,
        saved: Mapping[str, Any] | None,
        *,
        incremental: bool,
        known_rows: Callable[[StreamState, datetime], KnownRows | None] | None = None,
    ) -> Progress:
        """The progress of a read that goes on from a state.

        Args:
            saved: The state.
            incremental: True if the sync mode is.
            known_rows: Makes the rows that the destination has, where deleted ones are to be reported.

        Raises:
            ConfigError: The state is not one of this stream.
        """
        loaded = state.load(self.name, saved)
        cursor, now, known, since = self.endpoint.incremental, self.now(), None, None
        if cursor is not None:
            if incremental:
                loaded = resume.fitting(self.name, loaded, cursor)
            try:
                for text in loaded.texts():
                    cursor.mark(text)
                if known_rows is not None and incremental:
                    known = known_rows(loaded, now)
            except ValueError as error:
                raise state.foreign(self.name, saved, str(error)) from None
            resume.warn_of_future(self.name, loaded, cursor, now)
            if incremental:
                since = self._since(loaded, cursor, now)
        fingerprint = resume.fingerprint(self._config, self.endpoint, self.reader.paginator)
        return Progress(
            loaded,
            cursor if incremental else None,
            fingerprint,
            now,
            known,
            since,
            lag=lambda: self.reader.clock.behind,
        )

    def plan(
        self, progress: Progress, reach: int, keys_of: Callable[[Sequence[Raw]], Sequence[bytes]] = lambda _: ()
    ) -> Iterator[SliceReader | Planned]:
        """The slices to read, and for each partition their number after the last.

        Args:
            progress: Where earlier syncs came.
            reach: Pages of a slice that may be asked for at the same time.
            keys_of: Gives the keys of emitted records, where deleted rows are followed.
        """
        now = self.now()
        for partition in self.partitions():
            self.stats.add(partitions=1)
            if progress.is_done(partition.key):
                continue
            saved = progress.saved(partition.key, partition.records)
            digests = progress.known(partition.key)
            known = CursorBoundary(saved, digests) if saved is not None and digests else None
            whole, entries = self._left(progress, saved, now, partition)
            count = 0
            for task in resume.tasks(whole, entries, self.endpoint.incremental):
                count += 1
                yield SliceReader(self.reader, partition, task, known, reach, keys_of)
            yield Planned(partition.key, count)

    def _since(self, loaded: StreamState, cursor: CursorProtocol, now: datetime) -> str | None:
        """The start that the cursors will cover, if it is the same for all partitions."""
        try:
            first = cursor.bounds(None, self._config.start_date, now, {"config": self._raw_config})
        except ConfigError:  # it depends on the parent's record
            return loaded.start
        return resume.start(self.name, loaded, cursor, first)

    def _left(
        self, progress: Progress, saved: CursorValue | None, now: datetime, partition: Partition
    ) -> tuple[Slice, list[SliceState]]:
        """The interval that a partition's state leaves to read, and what of it was read before."""
        whole, entries = self._whole(saved, now, partition), progress.earlier.get(partition.key, [])
        cursor = self.endpoint.incremental
        if saved is None or cursor is None:
            return whole, entries
        first = self._whole(None, now, partition)
        covered = resume.covered(progress.start, cursor, whole, first)
        return (whole, entries) if covered is None else (Slice(first.start, whole.end), [*entries, covered])

    def batches(self, partition: Partition, interval: Slice) -> Iterator[Batch]:
        """All records of one slice, page after page."""
        return SliceReader(self.reader, partition, SliceTask(interval), None, 1).read()

    def sample(self) -> Iterator[Batch]:
        """Records to infer a schema from."""
        for partition in self.partitions():
            yield from self.from_start(partition)

    def from_start(self, partition: Partition) -> Iterator[Batch]:
        """All records of a partition, asked for as in a first sync."""
        for task in self._first_tasks(partition):
            yield from self.batches(partition, task.interval)

    def partitions(self) -> Iterator[Partition]:
        """Yields the partitions of the stream, each once."""
        return iter(self._partitions)

    def first_page(self, partition: Partition) -> Page:
        """The first page of everything, or what came of it first."""
        first = next(self._first_tasks(partition))
        return next(self.reader.pages.ask(partition, first.interval, self.reader.paginator.first(), 1))

    def missing_copies(self, partition: Partition) -> Iterator[str]:
        """The names in `include_from_parent` whose field the parent's record does not have."""
        return self._partitions.missing_copies(partition)

    def _first_tasks(self, partition: Partition) -> Iterator[SliceTask]:
        """The slices of a partition that has no state."""
        return resume.tasks(self._whole(None, self.now(), partition), (), self.endpoint.incremental)

    def _whole(self, saved: CursorValue | None, now: datetime, partition: Partition) -> Slice:
        incremental = self.endpoint.incremental
        if incremental is None:
            return Slice()
        context = {"config": self._raw_config, **partition.records}
        return incremental.bounds(saved, self._config.start_date, now, context)
