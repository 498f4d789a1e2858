"""Changes of records for which the classes of well-known connectors stand, by name. Each yields records for one value.

They are written from what is known of the records before and after: the code of those classes is not used.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Record = dict[str, Any]
    Reshape = Callable[[Any], Iterator[Record]]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FEED = ("title", "link", "description", "author", "category", "comments", "guid")
_EVENT = ("itblInternal", "_type", "createdAt", "email")


def _json_api(resource: Record) -> Iterator[Record]:
    """A resource of JSON:API: its attributes, its ID, and the IDs of its relationships by their names."""
    related = {}
    for name, relation in (resource.get("relationships") or {}).items():
        data = relation.get("data")
        if data:
            related[name] = data.get("id") if isinstance(data, dict) else [each.get("id") for each in data]
    yield {**(resource.get("attributes") or {}), "id": resource["id"], **related}


def _wrapped(value: Any) -> Iterator[Record]:
    """A value of any shape in one field."""
    yield {"data": value}


def _average_lengths(data: Record) -> Iterator[Record]:
    """One series over the days that stand beside it."""
    for series in data.get("series", [])[:1]:
        for day, length in zip(data["xValues"], series, strict=False):
            yield {"date": day, "length": length}


def _active_users(data: Record) -> Iterator[Record]:
    """Several series over the same days, with their labels."""
    for day, *numbers in zip(data.get("xValues", []), *data.get("series", []), strict=False):
        if numbers:
            yield {"date": day, "statistics": dict(zip(data["seriesLabels"], numbers, strict=False))}


def _ivr_routes(ivr: Record) -> Iterator[Record]:
    """The routes of all menus, with the IDs of these and of the whole."""
    for menu in ivr.get("menus", []):
        for route in menu.get("routes", []):
            yield {"ivr_id": ivr["id"], "ivr_menu_id": menu["id"], **route}


def _event(record: Record) -> Iterator[Record]:
    """The fields that all events have, and the others together in one."""
    yield {
        **{name: record.get(name) for name in _EVENT},
        "data": {name: value for name, value in record.items() if name not in _EVENT},
    }


def _export_dates(body: Record) -> Iterator[Record]:
    """The list alone."""
    yield {"dates": body.get("dates", [])}


def _answers(record: Record) -> Iterator[Record]:
    """The values of an object as a list."""
    if "answered_questions" in record:
        record["answered_questions"] = list(record["answered_questions"].values())
    yield record


def _feed_item(item: Record) -> Iterator[Record]:
    """An item of RSS 2.0."""
    made = {name: _plain(item[name]) for name in _FEED if item.get(name) is not None}
    if isinstance(enclosure := item.get("enclosure"), dict):
        made["enclosure"] = enclosure.get("@url", "")
    if item.get("pubDate"):
        made["published"] = parsedate_to_datetime(item["pubDate"]).astimezone(timezone.utc).isoformat()
    yield made


def _plain(value: Any) -> Any:
    """The text of an element, which may have attributes; of several elements the first."""
    value = value[0] if isinstance(value, list) else value
    return value.get("#text") if isinstance(value, dict) else value


def _owner_info(user: Record) -> Iterator[Record]:
    """A bot whose owner has a field called after its type: the field is called `info`."""
    owner = (user.get("bot") or {}).get("owner") or {}
    kind = owner.get("type")
    if kind and owner.get(kind):
        owner["info"] = owner.pop(kind)
    yield user


def _named_values(record: Record) -> Iterator[Record]:
    """Properties by name, as a list of names and values."""
    record["properties"] = [{"name": name, "value": of} for name, of in (record.get("properties") or {}).items()]
    yield record


def _by_date(body: Record) -> Iterator[Record]:
    """Objects by date, with the date in each; the sum of all is left out."""
    yield from ({"date": day, **of} for day, of in body.items() if day != "$overall")


def _all_by_date(body: Record) -> Iterator[Record]:
    """Objects by date, with the date in each."""
    yield from ({"date": day, **of} for day, of in body.items())


def _profile(record: Record) -> Iterator[Record]:
    """A profile with its properties at the top, without the `$` before names."""
    record["distinct_id"] = record.pop("$distinct_id")
    properties = record.pop("$properties")
    yield {**record, **{name.removeprefix("$"): value for name, value in properties.items()}}


def _usage(metric: Record) -> Iterator[Record]:
    """The usage of a metric where there is any, with the metric's name and ID."""
    of = metric.get("billable_metric") or {}
    added = {"billable_metric_name": of.get("name", ""), "billable_metric_id": of.get("id", "")}
    yield from ({**each, **added} for each in metric.get("usage", []) if each.get("quantity", 0) > 0)


def _advertising(record: Record) -> Iterator[Record]:
    """An object of LinkedIn's advertising API: times and dates as text, maps as lists, no reserved word as a name."""
    for name, stamp in (record.pop("changeAuditStamps", None) or {}).items():
        if name in {"created", "lastModified"}:
            record[name] = (_EPOCH + timedelta(seconds=stamp["time"] // 1000)).isoformat()
    if "dateRange" in record:
        for name, day in record.pop("dateRange").items():
            record[f"{name}_date"] = f"{day['year']:04}-{day['month']:02}-{day['day']:02}"
    criteria = record.get("targetingCriteria") or {}
    if "include" in criteria:
        parts = [each for facet in criteria["include"].get("and") or [] for each in _facets(facet.get("or") or {})]
        criteria["include"] = {"and": parts}
    if "exclude" in criteria:
        criteria["exclude"] = {"or": _facets(criteria["exclude"].get("or") or {})}
    if "variables" in record:
        for kind, fields in record["variables"]["data"].items():
            values = [{"key": key, "value": json.dumps(value)} for key, value in fields.items()]
            record["variables"] = {"type": kind, "values": values}
    if "pivotValues" in record:
        record["string_of_pivot_values"] = ",".join(record["pivotValues"])
    if "pivot" in record:
        record["_pivot"] = record.pop("pivot")
    for name in ("lastModified", "created"):
        if isinstance(record.get(name), int):
            record[name] = (_EPOCH + timedelta(milliseconds=record[name])).isoformat()
    yield record


def _facets(by_type: Record) -> list[Record]:
    return [
        {"type": kind, "values": values if isinstance(values, list) else [values] if isinstance(values, dict) else []}
        for kind, values in by_type.items()
    ]


RESHAPES: dict[str, Reshape] = {
    "active_users": _active_users,
    "advertising": _advertising,
    "all_by_date": _all_by_date,
    "answers": _answers,
    "average_lengths": _average_lengths,
    "by_date": _by_date,
    "event": _event,
    "export_dates": _export_dates,
    "feed_item": _feed_item,
    "ivr_routes": _ivr_routes,
    "json_api": _json_api,
    "named_values": _named_values,
    "owner_info": _owner_info,
    "profile": _profile,
    "usage": _usage,
    "wrapped": _wrapped,
}
"""The changes by name."""
