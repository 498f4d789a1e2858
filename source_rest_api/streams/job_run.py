"""The report job of one slice, from its creation until its result can be downloaded."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

from source_rest_api.config.job import CREATED
from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.formats import datetimes
from source_rest_api.plurals import counted
from source_rest_api.state.job_state import JobState
from source_rest_api.streams.job_requests import with_names
from source_rest_api.streams.restarts import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from source_rest_api.config.job import Job
    from source_rest_api.cursors.cursors import Slice
    from source_rest_api.errors import SourceError
    from source_rest_api.http.job_slots import JobSlots
    from source_rest_api.streams.batch import Partition
    from source_rest_api.streams.job_answer import JobAnswer
    from source_rest_api.streams.job_requests import JobRequests

_LOG = logging.getLogger("airbyte.source_rest_api.streams.job_run")

Phase: TypeAlias = Literal["created", "waiting", "ready", "empty"]
"""What a step led to: `ready` is a result to download, `empty` one without records."""


class JobTools(Struct, frozen=True):
    """What the jobs of one endpoint share."""

    name: str
    """The name of the stream."""
    job: Job
    requests: JobRequests
    slots: JobSlots
    """Limits the jobs that run at the same time."""
    rest: Callable[[float], None]
    """Waits for some seconds in the caller's thread, with its permit released."""
    now: Callable[[], datetime]
    mask: Callable[[str], str]
    clock: Callable[[], float] = time.monotonic


class JobRun:
    """The job of one slice. One thread at a time calls `advance`.

    Args:
        tools: What the jobs of the endpoint share.
        partition: The partition to read.
        interval: The interval of the slice.
        saved: The job that an earlier run created.

    Attributes:
        partition: The partition, with the names that templates read of the job.
        urls: The URLs of the result, once it is ready; None stands for a download that needs no URL.
        is_resumed: True if an earlier run created the job.
        due: When the next step may be taken, by `tools.clock`.
    """

    def __init__(self, tools: JobTools, partition: Partition, interval: Slice, saved: JobState | None) -> None:
        self._tools = tools
        self._job = tools.job
        self._plain = partition
        self._interval = interval
        self._created_at: datetime | None = None
        self.is_resumed = saved is not None
        self._times_created = 0
        self._kept: Any = None
        self._seen = ""
        self.partition = partition
        self.urls: list[str | None] = []
        self.due = tools.clock()
        if saved is not None:
            self._created_at, self._kept = datetimes.parse(saved.created_at), saved.answer
            self.partition = with_names(partition, {CREATED: saved.answer})

    @property
    def runs(self) -> bool:
        """True if the API has the job."""
        return self._created_at is not None

    def state(self, done: list[str]) -> JobState | None:
        """Returns the job for the state; None if there is none, or if it must not be kept.

        Args:
            done: Digests of the files that are delivered.
        """
        if self._created_at is None or self._kept is None:
            return None
        return JobState(datetimes.write(self._created_at), self._kept, done)

    def advance(self) -> Phase:
        """Takes the next step: creates the job, or asks for its status.

        Raises:
            SourceError: A request failed, or the job did as often as `job.attempts` allows.
        """
        return self._poll() if self.runs else self._create()

    def refresh(self) -> None:
        """Asks for the status once more, to get URLs that have not expired."""
        self.due = self._tools.clock()

    def finish(self) -> None:
        """Deletes the job, if the config says how."""
        self._tools.requests.delete(self.partition, self._interval)

    def create_anew(self, why: str, error: SourceError | None = None) -> Phase:
        """Drops the job, so that the next step creates another.

        Raises:
            SourceError: It was created as often as `job.attempts` allows.
        """
        if self._times_created >= self._job.attempts:
            times = counted(self._times_created, "time")
            raise error or TransientError(
                f"{why}. The connector created it {times}; see `job.attempts` and `job.time_limit_minutes`."
            ).at(f"Stream {self._tools.name}")
        _LOG.warning("Stream %s: %s. Creating it anew.", self._tools.name, why)
        self._created_at, self.is_resumed, self._seen = None, False, ""
        self.partition = self._plain
        self.due = self._tools.clock() + self._job.retry_seconds
        return "waiting"

    def _create(self) -> Phase:
        names = self._tools.requests.create(self._plain, self._interval)
        if names is None:
            return "empty"
        self._created_at = self._tools.now()
        self._times_created += 1
        self._kept = self._tools.requests.kept(names, self._tools.mask)
        self.partition = with_names(self._plain, {CREATED: names})
        self.due = self._tools.clock() + self._job.wait(0)
        _LOG.info("Stream %s: the API works on a report job.", self._tools.name)
        return "created"

    def _poll(self) -> Phase:
        try:
            answer = self._tools.requests.poll(self.partition, self._interval)
        except ConfigError as error:
            if not self.is_resumed or error.status not in REFUSED:
                raise
            return self.create_anew("the API no longer has the report job of an earlier run", error)
        job, status = self._job, answer.status(self._job.status_path)
        meaning = job.meaning(status)
        if meaning == "skipped":
            return "empty"
        if meaning in {"failed", "timeout"}:
            return self.create_anew(f"the report job ended with the status `{status}` ({answer.shown})")
        if meaning == "completed":
            return self._complete(answer)
        if not meaning and job.running:
            raise ConfigError(
                f"A report job has the status `{status}`, which `job` does not list. Add it to `running`, "
                "`completed`, `failed`, `timeout` or `skipped`."
            ).at(f"Stream {self._tools.name}")
        return self._wait(status, answer)

    def _complete(self, answer: JobAnswer) -> Phase:
        requests = self._tools.requests
        self.partition = with_names(self.partition, requests.polled(answer))
        self.urls = requests.urls(self.partition, self._interval, answer)
        shown = "" if self.urls == [None] else f", {counted(len(self.urls), 'file')}"
        _LOG.info("Stream %s: the report job is completed after %.0f s%s.", self._tools.name, self._age, shown)
        return "ready" if self.urls else "empty"

    def _wait(self, status: str, answer: JobAnswer) -> Phase:
        if self._age > 60 * self._job.time_limit_minutes:
            self._tools.requests.abort(self.partition, self._interval)
            return self.create_anew(
                f"the report job still has the status `{status}` after {self._job.time_limit_minutes:g} minutes"
            )
        if status != self._seen:
            self._seen = status
            _LOG.info("Stream %s: the report job has the status `%s`.", self._tools.name, status)
        self.due = self._tools.clock() + self._job.wait(self._age, answer.wait)
        return "waiting"

    @property
    def _age(self) -> float:
        """Seconds since the job was created."""
        assert self._created_at is not None  # noqa: S101 -- only a created job is asked for
        return (self._tools.now() - self._created_at).total_seconds()


def tried(tools: JobTools, partition: Partition, interval: Slice) -> str:
    """Creates a job, asks once for its status, ends it if the config says how, and returns a description of it.

    Raises:
        SourceError: A request failed, or the job did.
    """
    names = tools.requests.create(partition, interval)
    if names is None:
        return "no report job, because an error rule ignores the response"
    created = with_names(partition, {CREATED: names})
    answer = tools.requests.poll(created, interval)
    status = answer.status(tools.job.status_path)
    meaning = tools.job.meaning(status)
    if meaning in {"failed", "timeout"}:
        reason = f"The report job ended with the status `{status}` ({answer.shown})."
        raise TransientError(reason).at(f"Stream {tools.name}")
    if meaning in {"completed", "skipped"}:
        tools.requests.delete(with_names(created, tools.requests.polled(answer)), interval)
    else:
        tools.requests.abort(created, interval)
    return f"the API accepted a report job (status `{status}`)"
