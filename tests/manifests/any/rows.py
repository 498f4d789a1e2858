"""The rows of an imitated API: values for a stream's schema, and for all that its templates read."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airbyte_cdk.sources.declarative.datetime.datetime_parser import DatetimeParser

from tests.manifests.any import readings

if TYPE_CHECKING:
    from tests.manifests.any.readings import Path
    from tests.manifests.any.routes import Route

Row = dict[str, Any]
MARK = "x_row"
"""The field that identifies a row, in each of its objects."""
_DEEPEST, _WIDEST = 4, 60
NOW = datetime.now(timezone.utc).replace(microsecond=0)
BEGIN = (NOW - timedelta(days=20)).replace(hour=0, minute=0, second=0)
"""The start that the configs name."""
_DATES = DatetimeParser()


def of(route: Route, partition: str) -> list[Row]:
    """Returns all rows of a route for a partition, whose digest makes them different from those of others."""
    rows = [_row(route, partition, number) for number in range(route.count)]
    if route.cursor.get("is_data_feed"):
        rows.reverse()
    return rows


def moment(route: Route, number: int) -> datetime:
    """Returns when a row was changed: the rows of a page and one more within minutes, and some later."""
    if number < min(route.count, route.size + 1) - 1 or route.count <= 1:
        return BEGIN + timedelta(days=2, hours=5, minutes=number)
    return BEGIN + timedelta(days=9, hours=7, minutes=number)


def written(value: datetime, form: str) -> Any:
    """Returns a moment in a format of the CDK; one that counts since the epoch as a number."""
    text = _DATES.format(value, form)
    return int(text) if form in {"%s", "%ms", "%epoch_microseconds"} else text


def parsed(value: str, form: str) -> datetime | None:
    """Returns the moment that a text in a format of the CDK stands for; None if it stands for none."""
    try:
        found = _DATES.parse(value, form)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _row(route: Route, partition: str, number: int) -> Row:
    mark = f"{partition}-{number}"
    schema = _schema(route.stream.get("schema_loader"))
    row = _value(schema, "", mark, number, 0) if schema.get("properties") else {}
    row = row if isinstance(row, dict) else {}
    for path, value in _read(route, number).items():
        _ensure(row, path, _named(path, number, mark) if value == "value" else value, mark)
    for path in route.needed:
        _ensure(row, path, _address(path, mark) or mark, mark)
    key = route.stream.get("primary_key")
    for each in key if isinstance(key, list) else [key]:
        path = tuple(each) if isinstance(each, list) else (each,)
        if all(isinstance(name, str) for name in path):
            _identify(row, path, mark, number)
    _date(route, row, number, mark)
    row[MARK] = mark
    return row


def _address(path: Path, mark: str) -> str | None:
    """Returns a URL for a field whose name says that it holds one."""
    name = str(path[-1]).lower() if path else ""
    return f"https://api.example.com/things/{mark}" if name.endswith(("uri", "url", "href", "link")) else None


def _named(path: Path, number: int, mark: str) -> str:
    is_date = str(path[-1]).lower().endswith(("_at", "_on", "date", "time"))
    return _address(path, mark) or (_text({"format": "date-time"}, "", number) if is_date else f"value {number}")


def _schema(loader: Any) -> dict[str, Any]:
    loader = (loader[0] if loader else {}) if isinstance(loader, list) else loader or {}
    found = loader.get("schema") if isinstance(loader, dict) else None
    return found if isinstance(found, dict) else {}


def _value(schema: Any, name: str, mark: str, number: int, depth: int) -> Any:
    if not isinstance(schema, dict):
        return f"{name} {number}"
    for branches in (schema.get("oneOf"), schema.get("anyOf")):
        if branches:
            return _value(branches[0], name, mark, number, depth)
    if schema.get("enum"):
        return schema["enum"][0]
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = next((each for each in kinds if each != "null"), "null") if isinstance(kinds, list) else kinds
    if kind == "object":
        inner = list((schema.get("properties") or {}).items())[:_WIDEST] if depth < _DEEPEST else []
        return {MARK: mark, **{key: _value(of, key, mark, number, depth + 1) for key, of in inner}}
    if kind == "array":
        return [_value(schema.get("items") or {"type": "string"}, name, mark, number, depth + 1)]
    plain = {"integer": number, "number": number + 0.5, "boolean": number % 2 == 0, "null": None}
    return plain[kind] if kind in plain else _text(schema, name, number)


def _text(schema: dict[str, Any], name: str, number: int) -> str:
    form = schema.get("format")
    if form == "date-time":
        return f"{BEGIN + timedelta(days=3, minutes=number):%Y-%m-%dT%H:%M:%SZ}"
    return f"{BEGIN:%Y-%m-%d}" if form == "date" else f"{name} {number}"


def _read(route: Route, number: int) -> dict[Path, Any]:
    """Returns values for the paths that the templates of a stream read of its records."""
    parts = [route.stream.get("transformations"), route.selector.get("record_filter")]
    texts = list(readings.texts(parts))
    found: dict[Path, Any] = {path: "value" for text in texts for path in readings.paths(text, "record")}
    condition = str((route.selector.get("record_filter") or {}).get("condition") or "")
    if number % 2 == 0:
        found |= dict(readings.compared(condition))
    for each in route.stream.get("transformations") or []:
        if each.get("type") == "DpathFlattenFields":
            path = (*(each.get("field_path") or []), "inner")
            found[path] = "value"
    return found


def _ensure(row: Row, path: Path, value: Any, mark: str) -> None:
    """Puts a value at a path, unless something is there already that is no placeholder."""
    holder: Any = row
    for key in path[:-1]:
        if not isinstance(key, str) or key == "*" or not isinstance(holder, dict):
            return
        if not isinstance(holder.get(key), dict):
            holder[key] = {MARK: mark}
        holder = holder[key]
    if path and isinstance(path[-1], str) and path[-1] != "*" and (value != "value" or path[-1] not in holder):
        is_placeholder = isinstance(value, str) and value.startswith("value ")
        if not (is_placeholder and path[-1] in holder):
            holder[path[-1]] = value


def _identify(row: Row, path: Path, mark: str, number: int) -> None:
    """Makes a key different in each row, of the type that it has."""
    holder: Any = row
    for key in path[:-1]:
        holder = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(holder, dict):
        _ensure(row, path, mark, mark)
    elif isinstance(holder.get(path[-1]), int | float):
        holder[path[-1]] = int(mark.partition("-")[0][:6], 16) * 1000 + number
    elif not isinstance(holder.get(path[-1]), dict | list):
        holder[path[-1]] = _address(path, mark) or mark


def _date(route: Route, row: Row, number: int, mark: str) -> None:
    """Sets the cursor field, or the fields that an added one is computed from."""
    field = readings.evaluated(route.cursor.get("cursor_field"), route.config)
    if not field:
        return
    if route.cursor.get("type") == "IncrementingCountCursor":
        row[field] = number + 1
        return
    forms = route.cursor.get("cursor_datetime_formats") or [route.format]
    value = written(moment(route, number), str(forms[0]))
    row[field] = value
    for each in route.stream.get("transformations") or []:
        for added in each.get("fields") or [] if each.get("type") == "AddFields" else []:
            if [*(added.get("path") or [])] == [field]:
                for path in readings.paths(str(added.get("value")), "record"):
                    holder_path = tuple(key for key in path if isinstance(key, str))
                    if holder_path == path:
                        _force(row, path, value, mark)


def _force(row: Row, path: Path, value: Any, mark: str) -> None:
    _ensure(row, path, value, mark)
    holder: Any = row
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
