"""Loads a config, or the endpoint files of a custom connector, and reports all errors at once."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from source_rest_api.config import (
    changed_parents,
    request_checks,
    schema_files,
    template_checks,
    validation,
    whole_endpoint,
)
from source_rest_api.config.config import Config
from source_rest_api.config.endpoint import Endpoint
from source_rest_api.errors import ConfigError
from source_rest_api.model import Model
from source_rest_api.plurals import counted
from source_rest_api.templates import templates
from source_rest_api.templates.record_templates import RECORD

M = TypeVar("M", bound=Model)


def load(raw: Mapping[str, Any]) -> Config:
    """Validates a config of the generic connector.

    Raises:
        ConfigError: The config is invalid. The message lists every error with its path, and never a value.
    """
    return checked(validated(raw, Config))


def validated(raw: Mapping[str, Any], model: type[M]) -> M:
    """Validates a config against its model. Keys that begin with `_` belong to the platform and are ignored.

    Raises:
        ConfigError: The config is invalid. The message lists every error with its path, and never a value.
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
    """Builds the API of a custom connector from the connector's own config.

    Raises:
        ConfigError: A component that the connector builds is invalid.
    """
    try:
        return api(own)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise _wrong([f"{error.title}: {validation.problem(Config, item)}" for item in details]) from None


def checked(config: Config) -> Config:
    """Checks the rules that concern several parts of a config, and returns the config.

    Raises:
        ConfigError: The config breaks such a rule. The message lists every error.
    """
    problems = list(_cross_check(config))
    if problems:
        raise _wrong(problems)
    return config


def _wrong(problems: list[str]) -> ConfigError:
    count = "an error" if len(problems) == 1 else counted(len(problems), "error")
    return ConfigError("\n".join([f"The config has {count}:", *(f"- {problem}" for problem in problems)]))


def _cross_check(config: Config) -> Iterator[str]:
    """Yields the errors between parts: duplicate names, unknown names, cycles of parents."""
    yield from template_checks.problems_of_defaults(config)
    if not config.streams:
        yield "endpoints: no endpoint found; add one to `endpoints` or `endpoints_yaml`"
    names: dict[str, str] = {}
    for endpoint in config.streams:
        place = f"endpoint `{endpoint.name}`"
        other = names.get(endpoint.variable)
        names[endpoint.variable] = endpoint.name
        if other == endpoint.name:
            yield f"{place}: two endpoints have this name; rename one"
        elif other is not None:
            yield f"{place}: its name in templates is the same as that of `{other}`; rename one"
        if endpoint.variable in {*templates.BUILT_IN_NAMES, RECORD}:
            yield f"{place}: this name is reserved in templates; rename the endpoint"
        yield from (f"{place}: {problem}" for problem in problems_of(config, endpoint))
    known = [endpoint.name for endpoint in config.streams]
    for number, rate in enumerate(config.request_rates):
        for name in sorted({*rate.endpoints} - {*known}):
            yield f"request_rates[{number}].endpoints: no endpoint `{name}`{validation.did_you_mean(name, known)}"


def problems_of(config: Config, endpoint: Endpoint) -> list[str]:
    """Returns the errors between an endpoint and the rest of its config."""
    problems = [
        *request_checks.problems(endpoint, config.pagination),
        *request_checks.problems_of_url(config, endpoint),
        *template_checks.problems_of_deletions(config, endpoint),
        *template_checks.problems(config, endpoint),
        *changed_parents.problems(config, endpoint),
        *whole_endpoint.problems(config, endpoint),
    ]
    if endpoint.incremental is not None:
        templated = any("stream_interval" in templates.names(text) for text in endpoint.texts)
        problems += endpoint.incremental.problems(config.start_date, templated=templated)
    return problems


class _File(Model):
    endpoints: list[Endpoint]


def load_endpoints(folder: Path) -> list[Endpoint]:
    """Reads `endpoints.yaml` in a folder: a list of endpoints, as in a config.

    An endpoint without `schema` gets the schema in `schemas/<name>.json`, if that file exists.

    Raises:
        ConfigError: The file is invalid. The message lists every error with its path.
    """
    from source_rest_api.formats import yaml_text  # noqa: PLC0415 -- most configs have none; start-up counts

    try:
        entries = yaml_text.load((folder / "endpoints.yaml").read_text(encoding="utf-8"))
        given = [_with_schema(entry, folder / "schemas") for entry in entries] if isinstance(entries, list) else entries
    except ValueError as error:
        raise ConfigError(f"endpoints.yaml is {error}.") from None
    try:
        return validated({"endpoints": given}, _File).endpoints
    except ConfigError as error:
        raise ConfigError(f"endpoints.yaml: {error.message}") from None


def _with_schema(entry: Any, schemas: Path) -> Any:
    schema = schema_files.find(schemas, str(entry.get("name"))) if isinstance(entry, dict) else None
    return entry if schema is None else {"schema": schema, **entry}
