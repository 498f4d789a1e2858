"""The whole config: a REST API and the endpoints to read from it."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from source_rest_api import unset
from source_rest_api.auth.authenticators import Authentication, NoAuth
from source_rest_api.config import schema_files
from source_rest_api.config.endpoint import Endpoint
from source_rest_api.config.url_base import UrlBase
from source_rest_api.cursors.cursors import DatetimeText
from source_rest_api.formats import setting_text
from source_rest_api.http.error_rules import ErrorPolicy, ErrorRule
from source_rest_api.http.origins import AllowedOrigin, Origins
from source_rest_api.http.per_endpoint import PerEndpoint
from source_rest_api.http.request_rates import RequestRate
from source_rest_api.http.response import LARGEST_BODY
from source_rest_api.http.retry import Retry
from source_rest_api.http.settings import HttpSettings
from source_rest_api.http.tls import ProxyUrl, Tls
from source_rest_api.lazy_models import WhenUsed
from source_rest_api.model import Model, NamedSecrets, NamedTexts, own
from source_rest_api.pagination.paginator import PaginatorProtocol
from source_rest_api.pagination.paginators import NoPagination, Pagination

_EXAMPLE = """\
- name: customers
  path: customers
  primary_key: id
  pagination: {type: page_number, page_size_param: per_page, page_size: 100}
"""
_MEGABYTE = 1 << 20


class Limits(Model):
    """Upper limits of a read. Exceeding one is an error that names the setting, except for `record_megabytes`."""

    body_megabytes: PositiveInt = LARGEST_BODY // _MEGABYTE
    """Largest response body in MiB, after decompression. CSV and JSON Lines are read line by line and have no such
    limit. Bodies larger than an eighth of the limit may have at most 100 times their compressed size."""

    record_megabytes: PositiveInt = 20
    """Largest record in MiB, as JSON. In a larger record, the largest fields become null, and `meta.changes` names
    them. Fields of `primary_key` and the cursor field are never set to null. Airbyte accepts 20 MB."""

    pages: PositiveInt | None = None
    """Maximum number of pages in one slice (one interval of one partition). By default there is no limit."""
    empty_pages: PositiveInt = 1000
    """Maximum number of consecutive empty pages in one slice that still have a next page."""

    @property
    def body(self) -> int:
        """The largest body in bytes."""
        return self.body_megabytes * _MEGABYTE

    @property
    def record(self) -> int:
        """The largest record in bytes."""
        return self.record_megabytes * _MEGABYTE


class Config(Model):
    """A REST API and the endpoints to read from it."""

    name: str = "REST API"
    """Name of the API in logs."""
    url_base: UrlBase
    """Base URL of all paths, such as `https://api.example.com/v1`. A template may read `config`, `secrets`, and the
    token response as `token`: `{{ token.instance_url }}/v1`."""
    authentication: Authentication = NoAuth()
    """How requests authenticate."""
    secrets: NamedSecrets = {}
    """Additional secrets, such as a second key, as lines of `name: value`. Templates read them as
    `{{ secrets.name }}`."""
    start_date: DatetimeText | None = None
    """Start of the first incremental sync. Templates read it as `{{ config['start_date'] }}`."""
    headers: NamedTexts = {}
    """Headers of all requests."""
    params: NamedTexts = {}
    """Query parameters of all requests."""
    pagination: Annotated[Pagination, own(PaginatorProtocol, advice="derive it from `Paginator`")] = NoPagination()
    """Pagination of all endpoints that do not have their own."""
    endpoints: list[Endpoint] = []
    """The endpoints to read. Each one is a stream."""
    endpoints_yaml: Annotated[
        list[Endpoint],
        BeforeValidator(partial(setting_text.from_yaml, empty=[]), json_schema_input_type=str),
        Field(json_schema_extra={"multiline": True, "examples": [_EXAMPLE]}),
    ] = []
    """Further endpoints as YAML text, for example pasted from a file."""
    errors: list[Annotated[ErrorRule, WhenUsed()]] = []
    """Error rules for all endpoints. In a file, `{status: 404, action: ignore}` is one."""
    retry: Retry = Retry()
    """How often and how long failed requests are retried."""
    connect_timeout: PositiveFloat = 10
    """Seconds to wait for a connection."""
    read_timeout: PositiveFloat = 60
    """Seconds to wait for the next bytes of a response."""
    request_timeout: PositiveFloat = 600
    """Maximum seconds for one request, from start to end."""
    allowed_origins: list[Annotated[AllowedOrigin, WhenUsed()]] = []
    """Additional origins that next links, redirects and URLs in `path` may lead to, such as a file server."""
    tls: Annotated[Tls | None, WhenUsed(), BeforeValidator(unset.group)] = None
    """Certificates for TLS."""
    proxy_url: ProxyUrl | None = None
    """Proxy for all requests, such as `http://user:password@proxy.example.com:3128`. By default the proxy that the
    environment variables name."""
    max_concurrency: PositiveInt = 32
    """Maximum number of concurrent requests. The connector starts with 6, sends more only while that makes reading
    faster, and fewer if the API rejects requests."""
    max_concurrent_jobs: PositiveInt = 8
    """Maximum number of report jobs (`job` of an endpoint) that run at the same time, for all streams together."""
    limits: Limits = Limits()
    """Upper limits of a read."""
    max_requests_per_second: PositiveFloat | None = None
    """Maximum number of requests started per second; `0.5` is one every two seconds. By default there is no limit."""
    request_rates: list[Annotated[RequestRate, WhenUsed()]] = []
    """Lower rates for some endpoints. `max_requests_per_second` holds for these too."""

    def context(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the context of all templates: the config as the user wrote it (`raw`), and the secrets by name."""
        return {"config": raw, "secrets": {name: secret.get_secret_value() for name, secret in self.secrets.items()}}

    def http(
        self, url_base: str | Callable[[], str], own: Mapping[str, str | Callable[[], str]] | None = None
    ) -> HttpSettings:
        """Returns the HTTP settings of the API.

        Args:
            url_base: The base URL with its templates filled, or a function that fills them. Credentials are sent to its
                origin only.
            own: The same of the endpoints that have their own.

        Raises:
            ConfigError: `url_base` is not a URL, or `allowed_origins` are not valid for it.
        """
        return HttpSettings(
            origins=PerEndpoint(
                Origins(url_base, self.allowed_origins),
                {name: Origins(url, self.allowed_origins) for name, url in (own or {}).items()},
            ),
            policies=PerEndpoint(
                ErrorPolicy(self.errors), {e.name: ErrorPolicy([*e.errors, *self.errors]) for e in self.streams}
            ),
            retry=self.retry,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            request_timeout=self.request_timeout,
            largest_body=self.limits.body,
            requests_per_second=self.max_requests_per_second,
            shared_rates=[(rate.endpoints, rate.max_requests_per_second) for rate in self.request_rates],
            concurrent_jobs=self.max_concurrent_jobs,
            tls=self.tls,
            proxy_url=self.proxy_url,
        )

    def with_schemas(self, folder: Path) -> "Config":
        """Returns the config with the schemas in a folder, for endpoints without a schema.

        Raises:
            ConfigError: A file is not a schema.
        """
        if not folder.is_dir():
            return self

        def declared(endpoint: Endpoint) -> Endpoint:
            schema = schema_files.find(folder, endpoint.name) if endpoint.json_schema is None else None
            return endpoint if schema is None else endpoint.model_copy(update={"json_schema": schema})

        parts = {"endpoints": self.endpoints, "endpoints_yaml": self.endpoints_yaml}
        return self.model_copy(update={name: list(map(declared, part)) for name, part in parts.items()})

    @cached_property
    def streams(self) -> list[Endpoint]:
        """All endpoints, from `endpoints` and `endpoints_yaml`."""
        return [*self.endpoints, *self.endpoints_yaml]

    @cached_property
    def by_variable(self) -> dict[str, Endpoint]:
        """All endpoints, by their names in templates."""
        return {endpoint.variable: endpoint for endpoint in self.streams}
