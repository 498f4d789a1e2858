"""Shapes of records other than a list of objects. Combined records keep the exact bytes of their parts."""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import paging_names, raw_json
from source_rest_api.model import Model, NamedPaths, Path
from source_rest_api.plurals import counted
from source_rest_api.records import json_texts

_SCALARS = frozenset({"string", "number", "boolean", "null"})
_RECORD_FLAGS = frozenset({"completed", "complete", "done", "finished", "ended"})
"""Flags that are data if they are fields of the record itself."""
_encode = msgspec.json.encode


class Explode(Model):
    """Turns each item of an array inside the records into a record of its own."""

    path: Path
    """Path of the array in a record, such as `lines`; `*` is every item or field."""
    keep: NamedPaths = {}  # noqa: RUF012 -- pydantic copies defaults
    """Fields to copy into each item: the new name, and the field of the outer record."""

    def items(self, record: Raw, *, allow_missing: bool) -> Iterator[Raw]:
        """Yields the unchanged items of a record's arrays.

        Raises:
            ConfigError: The record has no such array, or has it only in part.
        """
        refuse_cut(record, self.path)
        for path, value in raw_json.matches(record, self.path):
            kind = None if value is None else raw_json.kind(value)
            if value is not None and kind == "array":
                yield from raw_json.items(value)
            elif value is not None and kind == "object":
                yield value
            elif (inside := json_texts.replaced(record, path)) is not record:
                yield from self.model_copy(update={"path": path}).items(inside, allow_missing=allow_missing)
            elif not (allow_missing and kind in {None, "null"}):
                raise ConfigError(
                    f"`explode.path: {'.'.join(self.path)}` finds {kind or 'nothing'} in a record, but needs an array. "
                    "Correct the path, or set `allow_missing_records: true` if some records have no array."
                )

    def records(self, record: Raw, wrapped_as: str | None, *, allow_missing: bool) -> Iterator[Raw]:
        """Yields the items of a record with the fields to keep; items that are no objects as `{wrapped_as: item}`.

        Raises:
            ConfigError: An item is no object although there are fields to keep, or the record has no such array.
        """
        kept = self.kept(record)
        for item in self.items(record, allow_missing=allow_missing):
            wrapped = wrap(item, wrapped_as, arrays=True)
            if kept and raw_json.kind(wrapped) != "object":
                raise ConfigError(
                    f"`explode.path` leads to {described(wrapped)}, not to objects. Correct it, or set "
                    "`wrap_scalars_as`."
                )
            yield add_fields(wrapped, kept, "explode.keep")

    def kept(self, record: Raw) -> dict[str, Raw]:
        """Returns the fields of the record to copy into its items; null for absent fields."""
        return {name: raw_json.find(record, raw_json.keys(path)) or Raw(b"null") for name, path in self.keep.items()}


class Cells(Model):
    """Values of a record whose names are elsewhere in the body, in the same order."""

    names: Path
    """Path of the names in the response body, such as `metricHeaders.*.name`."""
    values: Path
    """Path of the values in a record, such as `metricValues.*.value`."""

    def names_in(self, root: Raw) -> list[str | None]:
        """Returns the names in a response body, which all its records share; None for a name that is not text."""
        return [raw_json.text(name) for _, name in raw_json.matches(root, self.names) if name is not None]

    def fields(self, names: list[str | None], record: Raw) -> dict[str, Raw]:
        """Returns the values of a record by their names.

        Raises:
            ConfigError: There are not as many values as names, or two have the same name.
        """
        values = [value or Raw(b"null") for _, value in raw_json.matches(record, self.values)]
        found = {name: value for name, value in zip(names, values, strict=False) if name}
        if not len(names) == len(values) == len(found):
            raise ConfigError(
                f"`cells` finds {counted(len(names), 'name')} at `{'.'.join(self.names)}`, but "
                f"{counted(len(values), 'value')} in a record. Correct `names` or `values`; names must be distinct."
            )
        return found


def described(value: Raw) -> str:
    """Returns the kind of a value for a message, such as `an empty array`."""
    what = raw_json.kind(value)
    empty = "empty " if what in {"array", "object", "string"} and raw_json.is_nothing(value) else ""
    return what if what == "null" else f"an {empty}{what}" if (empty or what)[0] in "aeo" else f"a {what}"


def refuse_cut(record: Raw, path: Path) -> None:
    """Checks that no field beside a list in a record, such as `has_more: true`, shows that the API truncated it.

    Args:
        record: The record.
        path: The path of the list in it. If the path goes through other lists by `*`, they are checked too.

    Raises:
        ConfigError: A list is truncated.
    """
    for place, sign in _signs_of_more(record, path):
        raise ConfigError(
            f"A record has only a part of the list `{'.'.join(place)}`: its field `{'.'.join(sign)}` shows that there "
            "are more items. Read the list as a separate child stream of these records, with its URL as `path`; "
            "`embedded_path` there saves the requests for lists that are whole."
        )


def whole_list(record: Raw, path: Path) -> list[Raw] | None:
    """Returns the items of a list in a record; None if it is absent, null, or truncated as `refuse_cut` tells."""
    if next(_signs_of_more(record, path), None) is not None:
        return None
    found: list[Raw] = []
    for _, value in raw_json.matches(record, path):
        kind = None if value is None else raw_json.kind(value)
        if value is None or kind not in {"array", "object"}:
            return None
        found += raw_json.items(value) if kind == "array" else [value]
    return found


def _signs_of_more(record: Raw, path: Path) -> Iterator[tuple[Path, Path]]:
    """Yields the path of each truncated list, and that of the field that shows it."""
    ends = [index for index, key in enumerate(path) if index and key == raw_json.WILDCARD]
    for end in filter(None, (*ends, len(path))):
        for above, holder in raw_json.matches(record, path[: end - 1]):
            if holder is not None:
                for key, sign in _signs_in(holder, path[end - 1 : end], is_record=not above):
                    yield (*above, *key), (*above, sign)


def _signs_in(holder: Raw, key: Path, *, is_record: bool) -> Iterator[tuple[Path, str]]:
    """Yields the key of each truncated list in an object, and the field of the object that shows it."""
    for place, value in raw_json.matches(holder, key):
        if value is not None and raw_json.kind(value) == "array":
            length = 0 if is_record else len(raw_json.items(value))
            sign = paging_names.more_beside(raw_json.fields(holder), length, is_record=is_record)
            if sign is not None and not (is_record and sign in _RECORD_FLAGS):
                yield place, sign


def add_fields(record: Raw, extra: Mapping[str, Raw], setting: str) -> Raw:
    """Returns an object with fields appended.

    Raises:
        ConfigError: The object already has a field with such a name.
    """
    if not extra:
        return record
    own = raw_json.fields(record)
    taken = sorted(extra.keys() & own.keys())
    if taken:
        raise ConfigError(f"`{setting}` would overwrite the record's own field `{taken[0]}`. Choose another name.")
    return Raw(_encode({**own, **extra}))


def wrap(value: Raw, name: str | None, *, arrays: bool = False) -> Raw:
    """Wraps a scalar, or an array too, in an object with one field; returns any other value unchanged."""
    kind = raw_json.kind(value)
    return Raw(_encode({name: value})) if name and (kind in _SCALARS or (arrays and kind == "array")) else value


def named(root: Raw, records: list[Raw], cells: tuple[Cells, ...]) -> Iterator[Raw]:
    """Yields the values of each record as an object, by their names.

    Raises:
        ConfigError: Names and values do not fit, or a name comes twice.
    """
    names = [each.names_in(root) for each in cells]
    for record in records:
        made = Raw(b"{}")
        for each, own in zip(cells, names, strict=True):
            made = add_fields(made, each.fields(own, record), "cells")
        yield made


def columns(root: Raw, path: Path) -> list[str]:
    """Returns the column names; each is a text, or an object with a `name`.

    Raises:
        ConfigError: There are no names at the path, or two columns have the same name.
    """
    value = raw_json.find(root, path)
    names = [_column(item) for item in raw_json.items(value)] if value is not None else []
    known = [name for name in names if name]
    if not names or len(set(known)) < len(names):
        raise ConfigError(f"`columns_path: {'.'.join(path)}` finds no list of distinct column names. Correct the path.")
    return known


def row(values: Raw, names: list[str], index: int, *, short: bool = False) -> Raw:
    """Builds an object from a row of values and the column names.

    Args:
        values: The row.
        names: The column names.
        index: Its place on the page, for errors.
        short: True if values may be missing at the end of a row; they become null.

    Raises:
        ConfigError: The value is not a row, or has the wrong number of values.
    """
    cells = raw_json.items(values)
    is_row = raw_json.kind(values) == "array"
    if is_row and short and len(cells) < len(names):
        cells = [*cells, *[Raw(b"null")] * (len(names) - len(cells))]
    if not is_row or len(cells) != len(names):
        found = f"has {counted(len(cells), 'value')}" if is_row else f"is of type {raw_json.kind(values)}"
        hint = ", or set `short_rows: true` if the API omits empty values at the end of a row"
        raise ConfigError(
            f"Row {index} of the page {found}, but expected {counted(len(names), 'column')}. Check `columns_path`"
            f"{hint if is_row and len(cells) < len(names) else ''}."
        )
    return Raw(_encode(dict(zip(names, cells, strict=True))))


def zipped(record: Raw, *, allow_missing: bool) -> Iterator[Raw]:
    """Yields one object for each index of the arrays in an object; its other fields are in each of them.

    Raises:
        ConfigError: It has no arrays, or arrays of different lengths.
    """
    fields = raw_json.fields(record)
    arrays = {name: raw_json.items(value) for name, value in fields.items() if raw_json.kind(value) == "array"}
    lengths = {name: len(items) for name, items in arrays.items()}
    if not arrays and not allow_missing:
        raise ConfigError(
            "`zip_arrays` finds no arrays in the object. Correct `records_path`, or set `allow_missing_records: true` "
            "if the API omits them when there are no records."
        )
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
        raise ConfigError(
            f"The arrays for `zip_arrays` have different numbers of items: {found}. Correct `records_path`."
        )
    for items in zip(*arrays.values(), strict=True):
        yield Raw(_encode({**fields, **dict(zip(arrays, items, strict=True))}))


def _column(item: Raw) -> str | None:
    name = raw_json.fields(item).get("name", item)
    return raw_json.text(name) if raw_json.kind(name) == "string" else None
