"""Classes that well-known manifests bring along in Python, as components that do the same.

A class is known by its name alone: its code is never run. To add one, write a function from its component to the
component that stands for it, and name it in `known_records` or `known_requests`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.manifest import schema as schema_loaders
from source_rest_api.manifest.recipes import known_records, known_requests
from source_rest_api.manifest.recipes.known_requests import as_standard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_rest_api.manifest.document import Component

_OF_THE_CDK = {"DeclarativeOauth2Authenticator": "OAuthAuthenticator"}
"""Types of the CDK's own classes that are called otherwise."""
ROUTER = "$router"
INSTEAD_OF = "$instead_of"
"""The field of a component that a recipe made, with the component before."""


def applied(value: Any, config: Mapping[str, Any] | None, text: str, schema: Mapping[str, Any] | None = None) -> Any:
    """Returns a part of a manifest with all classes replaced that have a recipe.

    Args:
        value: The part.
        config: The config of the user.
        text: The text of the whole manifest, which shows whose a class with a common name is.
        schema: The schema of the stream around it.
    """
    if isinstance(value, list):
        return [applied(item, config, text, schema) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "InlineSchemaLoader":
        return value
    schema = _schema(value) or schema
    made = {name: applied(inner, config, text, schema) for name, inner in value.items()}
    _move_router(made)
    return made if "class_name" not in made else _standard(made, config or {}, text, schema or {})


def _move_router(stream: Component) -> None:
    """Puts the router that a recipe found in a cursor where routers stand."""
    cursor = stream.get("incremental_sync")
    if isinstance(cursor, dict) and ROUTER in cursor:
        stream["incremental_sync"] = {name: value for name, value in cursor.items() if name != ROUTER}
        only_first = {"ignore_stream_slicer_parameters_on_paginated_requests": True}
        stream["retriever"] = {**stream["retriever"], "partition_router": cursor[ROUTER], **only_first}


def _schema(component: Component) -> Mapping[str, Any] | None:
    """Returns the schema in the loader of a stream."""
    loader = schema_loaders.first(component.get("schema_loader"))
    schema = loader.get("schema") if isinstance(loader, dict) else None
    return schema if isinstance(schema, dict) else None


def _standard(component: Component, config: Mapping[str, Any], text: str, schema: Mapping[str, Any]) -> Component:
    name = str(component["class_name"]).rpartition(".")[2]
    if str(component["class_name"]).startswith("airbyte_cdk."):
        own = {key: value for key, value in component.items() if key != "class_name"}
        return {**own, "type": _OF_THE_CDK.get(name, name)}
    known = (recipe for mention, recipe in _RECIPES.get(name, {}).items() if mention in text)
    recipe = next(known, None) or _by_fields(component)
    if recipe is None:
        return component
    made = recipe({key: value for key, value in component.items() if key != "class_name"}, config, schema)
    if made is None:
        return component
    return {**made, INSTEAD_OF: component} if made else made


def _by_fields(component: Component) -> Recipe | None:
    """Returns the recipe of a class by its fields, where a wrong guess shows at once: the API refuses the request."""
    if component.get("token_refresh_endpoint") and component.get("client_id"):
        return as_standard("OAuthAuthenticator")
    if component.get("type") == "CustomErrorHandler":
        return as_standard("DefaultErrorHandler")
    if component.get("type") == "CustomSchemaLoader":
        return lambda _component, _config, _schema: {"type": "DynamicSchemaLoader"}
    if component.get("type") == "CustomAuthenticator" and len(list(_choices(component))) > 1:
        return _chosen
    return None


def _choices(component: Component) -> Iterator[tuple[str, Component]]:
    for name, value in component.items():
        if isinstance(value, dict) and str(value.get("type", "")).endswith("Authenticator"):
            yield name, value


def _chosen(component: Component, config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The authenticator for the kind of credentials in the config, which their branch of the form names."""
    given = config.get("credentials")
    kinds = [str(value) for value in given.values()] if isinstance(given, dict) else []
    wants_oauth = any(kind.startswith("oauth") for kind in kinds)
    found = dict(_choices(component))
    for name, value in found.items():
        if name.startswith("legacy") != (not kinds):
            continue
        if name.startswith("oauth") == wants_oauth:
            return value
    return next(iter(found.values()))


if TYPE_CHECKING:
    Recipe = Callable[[Component, Mapping[str, Any], Mapping[str, Any]], Component | None]
    """Returns the component in place of a class; None if this class is another one."""

_RECIPES: dict[str, dict[str, Recipe]] = {**known_records.RECORDS, **known_requests.REQUESTS}
