"""A manifest as a config of this connector."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from source_rest_api.config import loading, validation
from source_rest_api.config.config import Config
from source_rest_api.config.endpoint import Endpoint
from source_rest_api.errors import ConfigError
from source_rest_api.manifest import api, budget, delegation, document, dynamic_streams, jobs
from source_rest_api.manifest.interpolation import Scope
from source_rest_api.manifest.own_code.components import Components
from source_rest_api.manifest.partitions import Parent
from source_rest_api.manifest.recipes import own_recipes, recipes
from source_rest_api.manifest.stream import Translated, translate
from source_rest_api.templates import templates
from source_rest_api.templates.record_templates import RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from source_rest_api.manifest.document import Component

    Ask = Callable[[Component], Iterable[dict[str, Any]]]

_FALSE = (None, "", False, "False", "false")
_NOT_COMPARED = {"name", "schema", "schema_by"}


class Translation(NamedTuple):
    """The config for a manifest, and what of the manifest it lacks."""

    config: dict[str, Any]
    """The config, as a file would hold it."""
    offered: list[str]
    """The streams of the manifest that the config has; its other endpoints are only read for these."""
    blocked: dict[str, str]
    """Why the other streams of the manifest are not in it, by name."""
    streams: dict[str, Translated]
    """The streams by name, as far as they were translated."""

    @property
    def reasons(self) -> str:
        """Why streams are blocked, one line for each."""
        return "\n".join(f"- {name}: {reason}" for name, reason in self.blocked.items())


def translated(
    manifest: Component,
    config: Mapping[str, Any] | None,
    folder: Path | None = None,
    required: frozenset[str] = frozenset(),
    ask: Ask | None = None,
    components: Components | None = None,
) -> Translation:
    """Returns a manifest as a config of this connector.

    Args:
        manifest: The manifest, as it was parsed.
        config: The config of its user; None to leave the templates that read it.
        folder: The folder of the manifest, for schemas in files.
        required: Keys that every config has.
        ask: Returns the records that a retriever reads from the API, for streams that the API lists.
        components: The classes of the connector; by default those beside the manifest.

    Raises:
        ConfigError: The manifest itself is not valid.
    """
    whole = own_recipes.applied(document.resolved(manifest), own_recipes.read(folder))
    blocked: dict[str, str] = {}
    streams = [*(whole.get("streams") or []), *_dynamic(whole.pop("dynamic_streams", None) or [], config, ask, blocked)]
    whole = document.completed({**whole, "streams": streams})
    if "class_name" in (text := json.dumps(manifest, default=str)):
        whole["streams"] = recipes.applied(whole["streams"], config, text)
    family = _Family(whole, Scope(config, required=required), folder, components or Components(folder), ask)
    family.blocked.update(blocked)
    for stream in family.declared:
        family.offer(stream)
    return family.translation(whole)


def _dynamic(
    entries: list[Component],
    config: Mapping[str, Any] | None,
    ask: Ask | None,
    blocked: dict[str, str],
) -> Iterator[Component]:
    """Yields the dynamic streams, and notes those that cannot be known."""
    for number, entry in enumerate(entries):
        try:
            yield from dynamic_streams.made(entry, config, ask)
        except ConfigError as error:  # noqa: PERF203 -- one entry must not keep the others from being read
            blocked[str(entry.get("name") or f"dynamic_streams[{number}]")] = f"components_resolver: {error}"


class _Family:
    """The streams of one manifest, and the streams above them."""

    def __init__(
        self, manifest: Component, scope: Scope, folder: Path | None, components: Components, ask: Ask | None
    ) -> None:
        self.components = components
        self._ask = ask
        self._asked: dict[str, list[dict[str, Any]]] = {}
        self._scope = scope
        self._folder = folder
        self.declared = list(_declared(manifest.get("streams") or [], scope))
        self._names = {templates.variable(self._name(each)) for each in self.declared}
        self._made: dict[str, Translated] = {}
        """All endpoints by name, in the order of their making: parents before their children."""
        self._known: dict[str, Translated | ConfigError] = {}
        """What became of a component, by its JSON text."""
        self._waiting: list[str] = []
        self._offered: list[str] = []
        self.blocked: dict[str, str] = {}
        self._parents: set[str] = set()

    def _name(self, stream: Component) -> str:
        return str(self._scope.of(stream).text(stream.get("name")))

    def offer(self, stream: Component) -> None:
        """Translates a stream of the manifest, or notes why it cannot be translated."""
        name = self._name(stream)
        try:
            made = self._translated(delegation.changes(stream, name))
            if delegation.is_one(stream):
                everything = self._translated(delegation.everything(stream, name))
                made.endpoint["first_sync"] = delegation.first_sync(stream, made, everything, self._scope.of(stream))
        except ConfigError as error:
            self.blocked[name] = str(error)
        except Exception as error:  # noqa: BLE001 -- one stream must not keep the others from being read
            self.blocked[name] = f"it is not as the manifest's schema describes it ({type(error).__name__})"
        else:
            if name not in self._offered:
                self._offered.append(name)

    def _translated(self, stream: Component) -> Translated:
        key = json.dumps(stream, sort_keys=True, default=str)
        if key in self._waiting:
            raise ConfigError("it is a parent of itself")
        if key not in self._known:
            self._waiting.append(key)
            try:
                self._known[key] = self._kept(translate(stream, self, self._scope, self._folder))
            except ConfigError as error:
                self._known[key] = error
            finally:
                self._waiting.pop()
        found = self._known[key]
        if isinstance(found, ConfigError):
            raise found.copy()
        return found

    def _kept(self, made: Translated) -> Translated:
        """Keeps an endpoint under a name of its own, unless there is the same one already."""
        wanted = made.endpoint["name"]
        same = self._made.get(wanted)
        number = 1
        while same is not None:
            if _compared(same) == _compared(made):
                return same
            number += 1
            made.endpoint["name"] = f"{wanted} ({number})"
            same = self._made.get(made.endpoint["name"])
        self._made[made.endpoint["name"]] = made
        return made

    def parent(self, stream: Component) -> Parent:
        """Returns the stream that a component describes, which becomes an endpoint too."""
        stream = delegation.everything(stream, self._name(stream))
        own = next((each for each in self.declared if self._name(each) == self._name(stream)), None)
        try:
            if own is not None and own != stream and _without_schema(own) == _without_schema(stream):
                stream = own
            made = self._translated(stream)
        except ConfigError as error:
            raise ConfigError(f"its parent `{self._name(stream)}` has no equivalent here: {error}") from None
        self._parents.add(made.endpoint["name"])
        return Parent(made.endpoint["name"], made.partitioning.slice)

    def listed(self, retriever: Component) -> list[dict[str, Any]]:
        """Returns the records that a retriever reads, which are read once."""
        if self._ask is None:
            raise ConfigError("a list of properties from the API has no equivalent in an imported connector")
        key = json.dumps(retriever, sort_keys=True, default=str)
        if key not in self._asked:
            self._asked[key] = list(self._ask(retriever))
        return self._asked[key]

    def list_name(self, wanted: str) -> str:
        """Returns a name for a list of values that no stream has, and that is not reserved."""
        name = templates.variable(wanted)
        if not name or not (name[0].isalpha() or name[0] == "_"):
            name = f"_{name}"
        taken = self._names | templates.BUILT_IN_NAMES | {RECORD} | templates.function_names()
        return f"{name}_value" if name in taken else name

    def translation(self, manifest: Component) -> Translation:
        """Returns the config of all streams that have an equivalent."""
        for name in self._parents:
            api.bind(self._made[name].endpoint)
        for each in self._made.values():
            parent = self._made.get(each.partitioning.only_changed or "")
            if parent is not None and parent.endpoint.get("incremental") and each.endpoint.get("incremental"):
                each.endpoint["only_changed_parents"] = True
        endpoints = [each.endpoint for each in self._made.values()]
        api_budget = manifest.get("api_budget") or {}
        limits = {**budget.limits(api_budget, endpoints, self._scope), **api.timeouts(endpoints)}
        for endpoint in endpoints if (rules := budget.rules(api_budget)) else ():
            endpoint["errors"] = [*endpoint.get("errors", []), *rules]
        config, made = api.shared(list(self._made.values()))
        config["name"] = str((manifest.get("metadata") or {}).get("name") or "Airbyte manifest")
        config |= {**limits, **jobs.shared(endpoints, manifest)}
        if manifest.get("stream_groups"):  # streams that must not be read at the same time
            config["max_concurrency"] = 1
        config["endpoints"] = made if self._scope.config is None else _valid(config, made, self.blocked)
        names = {endpoint["name"] for endpoint in config["endpoints"]}
        config = {**{key: of for key, of in config.items() if key != "request_rates"}, **budget.kept(config, names)}
        offered = [name for name in self._offered if name in names]
        return Translation(config, offered, self.blocked, self._made)


def _declared(streams: list[Any], scope: Scope) -> Iterator[Component]:
    """Yields the streams of a manifest, and of its conditional streams those whose condition holds."""
    for stream in streams:
        if stream.get("type") != "ConditionalStreams":
            yield stream
        elif scope.config is None or scope.of(stream).known(stream.get("condition"), "`condition`") not in _FALSE:
            yield from _declared(stream.get("streams") or [], scope)


def _without_schema(stream: Component) -> str:
    kept = {name: value for name, value in stream.items() if name not in {"schema_loader", "$parameters"}}
    return json.dumps(kept, sort_keys=True, default=str)


def _compared(made: Translated) -> dict[str, Any]:
    whole = {**made.endpoint, **made.own.parts}
    return {name: value for name, value in whole.items() if name not in _NOT_COMPARED}


def _valid(config: dict[str, Any], endpoints: list[dict[str, Any]], blocked: dict[str, str]) -> list[dict[str, Any]]:
    """Returns the endpoints that this connector accepts; those below another that it does not accept are not either."""
    models: dict[str, Endpoint] = {}
    for each in endpoints:
        made = _model(each)
        if isinstance(made, Endpoint):
            models[each["name"]] = made
        else:
            blocked[each["name"]] = made
    try:
        whole = loading.validated({**config, "endpoints": []}, Config)
    except ConfigError as error:
        raise ConfigError(f"The manifest and its config do not fit: {error.message}") from None
    while True:
        tried = whole.model_copy(update={"endpoints": list(models.values())})
        wrong = {name: found for name, model in models.items() if (found := loading.problems_of(tried, model))}
        if not wrong:
            return [each for each in endpoints if each["name"] in models]
        for name, found in wrong.items():
            blocked[name] = "; ".join(found)
            del models[name]


def _model(endpoint: dict[str, Any]) -> Endpoint | str:
    """Returns an endpoint as its model, or what is wrong with it."""
    try:
        return Endpoint.model_validate(endpoint)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return "; ".join(validation.problem(Endpoint, item) for item in details)
