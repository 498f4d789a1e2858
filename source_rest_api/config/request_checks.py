"""Checks that the method, the body and the pagination of an endpoint fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.config import job_endpoints
from source_rest_api.config.job import NAMES
from source_rest_api.http.request_body import GraphqlBody
from source_rest_api.pagination.paginator import Paginator
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.pagination.paginators import Pagination


def problems(endpoint: Endpoint, default: Pagination) -> Iterator[str]:
    """Yields the errors in an endpoint's method, body and pagination; `default` is the pagination of all endpoints."""
    if endpoint.http_method == "GET" and isinstance(endpoint.body, GraphqlBody):
        yield "http_method: a GraphQL body needs `http_method: POST`"
    keys = {key for path in (endpoint.records_path or (), *endpoint.records_paths) for key in path}
    for name in sorted({name for key in keys for name in templates.names(key)} - {"config"}):
        yield f"records_path: its template reads `{name}`, but may read only `config`"
    if endpoint.job is not None:
        yield from _problems_of_job(endpoint)
    paging = endpoint.pagination or default
    if not isinstance(paging, Paginator):
        return
    if paging.result_cap is not None and not (endpoint.incremental and endpoint.incremental.in_order):
        yield "pagination.result_cap: needs `incremental` with `sorted: true`, to continue from the newest value"
    if not paging.in_body:
        return
    paged = endpoint.further or (job_endpoints.downloading(endpoint, endpoint.job) if endpoint.job else endpoint)
    if paged.http_method == "GET" and paged.body is None:
        yield "pagination.in: a GET request has no body; set `http_method: POST`, or `in: query`"
    if paged.body is not None and not paged.body.has_fields:
        yield "pagination.in: a text body has no fields; write `{{ next_page_token }}` where the token goes"


def problems_of_url(config: Config, endpoint: Endpoint) -> Iterator[str]:
    """Yields an error if an endpoint's own base URL would send the credentials of an https API without TLS."""
    secure, plain = config.url_base.lower().startswith("https:"), (endpoint.url_base or "").lower().startswith("http:")
    if secure and plain and endpoint.authentication is None:
        yield (
            "url_base: the API's credentials would be sent without TLS; use https here too, or set the endpoint's "
            "`authentication`, such as `{type: none}`"
        )


def _problems_of_job(endpoint: Endpoint) -> Iterator[str]:
    """Yields the settings of an endpoint that are incompatible with its report job."""
    if endpoint.further_request is not None:
        yield "further_request: a report job has requests of its own; put the one for the result into `job.download`"
    if endpoint.deletions is not None:
        yield "deletions: a sweep does not create report jobs; remove `deletions`, or `job`"
    own = endpoint.model_copy(update={"job": None}).texts
    for name in sorted({name for text in own for name in templates.names(text)} & NAMES):
        yield f"a template of the request that creates the job reads `{name}`, which is only known in `job`"
