"""The endpoints of a report job's requests, derived from the stream's endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.config.job import TARGET, JobRequest
from source_rest_api.pagination.paginators import NoPagination

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.job import Job

_AS_IT_IS = JobRequest.model_construct(path=f"{{{{ {TARGET} }}}}")  # a check would import Jinja


def creating(endpoint: Endpoint) -> Endpoint:
    """Returns the endpoint whose request creates a job."""
    return endpoint.model_copy(update={"job": None, "pagination": NoPagination()})


def asking(endpoint: Endpoint, request: JobRequest) -> Endpoint:
    """Returns the endpoint of another request about a job."""
    return creating(endpoint).model_copy(update=request.settings("GET", endpoint.path, endpoint.headers))


def downloading(endpoint: Endpoint, job: Job, shared: Iterable[str] = ()) -> Endpoint:
    """Returns the endpoint that the result is read from. Only a `pagination` of its own pages it.

    Args:
        endpoint: The endpoint.
        job: Its job.
        shared: Names of the parameters of all endpoints. A URL of the result is requested as it is, without them.
    """
    settings = (job.download or _AS_IT_IS).settings("GET", endpoint.path, endpoint.headers)
    if job.download is None:
        settings["params"] = {name: [] for name in shared}
    return endpoint.model_copy(update={**settings, "job": None, "pagination": endpoint.pagination or NoPagination()})
