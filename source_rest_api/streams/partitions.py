"""The partitions of a stream: one, or one for each record of a parent stream and each value of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.config import stream_references
from source_rest_api.formats import signed_urls
from source_rest_api.records import tree
from source_rest_api.streams import copied_fields
from source_rest_api.streams.batch import Partition
from source_rest_api.streams.copied_fields import CopyCount
from source_rest_api.streams.list_values import ListValues
from source_rest_api.streams.parent_keys import KeyCount, ParentKeys
from source_rest_api.streams.parent_record import ROOT
from source_rest_api.streams.parents import ParentLimitError
from source_rest_api.streams.spool import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.stream_references import Reference
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.state.parent_positions import ParentPositions
    from source_rest_api.streams.parent_record import ParentRow
    from source_rest_api.streams.parents import Parents, Since


class Partitions:
    """The partitions of one endpoint.

    Args:
        config: The API.
        endpoint: The endpoint to read.
        raw_config: The config as the user wrote it, for templates.
        parents: Reads the parent streams.
        stats: Counts the skipped parent records.
    """

    def __init__(
        self, config: Config, endpoint: Endpoint, raw_config: Mapping[str, Any], parents: Parents, stats: ReadStats
    ) -> None:
        self._endpoint = endpoint
        self._raw_config = raw_config
        self._parents = parents
        self._parent = stream_references.parent_of(config, endpoint)
        self._copies = stream_references.copies(config, endpoint)
        own = {of.name for of in endpoint.partitions}
        whole = {(name,) for name in own}
        read = stream_references.read_by_templates(config, endpoint)
        read -= stream_references.credentials_read(config, endpoint)
        self._read = sorted(whole | {reference for reference in read if reference[0] not in own})
        self._told_apart_by = [(name, path) for name, path in self._copies.items() if path[0] not in own]
        self._suppliers = stream_references.suppliers(config, endpoint)
        self._keys = ParentKeys(config, endpoint, raw_config)
        self._stats = stats
        self._sources = stream_references.sources(config, endpoint)

    def __iter__(self) -> Iterator[Partition]:
        """Yields each partition once.

        Raises:
            SourceError: Reading a parent failed, or a template failed.
        """
        return self._each({}, lambda _: False)

    def changed(self, parents: ParentPositions, is_done: Callable[[str], bool]) -> Iterator[Partition]:
        """Yields each partition of the new and changed parents once.

        It reads all parents before it yields the first partition, so that no parent changes unnoticed while its
        children are read.

        Args:
            parents: The positions to read from, updated to where the parents were read.
            is_done: True if the partition was completed for this version of its parent.

        Raises:
            SourceError: Reading a parent failed, or a template failed.
        """
        since = {supplier.name: parents.since.get(supplier.name, {}) for supplier in self._suppliers}
        for supplier in self._suppliers:
            parents.reached[supplier.name] = self._parents.reached(supplier, since[supplier.name])
        yield from self._each(since, is_done)

    def _each(self, since: Since, is_done: Callable[[str], bool]) -> Iterator[Partition]:
        if self._parent is None and not self._endpoint.partitions:
            yield Partition()
            return
        seen = Seen()
        copied = CopyCount(self._endpoint, self._copies, self._parents)
        count = KeyCount(self._keys, self._parents, self._stats)
        lists = ListValues(self._endpoint, self._sources, self._raw_config, self._parents, since, count)
        outer = [ROOT] if self._parent is None else self._parents.rows(self._parent, since.get(self._parent.name))
        for row in self._sampled(outer, count):
            if not count.allows(row.records):
                continue
            for combined in lists.combined(row):
                partition = self.partition(combined.records, combined.version)
                if not is_done(partition.in_version) and seen.add(partition.key):
                    copied.look(partition)
                    yield partition
        count.close(whole=not any(since.values()))
        copied.close()

    @staticmethod
    def _sampled(rows: Iterable[ParentRow], count: KeyCount) -> Iterator[ParentRow]:
        """Yields rows. If a sample ends before the parent does, a field that no row has counts as mistyped."""
        try:
            yield from rows
        except ParentLimitError:
            count.close(whole=True)
            raise

    def partition(self, records: Mapping[str, Any], version: str = "") -> Partition:
        """Returns the partition for parent records, in this version, and list values."""
        copied = {name: tree.find(records, path) for name, path in self._copies.items()}
        used = {".".join(path): copied[name] for name, path in self._told_apart_by}
        used |= {".".join(path): _value(records, path) for path in self._read if path[0] in records}
        return Partition(records, msgspec.json.encode(used, order="sorted").decode(), copied, version)

    def missing_copies(self, partition: Partition) -> Iterator[str]:
        """Yields the names in `include_from_parent` whose field the parent's record lacks. A null field exists."""
        return copied_fields.missing(self._copies, partition.records)


def _value(records: Mapping[str, Any], reference: Reference) -> Any:
    """Returns the value that a template reads by a reference.

    The reference follows Jinja's rules, not those of the config's paths (`tree.find`): keys are never joined with dots.
    For a method (`repos.name.upper()`, `repos.get('name')`), this returns the object of the method, so that different
    records never get the same key. For a signed URL, it returns only the part that is the same in each response.
    """
    value: Any = records
    for key in reference:
        if isinstance(value, dict):
            if key not in value and hasattr(value, key):
                break
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal():
            value = value[int(key)] if int(key) < len(value) else None
        else:
            break
    return signed_urls.resource(value) if isinstance(value, str) else value
