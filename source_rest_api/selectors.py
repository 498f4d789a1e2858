"""Which part of a body is the records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api import raw_json
from source_rest_api.errors import ConfigError
from source_rest_api.model import Model, Path

if TYPE_CHECKING:
    from msgspec import Raw

WHOLE_BODY = ("$",)
_ERROR_KEYS = ("error", "errors")
_NOTHING = frozenset({b"null", b"false", b'""', b"0"})


class RecordSelector(Model):
    """Cuts the records out of a body."""

    records_path: Path | None = None
    allow_missing_records: bool = False

    def select(self, root: Raw) -> list[Raw]:
        """The records, undecoded, each a JSON object.

        Raises:
            ConfigError: There is no such path, it does not lead to objects, or the API answered with an error
                object in spite of status 200.
        """
        records = self._found(root)
        for index, record in enumerate(records):
            if memoryview(record)[0] != ord("{"):
                raise ConfigError(
                    f"Record {index} of the page is {_named(record)}, not an object: check `records_path`."
                )
        return records

    def _found(self, root: Raw) -> list[Raw]:
        what = raw_json.kind(root)
        if self.records_path is None and what == "array":
            return raw_json.items(root)
        fields = raw_json.fields(root)
        self._refuse_error(fields)
        if self.records_path is None:
            return _guess(root, fields)
        path = () if self.records_path == WHOLE_BODY else self.records_path
        value = raw_json.find(root, path)
        if value is not None and raw_json.kind(value) == "array":
            return raw_json.items(value)
        if value is not None and raw_json.kind(value) == "object":
            return [value]
        if self.allow_missing_records and _left_out(root, path):
            return []
        found = "is not in the answer" if value is None else f"holds {_named(value)}"
        raise ConfigError(
            f"`records_path: {'.'.join(self.records_path)}` {found}; {_shape(root)}. Correct `records_path`, or set "
            "`allow_missing_records` if the API leaves it out when there are no records."
        )

    def _refuse_error(self, fields: dict[str, Raw]) -> None:
        """An error object with status 200 is an error, whatever stands beside it."""
        for key in _ERROR_KEYS:
            value = fields.get(key)
            own = self.records_path is not None and self.records_path[0] == key
            if value is not None and not own and not _is_nothing(value):
                raise ConfigError(
                    f"The API answered with an error although the status is a success: `{key}` is "
                    f"{bytes(value)[:200].decode('utf-8', 'replace')}."
                )


def _guess(root: Raw, fields: dict[str, Raw]) -> list[Raw]:
    """Without `records_path`: the only array of objects at the top.

    An empty array may be the records of a page that has none. So beside it another array is not taken for them, and
    it counts only where nothing else could hold the records.
    """
    arrays = [
        raw_json.items(v) for name, v in fields.items() if raw_json.kind(v) == "array" and name not in _ERROR_KEYS
    ]
    possible = [items for items in arrays if not items or raw_json.kind(items[0]) == "object"]
    if len(possible) == 1 and possible[0]:
        return possible[0]
    if possible and not any(arrays) and not _has_nested_records(fields):
        return []
    raise ConfigError(f"It is not clear where the records are: {_shape(root)}. Set `records_path`.")


def _has_nested_records(fields: dict[str, Raw]) -> bool:
    return any(
        raw_json.kind(inner) == "array" and raw_json.items(inner)
        for value in fields.values()
        for inner in raw_json.fields(value).values()
    )


def _left_out(root: Raw, path: Path) -> bool:
    """Whether the value at the path is absent or null, and nothing that could hold records stands on the way to it."""
    for length, key in enumerate(path):
        holder = raw_json.find(root, path[:length])
        what = "null" if holder is None else raw_json.kind(holder)
        by_index = what == "array" and key.lstrip("-").isdecimal()
        if what not in {"object", "null"} and not by_index and not (holder is not None and _is_nothing(holder)):
            return False
    value = raw_json.find(root, path)
    return value is None or raw_json.kind(value) == "null"


def _shape(root: Raw) -> str:
    """What was seen, for an error: the keys, with the kinds of their values."""
    fields = raw_json.fields(root)
    if not fields:
        return f"the answer is {_named(root)}"
    seen = [f"{name} ({raw_json.kind(value)})" for name, value in list(fields.items())[:20]]
    return f"the answer has the keys {', '.join(seen)}"


def _is_nothing(value: Raw) -> bool:
    what = raw_json.kind(value)
    if what in {"array", "object"}:
        return not raw_json.items(value) and not raw_json.fields(value)
    return bytes(value) in _NOTHING


def _named(value: Raw) -> str:
    what = raw_json.kind(value)
    empty = "empty " if what in {"array", "object", "string"} and _is_nothing(value) else ""
    return what if what == "null" else f"an {empty}{what}" if (empty or what)[0] in "aeo" else f"a {what}"
