"""What a stream is read for: once, or once for each record of a parent stream and each value of a list."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.config import stream_references
from source_rest_api.errors import ConfigError
from source_rest_api.streams import parent_record
from source_rest_api.streams.batch import Partition
from source_rest_api.streams.spool import Seen
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.partition_values import PartitionValues
    from source_rest_api.config.stream_references import Reference
    from source_rest_api.streams.parents import Parents


class Partitions:
    """The partitions of one endpoint.

    Args:
        config: The API.
        endpoint: What is read.
        raw_config: The config as the user wrote it, for templates.
        parents: Reads the streams above.
    """

    def __init__(self, config: Config, endpoint: Endpoint, raw_config: Mapping[str, Any], parents: Parents) -> None:
        self._endpoint = endpoint
        self._raw_config = raw_config
        self._parents = parents
        self._parent = stream_references.parent_of(config, endpoint)
        self._copies = stream_references.copies(config, endpoint)
        texts = [text for of in endpoint.partitions for text in of.texts]
        self._sources = {text: stream_references.source_of(config, endpoint, text) for text in texts}
        own = {of.name for of in endpoint.partitions}
        whole = {(name,) for name in own}
        used = stream_references.used(config, endpoint)
        self._used = sorted(whole | {reference for reference in used if reference[0] not in own})

    def __iter__(self) -> Iterator[Partition]:
        """Each partition once.

        Raises:
            SourceError: A parent cannot be read to its end, or a template cannot be filled.
        """
        if self._parent is None and not self._endpoint.partitions:
            yield Partition()
            return
        seen = Seen()
        outer = [{}] if self._parent is None else self._parents.records(self._parent)
        for records in outer:
            for combined in self._product(records, self._endpoint.partitions):
                partition = self.partition(combined)
                if seen.add(partition.key):
                    yield partition

    def partition(self, records: Mapping[str, Any]) -> Partition:
        """The partition for these records and values."""
        used = {".".join(path): _value(records, path) for path in self._used if path[0] in records}
        copied = {name: parent_record.find(records, path) for name, path in self._copies.items()}
        return Partition(records, msgspec.json.encode(used, order="sorted").decode(), copied)

    def missing_copies(self, partition: Partition) -> Iterator[str]:
        """The copies whose field a parent's record does not have; a field that is null is there."""
        for name, (holder, *path) in self._copies.items():
            record = partition.records[holder]
            if path and not (isinstance(record, dict) and path[0] in record):
                yield name

    def _product(self, records: Mapping[str, Any], lists: Sequence[PartitionValues]) -> Iterator[Mapping[str, Any]]:
        if not lists:
            yield records
            return
        for value in self._values(lists[0], records):
            yield from self._product({**records, lists[0].name: value}, lists[1:])

    def _values(self, of: PartitionValues, records: Mapping[str, Any]) -> Iterator[Any]:
        """What templates know under the list's name: its values, or batches of them."""
        if of.batch is None:
            yield from self._singles(of, records)
            return
        seen = Seen()
        distinct = (value for value in self._singles(of, records) if seen.add(_text(value)))
        while batch := list(islice(distinct, of.batch)):
            yield batch

    def _singles(self, of: PartitionValues, records: Mapping[str, Any]) -> Iterator[Any]:
        for given in (of.values, of.otherwise):
            found = False
            for value in given:
                for single in self._expanded(value, records):
                    found = True
                    yield single
            if found:
                return

    def _expanded(self, given: Any, records: Mapping[str, Any]) -> Iterator[Any]:
        """The values that one entry of a list stands for: itself, a template's, or one for each record of a stream."""
        if not isinstance(given, str):
            yield given
            return
        source = self._sources[given]
        for above in [{}] if source is None else self._parents.records(source):
            value = templates.evaluate(given, {"config": self._raw_config, **records, **above})
            if value is None:
                raise ConfigError(
                    f"The template `{given}` in `partitions` gave null; `or []` at its end stands for no values."
                ).at(f"Stream {self._endpoint.name}")
            yield from value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _value(records: Mapping[str, Any], reference: Reference) -> Any:
    """What a reference leads to.

    Where it is a method's (`repos.name.upper()`, `repos.get('name')`), it is the value whose method it is, so that
    different records never look the same.
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
    return value
