"""One endpoint as a stream: its partitions, its slices, and their pages. No threads and no Airbyte messages here."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import cached_property, partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from source_rest_api.config import changed_parents, job_endpoints, whole_endpoint
from source_rest_api.cursors.cursors import Slice
from source_rest_api.errors import ConfigError
from source_rest_api.state import state
from source_rest_api.state.parent_positions import ParentPositions
from source_rest_api.state.progress import Coverage, Progress
from source_rest_api.state.progress_events import Planned
from source_rest_api.streams import job_run, resume
from source_rest_api.streams.endpoint_reader import EndpointReader
from source_rest_api.streams.job_reader import JobReader
from source_rest_api.streams.job_requests import JobRequests
from source_rest_api.streams.parents import Parents
from source_rest_api.streams.partitions import Partitions
from source_rest_api.streams.request_builder import RequestBuilder
from source_rest_api.streams.resume import SliceTask
from source_rest_api.streams.slice_checks import CursorBoundary, SharedBorders
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
        endpoint: The endpoint to read.
        requester: Sends the requests.
        raw_config: The config as the user wrote it, for templates.
        now: Returns the current time, the end of the read.
        mask: Hides the secrets in a text.
        parents: Reads each parent stream once for all streams that share this object.
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
        job = endpoint.job
        paged = endpoint if job is None else job_endpoints.downloading(endpoint, job, config.params)
        requests = RequestBuilder(config, paged, raw_config, requester.answer, is_further=job is not None)
        self.reader = EndpointReader(config, paged, requests, requester, mask, now)
        self.stats = self.reader.stats
        self._jobs = None
        if job is not None:
            about = JobRequests(config, endpoint, job, raw_config, requester, self.stats)
            rest = partial(requester.job_slots.rest, self.stats)
            self._jobs = job_run.JobTools(endpoint.name, job, about, requester.job_slots, rest, now, mask)
        self._config = config
        self.raw_config = raw_config

        def make(endpoint: Endpoint, parents: Parents) -> Stream:
            return Stream(config, endpoint, requester, raw_config, now, mask, parents)

        self._make = make
        self.parents = parents or Parents(config, make)
        self._partitions = Partitions(config, endpoint, raw_config, self.parents, self.stats)

    def beside(self, endpoint: Endpoint) -> Stream:
        """Returns the stream of another endpoint that shares the requester and the reads of parents."""
        return self._make(endpoint, self.parents)

    @property
    def whole(self) -> Stream | None:
        """The stream of the endpoint with all records, if this one has only changes."""
        endpoint = whole_endpoint.of(self._config, self.endpoint)
        return None if endpoint is None else self.beside(endpoint)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the settings that positions in the state depend on."""
        return resume.fingerprint(self._config, self.endpoint, self.reader.paginator)

    def progress(
        self,
        saved: Mapping[str, Any] | None,
        *,
        incremental: bool,
        known_rows: Callable[[StreamState, datetime], KnownRows | None] | None = None,
    ) -> Progress:
        """Returns the progress of a read that continues from a state.

        Args:
            saved: The state.
            incremental: True if the sync mode is incremental.
            known_rows: Creates the rows that the destination has, for delete detection.

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
        parents = self._parent_positions(loaded) if incremental and self.endpoint.only_changed_parents else None
        return Progress(
            loaded,
            cursor if incremental else None,
            lambda: self.fingerprint,
            now,
            known,
            Coverage(since, parents),
            lag=lambda: self.reader.clock.behind,
        )

    def _parent_positions(self, saved: StreamState) -> ParentPositions:
        fingerprint = changed_parents.fingerprint(self._config, self.endpoint, self.raw_config)
        return ParentPositions.of(saved.parents, fingerprint)

    def plan(
        self, progress: Progress, reach: int, keys_of: Callable[[Sequence[Raw]], Sequence[bytes]] = lambda _: ()
    ) -> Iterator[SliceReader | JobReader | Planned]:
        """Yields the slices to read, and after the last slice of each partition their number.

        Args:
            progress: The progress of earlier syncs.
            reach: Upper limit of concurrent requests for pages of one slice.
            keys_of: Returns the keys of emitted records, for delete detection.
        """
        now = self.now()
        for partition in self.to_read(progress):
            self.stats.add(partitions=1)
            if progress.is_done(partition.key):
                continue
            saved = progress.saved(partition.key, partition.records)
            digests = progress.known(partition.key)
            known = CursorBoundary(saved, digests) if saved is not None and digests else None
            whole, entries = self._left(progress, saved, now, partition)
            tasks = resume.tasks(whole, entries, self.endpoint.incremental)
            first = list(islice(tasks, 2))
            borders = SharedBorders() if len(first) > 1 and self.endpoint.primary_key else None
            count = 0
            for task in chain(first, tasks):
                count += 1
                yield self._reader_of(partition, task, known, reach, keys_of, borders)
            versioned = progress.parents is not None and self.endpoint.incremental is not None
            yield Planned(partition.key, count, partition.in_version if versioned else None)

    def to_read(self, progress: Progress) -> Iterator[Partition]:
        """Yields the partitions that a sync reads: all, or those of new and changed parents.

        Without a cursor, each version of a parent is a separate partition, because a position inside one version is
        useless for the next.
        """
        if progress.parents is None:
            yield from self.partitions()
            return
        for partition in self._partitions.changed(progress.parents, progress.is_done):
            has_cursor = self.endpoint.incremental is not None
            yield partition if has_cursor else replace(partition, key=partition.in_version)

    def _since(self, loaded: StreamState, cursor: CursorProtocol, now: datetime) -> str | None:
        """Returns the start that the cursors will cover, if it is the same for all partitions."""
        try:
            first = cursor.bounds(None, self._config.start_date, now, {"config": self.raw_config})
        except ConfigError:  # the start is a template that reads the parent's record
            return loaded.start
        return resume.start(self.name, loaded, cursor, first)

    def _left(
        self, progress: Progress, saved: CursorValue | None, now: datetime, partition: Partition
    ) -> tuple[Slice, list[SliceState]]:
        """Returns the interval to read of a partition, and the parts of it that were read before."""
        whole, entries = self._whole(saved, now, partition), progress.earlier.get(partition.key, [])
        cursor = self.endpoint.incremental
        if saved is None or cursor is None or progress.start is None:
            return whole, entries
        first = self._whole(None, now, partition)
        covered = resume.covered(progress.start, cursor, whole, first)
        return (whole, entries) if covered is None else (Slice(first.start, whole.end), [*entries, covered])

    def batches(self, partition: Partition, interval: Slice) -> Iterator[Batch]:
        """Yields all records of one slice, page by page."""
        return self._reader_of(partition, SliceTask(interval), None, 1).read()

    def _reader_of(
        self, partition: Partition, task: SliceTask, known: CursorBoundary | None, reach: int, *rest: Any
    ) -> SliceReader | JobReader:
        """Returns the reader of a slice, which waits for a report job first if the endpoint has one."""
        if self._jobs is None:
            return SliceReader(self.reader, partition, task, known, reach, *rest)

        def make(partition: Partition, task: SliceTask) -> SliceReader:
            return SliceReader(self.reader, partition, task, known, reach, *rest)

        return JobReader(self._jobs, partition, task, make, reach)

    def most_readers(self, reach: int) -> int:
        """Returns how many slices may be read at the same time. Slices that wait for a report job send few requests.

        Args:
            reach: Number of slices without a job.
        """
        return reach if self._jobs is None else max(reach, self._config.max_concurrent_jobs)

    def sample(self) -> Iterator[Batch]:
        """Yields records to infer a schema from."""
        for partition in self.partitions():
            yield from self.from_start(partition)

    def from_start(self, partition: Partition) -> Iterator[Batch]:
        """Yields all records of a partition, requested as in a first sync."""
        for interval in self.intervals(partition, None):
            yield from self.batches(partition, interval)

    def partitions(self) -> Iterator[Partition]:
        """Yields the partitions of the stream, each once."""
        return iter(self._partitions)

    def first_page(self, partition: Partition) -> Page:
        """Returns the first page of a partition, or its first part if the response is streamed."""
        first, *_ = self.intervals(partition, None)
        return next(self.reader.pages.ask(partition, first, self.reader.paginator.first(), 1))

    def try_job(self, partition: Partition) -> str:
        """Creates a report job as a test, and returns a description of the result."""
        assert self._jobs is not None  # noqa: S101 -- called only if the endpoint has a job
        first, *_ = self.intervals(partition, None)
        return job_run.tried(self._jobs, partition, first)

    def missing_copies(self, partition: Partition) -> Iterator[str]:
        """Yields the names in `include_from_parent` whose field the parent's record lacks."""
        return self._partitions.missing_copies(partition)

    def intervals(self, partition: Partition, saved: CursorValue | None) -> list[Slice]:
        """Returns a partition's slices, at least one, from a saved cursor on; without it, those of a first sync."""
        whole = self._whole(saved, self.now(), partition)
        return [task.interval for task in resume.tasks(whole, (), self.endpoint.incremental)] or [whole]

    def _whole(self, saved: CursorValue | None, now: datetime, partition: Partition) -> Slice:
        incremental = self.endpoint.incremental
        if incremental is None:
            return Slice()
        context = {"config": self.raw_config, **partition.records}
        return incremental.bounds(saved, self._config.start_date, now, context)
