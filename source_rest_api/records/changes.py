"""The filters and transformations of an endpoint, compiled once.

The order is fixed: `filter`, `remove_fields`, `rename_fields`, `flatten`, `snake_case`, `include_from_parent`,
`add_fields`, `cast`, `filter_after`. Templates read the record as the API sent it, `filter_after` as it is emitted.
What none of these touches stays byte for byte as it came.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from source_rest_api.formats import raw_json
from source_rest_api.records import tree as record_tree
from source_rest_api.records.casts import Casts
from source_rest_api.templates import record_templates
from source_rest_api.templates.optional_values import BLANK
from source_rest_api.templates.record_templates import RecordContext, RecordTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2.runtime import Context
    from msgspec import Raw

    from source_rest_api.read_stats import ReadStats
    from source_rest_api.records.options import RecordOptions

_LOG = logging.getLogger("airbyte.source_rest_api.records.changes")


class RecordChanges:
    """Changes the records of one stream.

    Args:
        stream: Its name.
        options: What it asks for.
        stats: Where it is counted what was left out and what could not be cast.
    """

    def __init__(self, stream: str, options: RecordOptions, stats: ReadStats) -> None:
        self._stream = stream
        self._stats = stats
        self._reshape = options.reshaping.apply if options.reshaping else None
        self._added = [(tuple(name.split(".")), _filled(given)) for name, given in options.add_fields.items()]
        self._casts = Casts(options.cast, options.schema, self._uncast)
        self._told: set[str] = set()
        self._filter = None if options.filter is None else RecordTemplate(options.filter)
        self._filter_after = None if options.filter_after is None else RecordTemplate(options.filter_after)
        texts = [text for text in (options.filter, *options.add_fields.values()) if isinstance(text, str)]
        self._peek = record_templates.peeker(texts)
        self._peek_after = record_templates.peeker([options.filter_after or ""])
        self._unseen = set(record_templates.fields(texts) or ())

    def apply(
        self, records: list[Raw], names: Mapping[str, Any], copy: Callable[[Raw], Raw] | None = None
    ) -> list[Raw]:
        """The records to emit.

        Args:
            records: As the API sent them.
            names: What templates read beside the record.
            copy: Adds what is copied from the parent's record.

        Raises:
            ConfigError: A template cannot be filled, or two fields would be in one place.
        """
        if self._unseen and records:
            self._warn_of_unseen(records)
        surroundings = RecordContext(names)
        emitted = [new for record in records if (new := self._changed(record, surroundings, copy)) is not None]
        self._stats.add(left_out=len(records) - len(emitted))
        return emitted

    def _changed(self, record: Raw, surroundings: RecordContext, copy: Callable[[Raw], Raw] | None) -> Raw | None:
        """The record to emit, or None if it is left out."""
        added = []
        if self._filter is not None or self._added:
            context = surroundings.around(self._peek(record))
            if self._filter is not None and not self._filter.holds(context):
                return None
            added = [(path, fill(context)) for path, fill in self._added]
        tree = None if self._reshape is None else self._reshape(raw_json.fields(record))
        if copy is not None:
            record, tree = copy(record if tree is None else record_tree.raw(tree)), None
        if added or self._casts:
            tree = raw_json.fields(record) if tree is None else tree
            for path, value in added:
                if value is not BLANK:
                    record_tree.put(tree, path, value, "add_fields")
            self._casts.apply(tree)
        emitted = record if tree is None else record_tree.raw(tree)
        if self._filter_after is not None and not self._filter_after.holds(
            surroundings.around(self._peek_after(emitted))
        ):
            return None
        return emitted

    def _uncast(self, path: str, kind: str, value: Raw) -> None:
        self._stats.add(uncast=1)
        if path not in self._told:
            self._told.add(path)
            _LOG.warning(
                "Stream %s: `%s` is left as it came where it cannot be cast to %s (the first such value is a %s).",
                self._stream,
                path,
                kind,
                raw_json.kind(value),
            )

    def _warn_of_unseen(self, records: list[Raw]) -> None:
        """Once: what templates read and no record of the first page has may be a slip of the pen."""
        unseen, self._unseen = self._unseen, set()
        for record in records:
            unseen -= raw_json.fields(record).keys()
            if not unseen:
                return
        names = ", ".join(f"`record.{name}`" for name in sorted(unseen))
        _LOG.warning(
            "Stream %s: `filter` or `add_fields` reads %s, which none of the first %d records has.",
            self._stream,
            names,
            len(records),
        )


def _filled(given: Any) -> Callable[[Context], Any]:
    """Returns the function that computes an added field."""
    return RecordTemplate(given).value if isinstance(given, str) else lambda _: given
