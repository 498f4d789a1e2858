"""Guesses from a response body the records path, the primary key and the cursor field."""

from __future__ import annotations

import re
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

from source_rest_api.formats import datetimes, paging_names, raw_json
from source_rest_api.records import tree
from source_rest_api.sync import cursor_findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from msgspec import Raw

_DEPTH = 4
"""Levels of objects to search for the records."""
_HOLDERS = ("data", "items", "results", "records", "value", "values", "rows", "resources", "entries", "content")
_IDS = ("id", "uuid", "guid", "gid", "sid", "uid")
_KEYS = ("key", "code", "slug", "sku")
_LABELS = ("number", "name")
"""Fields that are often, but not always, unique."""
_COLUMNS = frozenset({"columns", "fields", "header", "headers", "names", "columnnames", "cols"})
_CHANGED = re.compile(
    r"(?:date|time|last|at)?(?:updat|modif|chang|edit)(?:e|ed|ied|ication|ing)?(?:on|at|date|time|ts|timestamp|utc)*"
)
_CREATED = re.compile(
    r"(?:date|time)?(?:creat|record|occur|happen|receiv)ed(?:on|at|date|time|ts|utc)*|timestamp|time|date|at|ts"
)
_ID = re.compile(r"(?:^|_|[a-z])(?:id|key|code|ID|Id|Key|Code|uuid|sku|login|email|guid|iban|isbn)$")
"""Names of fields that identify some object, not necessarily the record."""
_PART = re.compile(
    r"(?:^|_)(?:pos|position|line|seq|sequence|index|no|num|number|day|date|month|year|version|lang|locale)$"
)
"""Names of fields that distinguish the records of one object."""
_INNER = ("meta", "metadata", "attributes", "audit", "fields")
"""Objects in a record that may contain its time."""
_MOST_KEYS = 12
"""Fields of a record that may be parts of a compound key."""
_FEW, _MANY = 20, 50
"""Records in which a label, or two references together, must be unique to be the key; and one reference alone."""


def lists(root: Raw, name: str) -> list[tuple[str, list[Raw]]]:
    """Returns the paths of all lists of objects in a body, the likeliest first, and their records.

    Args:
        root: The body.
        name: The name of the stream.
    """
    found = [
        (path, items) for path, items in _lists(root, (), name) if not items or raw_json.kind(items[0]) == "object"
    ]

    def rank(item: tuple[tuple[str, ...], list[Raw]]) -> tuple[bool, bool, bool, int, int]:
        path, items = item
        last = path[-1].lower() if path else ""
        return not items, not _is_plain(last, name), last not in _HOLDERS, len(path), -len(items)

    return [(_written(path), items) for path, items in sorted(found, key=rank)]


def table(root: Raw) -> tuple[str, str] | None:
    """Returns the paths of a list of arrays and of the names of its columns; None if there is no such list.

    Args:
        root: The body.

    Returns:
        The path of the names is empty if the body has none.
    """
    found = [(path, items) for path, items in _lists(root, (), "") if items and raw_json.kind(items[0]) == "array"]
    if not found:
        return None
    path, rows = max(found, key=lambda item: len(item[1]))
    width = len(raw_json.items(rows[0]))
    names = [
        other
        for other, items in _lists(root, (), "")
        if other and paging_names.plain(other[-1]) in _COLUMNS and len(items) == width and other[:-1] == path[:-1]
    ]
    return _written(path), _written(names[0]) if names else ""


def is_named(path: str, name: str) -> bool:
    """True if the name of a list says that it holds the records of a stream."""
    last = path.rpartition(".")[2].lower()
    return path == "$" or _is_plain(last, name) or last in _HOLDERS


def rivals(lists_found: Sequence[tuple[str, list[Raw]]], name: str) -> list[str]:
    """Returns the paths of lists that may be the records as well as the first one, which its name does not settle."""
    (first, _), *others = lists_found
    level = first.count(".")
    alike = [path for path, items in others if items and path.count(".") == level]
    return [first, *alike] if alike and not is_named(first, name) else []


def may_hold(field: str, beside: Iterable[str], name: str = "") -> bool:
    """True if a field may lead to the records: not if it belongs to one record, which has an ID of its own.

    Args:
        field: The name of the field.
        beside: The names of all fields of the object.
        name: The name of the stream.
    """
    return field.lower() in _HOLDERS or _is_plain(field, name) or not any(each.lower() in _IDS for each in beside)


def _is_plain(field: str, name: str) -> bool:
    return bool(name) and paging_names.plain(field) == paging_names.plain(name)


def _written(path: Sequence[str]) -> str:
    """Returns a path as in a config; `$` for the body itself."""
    return ".".join(key.replace(".", "\\.") for key in path) or "$"


def _lists(value: Raw, path: tuple[str, ...], stream: str) -> Iterator[tuple[tuple[str, ...], list[Raw]]]:
    kind = raw_json.kind(value)
    if kind == "array":
        if not path or paging_names.plain(path[-1]) not in {"links", "errors", "warnings", "schemas"}:
            yield path, raw_json.items(value)
    elif kind == "object" and len(path) < _DEPTH:
        fields = raw_json.fields(value)
        for name, inner in fields.items():
            if may_hold(name, fields, stream):
                yield from _lists(inner, (*path, name), stream)


def keys(records: Sequence[Raw], name: str, extra: Sequence[str] = ()) -> list[str] | None:
    """Returns the fields that identify each record of a sample; None if no two of them do.

    A field that is unique in a few records may be so by chance: labels and references need more of them than IDs.

    Args:
        records: The sample. Records that are exactly alike count once.
        name: The name of the stream.
        extra: Fields to add if no other key is unique: those copied from a parent.
    """
    rows = [raw_json.decode(record) for record in {bytes(record): record for record in records}.values()]
    rows = [row | _inner(row) for row in rows]
    names = [field for field, value in rows[0].items() if _identifies(value)] if rows else []
    singular = paging_names.plain(re.sub(r"ies$", "y", name).removesuffix("s"))
    plain = {field: paging_names.plain(field.rpartition(".")[2]) for field in names}

    def named(*usual: str) -> list[str]:
        return sorted((field for field in names if plain[field] in usual), key=lambda field: usual.index(plain[field]))

    ids = named(*_IDS, *(f"{singular}{part}" for part in ("id", "uuid", "key", "code", "number")))
    keys_, labels = named(*_KEYS), named(*_LABELS)
    references = [field for field in names if _ID.search(field) and field not in {*ids, *keys_, *labels}]
    ordered = [*ids, *keys_, *labels, *references][:_MOST_KEYS]
    parts = [field for field in names if _PART.search(field)]
    guesses = [[field] for field in ids]
    shared = [reference for reference in references if not _unique(rows, [reference])]
    guesses += [[reference, part] for reference, part in product(shared, parts) if reference != part]
    guesses += [[field] for field in keys_]
    guesses += [[field] for field in labels if len(rows) >= _FEW]
    guesses += [[field] for field in references if len(rows) >= _MANY]
    guesses += [[*extra, field] for field in ordered if field not in extra] if extra else []
    guesses += [[*pair] for pair in product([*ids, *keys_], parts) if pair[0] != pair[1]]
    guesses += [[*pair] for pair in combinations(ordered, 2)] if len(rows) >= _FEW else []
    return next((key for key in guesses if _unique(rows, key)), None)


def _inner(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of the objects in a record that hold its metadata, by their paths."""
    held = {holder: row[holder] for holder in _INNER if isinstance(row.get(holder), dict)}
    return {f"{holder}.{name}": value for holder, fields in held.items() for name, value in fields.items()}


def _identifies(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _unique(rows: Sequence[Any], key: Sequence[str]) -> bool:
    values = [tuple(row.get(field) for field in key) for row in rows]
    return all(_identifies(part) and part != "" for value in values for part in value) and len(set(values)) == len(
        values
    )


def cursors(records: Sequence[Raw]) -> list[tuple[str, str, bool]]:
    """Returns the fields that hold a time in each record, those of the last change first.

    Returns:
        The path, the date format (empty for ISO 8601), and True if it is the time of the last change.
    """
    rows = [raw_json.decode(record) for record in records]
    if not rows:
        return []
    fields = {name: value for name, value in rows[0].items() if not isinstance(value, dict | list)}
    found = []
    for path in fields | _inner(rows[0]):
        last = paging_names.plain(path.rpartition(".")[2])
        changed = _CHANGED.fullmatch(last) is not None
        form = (
            _format([tree.find(row, path.split(".")) for row in rows]) if changed or _CREATED.fullmatch(last) else None
        )
        if form is not None:
            found.append((path, form, changed))
    return sorted(found, key=lambda item: not item[2])


def identities(records: Sequence[Raw], key: Sequence[str] | None) -> list[bytes]:
    """Returns the key of each record; the record itself if there is no key."""
    if not key:
        return [bytes(record) for record in records]
    paths = [raw_json.keys(name) for name in key]
    return [raw_json.key(record, paths) for record in records]


def values(records: Sequence[Raw], path: str) -> list[Any]:
    """Returns the values at a path of records."""
    return [tree.find(raw_json.decode(record), path.split(".")) for record in records]


def _format(found: Sequence[Any]) -> str | None:
    """Returns the date format of all values, empty for ISO 8601; None if there is none."""
    if any(value is None or isinstance(value, bool | dict | list) for value in found):
        return None
    texts = [str(value) for value in found]
    try:
        for text in texts:
            datetimes.parse(text)
    except ValueError:
        return next((form for form in cursor_findings.FORMATS if cursor_findings.plausible(form, texts)), None)
    return ""
