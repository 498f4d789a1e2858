"""The whole config: a REST API, and the endpoints to read from it."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt

from source_rest_api.auth.authenticators import Authenticator, NoAuth
from source_rest_api.auth.credentials import RequestAuthenticator, SessionAuthenticator
from source_rest_api.config.endpoint import Endpoint
from source_rest_api.cursors.cursors import DatetimeText
from source_rest_api.http.error_rules import ErrorPolicies, ErrorPolicy, ErrorRule
from source_rest_api.http.origins import AllowedOrigin, Origins
from source_rest_api.http.response import LARGEST_BODY
from source_rest_api.http.retry import Retry
from source_rest_api.http.settings import HttpSettings
from source_rest_api.http.tls import ProxyUrl, Tls
from source_rest_api.model import Model, NamedSecrets, NamedTexts, Text, own
from source_rest_api.pagination.paginator import PaginatorProtocol
from source_rest_api.pagination.paginators import NoPagination, Pagination

if TYPE_CHECKING:
    from collections.abc import Mapping


def _http_url(value: str) -> str:
    if not value.lower().startswith(("http://", "https://", "{{")):
        raise ValueError("must begin with https:// or http://")
    if re.match("[^/]*//[^/]*@", value):
        raise ValueError("must not hold credentials: they belong in `authentication`")
    if "?" in value:
        raise ValueError("must not have a query: it belongs in `params`")
    return value


def _parse_yaml(value: object) -> object:
    """Airbyte's form gives the endpoints as YAML text."""
    if not isinstance(value, str):
        return value
    from source_rest_api.formats import yaml_text  # noqa: PLC0415 -- most configs have none; start-up counts

    return yaml_text.load(value) or []


_MEGABYTE = 1 << 20


class Limits(Model):
    """Upper limits of a read. Beyond a limit, the read fails with an error that names the option."""

    body_megabytes: PositiveInt = LARGEST_BODY // _MEGABYTE
    """The largest body, its compression undone. CSV and JSON Lines are read line by line and need none. Beyond an
    eighth of it, a body may inflate to 100 times what was sent."""

    record_megabytes: PositiveInt = 20
    """The largest record, as JSON. Of a larger one the largest fields are null (`meta.changes` names them), but never
    those of its `primary_key` and cursor. Airbyte's platform takes 20 MB."""

    pages: PositiveInt | None = None
    """Pages of one slice (an interval of one partition). By default an API may give as many as it has."""
    empty_pages: PositiveInt = 1000
    """Pages of a slice without any record, one after the other, that still lead to a next page."""

    @property
    def body(self) -> int:
        """Bytes."""
        return self.body_megabytes * _MEGABYTE

    @property
    def record(self) -> int:
        """Bytes."""
        return self.record_megabytes * _MEGABYTE


class Config(Model):
    """A REST API, and the endpoints to read from it."""

    name: str = "REST API"
    """Name of the API in logs."""
    url_base: Annotated[Text, AfterValidator(_http_url)]
    """URL that all paths are below, such as `https://api.example.com/v1`."""
    authentication: Annotated[
        Authenticator,
        own(RequestAuthenticator, SessionAuthenticator, advice="give it one of them (docs/connector.md)"),
    ] = NoAuth()
    """How requests show who asks."""
    secrets: NamedSecrets = {}
    """Further secrets, such as a second key, as lines of `name: value`. Templates read them as `{{ secrets.name }}`."""
    start_date: DatetimeText | None = None
    """Start of the first incremental sync. Templates read it as `{{ config['start_date'] }}`."""
    headers: NamedTexts = {}
    """Headers of all requests."""
    params: NamedTexts = {}
    """Query parameters of all requests."""
    pagination: Annotated[Pagination, own(PaginatorProtocol, advice="derive it from `Paginator`")] = NoPagination()
    """How further pages are asked for, for endpoints that do not say it themselves."""
    endpoints: list[Endpoint] = []
    """The endpoints to read, each a stream."""
    endpoints_yaml: Annotated[
        list[Endpoint],
        BeforeValidator(_parse_yaml, json_schema_input_type=str),
        Field(json_schema_extra={"multiline": True}),
    ] = []
    """The same as YAML text, for those who keep them in a file."""
    errors: list[ErrorRule] = []
    """Error rules of all endpoints, such as `{status: 404, action: ignore}`."""
    retry: Retry = Retry()
    """Retries: how often, and for how long."""
    connect_timeout: PositiveFloat = 10
    """Seconds to wait for a connection."""
    read_timeout: PositiveFloat = 60
    """Seconds to wait for the next bytes of an answer."""
    request_timeout: PositiveFloat = 600
    """Seconds that one request may take in all."""
    allowed_origins: list[AllowedOrigin] = []
    """Further origins to which next links and redirects of the API may lead, such as one that serves files."""
    tls: Tls | None = None
    """Certificates for TLS."""
    proxy_url: ProxyUrl | None = None
    """Proxy for all requests, such as `http://user:password@proxy.example.com:3128`; by default that of the
    environment."""
    max_concurrency: PositiveInt = 8
    """Requests at the same time, at most. It begins with fewer, and goes down where the API pushes back."""
    limits: Limits = Limits()
    """Upper limits of a read."""
    max_requests_per_second: PositiveFloat | None = None
    """How many requests may begin in a second, for an API that allows only so many: `0.5` is one in two seconds."""

    def context(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the names that all templates read: the config as written (`raw`), and the secrets by name."""
        return {"config": raw, "secrets": {name: secret.get_secret_value() for name, secret in self.secrets.items()}}

    def http(self, url_base: str) -> HttpSettings:
        """The settings of its requests.

        Args:
            url_base: Its URL, filled; credentials are its origin's.

        Raises:
            ConfigError: `url_base` is not a URL, or `allowed_origins` do not go with it.
        """
        return HttpSettings(
            origins=Origins(url_base, self.allowed_origins),
            policies=ErrorPolicies(
                ErrorPolicy(self.errors), {e.name: ErrorPolicy([*e.errors, *self.errors]) for e in self.streams}
            ),
            retry=self.retry,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            request_timeout=self.request_timeout,
            largest_body=self.limits.body,
            requests_per_second=self.max_requests_per_second,
            tls=self.tls,
            proxy_url=self.proxy_url,
        )

    @cached_property
    def streams(self) -> list[Endpoint]:
        """All endpoints, from the list and from the YAML text."""
        return [*self.endpoints, *self.endpoints_yaml]

    @cached_property
    def by_variable(self) -> dict[str, Endpoint]:
        """The endpoints by the names under which templates know their records."""
        return {endpoint.variable: endpoint for endpoint in self.streams}
