"""States that the CDK saved, as this connector goes on from them: from the same value, which is asked for once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.formats import datetimes
from source_rest_api.manifest import references
from source_rest_api.manifest.cursors import FORMAT
from source_rest_api.manifest.own_code.stream import migrated
from source_rest_api.state import moved_state, state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_rest_api.manifest.stream import Translated

_DATE_RANGE = "date-range"


def moved(name: str, saved: Mapping[str, Any], stream: Translated) -> dict[str, Any]:
    """Returns a state of the CDK as one of this connector, and one of this connector as it is.

    Args:
        name: The stream's name.
        saved: The state.
        stream: The stream.

    Raises:
        ConfigError: It is neither.
    """
    if isinstance(saved.get("version"), int) or not saved:
        return dict(saved)
    saved = migrated(stream.own.migrations, saved)
    cursor = stream.endpoint.get("incremental")
    if cursor is None or all(key.startswith("__ab_") for key in saved):
        return {}
    try:
        return {"version": state.VERSION, **_converted(saved, stream, cursor)}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise state.foreign(name, saved, str(error) or type(error).__name__) from None


def _converted(saved: Mapping[str, Any], stream: Translated, cursor: dict[str, Any]) -> dict[str, Any]:
    field = cursor["cursor_field"][0]
    if saved.get("state_type") == _DATE_RANGE:
        return _found(_reached(saved["slices"], cursor))
    if "states" in saved or "use_global_cursor" in saved or "parent_state" in saved:
        return _partitioned(saved, stream, cursor, field)
    if field in saved:
        return _found(_text(saved[field], cursor))
    if stream.partitioning.slice and all(isinstance(inner, dict) for inner in saved.values()):
        [key, *_] = stream.partitioning.slice
        entries = [{"partition": {key: value}, "cursor": inner} for value, inner in saved.items()]
        return _partitioned({"states": entries}, stream, cursor, field)
    raise ValueError(f"it has no `{field}`")


def _found(text: str | None) -> dict[str, Any]:
    return {} if text is None else {"cursor": text}


def _partitioned(saved: Mapping[str, Any], stream: Translated, cursor: dict[str, Any], field: str) -> dict[str, Any]:
    everywhere = saved.get("state") or {}
    default = _text(everywhere.get(field), cursor) if saved.get("use_global_cursor") else None
    if default and saved.get("lookback_window"):
        default = _earlier(default, int(saved["lookback_window"]), cursor)
    if not stream.partitioning.slice:
        return _found(_text(everywhere.get(field), cursor))
    entries = [
        (dict(_values(entry["partition"], stream.partitioning.slice)), _of(entry["cursor"], field, cursor))
        for entry in saved.get("states") or []
    ]
    paths = sorted({path for values, _ in entries for path in values})
    cursors = {
        moved_state.key(values.get(path) for path in paths): text for values, text in entries if text is not None
    }
    if not cursors and default is None:
        return {}
    kept = {"paths": [list(path) for path in paths], "cursors": cursors}
    return {"moved": kept if default is None else {**kept, "default": default}}


def _of(inner: Mapping[str, Any], field: str, cursor: dict[str, Any]) -> str | None:
    """Returns the cursor of a partition, in either of the forms that the CDK has."""
    if inner.get("state_type") == _DATE_RANGE:
        return _reached(inner["slices"], cursor)
    return _text(inner.get(field), cursor)


def _values(partition: Mapping[str, Any], tree: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields the values that identify a partition, by where they stand in the records of a partition here."""
    for key, value in partition.items():
        if key == "parent_slice":
            if isinstance(tree.get(key), dict):
                yield from _values(value or {}, tree[key])
        elif isinstance(tree.get(key), str):
            yield references.reference(tree[key]), value


def _reached(slices: list[dict[str, Any]], cursor: dict[str, Any]) -> str | None:
    """Returns how far the slices reach without a gap from the first."""
    marks = [(_moment(each["start"], cursor), _moment(each["end"], cursor), each) for each in slices]
    marks.sort(key=lambda mark: mark[:2])
    if not marks:
        return None
    _, end, last = marks[0]
    for begin, until, each in marks[1:]:
        if begin > end:
            break
        if until >= end:
            end, last = until, each
    return _text(last.get("most_recent_cursor_value") or last["end"], cursor)


def _moment(value: Any, cursor: dict[str, Any]) -> Any:
    if cursor["type"] == "integer":
        return int(value)
    forms = [form for form in (cursor.get("format"), *cursor.get("record_format", ()), FORMAT) if form]
    try:
        return datetimes.parse_as(str(value), tuple(forms))
    except ValueError:
        return datetimes.parse(str(value))


def _text(value: Any, cursor: dict[str, Any]) -> str | None:
    if value is None or value == "":
        return None
    found = _moment(value, cursor)
    return str(found) if isinstance(found, int) else datetimes.write(found)


def _earlier(text: str, seconds: int, cursor: dict[str, Any]) -> str:
    if cursor["type"] == "integer" or seconds <= 0:
        return text
    return datetimes.write(datetimes.add(datetimes.parse(text), f"PT{seconds}S", -1))
