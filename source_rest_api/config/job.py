"""The report job of an endpoint whose API prepares the records first and gives them out later."""

from itertools import chain
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator
from typing_extensions import Self

from source_rest_api import unset
from source_rest_api.config.further_request import FurtherRequest
from source_rest_api.http.error_rules import Scalars
from source_rest_api.http.request import Method
from source_rest_api.lazy_models import WhenUsed
from source_rest_api.model import Model, Path, Text
from source_rest_api.templates import templates

CREATED = "creation_response"
"""The name of the response to the endpoint's own request, in templates."""
POLLED = "polling_response"
"""The name of the last response to `poll`, in templates."""
TARGET = "download_target"
"""The name of the URL at `urls_path`, in templates."""
NAMES = frozenset({CREATED, POLLED, TARGET})
_READABLE = {
    "poll": {CREATED},
    "abort": {CREATED},
    "result": {CREATED, POLLED},
    "download": NAMES,
    "delete": {CREATED, POLLED},
}
"""The names that each request of a job may read, because they are known by then."""
_FIRST_WAIT = 0.5
"""Seconds before the first request for the status."""
_MEANINGS = ("completed", "running", "failed", "timeout", "skipped")


class JobRequest(FurtherRequest):
    """One request of a report job. It keeps only the headers of the endpoint."""

    http_method: Method | None = None
    """HTTP method. By default `GET`."""
    path: Text
    """Path below `url_base`, such as `reports/{{ creation_response.id }}`, or a URL that the API returned, such as
    `{{ creation_response.status_url }}`."""


class Job(Model):
    """Reads the records from a report job.

    The endpoint's own request creates the job, one for each slice. `poll` asks for its status until it is completed.
    Then the result is downloaded, and `decoder`, `records_path` and `pagination` of the endpoint apply to it.
    """

    poll: JobRequest
    """The request for the status. Its templates read `creation_response`, the JSON response to the request that created
    the job, with its `headers`."""
    status_path: Path | None = None
    """Path of the status in the response to `poll`. By default the status is its HTTP status, such as `202`."""
    completed: Scalars
    """Statuses of a job whose result can be downloaded, such as `DONE`."""
    running: Scalars = ()
    """Statuses of a job that is not ready yet. By default all that are not listed elsewhere. If you list them, any
    other status is an error."""
    failed: Scalars = ()
    """Statuses of a job that failed. The connector creates it anew, up to `attempts` times."""
    timeout: Scalars = ()
    """Statuses of a job that took too long. The connector creates it anew, up to `attempts` times."""
    skipped: Scalars = ()
    """Statuses of a job that has no result because there are no records."""
    result: Annotated[JobRequest | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """A further request once the job is completed, if only its response has the URLs. It may also read
    `polling_response`."""
    urls_path: Path | None = None
    """Path of the URL of the result, or of several, in the response to `result`, or else to `poll`: `result.url`,
    `files.*.url`. With `download`, it may be another value, such as an id."""
    allow_missing_urls: bool = False
    """Treat an absent or null `urls_path` of a completed job as a result without records, not as an error."""
    download: Annotated[JobRequest | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """The request for the result, if it is not the URL as it is. Its templates read `download_target`, the value at
    `urls_path`, and `creation_response` and `polling_response`."""
    abort: Annotated[JobRequest | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """The request that ends a job that exceeds `time_limit_minutes`."""
    delete: Annotated[JobRequest | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """The request that deletes a job once its records are read."""
    poll_seconds: PositiveFloat = 30
    """Maximum seconds between two requests for the status. The connector begins with half a second, and then waits a
    quarter of the time that the job has taken so far. If the API asks for more by `Retry-After`, it waits as long."""
    time_limit_minutes: PositiveFloat = 60
    """Minutes after which a job that is still running counts as failed."""
    attempts: PositiveInt = 3
    """How often a job is created in total if it fails or expires."""
    retry_seconds: NonNegativeFloat = 0
    """Seconds to wait before a failed job is created anew."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.urls_path is None and self.download is None:
            raise ValueError("set `urls_path`, where the URL of the result is, or `download`, the request for it")
        seen: dict[str, str] = {}
        for name in _MEANINGS:
            for status in getattr(self, name):
                if status in seen:
                    raise ValueError(f"`{seen[status]}` and `{name}` both have {status!r}: remove it from one")
                seen[status] = name
        for name, known in _READABLE.items():
            request: JobRequest | None = getattr(self, name)
            read = {read for text in (request.texts if request else ()) for read in templates.names(text)}
            if unknown := sorted(read & NAMES - known):
                raise ValueError(f"`{name}` reads `{unknown[0]}`, which is not known at that time")
            if TARGET in read and self.urls_path is None:
                raise ValueError(f"`{name}` reads `{TARGET}`: set `urls_path`, where the URL is")
        return self

    def meaning(self, status: str) -> str:
        """Returns the name of the list that a status stands in: `completed`, ...; empty if it is in none."""
        return next((name for name in _MEANINGS if status in getattr(self, name)), "")

    def wait(self, age: float, asked: float = 0) -> float:
        """Returns the seconds until the next request for the status.

        Args:
            age: Seconds since the job was created.
            asked: Seconds that the API asks to wait.
        """
        return max(asked, min(self.poll_seconds, max(_FIRST_WAIT, age / 4)))

    @property
    def decisive(self) -> list[Any]:
        """The settings that determine which files a job has. With others, the state's job is of no use."""
        return [self.poll, self.result, self.urls_path, self.download]

    @property
    def texts(self) -> list[str]:
        """All texts that may be templates."""
        requests: list[JobRequest | None] = [getattr(self, name) for name in _READABLE]
        return list(chain.from_iterable(request.texts for request in requests if request is not None))


def _given(value: object) -> object:
    """Returns the settings of a job unchanged, or None if the form sent nothing but empty fields and defaults."""
    if not isinstance(value, dict):
        return value
    own = {
        name: unset.group(inner)
        for name, inner in value.items()
        if name not in Job.model_fields or inner != Job.model_fields[name].default
    }
    return None if unset.group(own) is None else value


JobOption: TypeAlias = Annotated[Job | None, WhenUsed(), BeforeValidator(_given)]
"""A job, or none."""
