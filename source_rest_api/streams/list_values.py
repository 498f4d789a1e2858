"""The values of the lists in `partitions`: literal, from the config, or from the records of other streams."""

from __future__ import annotations

import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from source_rest_api.errors import ConfigError
from source_rest_api.streams.parent_record import ROOT, ParentRow
from source_rest_api.streams.spool import Seen
from source_rest_api.templates import templates
from source_rest_api.templates.scalars import BLANK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.partition_values import PartitionValues
    from source_rest_api.streams.parent_keys import KeyCount
    from source_rest_api.streams.parents import Parents, Since

_Value: TypeAlias = tuple[Any, str]
"""A value of a list, and the version of the record that it comes from."""


class ListValues:
    """The values of one endpoint's lists, during one read.

    Args:
        endpoint: The endpoint to read.
        sources: The stream that supplies the values of each template, if one does.
        raw_config: The config as the user wrote it, for templates.
        parents: Reads these streams.
        since: The states after which they are read, by name.
        count: Counts their records without a value.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sources: Mapping[str, Endpoint | None],
        raw_config: Mapping[str, Any],
        parents: Parents,
        since: Since,
        count: KeyCount,
    ) -> None:
        self._endpoint = endpoint
        self._sources = sources
        self._raw_config = raw_config
        self._parents = parents
        self._since = since
        self._count = count
        self._run = uuid.uuid4().hex

    def combined(self, row: ParentRow) -> Iterator[ParentRow]:
        """Yields a parent's record with each combination of values, under the names of the lists.

        Raises:
            SourceError: Reading a stream failed, or a template failed.
        """
        return self._product(row, self._endpoint.partitions)

    def _product(self, row: ParentRow, lists: Sequence[PartitionValues]) -> Iterator[ParentRow]:
        if not lists:
            yield row
            return
        for value, version in self._values(lists[0], row.records):
            combined = ParentRow({**row.records, lists[0].name: value}, row.version + version)
            yield from self._product(combined, lists[1:])

    def _values(self, of: PartitionValues, records: Mapping[str, Any]) -> Iterator[_Value]:
        """Yields the values of a list, or batches of them if `batch` is set.

        A batch has a new version in each run, because some of its values may have changed.
        """
        if of.batch is None:
            yield from self._singles(of, records)
            return
        seen = Seen()
        distinct = (value for value, _ in self._singles(of, records) if seen.add(_text(value)))
        while batch := list(islice(distinct, of.batch)):
            yield batch, self._run

    def _singles(self, of: PartitionValues, records: Mapping[str, Any]) -> Iterator[_Value]:
        for given in (of.values, of.otherwise):
            found = False
            for value in given:
                for single in self._expanded(value, records):
                    found = True
                    yield single
            if found:
                return

    def _expanded(self, given: Any, records: Mapping[str, Any]) -> Iterator[_Value]:
        """Yields the values of one entry of a list: the entry itself, or the values of its template."""
        if not isinstance(given, str):
            yield given, ""
            return
        source = self._sources[given]
        for above in [ROOT] if source is None else self._parents.rows(source, self._since.get(source.name)):
            together = {**records, **above.records}
            if not self._count.allows_value(given, together):
                continue
            value = templates.evaluate(given, {"config": self._raw_config, **together})
            if value is None or value is BLANK:
                raise ConfigError(
                    f"The template `{given}` in `partitions` returned null. If that means no values, add `or []`."
                ).at(f"Stream {self._endpoint.name}")
            yield from ((single, above.version) for single in (value if isinstance(value, list) else [value]))


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
