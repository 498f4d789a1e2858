"""Query properties: the fields that a request names, in groups if they are too many for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

_KIND = "QueryProperties"
_DELIMITER = 3
"""The characters of an encoded comma, which the CDK counts for each property."""


def group(
    requester: Component, endpoint: dict[str, Any], scope: Scope, listed: Callable[[Component], list[dict[str, Any]]]
) -> None:
    """Sets the `field_groups` of an endpoint, if a parameter of its requests has query properties.

    Args:
        requester: The requester.
        endpoint: The endpoint.
        scope: What templates read.
        listed: Returns the records that a retriever reads.

    Raises:
        ConfigError: They have no equivalent here, or the API does not list them.
    """
    given = requester.get("request_parameters")
    found = {name: of for name, of in given.items() if is_one(of)} if isinstance(given, dict) else {}
    if not found:
        return
    if len(found) > 1:
        raise ConfigError(f"several `{_KIND}` have no equivalent here")
    [(name, properties)] = found.items()
    groups = _groups(properties, scope, listed)
    if not any(groups):
        return
    if len(groups) == 1:
        endpoint.setdefault("params", {})[name] = ",".join(groups[0])
        return
    endpoint["field_groups"] = {
        "param": name,
        "groups": [",".join(each) for each in groups],
        "merge_by": _key(properties.get("property_chunking") or {}),
    }


def read_by_templates(
    requester: Component, scope: Scope, listed: Callable[[Component], list[dict[str, Any]]]
) -> dict[str, Any]:
    """Returns what `stream_slice` holds of the properties that a requester names beside its parameters, as expressions.

    Its templates put them where they belong, such as into the body.

    Args:
        requester: The requester.
        scope: What templates read.
        listed: Returns the records that a retriever reads.

    Raises:
        ConfigError: One request cannot take all of them, or the API does not list them.
    """
    given = requester.get("query_properties")
    if requester.get("fetch_properties_from_endpoint"):  # the deprecated form
        given = {"type": _KIND, "property_list": requester["fetch_properties_from_endpoint"]}
    if not given:
        return {}
    groups = _groups(given, scope, listed)
    if len(groups) > 1:
        raise ConfigError("`query_properties` in chunks have an equivalent only in `request_parameters`")
    return {"extra_fields": {"query_properties": repr(groups[0])}}


def is_one(value: Any) -> bool:
    """True if the value of a parameter is query properties."""
    return isinstance(value, dict) and value.get("type") == _KIND


def _groups(
    properties: Component, scope: Scope, listed: Callable[[Component], list[dict[str, Any]]]
) -> list[list[str]]:
    always = [scope.text(each) for each in properties.get("always_include_properties") or []]
    names = list(_names(properties.get("property_list") or [], scope, listed))
    return [[*always, *chunk] for chunk in _chunks(names, properties.get("property_chunking") or {})]


def _names(given: Any, scope: Scope, listed: Callable[[Component], list[dict[str, Any]]]) -> Iterator[str]:
    if isinstance(given, list):
        yield from (scope.text(each) for each in given)
        return
    path = [scope.text(key) for key in given.get("property_field_path") or []]
    for record in listed(given.get("retriever") or {}):
        value = tree.find(record, path)
        if value is None:
            raise ConfigError(f"a property that the API lists has no `{'.'.join(path)}`")
        yield str(value)


def _chunks(names: Iterable[str], chunking: Component) -> Iterator[list[str]]:
    """Yields the properties in groups within the limit."""
    limit = chunking.get("property_limit")
    in_characters = chunking.get("property_limit_type") == "characters"
    chunk: list[str] = []
    size = 0
    for name in names:
        length = len(name) + _DELIMITER if in_characters else 1
        if limit and chunk and size + length > int(limit):
            yield chunk
            chunk, size = [], 0
        chunk.append(name)
        size += length
    yield chunk


def _key(chunking: Component) -> list[list[str]]:
    key = (chunking.get("record_merge_strategy") or {}).get("key") or "id"
    return [[str(each)] for each in (key if isinstance(key, list) else [key])]
