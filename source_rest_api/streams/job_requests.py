"""The requests about the report jobs of one endpoint: create, poll, find the result, abort and delete."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from source_rest_api.config import job_endpoints
from source_rest_api.config.job import CREATED, POLLED
from source_rest_api.errors import ConfigError, ErrorContext, SourceError
from source_rest_api.formats import signed_urls
from source_rest_api.http.request_body import texts_in
from source_rest_api.streams import job_answer
from source_rest_api.streams.job_answer import HEADERS, JobAnswer
from source_rest_api.streams.request_builder import RequestBuilder
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.job import Job, JobRequest
    from source_rest_api.cursors.cursors import Slice
    from source_rest_api.http.requester import Requester
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.streams.batch import Partition

_LOG = logging.getLogger("airbyte.source_rest_api.streams.job_requests")


class JobRequests:
    """Sends the requests about the jobs of one endpoint.

    Args:
        config: The API.
        endpoint: The endpoint, which has a `job`.
        job: Its settings.
        raw_config: The config as the user wrote it, for templates.
        requester: Sends the requests.
        stats: Counts retries and waits.
    """

    def __init__(
        self,
        config: Config,
        endpoint: Endpoint,
        job: Job,
        raw_config: Mapping[str, Any],
        requester: Requester,
        stats: ReadStats,
    ) -> None:
        self._name = endpoint.name
        self._job = job
        self._requester = requester
        self._stats = stats

        def builder(request: JobRequest) -> RequestBuilder:
            asked = job_endpoints.asking(endpoint, request)
            return RequestBuilder(config, asked, raw_config, requester.answer, is_further=True)

        self._create = RequestBuilder(config, job_endpoints.creating(endpoint), raw_config, requester.answer)
        self._poll = builder(job.poll)
        self._result, self._abort, self._delete = (
            None if request is None else builder(request) for request in (job.result, job.abort, job.delete)
        )
        self._read = {keys for text in job.texts for keys in templates.references(text)}

    def create(self, partition: Partition, interval: Slice) -> Any:
        """Creates a job, and returns the response as templates read it; None if an error rule ignores the response.

        Raises:
            SourceError: The API does not create it.
        """
        answer = self._sent(self._create, partition, interval)
        if answer.response.last_reason:
            self._stats.end(answer.response.last_reason, ignored=answer.response.is_ignored)
            return None
        names = answer.names(self._headers(CREATED))
        try:
            self._poll.build(with_names(partition, {CREATED: names}), interval, None)
        except ConfigError as error:
            error.message += f" The API answered the request for a job: {answer.shown}."
            raise error.at(f"Stream {self._name}") from None
        return {} if names is None else names

    def kept(self, names: Any, mask: Callable[[str], str]) -> Any:
        """Returns what the state keeps of the response to the creation: the parts that templates read.

        None if it must not be kept, because it holds a secret or a signed URL.
        """
        found = job_answer.kept(names, [keys[1:] for keys in self._read if keys[0] == CREATED])
        is_secret = any(mask(text) != text or signed_urls.resource(text) != text for text in texts_in(found))
        return None if is_secret else found

    def poll(self, partition: Partition, interval: Slice) -> JobAnswer:
        """Asks for the status of a job.

        Args:
            partition: The partition, with the response to the creation.
            interval: The interval of the slice.

        Raises:
            SourceError: The request failed.
        """
        return self._sent(self._poll, partition, interval, polled=True)

    def polled(self, answer: JobAnswer) -> dict[str, Any]:
        """Returns what templates read after the last response to `poll`."""
        return {POLLED: answer.names(self._headers(POLLED))}

    def urls(self, partition: Partition, interval: Slice, polled: JobAnswer) -> list[str | None]:
        """Returns the URLs of the result; a single None if `job.download` needs none.

        Raises:
            SourceError: The request failed, or there is no URL.
        """
        path = self._job.urls_path
        if path is None:
            return [None]
        answer = polled if self._result is None else self._sent(self._result, partition, interval)
        with ErrorContext(self._name, answer.request):
            is_url = self._job.download is None
            return list(answer.targets(path, allow_missing=self._job.allow_missing_urls, absolute=is_url))

    def abort(self, partition: Partition, interval: Slice) -> None:
        """Ends a job, if the config says how. An error is only logged."""
        self._dismiss(self._abort, partition, interval)

    def delete(self, partition: Partition, interval: Slice) -> None:
        """Deletes a job, if the config says how. An error is only logged, because the records are delivered."""
        self._dismiss(self._delete, partition, interval)

    def _dismiss(self, builder: RequestBuilder | None, partition: Partition, interval: Slice) -> None:
        if builder is None:
            return
        try:
            with ErrorContext(self._name):
                request = replace(builder.build(partition, interval, None), is_asynchronous=True)
                self._requester.fetch(request, lambda _: None, self._stats)
        except SourceError as error:
            _LOG.warning("%s The job stays with the API.", error)

    def _headers(self, name: str) -> set[str]:
        return {keys[2] for keys in self._read if keys[:2] == (name, HEADERS) and len(keys) > 2}  # noqa: PLR2004 -- name, `headers`, header

    def _sent(
        self, builder: RequestBuilder, partition: Partition, interval: Slice, *, polled: bool = False
    ) -> JobAnswer:
        with ErrorContext(self._name):
            request = builder.build(partition, interval, None)
        request = replace(request, is_asynchronous=True, is_repeatable=builder is not self._create)
        with ErrorContext(self._name, request):
            read = partial(JobAnswer.of, request=request, job=self._job, polled=polled)
            return self._requester.fetch(request, read, self._stats)


def with_names(partition: Partition, names: Mapping[str, Any]) -> Partition:
    """Returns a partition whose templates read more names. Its key stays."""
    return replace(partition, records={**partition.records, **names})
