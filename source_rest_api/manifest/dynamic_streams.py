"""Dynamic streams: a template of a stream, and what differs in each: listed in the manifest, the config or the API."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import document, interpolation
from source_rest_api.manifest.interpolation import Scope
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from source_rest_api.manifest.document import Component

_TYPES: dict[str, type | tuple[type, ...]] = {"boolean": bool, "integer": int, "number": (int, float), "string": str}


def made(
    dynamic: Component,
    config: Mapping[str, Any] | None,
    ask: Callable[[Component], Iterable[dict[str, Any]]] | None,
) -> Iterator[Component]:
    """Yields the streams of one entry of `dynamic_streams`, with the references resolved.

    Args:
        dynamic: The entry.
        config: The config of the user.
        ask: Returns the records that a retriever reads from the API.

    Raises:
        ConfigError: The streams cannot be known here.
    """
    resolver = dynamic.get("components_resolver") or {}
    if config is None:
        raise ConfigError("dynamic streams have no equivalent in an imported connector")
    order = {document.PARENTS_FIRST: dynamic.get("use_parent_parameters", True) is not False}
    for values in _values(resolver, config, ask):
        template = deepcopy(dynamic.get("stream_template") or {})
        yield {**_filled(template, resolver, Scope(config, more=_more(values))), **order}


def _more(values: Any) -> dict[str, Any]:
    return {"components_values": values, "stream_parameters": values}


def _values(
    resolver: Component, config: Mapping[str, Any], ask: Callable[[Component], Iterable[dict[str, Any]]] | None
) -> Iterable[Any]:
    """Returns what differs in each stream."""
    kind = resolver.get("type")
    if kind == "ParametrizedComponentsResolver":
        listed: list[Any] = (resolver.get("stream_parameters") or {}).get("list_of_parameters_for_stream") or []
        return listed
    if kind == "ConfigComponentsResolver":
        given = resolver.get("stream_config") or []
        lists = [_in_config(each, config) for each in (given if isinstance(given, list) else [given])]
        return [_merged(combination) for combination in product(*lists)]
    if kind == "HttpComponentsResolver" and ask is not None:
        return ask(resolver.get("retriever") or {})
    raise document.lacking(resolver)


def _in_config(stream_config: Component, config: Mapping[str, Any]) -> list[tuple[int, Any]]:
    found: Any = config
    for key in stream_config.get("configs_pointer") or []:
        name = Scope(config).text(key)
        found = found.get(name, []) if isinstance(found, dict) else []
    items = list(found) if isinstance(found, list) else [found]
    return list(enumerate([*items, *(stream_config.get("default_values") or [])]))


def _merged(combination: Iterable[tuple[int, Any]]) -> dict[str, Any]:
    """Returns one value of each list as one object; what is none stands under the number of its list."""
    result: dict[str, Any] = {}
    for number, (index, value) in enumerate(combination):
        if isinstance(value, dict):
            result.update(value)
        else:
            result.setdefault(f"source_config_{number}", (index, value))
    return result


def _filled(stream: Component, resolver: Component, scope: Scope) -> Component:
    """Returns the stream with the values that the mappings of the resolver put in."""
    more = {**scope.more, "stream_template_config": deepcopy(stream)}
    for mapping in resolver.get("components_mapping") or []:
        own = scope.of(mapping)._replace(more=more)
        if mapping.get("condition") and own.known(mapping["condition"], "`condition`") in {None, "", False}:
            continue
        value = _typed(own.known(mapping.get("value"), "`value`"), mapping.get("value_type"))
        path = tuple(own.text(key) for key in mapping.get("field_path") or [])
        places = list(tree.places(stream, path))
        if not places and mapping.get("create_or_update") and value:
            tree.put(stream, path, value, "field_path")
        for holder, key in places:
            holder[key] = value
    return stream


def _typed(value: Any, kind: Any) -> Any:
    """Returns a value as its `value_type`, and a text that is YAML as what it stands for."""
    if kind == "string":
        return value if isinstance(value, str) else str(value)
    if kind in _TYPES and isinstance(value, _TYPES[kind]):
        return value
    if not isinstance(value, str):
        return value
    import yaml  # noqa: PLC0415 -- few manifests have dynamic streams; start-up counts

    try:
        return interpolation.literal(value) if kind else yaml.safe_load(value)
    except yaml.YAMLError:
        return value
