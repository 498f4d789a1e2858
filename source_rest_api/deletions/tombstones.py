"""Delete records: what a stream emits for deleted rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Raw

from source_rest_api.config.deletions import DELETED_AT
from source_rest_api.formats import datetimes, raw_json
from source_rest_api.read_stats import ReadStats
from source_rest_api.records import tree
from source_rest_api.records.changes import RecordChanges

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.cursors import CursorValue


def tombstones(endpoint: Endpoint, keys: Iterable[bytes], gone_at: datetime, newest: CursorValue | None) -> list[Raw]:
    """Returns a delete record for each key: the primary key, `_ab_cdc_deleted_at`, and a cursor value.

    Airbyte's destinations keep the record with the largest cursor value, nulls last; of several, the last emitted. So
    the cursor value must not be smaller than that of the deleted row.

    Args:
        endpoint: The endpoint of the rows.
        keys: The keys of the deleted rows.
        gone_at: When the sweep began that no longer found them.
        newest: The largest cursor value ever delivered.
    """
    common = tree.raw(_common(endpoint, gone_at, newest))
    made = []
    for key in keys:
        record = raw_json.fields(common)
        for path, value in zip(endpoint.primary_key, raw_json.items(Raw(key)), strict=True):
            tree.put(record, path, value, "primary_key")
        made.append(tree.raw(record))
    return made


def _common(endpoint: Endpoint, gone_at: datetime, newest: CursorValue | None) -> dict[str, object]:
    """Returns the fields of all delete records: the cursor as records have it, and the time of the deletion."""
    cursor = endpoint.incremental
    value = None if cursor is None else cursor.at_deletion(gone_at, newest)
    record: dict[str, object] = {}
    if cursor is not None and cursor.cursor_field is not None and value is not None:
        tree.put(record, cursor.cursor_field, value, "incremental.cursor_field")
    shaping = endpoint.record_options.without_templates()
    if shaping:
        [changed] = RecordChanges(endpoint.name, shaping, ReadStats()).apply([tree.raw(record)], {})
        record = dict(raw_json.fields(changed))
    return {**record, DELETED_AT: datetimes.write(gone_at)}
