"""Reads one slice whose records are the result of a report job: waits for the job, then reads its files."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from source_rest_api.config.job import TARGET
from source_rest_api.errors import SourceError
from source_rest_api.formats import signed_urls
from source_rest_api.formats.digests import digest
from source_rest_api.state.progress_events import Bookmark, PageProgress
from source_rest_api.streams.batch import Batch
from source_rest_api.streams.job_requests import with_names
from source_rest_api.streams.job_run import JobRun
from source_rest_api.streams.resume import SliceTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_rest_api.streams.batch import Out, Partition
    from source_rest_api.streams.job_run import JobTools
    from source_rest_api.streams.slice_reader import SliceReader

_EXPIRED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""Statuses of responses to a URL that has expired."""


class _File(Struct):
    reader: SliceReader
    name: str
    """Digest of its URL, without what is new with each answer."""
    is_done: bool = False


class JobReader:
    """One slice of a stream whose records come from a report job. Any number of threads may work on it.

    A job that the API works on is no work until it is due, so it occupies no thread and no permit.

    `_turn` is held while a batch is passed on, so that the state says of no file that it is delivered before it is.
    `_lock` guards the steps and is held only briefly; a thread may take it inside `_turn`, never the other way round.

    Args:
        tools: What the jobs of the endpoint share.
        partition: The partition to read.
        task: The interval, and the job that an earlier run created.
        make: Returns the reader of a file, by its partition and task.
        reach: Upper limit of the files that are read at the same time.
    """

    def __init__(
        self,
        tools: JobTools,
        partition: Partition,
        task: SliceTask,
        make: Callable[[Partition, SliceTask], SliceReader],
        reach: int,
    ) -> None:
        saved = task.saved
        self._task = task
        self.partition = partition
        self._clock = tools.clock
        self._run = JobRun(tools, partition, task.interval, None if saved is None else saved.job)
        self._deletes = tools.job.delete is not None
        self._make = make
        self._slots = tools.slots
        self._rest = tools.rest
        self._reach = reach
        self._lock = Lock()
        self._turn = Lock()
        self._busy = False
        self._files: list[_File] | None = None
        self._done: list[str] = [] if saved is None or saved.job is None else list(saved.job.done)
        self._refreshed = False
        self._complete = False
        self.ended = False

    def claim(self, *, ahead: bool) -> Callable[[Out], None] | None:
        """Returns the next piece of work; None if there is none now, as while the API works on the job.

        Args:
            ahead: True to request a page in advance.
        """
        with self._lock:
            if self._files is None or self._complete:
                return None if ahead or not self._may_step() else self._step
            left = [file for file in self._files if not file.is_done]
            for file in left[: self._reach]:
                work = file.reader.claim(ahead=ahead)
                if work is not None:
                    return partial(self._download, file, work)
            return None

    def read(self) -> Iterator[Batch]:
        """Yields all batches in the caller's thread, which waits for the job."""
        self._slots.take(self, anyway=True)  # waiting for a slot could be waiting for this thread
        try:
            while not self.ended:
                if self._files is None or self._complete:
                    self._rest(self._run.due - self._clock())
                    yield from self._stepped()
                    continue
                file = next(file for file in self._files if not file.is_done)
                try:
                    for batch in file.reader.read():
                        yield self._passed(file, batch)
                except SourceError as error:
                    self._recover(file, error)
        finally:
            self._slots.give_back(self)

    def _may_step(self) -> bool:
        """True if the next step is due and nobody takes it. A job that is to be created needs a slot first."""
        if self.ended or self._busy or self._clock() < self._run.due:
            return False
        self._busy = self._complete or self._slots.take(self, anyway=self._run.runs)
        return self._busy

    def _step(self, out: Out) -> None:
        try:
            for batch in self._stepped():
                out.put(batch)
        finally:
            self._busy = False
            out.changed()

    def _stepped(self) -> list[Batch]:
        """Takes the next step, and returns the batch that says so in the state, if it has to be there."""
        try:
            if self._complete:
                self._run.finish()
                self.ended = True
                return []
            phase = self._run.advance()
        except BaseException:
            self._end()
            raise
        if phase == "created":
            self._done = []
            return [self._noted(at_once=True)]
        if phase == "waiting":
            if not self._run.runs:
                self._slots.give_back(self)
            return []
        self._slots.give_back(self)
        urls = self._run.urls
        files = [self._file(url, name) for url, name in zip(urls, _names(urls), strict=True)]
        self._files = [file for file in files if file.name not in self._done]
        if self._files:
            return []
        self._finish()
        return [self._noted(done=True)]

    def _file(self, url: str | None, name: str) -> _File:
        partition = self._run.partition if url is None else with_names(self._run.partition, {TARGET: url})
        saved = self._task.saved
        # Only of a single file the state says at which page it stands.
        resumes = saved is not None and saved.at is not None and len(self._run.urls) == 1 and not self._refreshed
        task = self._task if resumes and self._run.is_resumed else SliceTask(self._task.interval)
        return _File(self._make(partition, task), name)

    def _download(self, file: _File, work: Callable[[Out], None], out: Out) -> None:
        try:
            work(_FileOut(self._turn, partial(self._passed, file), out))
        except SourceError as error:
            self._recover(file, error)
            out.changed()
        except BaseException:
            self._end()
            raise

    def _passed(self, file: _File, batch: Batch) -> Batch:
        """Returns a batch of a file with the progress that it makes in the job."""
        with self._lock:
            files, moved = self._files or [], batch.moved
            assert isinstance(moved, PageProgress)  # noqa: S101 -- only sweeps have other events
            if file not in files or self._complete:  # its URL was replaced: the file is read once more
                return replace(batch, moved=replace(moved, done=False, bookmark=None, ordered=False))
            if moved.done:
                file.is_done = True
                self._done.append(file.name)
            is_last = all(other.is_done for other in files)
            bookmark = self._bookmark(moved.bookmark if len(self._run.urls) == 1 else None)
            if is_last:
                self._finish()
            return replace(batch, moved=replace(moved, done=is_last, bookmark=bookmark, ordered=False))

    def _recover(self, file: _File, error: SourceError) -> None:
        """Asks for the URLs again if one seems to have expired, or creates the job of an earlier run anew.

        Raises:
            SourceError: The error stands.
        """
        with self._lock:
            if self._files is None or file not in self._files:
                return
            expired = error.status in _EXPIRED
            if expired and not self._refreshed:
                self._refreshed = True
                self._run.refresh()
            elif expired and self._run.is_resumed:
                self._run.create_anew("the API no longer has the result of an earlier run", error)
            else:
                self._end()
                raise error
            self._files = None

    def _finish(self) -> None:
        self._complete = True
        self.ended = not self._deletes

    def _end(self) -> None:
        self._slots.give_back(self)
        self.ended = True

    def _bookmark(self, place: Bookmark | None = None) -> Bookmark | None:
        job = self._run.state(list(self._done))
        if job is None:
            return None
        return Bookmark(None, 0, 0, job=job) if place is None else replace(place, job=job)

    def _noted(self, *, done: bool = False, at_once: bool = False) -> Batch:
        """Returns a batch without records that notes the job in the state."""
        interval, key = self._task.interval, self.partition.key
        return Batch([], PageProgress(key, interval, done=done, bookmark=self._bookmark(), at_once=at_once))


def _names(urls: list[str | None]) -> list[str]:
    """Returns names of files that stay the same if the API signs their URLs anew.

    The path is enough if it is different for each file. Otherwise, only signatures of known kinds are left out.
    """
    paths = [(url or "").partition("?")[0] for url in urls]
    distinct = len(set(paths)) == len(paths)
    return list(map(digest, paths if distinct else [signed_urls.resource(url or "") for url in urls]))


class _FileOut:
    """Passes on the batches of one file, with the progress of the job."""

    def __init__(self, turn: Lock, passed: Callable[[Batch], Batch], out: Out) -> None:
        self._turn = turn
        self._passed = passed
        self._out = out

    def put(self, item: Batch) -> None:
        """Passes on a batch. Waits while the queue is full."""
        with self._turn:
            self._out.put(self._passed(item))

    def changed(self) -> None:
        """Notifies the workers that there may be new work."""
        self._out.changed()
