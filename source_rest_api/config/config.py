"""The whole config, and what is said when it is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt, ValidationError

from source_rest_api.auth.authenticators import Authenticator, NoAuth
from source_rest_api.config import template_checks, validation
from source_rest_api.config.endpoint import Endpoint
from source_rest_api.cursors.cursors import DatetimeText
from source_rest_api.errors import ConfigError
from source_rest_api.http.error_rules import ErrorPolicies, ErrorPolicy, ErrorRule
from source_rest_api.http.origins import AllowedOrigin, Origins
from source_rest_api.http.response import LARGEST_BODY
from source_rest_api.http.retry import Retry
from source_rest_api.http.settings import HttpSettings
from source_rest_api.http.tls import ProxyUrl, Tls
from source_rest_api.model import Model, NamedSecrets, NamedTexts, Own, Text
from source_rest_api.pagination.paginators import NoPagination, Pagination
from source_rest_api.templates import templates
from source_rest_api.templates.record_templates import RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


M = TypeVar("M", bound=Model)


_MEGABYTE = 1 << 20


class Limits(Model):
    """What a read may take at most. Whatever is beyond it is an error that names the option."""

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
    """What the API is called in logs."""
    url_base: Annotated[Text, AfterValidator(_http_url)]
    """URL that all paths are below, such as `https://api.example.com/v1`."""
    authentication: Annotated[Authenticator, Own] = NoAuth()
    """How requests show who asks."""
    secrets: NamedSecrets = {}
    """Further secrets, such as a second key, as lines of `name: value`. Templates read them as `{{ secrets.name }}`."""
    start_date: DatetimeText | None = None
    """Where the first incremental sync begins. Templates read it as `{{ config['start_date'] }}`."""
    headers: NamedTexts = {}
    """Headers of all requests."""
    params: NamedTexts = {}
    """Query parameters of all requests."""
    pagination: Annotated[Pagination, Own] = NoPagination()
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
    """What errors of all endpoints mean, such as `{status: 404, action: ignore}`."""
    retry: Retry = Retry()
    """What is tried again, how often and how long."""
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
    """What a read may take at most."""
    max_requests_per_second: PositiveFloat | None = None
    """How many requests may begin in a second, for an API that allows only so many: `0.5` is one in two seconds."""

    def context(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """What all templates read: the config as it was written (`raw`), and the secrets by their names."""
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


def load(raw: Mapping[str, Any]) -> Config:
    """Validate a config of the generic connector.

    Raises:
        ConfigError: With every error, each with its path, none with a value.
    """
    return checked(validated(raw, Config))


def validated(raw: Mapping[str, Any], model: type[M]) -> M:
    """Validate a connector's own config. Keys that begin with `_` are the platform's own and are left out.

    Raises:
        ConfigError: With every error, each with its path, none with a value.
    """
    if not isinstance(raw, Mapping):
        raise ConfigError("The config must be an object with keys such as `url_base` and `endpoints`.")
    own = {key: value for key, value in raw.items() if not str(key).startswith("_")}
    try:
        return model.model_validate(own)
    except ValidationError as error:
        problems = [validation.problem(model, item) for item in error.errors(include_url=False, include_input=False)]
        raise _wrong(problems) from None


def built(api: Callable[[Any], Config], own: Any) -> Config:
    """The API that a connector makes of its own config.

    Raises:
        ConfigError: A component that it makes is wrong.
    """
    try:
        return api(own)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise _wrong([f"{error.title}: {validation.problem(Config, item)}" for item in details]) from None


def checked(config: Config) -> Config:
    """Check what no part of a config can see alone.

    Raises:
        ConfigError: With every error.
    """
    problems = list(_cross_check(config))
    if problems:
        raise _wrong(problems)
    return config


def _wrong(problems: list[str]) -> ConfigError:
    count = "an error" if len(problems) == 1 else f"{len(problems)} errors"
    return ConfigError("\n".join([f"The config has {count}:", *(f"- {problem}" for problem in problems)]))


def _cross_check(config: Config) -> Iterator[str]:
    """What no part can see alone: names that must differ, names that must exist, parents without cycles."""
    yield from template_checks.problems_of_defaults(config)
    if not config.streams:
        yield "endpoints: at least one endpoint is needed, in `endpoints` or `endpoints_yaml`"
    names: dict[str, str] = {}
    for endpoint in config.streams:
        place = f"endpoint `{endpoint.name}`"
        other = names.get(endpoint.variable)
        names[endpoint.variable] = endpoint.name
        if other == endpoint.name:
            yield f"{place}: the name stands there twice"
        elif other is not None:
            yield f"{place}: in templates its name is the same as that of `{other}`"
        if endpoint.variable in {*templates.BUILT_IN_NAMES, RECORD}:
            yield f"{place}: the name is reserved in templates"
        yield from (f"{place}: {problem}" for problem in endpoint.problems(config.pagination))
        yield from (f"{place}: {problem}" for problem in template_checks.problems(config, endpoint))
        if endpoint.incremental is not None:
            templated = any("stream_interval" in templates.names(text) for text in endpoint.texts)
            for problem in endpoint.incremental.problems(config.start_date, templated=templated):
                yield f"{place}: {problem}"
