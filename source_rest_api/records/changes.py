"""Filters and changes the records of an endpoint, by functions compiled once per stream.

The order is fixed: a connector's own transformation, `filter`, `remove_fields`, `rename_fields`, `unwrap`, `flatten`,
`replace_in_names`, `lower_case`, `snake_case`, `include_from_parent`, `add_fields`, `cast`, `drop_nulls`,
`filter_after`. Templates read the record as the API sent it; `filter_after` reads the record as it is emitted. Values
that no change touches keep their exact bytes.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.formats import raw_json
from source_rest_api.records import tree as record_tree
from source_rest_api.records.casts import Casts
from source_rest_api.templates import record_templates
from source_rest_api.templates.record_templates import PageTemplates, RecordContext, RecordTemplate
from source_rest_api.templates.scalars import BLANK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from msgspec import Raw

    from source_rest_api.read_stats import ReadStats
    from source_rest_api.records.options import RecordOptions
    from source_rest_api.records.transformations import Reshaping

_LOG = logging.getLogger("airbyte.source_rest_api.records.changes")


class RecordChanges:
    """Filters and changes the records of one stream.

    Args:
        stream: The name of the stream.
        options: The filters and changes that the endpoint sets.
        stats: Counts the filtered records and the values that could not be cast.
    """

    def __init__(self, stream: str, options: RecordOptions, stats: ReadStats) -> None:
        self._stream = stream
        self._stats = stats
        self._own = options.transformation
        self._reshaping = options.reshaping or None
        self._removes = None if options.remove_when is None else RecordTemplate(options.remove_when)
        self._drop_nulls = options.drop_nulls
        self._casts = Casts(options.cast, options.schema, self._uncast)
        self._told: set[str] = set()
        texts = [text for text in (options.filter, *options.add_fields.values()) if isinstance(text, str)]
        self._templates = (
            PageTemplates(options.filter, options.add_fields) if options.filter or options.add_fields else None
        )
        self._after = None if options.filter_after is None else PageTemplates(options.filter_after, {})
        self._added = [raw_json.keys(name) for name in options.add_fields]
        self._are_appended = _are_appended(options)
        self._unseen = set(record_templates.fields(texts) or ())

    def apply(
        self, records: list[Raw], names: Mapping[str, Any], copy: Callable[[Raw], Raw] | None = None
    ) -> list[Raw]:
        """Returns the records to emit.

        Args:
            records: The records as the API sent them.
            names: The values that templates read in addition to the record.
            copy: Adds the fields that are copied from the parent's record.

        Raises:
            ConfigError: A template cannot be filled, or two options write the same field.
        """
        count = len(records)
        if self._own is not None:
            decoded = [msgspec.json.decode(record) for record in records]
            records = [record_tree.raw(record) for record in self._own.apply(decoded, names)]
        if self._unseen and records:
            self._warn_of_unseen(records)
        surroundings = RecordContext(names)
        finish = partial(self._changed, surroundings, copy)
        if self._templates is None:
            emitted = [finish(record) for record in records]
        else:
            at_end = copy is None and self._are_appended
            emitted = self._templates.fill(records, surroundings, finish, at_end=at_end)
        if self._after is not None:
            emitted = self._after.fill(emitted, surroundings, lambda record, _: record, at_end=True)
        self._stats.add(left_out=max(count - len(emitted), 0))
        return emitted

    def _changed(
        self,
        surroundings: RecordContext,
        copy: Callable[[Raw], Raw] | None,
        record: Raw,
        values: Sequence[Any] = (),
    ) -> Raw:
        """Returns a record with all changes, given the values of its added fields."""
        tree = None if self._reshaping is None else self._reshaped(self._reshaping, record, surroundings)
        if copy is not None:
            record, tree = copy(record if tree is None else record_tree.raw(tree)), None
        if values or self._casts:
            tree = raw_json.fields(record) if tree is None else tree
            for path, value in zip(self._added, values, strict=True):
                if value is not BLANK:
                    record_tree.put(tree, path, value, "add_fields")
            self._casts.apply(tree)
        if self._drop_nulls:
            tree = record_tree.without_nulls(record if tree is None else tree)
        return record if tree is None else record_tree.raw(tree)

    def _reshaped(self, reshaping: Reshaping, record: Raw, surroundings: RecordContext) -> dict[str, Any]:
        removes = self._removes
        if removes is None:
            return reshaping.apply(raw_json.fields(record))
        return reshaping.apply(
            raw_json.fields(record),
            lambda value: removes.holds(surroundings.beside(record_templates.decode(record_tree.raw(value)))),
        )

    def _uncast(self, path: str, kind: str, value: Raw) -> None:
        self._stats.add(uncast=1)
        if path not in self._told:
            self._told.add(path)
            _LOG.warning(
                "Stream %s: some values of `%s` cannot be cast to %s and are emitted unchanged (the first is a %s). "
                "Correct `cast`, or the type in `schema`.",
                self._stream,
                path,
                kind,
                raw_json.kind(value),
            )

    def _warn_of_unseen(self, records: list[Raw]) -> None:
        """Warns once of fields that templates read but no record of the first page has: they may be misspelled."""
        unseen, self._unseen = self._unseen, set()
        for record in records:
            unseen -= raw_json.fields(record).keys()
            if not unseen:
                return
        names = ", ".join(f"`record.{name}`" for name in sorted(unseen))
        _LOG.warning(
            "Stream %s: `filter` or `add_fields` reads %s, but none of the first %d records has it. Check its name.",
            self._stream,
            names,
            len(records),
        )


def _are_appended(options: RecordOptions) -> bool:
    """True if nothing but added fields at its top changes a record, so they can be written at its end."""
    others = options.reshaping or options.cast or options.schema or options.drop_nulls
    return not others and all(raw_json.keys(name) == (name,) for name in options.add_fields)
