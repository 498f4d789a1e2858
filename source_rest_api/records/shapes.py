"""Shapes of records other than a list of objects. What is put together keeps the bytes of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import paging_names, raw_json
from source_rest_api.model import Model, NamedPaths, Path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SCALARS = frozenset({"string", "number", "boolean", "null"})
_RECORD_FLAGS = frozenset({"completed", "complete", "done", "finished", "ended"})
"""Flags that are data where they stand in the record itself, beside its fields."""
_encode = msgspec.json.encode


class Explode(Model):
    """Makes a record of each item of an array inside the records, with fields of the record around it."""

    path: Path
    """Path of the array in a record, such as `lines`; `*` stands for every item or field."""
    keep: NamedPaths = {}  # noqa: RUF012 -- pydantic copies defaults
    """Fields to add to each item: their name, and the field of the record around it."""

    def items(self, record: Raw, *, allow_missing: bool) -> Iterator[Raw]:
        """The items of one record's arrays, as they came.

        Raises:
            ConfigError: The record has no such array, or only a part of it.
        """
        for path, value in raw_json.matches(record, self.path):
            kind = None if value is None else raw_json.kind(value)
            if value is not None and kind == "array":
                self._refuse_cut(record, path)
                yield from raw_json.items(value)
            elif value is not None and kind == "object":
                yield value
            elif not (allow_missing and kind in {None, "null"}):
                raise ConfigError(
                    f"`explode.path: {'.'.join(self.path)}` finds {kind or 'nothing'} in a record where an array was "
                    "expected. Correct it, or set `allow_missing_records` if some records have none."
                )

    def _refuse_cut(self, record: Raw, path: Path) -> None:
        """Refuses a list beside a sign that the API has cut it, such as `has_more: true`."""
        holder = raw_json.find(record, path[:-1])
        sign = None if holder is None else paging_names.more_in(raw_json.fields(holder))
        if sign is not None and (path[:-1] or sign not in _RECORD_FLAGS):
            where = ".".join((*path[:-1], sign))
            raise ConfigError(
                f"A record has only a part of the list `{'.'.join(path)}`: `{where}` says that there is more. Read the "
                "list as a stream of its own, below the stream of these records, with its URL as `path`."
            )

    def kept(self, record: Raw) -> dict[str, Raw]:
        """The fields of the record that its items get; null where it does not have them."""
        return {name: raw_json.find(record, path.split(".")) or Raw(b"null") for name, path in self.keep.items()}


def add_fields(record: Raw, extra: Mapping[str, Raw], setting: str) -> Raw:
    """An object with fields added at its end.

    Raises:
        ConfigError: It has a field of that name already.
    """
    if not extra:
        return record
    own = raw_json.fields(record)
    taken = sorted(extra.keys() & own.keys())
    if taken:
        raise ConfigError(f"`{setting}` would overwrite the record's own field `{taken[0]}`: choose another name.")
    return Raw(_encode({**own, **extra}))


def wrap(value: Raw, name: str | None) -> Raw:
    """A scalar as an object with one field; anything else as it is."""
    return Raw(_encode({name: value})) if name and raw_json.kind(value) in _SCALARS else value


def columns(root: Raw, path: Path) -> list[str]:
    """The names of columns: texts, or objects that have a `name`.

    Raises:
        ConfigError: They are not there, or are no names that differ.
    """
    value = raw_json.find(root, path)
    names = [_column(item) for item in raw_json.items(value)] if value is not None else []
    known = [name for name in names if name]
    if not names or len(set(known)) < len(names):
        raise ConfigError(f"`columns_path: {'.'.join(path)}` does not lead to a list of names that differ: correct it.")
    return known


def row(values: Raw, names: list[str], index: int) -> Raw:
    """An object from a row of values and the names of their columns.

    Raises:
        ConfigError: It is no row, or has another number of values.
    """
    cells = raw_json.items(values)
    if raw_json.kind(values) != "array" or len(cells) != len(names):
        found = f"{len(cells)} values" if raw_json.kind(values) == "array" else f"no row but {raw_json.kind(values)}"
        raise ConfigError(f"Row {index} of the page has {found} for {len(names)} columns: check `columns_path`.")
    return Raw(_encode(dict(zip(names, cells, strict=True))))


def _column(item: Raw) -> str | None:
    name = raw_json.fields(item).get("name", item)
    return raw_json.text(name) if raw_json.kind(name) == "string" else None
