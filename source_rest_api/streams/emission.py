"""Turns the records of a page into the records that the stream emits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from source_rest_api.records.changes import RecordChanges
from source_rest_api.records.size_limit import Fitted, RecordSize
from source_rest_api.streams.parent_record import Copier

if TYPE_CHECKING:
    from msgspec import Raw

    from source_rest_api.config.config import Limits
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.cursors import Slice
    from source_rest_api.pagination.page import Page
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.streams.batch import Partition
    from source_rest_api.streams.request_builder import RequestBuilder

_LOG = logging.getLogger("airbyte.source_rest_api.streams.emission")
_SHOWN = 5


class RecordEmitter:
    """Filters, changes and limits the records of one stream.

    Args:
        endpoint: The endpoint, with its options for records.
        limits: The limits of the config, such as the size of a record.
        requests: Gives the names that templates read.
        stats: Counts records that are dropped or changed.
    """

    def __init__(self, endpoint: Endpoint, limits: Limits, requests: RequestBuilder, stats: ReadStats) -> None:
        self._stream = endpoint.name
        options = endpoint.record_options
        self._changes = RecordChanges(endpoint.name, options, stats) if options else None
        self._size = RecordSize(limits.record, endpoint.known_by)
        self._requests = requests
        self._stats = stats

    def records(self, records: list[Raw], partition: Partition, interval: Slice) -> list[Raw]:
        """Returns the records filtered and changed, with the fields copied from parents and lists.

        Raises:
            ConfigError: Two options write the same field, or a template fails.
        """
        copy = Copier(partition.copies).copy_into if partition.copies else None
        if self._changes is not None:
            return self._changes.apply(records, self._requests.names(partition, interval), copy)
        return records if copy is None else [copy(record) for record in records]

    def of(self, page: Page, new: list[Raw], partition: Partition, interval: Slice) -> Fitted:
        """Returns the new records of a page like `records`, each within the size limit.

        Raises:
            ConfigError: Like `records`, or a record is too large even with its large fields set to null.
        """
        made = self.records(new, partition, interval)
        fitted = self._size.fit(made, page.weight if made is new else sum(map(len, made)))
        count = len(fitted.nulled)
        if count and self._stats.add(nulled=count) == count:
            _LOG.warning(
                "Stream %s: a record is too large (`limits.record_megabytes`), so its largest fields are null: %s.",
                self._stream,
                ", ".join(next(iter(fitted.nulled.values()))[:_SHOWN]),
            )
        return fitted
