"""The whole config, and what is said when it is wrong."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from source_rest_api import partitions, templates, yaml_text
from source_rest_api.authenticators import Authenticator, NoAuth
from source_rest_api.cursors import DatetimeText
from source_rest_api.endpoint import Endpoint
from source_rest_api.error_policy import Retry
from source_rest_api.errors import ConfigError
from source_rest_api.model import Model, NamedTexts, Text
from source_rest_api.paginators import NoPagination, Paginator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://", "{{")):
        raise ValueError("must begin with https:// or http://")
    return value


def _parse_yaml(value: object) -> object:
    """Airbyte's form gives the endpoints as YAML text."""
    return yaml_text.load(value) if isinstance(value, str) else value


class Config(Model):
    """A REST API, and the endpoints to read from it."""

    name: str = "REST API"
    """What the API is called in logs."""
    url_base: Annotated[Text, AfterValidator(_http_url)]
    """URL that all paths are below, such as `https://api.example.com/v1`."""
    authentication: Authenticator = NoAuth()
    """How requests show who asks."""
    start_date: DatetimeText | None = None
    """Where the first incremental sync begins. Templates read it as `{{ config['start_date'] }}`."""
    headers: NamedTexts = {}
    """Headers of all requests."""
    params: NamedTexts = {}
    """Query parameters of all requests."""
    pagination: Paginator = NoPagination()
    """How further pages are asked for, for endpoints that do not say it themselves."""
    endpoints: list[Endpoint] = []
    """The endpoints to read, each a stream."""
    endpoints_yaml: Annotated[
        list[Endpoint],
        BeforeValidator(_parse_yaml, json_schema_input_type=str),
        Field(json_schema_extra={"multiline": True}),
    ] = []
    """The same as YAML text, for those who keep them in a file."""
    retry: Retry = Retry()
    """What is tried again, how often and how long."""
    connect_timeout: PositiveFloat = 10
    """Seconds to wait for a connection."""
    read_timeout: PositiveFloat = 60
    """Seconds to wait for the next bytes of an answer."""
    request_timeout: PositiveFloat = 600
    """Seconds that one request may take in all."""
    max_concurrency: PositiveInt = 4
    """Streams that are read at the same time."""

    @property
    def streams(self) -> list[Endpoint]:
        """All endpoints, from the list and from the YAML text."""
        return [*self.endpoints, *self.endpoints_yaml]

    def endpoint(self, variable: str) -> Endpoint | None:
        """The endpoint whose records templates know by this name."""
        return next((endpoint for endpoint in self.streams if endpoint.variable == variable), None)


def load(raw: Mapping[str, Any], model: type[Config] = Config) -> Config:
    """Validate a config. Keys that begin with `_` are the platform's own and are left out.

    Raises:
        ConfigError: With every error, each with its path, none with a value.
    """
    own = {key: value for key, value in raw.items() if not key.startswith("_")}
    try:
        config = model.model_validate(own)
    except ValidationError as error:
        problems = [_problem(model, item) for item in error.errors(include_url=False, include_input=False)]
    else:
        problems = list(_cross_check(config))
    if problems:
        count = "an error" if len(problems) == 1 else f"{len(problems)} errors"
        raise ConfigError("\n".join([f"The config has {count}:", *(f"- {problem}" for problem in problems)]))
    return config


def _problem(model: type[BaseModel], error: Any) -> str:
    """One line for one validation error: the path as the user writes it, and what to do."""
    location = list(error["loc"])
    owner = _model_at(model, location[:-1])
    kind = error["type"]
    if kind == "extra_forbidden" and owner is not None:
        known = [field.alias or name for name, field in owner.model_fields.items()]
        return f"{_dotted(location)}: unknown key{_did_you_mean(str(location[-1]), known)}"
    if kind == "union_tag_invalid":
        expected = [tag.strip(" '") for tag in error["ctx"]["expected_tags"].split(",")]
        return f"{_dotted([*location, 'type'])}: unknown type{_did_you_mean(error['ctx']['tag'], expected)}"
    if kind == "union_tag_not_found":
        return f"{_dotted([*location, 'type'])}: is missing"
    if kind == "missing":
        return f"{_dotted(location)}: is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{_dotted(location) or 'the config'}: {message[0].lower()}{message[1:]}"


def _did_you_mean(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=1, cutoff=0.6)
    return f", did you mean `{close[0]}`?" if close else f"; known are {', '.join(f'`{name}`' for name in known)}"


def _dotted(location: list[Any]) -> str:
    """`endpoints[0].pagination.page_size`: list positions in brackets, tags of unions left out."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part not in _TAGS:
            text += f".{part}" if text else str(part)
    return text


def _members(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _members(argument)


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("type")
    return None if field is None else str(field.default)


_TAGS = {
    tag
    for owner in (Config, Endpoint)
    for field in owner.model_fields.values()
    for tag in map(_tag, _members(field.annotation))
    if tag
}


def _model_at(model: type[BaseModel], location: list[Any]) -> type[BaseModel] | None:
    """The model whose key an error is about."""
    candidates = [model]
    for part in location:
        if isinstance(part, int):
            continue
        tagged = [candidate for candidate in candidates if _tag(candidate) == part]
        if tagged:
            candidates = tagged
            continue
        fields = [
            field
            for candidate in candidates
            for name, field in candidate.model_fields.items()
            if part in {name, field.alias}
        ]
        candidates = [member for field in fields for member in _members(field.annotation)]
    return candidates[0] if candidates else None


def _cross_check(config: Config) -> Iterator[str]:
    """What no part can see alone: names that must differ, names that must exist, parents without cycles."""
    if not config.streams:
        yield "endpoints: at least one endpoint is needed, in `endpoints` or `endpoints_yaml`"
    seen: dict[str, str] = {}
    for endpoint in config.streams:
        place = f"endpoint `{endpoint.name}`"
        other = seen.setdefault(endpoint.variable, endpoint.name)
        if other is not endpoint.name and seen[endpoint.variable] != endpoint.name:
            yield f"{place}: its name is the same as that of `{other}`"
        if endpoint.variable in templates.BUILT_IN_NAMES:
            yield f"{place}: the name is reserved in templates"
        yield from (f"{place}: {problem}" for problem in partitions.problems(config, endpoint))
    names = [endpoint.name for endpoint in config.streams]
    yield from (
        f"endpoint `{name}`: the name stands there twice" for name in sorted({n for n in names if names.count(n) > 1})
    )
