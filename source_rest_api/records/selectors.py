"""Which part of a body is the records."""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.model import Model, Path, Paths
from source_rest_api.records import error_object, shapes
from source_rest_api.records.shapes import Explode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.formats.raw_json import Opened

WHOLE_BODY = ("$",)
_OF_RECORDS = re.compile(
    r"(?i)(.*_)?u?u?id|name|title|slug|(created|updated|modified)(_?(at|on|time))?|schema_?version"
)
_AROUND_RECORDS = re.compile(
    r"(?i)_?(meta|metadata|response_?metadata|links?|paging|pagination|page(_?info)?|cursors?|info|status|summary|included|"
    r"query|request|params|filters?|sort|context|embedded|errors?|response|header|result_?info)"
)
_first = Struct("c").unpack_from
"""The first character of a buffer, as a tuple: the fastest way to it."""
_BRACE = {(b"{",)}


class RecordSelector(Model):
    """Cuts the records out of a body."""

    records_path: Path | None = None
    records_paths: Paths = ()
    records_key_field: str | None = None
    columns_path: Path | None = None
    explode: Explode | None = None
    wrap_scalars_as: str | None = None
    allow_missing_records: bool = False

    def check(self) -> None:
        """Raise ValueError if options exclude each other."""
        if self.records_path is not None and self.records_paths:
            raise ValueError("`records_path` and `records_paths` exclude each other: put all paths into one list")
        if self.columns_path is not None and self.records_key_field is not None:
            raise ValueError("`columns_path` and `records_key_field` exclude each other")

    def select(self, root: Raw, *, accepted: bool = False) -> list[Raw]:
        """The records, undecoded, each a JSON object.

        Args:
            root: The body.
            accepted: True if an error object in it is none.

        Raises:
            ConfigError: There is no such path, it does not lead to objects, or the API answered with an error
                object in spite of status 200.
        """
        return self.only_objects(self._shaped(root, self._found(root, accepted)))

    @property
    def is_plain(self) -> bool:
        """True if the records are an array as it stands, at one path or the body itself."""
        several = self.records_paths or raw_json.WILDCARD in (self.records_path or ())
        return not (several or self.records_key_field or self.columns_path or self.explode or self.wrap_scalars_as)

    def only_objects(self, records: list[Raw]) -> list[Raw]:
        """The records.

        Raises:
            ConfigError: One is not an object.
        """
        if set(map(_first, records)) <= _BRACE:
            return records
        index = next(index for index, record in enumerate(records) if raw_json.kind(record) != "object")
        hint = " or set `wrap_scalars_as`" if self.wrap_scalars_as is None else ""
        raise ConfigError(
            f"Record {index} of the page is {_named(records[index])}, not an object: check `records_path`{hint}."
        )

    def _shaped(self, root: Raw, found: list[Raw]) -> list[Raw]:
        """Returns the values at the path as objects."""
        if self.columns_path is not None:
            names = shapes.columns(root, self.columns_path)
            found = [shapes.row(values, names, index) for index, values in enumerate(found)]
        if self.explode is None:
            name = self.wrap_scalars_as
            return found if name is None else [shapes.wrap(value, name) for value in found]
        return [item for record in found for item in self._exploded(record, self.explode)]

    def _exploded(self, record: Raw, explode: Explode) -> Iterator[Raw]:
        kept = explode.kept(record)
        for item in explode.items(record, allow_missing=self.allow_missing_records):
            wrapped = shapes.wrap(item, self.wrap_scalars_as)
            if kept and raw_json.kind(wrapped) != "object":
                raise ConfigError(
                    f"`explode.path` leads to {_named(wrapped)}, not to objects: correct it, or set `wrap_scalars_as`."
                )
            yield shapes.add_fields(wrapped, kept, "explode.keep")

    def _found(self, root: Raw, accepted: bool) -> list[Raw]:
        what = raw_json.kind(root)
        if not self._paths and what == "array":
            return raw_json.items(root)
        fields = raw_json.fields(root)
        if not accepted:
            self.refuse_error(fields)
        if not self._paths:
            return _guess(root, fields, rows=self.columns_path)
        return [record for path in self._paths for record in self._at(root, path)]

    @property
    def _paths(self) -> tuple[Path, ...]:
        if self.records_path is not None:
            return (self.records_path,)
        return self.records_paths or ((WHOLE_BODY,) if self.records_key_field else ())

    def _at(self, root: Raw, written: Path) -> Iterator[Raw]:
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
        """The values of an object, each with its key."""
        for key, item in raw_json.fields(value).items():
            record = shapes.wrap(item, self.wrap_scalars_as)
            if raw_json.kind(record) == "object":
                extra = {name: Raw(msgspec.json.encode(key))}
                record = shapes.add_fields(record, extra, "records_key_field")
            yield record

    def _lost(self, root: Raw, path: Path, value: Raw | None) -> ConfigError:
        found = "is not in the answer" if value is None else f"holds {_named(value)}"
        setting = "records_paths" if self.records_paths else "records_path"
        return ConfigError(
            f"`{setting}: {'.'.join(path)}` {found}; {_shape(root)}. Correct `{setting}`, or set "
            "`allow_missing_records` if the API leaves it out when there are no records."
        )

    def refuse_error(self, fields: Opened) -> None:
        """Refuses a body that holds an error in spite of its success status; see `error_object.refuse`."""
        own = [path[0] for path in self._paths]
        error_object.refuse(fields, own, is_record=self._paths == (WHOLE_BODY,))


def _guess(root: Raw, fields: dict[str, Raw], rows: Path | None) -> list[Raw]:
    """Without `records_path`: the only array of objects at the top; with `columns_path`, the only one of arrays.

    An empty array may be the records of a page that has none. So beside it another array is not taken for them, and
    it counts only where nothing else could hold the records and the body does not look like one record itself.
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
    raise ConfigError(f"It is not clear where the records are: {_shape(root)}. Set `records_path`.")


def _is_like_a_record(fields: dict[str, Raw]) -> bool:
    """True if a body is more like one record than like what stands around records: it has an id or objects of data."""
    return any(
        _OF_RECORDS.fullmatch(name) or (raw_json.fields(value) and not _AROUND_RECORDS.fullmatch(name))
        for name, value in fields.items()
    )


def _has_nested_records(fields: dict[str, Raw]) -> bool:
    return any(
        raw_json.kind(inner) == "array" and raw_json.items(inner)
        for value in fields.values()
        for inner in raw_json.fields(value).values()
    )


def _left_out(root: Raw, path: Path) -> bool:
    """True if the value at the path is absent or null, and nothing that could hold records stands on the way to it."""
    for length, key in enumerate(path):
        holder = raw_json.find(root, path[:length])
        what = "null" if holder is None else raw_json.kind(holder)
        by_index = what == "array" and raw_json.is_index(key)
        if what not in {"object", "null"} and not by_index and not (holder is not None and raw_json.is_nothing(holder)):
            return False
    value = raw_json.find(root, path)
    return value is None or raw_json.kind(value) == "null"


def _shape(root: Raw) -> str:
    """Describes a body in an error: its keys, with the types of their values."""
    fields = raw_json.fields(root)
    if not fields:
        return f"the answer is {_named(root)}"
    seen = [f"{name} ({raw_json.kind(value)})" for name, value in list(fields.items())[:20]]
    return f"the answer has the keys {', '.join(seen)}"


def _is_empty_array(value: Raw) -> bool:
    """Some languages write an empty map so."""
    return raw_json.kind(value) == "array" and not raw_json.items(value)


def _named(value: Raw) -> str:
    what = raw_json.kind(value)
    empty = "empty " if what in {"array", "object", "string"} and raw_json.is_nothing(value) else ""
    return what if what == "null" else f"an {empty}{what}" if (empty or what)[0] in "aeo" else f"a {what}"
