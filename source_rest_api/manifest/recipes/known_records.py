"""Recipes for extractors, filters and transformations of well-known connectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_rest_api.manifest.document import Component

    Recipe = Callable[[Component, Mapping[str, Any], Mapping[str, Any]], Component | None]

_NO_DATES = ["0000-00-00", "0000-00-00 00:00:00"]


def _object_values(component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The values of an object, each with its key in a field."""
    return {**component, "type": "DpathExtractor", "records_key_field": component.get("inject_key_as_field")}


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


def _ad_accounts(_component: Component, config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The accounts in `items`; the account alone, where the config names it."""
    return {"type": "DpathExtractor", "field_path": [] if config.get("account_id") else ["items"]}


def _menus(_component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """The menus in each object, with the ID of that."""
    fields = [{"parent_path": ["id"], "record_path": ["ivr_id"]}]
    expander = {"type": "RecordExpander", "expand_records_from_field": ["menus"], "parent_fields": fields}
    return {"type": "DpathExtractor", "field_path": ["ivrs"], "record_expander": expander}


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


def _reshaped(by: str, *path: str, body: str = "json") -> Recipe:
    """An extractor whose records a function makes of the values at a path."""
    made = {"type": RESHAPED, "by": by, "path": [*path], "body": body}
    return lambda _component, _config, _schema: made


def _reshaped_at(by: str) -> Recipe:
    """The same, at the path that the component names."""
    return lambda component, _config, _schema: {
        "type": RESHAPED,
        "by": by,
        "path": [key for key in component.get("field_path") or [] if key],
    }


def _changed(by: str) -> Recipe:
    """A transformation by a function."""
    return lambda _component, _config, _schema: {"type": RESHAPED, "by": by}


def _texts(name: str) -> Recipe:
    """Texts of a list, each of which becomes a record with one field."""
    return lambda component, _config, _schema: {
        "type": "DpathExtractor",
        "field_path": component.get("field_path"),
        "wrap_scalars_as": name,
    }


def _table(_component: Component, _config: Mapping[str, Any], _schema: Mapping[str, Any]) -> Component:
    """A list of rows, the first of which has the names."""
    return {"type": "DpathExtractor", "field_path": [], "columns": ["0"]}


RESHAPED = "Reshaped"
"""The type of a component that a function stands for; `by` is its name in `reshapes`."""
RECORDS: dict[str, dict[str, Recipe]] = {
    "ActiveUsersRecordExtractor": {"amplitude.com": _reshaped("active_users", "data")},
    "AdAccountRecordExtractor": {"": _ad_accounts},
    "AverageSessionLengthRecordExtractor": {"amplitude.com": _reshaped("average_lengths", "data")},
    "BulkDatetimeToRFC3339": {"": _modified_time},
    "ChannelMembersExtractor": {"": _texts("member_id")},
    "CombinedExtractor": {"": _named_cells},
    "CustomExtractor": {
        "api.outreach.io": _reshaped("json_api", "data"),
        "api.qualaroo.com": _reshaped("answers"),
        "source_rss": _reshaped("feed_item", "rss", "channel", "item", body="xml"),
    },
    "CustomFieldTransformation": {"date_upd": _empty_dates},
    "DateTimeTransformer": {"bigcommerce": _dates},
    "DuplicatedRecordsFilter": {"": _no_filter},
    "EngageTransformation": {"mixpanel.com": _changed("profile")},
    "EventsRecordExtractor": {"events/list": _texts("event_name"), "iterable.com": _reshaped("event", body="jsonl")},
    "ExportDatesExtractor": {"recurly.com": _reshaped("export_dates")},
    "FunnelsDpathExtractor": {"mixpanel.com": _reshaped_at("all_by_date")},
    "IVRMenusRecordExtractor": {"": _menus},
    "IVRRoutesRecordExtractor": {"": _reshaped("ivr_routes", "ivrs")},
    "LinkedInAdsRecordExtractor": {"": _reshaped("advertising", "elements")},
    "NotionDataFeedFilter": {"": _no_filter},
    "NotionPropertiesTransformation": {"": _changed("named_values")},
    "NotionUserTransformation": {"": _changed("owner_info")},
    "ObjectDpathExtractor": {"inject_key_as_field": _object_values},
    "RevenueDpathExtractor": {"mixpanel.com": _reshaped_at("by_date")},
    "SubscriptionUsageRecordExtractor": {"billwithorb.com": _reshaped("usage", "data")},
    "TransformDatetimesToRFC3339": {"": _dates},
    "TransformEmptyMetrics": {"": _no_dashes},
    "USCensusRecordExtractor": {"": _table},
    "WrappingDpathExtractor": {"": _reshaped_at("wrapped")},
}
"""The recipes by the last part of `class_name`, and by what the manifest has to mention, as others use the name too."""
