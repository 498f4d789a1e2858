"""Classes that well-known manifests bring along in Python, as components that do the same.

A class is known by its name alone: its code is never run. To add one, write a function from its component to the
component that stands for it, and name it in `_RECIPES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError
from source_rest_api.manifest import schema as schema_loaders
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_rest_api.manifest.document import Component

_OF_THE_CDK = {"DeclarativeOauth2Authenticator": "OAuthAuthenticator"}
"""Types of the CDK's own classes that are called otherwise."""
INSTEAD_OF = "$instead_of"
"""The field of a component that a recipe made, with the component before."""
_NO_DATES = ["0000-00-00", "0000-00-00 00:00:00"]


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
    return made if "class_name" not in made else _standard(made, config or {}, text, schema or {})


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
    known = _RECIPES.get(name) if _ONLY_WITH.get(name, "") in text else None
    recipe = known or _by_fields(component)
    if recipe is None:
        return component
    made = recipe({key: value for key, value in component.items() if key != "class_name"}, config, schema)
    if made is None:
        return component
    return {**made, INSTEAD_OF: component} if made else made


def _by_fields(component: Component) -> Recipe | None:
    """Returns the recipe of a class by its fields, where a wrong guess shows at once: the API refuses the request."""
    if component.get("token_refresh_endpoint") and component.get("client_id"):
        return _as("OAuthAuthenticator")
    if component.get("type") == "CustomErrorHandler":
        return _as("DefaultErrorHandler")
    if component.get("type") == "CustomSchemaLoader":
        return lambda _component, _config, _schema: {"type": "DynamicSchemaLoader"}
    if component.get("type") == "CustomAuthenticator" and len(list(_choices(component))) > 1:
        return _chosen
    return None


def _as(kind: str) -> Recipe:
    return lambda component, _config, _schema: {**component, "type": kind}


def _basic_oauth(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """OAuth whose client shows its ID and secret in `Authorization: Basic`."""
    return {**component, "type": "OAuthAuthenticator", "credentials_in": "basic"}


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


def _object_values(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The values of an object, each with its key in a field."""
    return {**component, "type": "DpathExtractor", "records_key_field": component.get("inject_key_as_field")}


def _from_config_or_parent(component: Component, config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The IDs that the config names; without any, those of the parent's records."""
    parameters = component.get("$parameters") or {}
    [parent, *_] = component.get("parent_stream_configs") or [{}]
    paths = component.get("path_in_config") or parameters.get("path_in_config") or [[f"{parent['partition_field']}s"]]
    for path in paths:
        found = tree.find(config, path)
        if found:
            return {
                "type": "ListPartitionRouter",
                "values": [str(each) for each in (found if isinstance(found, list) else [found])],
                "cursor_field": parent["partition_field"],
                "request_option": parent.get("request_option"),
                "$parameters": parameters,
            }
    return {**component, "type": "SubstreamPartitionRouter"}


def _empty_dates(_component: Component, _config: Mapping[str, Any], schema: Mapping[str, Any]) -> Component:
    """Dates that a database writes for none become null."""
    dates = [name for name, of in (schema.get("properties") or {}).items() if str(of.get("format")).startswith("date")]
    fields = [
        {"type": "AddedFieldDefinition", "path": [name], "value": f"{{{{ none if record[{name!r}] in {_NO_DATES} }}}}"}
        for name in dates
    ]
    return {"type": "AddFields", "fields": fields}


def _no_dashes(_component: Component, _config: Mapping[str, Any], schema: Mapping[str, Any]) -> Component:
    """Metrics without a value, which the API writes as a dash, become null."""
    metrics = ((schema.get("properties") or {}).get("metrics") or {}).get("properties") or {}
    fields = [
        {
            "type": "AddedFieldDefinition",
            "path": ["metrics", name],
            "value": f"{{{{ none if record['metrics'][{name!r}] == '-' }}}}",
        }
        for name in metrics
    ]
    return {"type": "AddFields", "fields": fields}


def _dates(component: Component, _config: Mapping[str, Any], schema: Mapping[str, Any]) -> Component:
    """Dates of any form become RFC 3339."""
    paths = [".".join(field["path"]) for field in component.get("fields") or []]
    if not paths:
        properties = schema.get("properties") or {}
        paths = [name for name, of in properties.items() if of.get("format") == "date-time"]
    return {"type": "Cast", "fields": dict.fromkeys(paths, "date-time")}


def _all_fields(component: Component, _config: Mapping[str, Any], schema: Mapping[str, Any]) -> Component:
    """A requester that asks for all fields of the schema, in `opt_fields`."""
    if not schema:
        raise ConfigError("`AsanaHttpRequester` needs the schema of its stream in the manifest")
    names = ",".join(_paths(schema.get("properties") or {}))
    given = component.get("request_parameters") or {}
    return {**component, "type": "HttpRequester", "request_parameters": {**given, "opt_fields": names}}


def _paths(properties: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, of in properties.items():
        items = of.get("items")
        inner = of.get("properties") or (items.get("properties") if isinstance(items, dict) else None)
        if inner:
            yield from _paths(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _without_joining(component: Component, config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The retriever of channels; here it does not join them."""
    if config.get("join_channels"):
        raise ConfigError("`join_channels` has no equivalent here: let the bot join the channels, and switch it off")
    return {**component, "type": "SimpleRetriever"}


def _only_first(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A cursor whose start goes into the request of the first page only."""
    return {**component, "type": "DatetimeBasedCursor", "only_first_page": True}


def _ad_accounts(_component: Component, config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The accounts in `items`; the account alone, where the config names it."""
    return {"type": "DpathExtractor", "field_path": [] if config.get("account_id") else ["items"]}


def _menus(_component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The menus in each object, with the ID of that."""
    fields = [{"source_path": ["id"], "target_path": ["ivr_id"]}]
    expander = {"type": "RecordExpander", "expand_records_from_field": ["menus"], "parent_fields": fields}
    return {"type": "DpathExtractor", "field_path": ["ivrs"], "record_expander": expander}


def _to_the_last_page(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """Pages by number, up to the number of pages that each response says."""
    return {
        "type": "CursorPagination",
        "page_size": component.get("page_size"),
        "cursor_value": "{{ response.response.currentPage + 1 }}",
        "stop_condition": "{{ response.response.currentPage >= response.response.pages }}",
    }


def _in_path(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A requester whose parameters are sent without escapes: they stand in the path."""
    given = component.get("request_parameters") or {}
    plain = {name: value for name, value in given.items() if not isinstance(value, dict)}
    query = "&".join(f"{name}={value}" for name, value in plain.items())
    others = {name: value for name, value in given.items() if name not in plain}
    path = f"{component.get('path') or ''}{'?' if query else ''}{query}"
    return {**component, "type": "HttpRequester", "path": path, "request_parameters": others}


def _modified_time(_component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The time of a change, in its own format, becomes RFC 3339."""
    return {"type": "Cast", "fields": {"Modified Time": "%m/%d/%Y %H:%M:%S.%f"}}


def _named_cells(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component | None:
    """Values of one list of rows, and their names in several lists beside it."""
    parts = component.get("extractors") or []
    keys = [(each.get("keys_extractor") or {}).get("field_path") or [] for each in parts]
    values = [(each.get("values_extractor") or {}).get("field_path") or [] for each in parts]
    rows = {tuple(path[: path.index("*")]) for path in values if "*" in path}
    if len(rows) != 1 or not all(keys):
        return None
    [where] = rows
    cells = [{"names": name, "values": path[len(where) + 1 :]} for name, path in zip(keys, values, strict=True)]
    return {"type": "DpathExtractor", "field_path": [*where], "cells": cells}


def _no_filter(_component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A filter of records that came before: the destination, or the cursor, knows them."""
    return {}


if TYPE_CHECKING:
    Recipe = Callable[[Component, Mapping[str, Any], Mapping[str, Any]], Component | None]
    """Returns the component in place of a class; None if this class is another one."""

_RECIPES: dict[str, Recipe] = {
    "AdAccountRecordExtractor": _ad_accounts,
    "CustomPageIncrement": _to_the_last_page,
    "FreshdeskTicketsIncrementalRequester": _as("HttpRequester"),
    "IVRMenusRecordExtractor": _menus,
    "IntercomScrollRetriever": _as("SimpleRetriever"),
    "AsanaHttpRequester": _all_fields,
    "BulkDatetimeToRFC3339": _modified_time,
    "CombinedExtractor": _named_cells,
    "ChannelsRetriever": _without_joining,
    "CommerceToolsOauth2Authenticator": _basic_oauth,
    "CustomFieldTransformation": _empty_dates,
    "CustomOauth2Authenticator": _basic_oauth,
    "DateTimeTransformer": _dates,
    "DuplicatedRecordsFilter": _no_filter,
    "LightSubstreamPartitionRouter": _as("SubstreamPartitionRouter"),
    "NotionDataFeedFilter": _no_filter,
    "ObjectDpathExtractor": _object_values,
    "PayPalOauth2Authenticator": _basic_oauth,
    "PinterestOauthAuthenticator": _basic_oauth,
    "RechargeDateTimeBasedCursor": _only_first,
    "SafeEncodeHttpRequester": _in_path,
    "SingleAdvertiserIdPerPartition": _from_config_or_parent,
    "SurveyIdPartitionRouter": _from_config_or_parent,
    "TransformEmptyMetrics": _no_dashes,
    "TransformDatetimesToRFC3339": _dates,
}
"""The recipes by the last part of `class_name`."""
_ONLY_WITH = {
    "ChannelsRetriever": "slack.com",
    "CustomFieldTransformation": "date_upd",
    "CustomPageIncrement": "guardianapis.com",
    "DateTimeTransformer": "bigcommerce",
    "ObjectDpathExtractor": "inject_key_as_field",
}
"""What the manifest has to mention, for classes whose name others may use for something else."""
