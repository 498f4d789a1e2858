"""Logs which of the fields that `include_from_parent` copies are missing in parent records."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.stream_references import Reference
    from source_rest_api.streams.batch import Partition
    from source_rest_api.streams.parents import Parents

_LOG = logging.getLogger("airbyte.source_rest_api.streams.copied_fields")
_ABSENT = object()


def missing(copies: Mapping[str, Reference], records: Mapping[str, Any]) -> Iterator[str]:
    """Yields the names of the copies whose field the parent's record lacks. A null field exists."""
    for name, path in copies.items():
        if tree.find(records, path, _ABSENT) is _ABSENT:
            yield name


class CopyCount:
    """Notes during one read which copied fields parent records lack.

    Args:
        endpoint: The endpoint to read.
        copies: The fields that it copies.
        parents: Remembers which warnings were logged.
    """

    def __init__(self, endpoint: Endpoint, copies: Mapping[str, Reference], parents: Parents) -> None:
        self._endpoint = endpoint
        self._copies = copies
        self._parents = parents
        self._unseen = dict.fromkeys(copies, False)
        """Fields that no record had so far; True if one surely lacks it."""
        self._nulls = dict.fromkeys(copies, 0)

    def look(self, partition: Partition) -> None:
        """Note a partition."""
        for name, value in partition.copies.items():
            self._nulls[name] += value is None
        for name in list(self._unseen):
            if any(tree.places(partition.records, self._copies[name])):
                del self._unseen[name]
            elif not self._unseen[name]:
                self._unseen[name] = name in missing(self._copies, partition.records)

    def close(self) -> None:
        """Log the missing fields, once per command: a stream may also be read as a parent, and in a sweep."""
        for name, nulls in sorted(self._nulls.items()):
            if not nulls or not self._parents.is_new_warning(self._endpoint.name, name):
                continue
            if self._unseen.get(name):
                _LOG.warning(
                    "Stream %s: `include_from_parent.%s` copies `%s`, which no record of the parent has, so the field "
                    "is null in all records. Correct the path.",
                    self._endpoint.name,
                    name,
                    self._endpoint.include_from_parent[name],
                )
            else:
                _LOG.info(
                    "Stream %s: `include_from_parent.%s` copies `%s`, which is null or absent for %d of the parents. "
                    "The field is null in their records.",
                    self._endpoint.name,
                    name,
                    self._endpoint.include_from_parent[name],
                    nulls,
                )
