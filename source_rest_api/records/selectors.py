"""Which part of a body is the records."""

import re
from collections.abc import Iterator
from struct import Struct

import msgspec
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.formats.excerpt import LONGEST, excerpt
from source_rest_api.formats.raw_json import Opened
from source_rest_api.http import api_reason
from source_rest_api.model import Model, Path, Paths
from source_rest_api.records import error_object, json_texts, shapes
from source_rest_api.records.opened_body import OpenedBody
from source_rest_api.records.shapes import Cells, Explode

WHOLE_BODY = ("$",)
# Patterns that few configs need are texts, which `re` compiles when they are first used.
_OF_RECORDS = r"(?i)(.*_)?u?u?id|name|title|slug|(created|updated|modified)(_?(at|on|time))?|schema_?version"
_AROUND_RECORDS = (
    r"(?i)_?(meta|metadata|response_?metadata|links?|paging|pagination|page(_?info)?|cursors?|info|status|summary|included|"
    r"query|request|params|filters?|sort|context|embedded|errors?|response|header|result_?info)"
)
_first = Struct("c").unpack_from
"""Reads the first byte of a buffer, as a tuple; no other way is faster."""
_BRACE = {(b"{",)}


class RecordSelector(Model):
    """Extracts the records from a body."""

    records_path: Path | None = None
    records_paths: Paths = ()
    records_key_field: str | None = None
    columns_path: Path | None = None
    short_rows: bool = False
    zip_arrays: bool = False
    cells: tuple[Cells, ...] = ()
    explode: Explode | None = None
    wrap_scalars_as: str | None = None
    allow_missing_records: bool = False

    def check(self) -> None:
        """Raises ValueError if two options exclude each other."""
        if self.records_path is not None and self.records_paths:
            raise ValueError("set only one of `records_path` and `records_paths`: put all paths into one list")
        if self.columns_path is not None and self.records_key_field is not None:
            raise ValueError("set only one of `columns_path` and `records_key_field`")
        if self.columns_path is not None and self.zip_arrays:
            raise ValueError(
                "set only one of `columns_path` and `zip_arrays`: `columns_path` is for one array per row, "
                "`zip_arrays` for one array per field"
            )
        if self.short_rows and self.columns_path is None:
            raise ValueError("`short_rows` is for rows of values: set `columns_path` too")

    def select(self, root: Raw) -> list[Raw]:
        """Returns the records as `open` does."""
        return self.open(root).records

    def open(self, root: Raw, *, accepted: bool = False) -> OpenedBody:
        """Returns the body and its undecoded records, each a JSON object.

        If the path to the records leads through strings that contain JSON, the parsed values replace them in the body.

        Args:
            root: The body.
            accepted: True if an error rule accepts error objects in the body.

        Raises:
            ConfigError: The body has no such path, the path does not lead to objects, or the body is an error object
                with a success status.
        """
        try:
            return self._select(root, accepted)
        except ConfigError:
            inside = self._without_texts(root, accepted)
            if inside is root:
                raise
            return self._select(inside, accepted)

    def _without_texts(self, root: Raw, accepted: bool) -> Raw:
        """Returns a body in which the JSON strings on the path to its records are replaced by their values."""

        def check(envelope: Raw) -> None:
            if not accepted:
                self.refuse_error(raw_json.fields(envelope))

        for path in self._paths or (WHOLE_BODY,):
            is_scalar = self.wrap_scalars_as is not None and path[-1] == raw_json.WILDCARD
            root = json_texts.replaced(root, () if path == WHOLE_BODY else path[: len(path) - is_scalar], check)
        return root

    def _select(self, root: Raw, accepted: bool) -> OpenedBody:
        found = self._found(root, accepted)
        records = self.only_objects(self._shaped(root, found))
        return OpenedBody(root, records, surplus=len(records) - len(found) if self.explode is not None else 0)

    @property
    def merges_lists(self) -> bool:
        """True if the records of a page come from several lists. The API may count these or what holds them."""
        return len(self._paths) > 1 or any(raw_json.WILDCARD in path[:-1] for path in self._paths)

    def fewest_rows(self, root: Raw) -> int:
        """Returns the fewest rows that merged lists may be: the objects that hold them, or the longest list."""
        star = raw_json.WILDCARD
        ends = [path[: path.index(star)] if star in path[:-1] else path for path in self._paths]
        return max(sum(1 for _ in raw_json.matches(root, (*end, star))) for end in ends)

    @property
    def is_plain(self) -> bool:
        """True if the records are the unchanged items of one array: at one path, or the body itself."""
        several = self.records_paths or raw_json.WILDCARD in (self.records_path or ())
        shaped = (
            self.records_key_field
            or self.columns_path
            or self.zip_arrays
            or self.cells
            or self.explode
            or self.wrap_scalars_as
        )
        return not (several or shaped)

    def only_objects(self, records: list[Raw]) -> list[Raw]:
        """Returns the records if all of them are objects.

        Raises:
            ConfigError: A record is not an object.
        """
        if set(map(_first, records)) <= _BRACE:
            return records
        index = next(index for index, record in enumerate(records) if raw_json.kind(record) != "object")
        hint = " or set `wrap_scalars_as`" if self.wrap_scalars_as is None else ""
        found = shapes.described(records[index])
        raise ConfigError(f"Record {index} of the page is {found}, not an object. Check `records_path`{hint}.")

    def _shaped(self, root: Raw, found: list[Raw]) -> list[Raw]:
        """Returns the values at the path as objects."""
        if self.columns_path is not None:
            found = self._rows(root, found, self.columns_path)
        if self.cells:
            found = list(shapes.named(root, found, self.cells))
        if self.explode is not None:
            name, allow_missing = self.wrap_scalars_as, self.allow_missing_records
            found = [each for row in found for each in self.explode.records(row, name, allow_missing=allow_missing)]
        elif self.wrap_scalars_as is not None:
            found = [shapes.wrap(value, self.wrap_scalars_as) for value in found]
        if self.zip_arrays:
            found = [row for record in found for row in shapes.zipped(record, allow_missing=self.allow_missing_records)]
        return found

    def _rows(self, root: Raw, found: list[Raw], columns: Path) -> list[Raw]:
        """Returns rows of values as objects, without the row of the column names, if it is one of them."""
        holder = raw_json.find(root, columns[:-1]) if raw_json.is_index(columns[-1]) else None
        is_row = holder is not None and raw_json.items(holder) == found
        if not found and (is_row or self.allow_missing_records):
            return []
        names = shapes.columns(root, columns)
        header = int(columns[-1]) % len(found) if is_row else None
        short = self.short_rows
        return [shapes.row(values, names, index, short=short) for index, values in enumerate(found) if index != header]

    def _found(self, root: Raw, accepted: bool) -> list[Raw]:
        what = raw_json.kind(root)
        if not self._paths and what == "array":
            return raw_json.items(root)
        fields = raw_json.fields(root)
        if not accepted:
            self.refuse_error(fields)
        if not self._paths and self.allow_missing_records and raw_json.is_nothing(root):
            return []
        if not self._paths:
            return _guess(root, fields, rows=self.columns_path)
        return [record for path in self._paths for record in self._at(root, path)]

    @property
    def _paths(self) -> tuple[Path, ...]:
        if self.records_path is not None:
            return (self.records_path,)
        if self.records_paths:
            return self.records_paths
        return (WHOLE_BODY,) if self.records_key_field or self.zip_arrays else ()

    def _at(self, root: Raw, written: Path) -> Iterator[Raw]:
        if raw_json.WILDCARD in written[:-1]:
            star = written.index(raw_json.WILDCARD) + 1
            for _, outer in raw_json.matches(root, written[:star]):
                if outer is not None:
                    shapes.refuse_cut(outer, written[star:])
        for path, value in raw_json.matches(root, () if written == WHOLE_BODY else written):
            what = None if value is None else raw_json.kind(value)
            if value is not None and self.records_key_field and (what == "object" or _is_empty_array(value)):
                yield from self._keyed(value, self.records_key_field)
            elif value is not None and what == "array" and not self.records_key_field:
                yield from raw_json.items(value)
            elif value is not None and (what == "object" or (path != written and self.wrap_scalars_as)):
                yield value
            elif not (self.allow_missing_records and _left_out(root, path)):
                raise self._lost(root, written, value)

    def _keyed(self, value: Raw, name: str) -> Iterator[Raw]:
        """Yields the values of an object, each with its key."""
        for key, item in raw_json.fields(value).items():
            record = shapes.wrap(item, self.wrap_scalars_as)
            if raw_json.kind(record) == "object":
                extra = {name: Raw(msgspec.json.encode(key))}
                record = shapes.add_fields(record, extra, "records_key_field")
            yield record

    def _lost(self, root: Raw, path: Path, value: Raw | None) -> ConfigError:
        found = "is not in the response" if value is None else f"leads to {shapes.described(value)}"
        setting = "records_paths" if self.records_paths else "records_path"
        reason = excerpt(api_reason.find(root), LONGEST)
        return ConfigError(
            f"`{setting}: {'.'.join(path)}` {found}; {_shape(root)}. {reason and f'The API says: {reason}. '}Correct "
            f"`{setting}`, or set `allow_missing_records: true` if the API omits it when there are no records."
        )

    def refuse_error(self, fields: Opened) -> None:
        """Raises an error for a body that reports one despite its success status; see `error_object.refuse`."""
        own = [path[0] for path in self._paths]
        error_object.refuse(fields, own, is_record=self._paths == (WHOLE_BODY,))


def _guess(root: Raw, fields: dict[str, Raw], rows: Path | None) -> list[Raw]:
    """Returns the only top-level array of objects, or with `columns_path`, the only array of arrays.

    An empty array may be the records of an empty page, so another array beside it is not used as the records. The
    empty array counts only if nothing else could contain the records and the body does not look like a record itself.
    """
    arrays = [
        raw_json.items(v)
        for name, v in fields.items()
        if raw_json.kind(v) == "array" and name not in error_object.ERRORS and (name,) != rows
    ]
    wanted = "object" if rows is None else "array"
    possible = [items for items in arrays if not items or raw_json.kind(items[0]) == wanted]
    if len(possible) == 1 and possible[0]:
        return possible[0]
    if possible and not any(arrays) and not _has_nested_records(fields) and not _is_like_a_record(fields):
        return []
    hint = " If null means no records, set `allow_missing_records: true`." if raw_json.kind(root) == "null" else ""
    raise ConfigError(f"The path of the records is not clear: {_shape(root)}. Set `records_path`.{hint}")


def _is_like_a_record(fields: dict[str, Raw]) -> bool:
    """True if a body looks like one record, not like an envelope: it has an id or objects of data."""
    return any(
        re.fullmatch(_OF_RECORDS, name) or (raw_json.fields(value) and not re.fullmatch(_AROUND_RECORDS, name))
        for name, value in fields.items()
    )


def _has_nested_records(fields: dict[str, Raw]) -> bool:
    return any(
        raw_json.kind(inner) == "array" and raw_json.items(inner)
        for value in fields.values()
        for inner in raw_json.fields(value).values()
    )


def _left_out(root: Raw, path: Path) -> bool:
    """True if the value at the path is absent, null, false or empty, and nothing on the way could contain records."""
    for length, key in enumerate(path):
        holder = raw_json.find(root, path[:length])
        what = "null" if holder is None else raw_json.kind(holder)
        by_index = what == "array" and raw_json.is_index(key)
        if what not in {"object", "null"} and not by_index and not (holder is not None and raw_json.is_nothing(holder)):
            return False
    value = raw_json.find(root, path)
    return value is None or raw_json.is_nothing(value)


def _shape(root: Raw) -> str:
    """Describes a body in an error: its keys, with the types of their values."""
    fields = raw_json.fields(root)
    if not fields:
        return f"the response is {shapes.described(root)}"
    seen = [
        f"{name} ({raw_json.kind(value) if raw_json.contained(value) is None else 'JSON in a string'})"
        for name, value in list(fields.items())[:20]
    ]
    return f"the response has the keys {', '.join(seen)}"


def _is_empty_array(value: Raw) -> bool:
    """True for an empty array, which some languages write for an empty map."""
    return raw_json.kind(value) == "array" and not raw_json.items(value)
