"""The partitions of a stream: one, or one for each record of a parent stream and each value of a list."""

from __future__ import annotations

import logging
import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from source_rest_api.config import stream_references
from source_rest_api.errors import ConfigError
from source_rest_api.formats import signed_urls
from source_rest_api.records import tree
from source_rest_api.streams.batch import Partition
from source_rest_api.streams.parent_record import ParentRow
from source_rest_api.streams.spool import Seen
from source_rest_api.templates import templates
from source_rest_api.templates.scalars import BLANK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.config.partition_values import PartitionValues
    from source_rest_api.config.stream_references import Reference
    from source_rest_api.state.parent_positions import ParentPositions
    from source_rest_api.streams.parents import Parents

_LOG = logging.getLogger("airbyte.source_rest_api.streams.partitions")
_ABSENT = object()
_ROOT = ParentRow({}, "")
"""The row for a stream without parents."""
_Since: TypeAlias = "Mapping[str, dict[str, Any]]"
"""The states from which streams continue, by name."""
_Value: TypeAlias = tuple[Any, str]
"""A list value, and the version of the record that it comes from."""


class Partitions:
    """The partitions of one endpoint.

    Args:
        config: The API.
        endpoint: The endpoint to read.
        raw_config: The config as the user wrote it, for templates.
        parents: Reads the parent streams.
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
        read = stream_references.read_by_templates(config, endpoint)
        self._read = sorted(whole | {reference for reference in read if reference[0] not in own})
        self._told_apart_by = [(name, path) for name, path in self._copies.items() if path[0] not in own]
        self._suppliers = stream_references.suppliers(config, endpoint)
        self._run = uuid.uuid4().hex

    def __iter__(self) -> Iterator[Partition]:
        """Yields each partition once.

        Raises:
            SourceError: Reading a parent failed, or a template failed.
        """
        return self._each({}, lambda _: False)

    def changed(self, parents: ParentPositions, is_done: Callable[[str], bool]) -> Iterator[Partition]:
        """Yields each partition of new or changed parents once.

        All parents are read before the first partition, so that no parent changes unnoticed while its children are
        read.

        Args:
            parents: The positions to continue from; this method sets `reached`.
            is_done: True for a partition that was read for this version of its parent.

        Raises:
            SourceError: Reading a parent failed, or a template failed.
        """
        for supplier in self._suppliers:
            parents.reached[supplier.name] = self._parents.reached(supplier, parents.since.get(supplier.name))
        yield from self._each(parents.since, is_done)

    def _each(self, since: _Since, is_done: Callable[[str], bool]) -> Iterator[Partition]:
        if self._parent is None and not self._endpoint.partitions:
            yield Partition()
            return
        seen = Seen()
        unseen = dict.fromkeys(self._copies, False)
        outer = [_ROOT] if self._parent is None else self._parents.rows(self._parent, since.get(self._parent.name))
        for row in outer:
            for combined in self._product(row, self._endpoint.partitions, since):
                partition = self.partition(combined.records, combined.version)
                if not is_done(partition.in_version) and seen.add(partition.key):
                    self._look(partition, unseen)
                    yield partition
        self._warn_of_unseen(name for name, is_lacking in unseen.items() if is_lacking)

    def partition(self, records: Mapping[str, Any], version: str = "") -> Partition:
        """Returns the partition for parent records, in this version, and list values."""
        copied = {name: tree.find(records, path) for name, path in self._copies.items()}
        used = {".".join(path): copied[name] for name, path in self._told_apart_by}
        used |= {".".join(path): _value(records, path) for path in self._read if path[0] in records}
        return Partition(records, msgspec.json.encode(used, order="sorted").decode(), copied, version)

    def missing_copies(self, partition: Partition) -> Iterator[str]:
        """Yields the names in `include_from_parent` whose field the parent's record lacks. A null field exists."""
        for name, path in self._copies.items():
            if tree.find(partition.records, path, _ABSENT) is _ABSENT:
                yield name

    def _look(self, partition: Partition, unseen: dict[str, bool]) -> None:
        """Remove copies whose field exists from `unseen`; set the value to True if this record lacks the field."""
        for name in list(unseen):
            if any(tree.places(partition.records, self._copies[name])):
                del unseen[name]
            elif not unseen[name]:
                unseen[name] = name in self.missing_copies(partition)

    def _warn_of_unseen(self, unseen: Iterable[str]) -> None:
        """Warn once per command, although a stream may be read several times: also as a parent, and in a sweep."""
        for name in sorted(unseen):
            if self._parents.is_new_warning(self._endpoint.name, name):
                _LOG.warning(
                    "Stream %s: `include_from_parent.%s` copies `%s`, which no record of the parent has, so the field "
                    "is null in all records. Correct the path.",
                    self._endpoint.name,
                    name,
                    self._endpoint.include_from_parent[name],
                )

    def _product(self, row: ParentRow, lists: Sequence[PartitionValues], since: _Since) -> Iterator[ParentRow]:
        if not lists:
            yield row
            return
        for value, version in self._values(lists[0], row.records, since):
            combined = ParentRow({**row.records, lists[0].name: value}, row.version + version)
            yield from self._product(combined, lists[1:], since)

    def _values(self, of: PartitionValues, records: Mapping[str, Any], since: _Since) -> Iterator[_Value]:
        """Yields the values of a list, or batches of them if `batch` is set.

        A batch has a new version in each run, because some of its values may have changed.
        """
        if of.batch is None:
            yield from self._singles(of, records, since)
            return
        seen = Seen()
        distinct = (value for value, _ in self._singles(of, records, since) if seen.add(_text(value)))
        while batch := list(islice(distinct, of.batch)):
            yield batch, self._run

    def _singles(self, of: PartitionValues, records: Mapping[str, Any], since: _Since) -> Iterator[_Value]:
        for given in (of.values, of.otherwise):
            found = False
            for value in given:
                for single in self._expanded(value, records, since):
                    found = True
                    yield single
            if found:
                return

    def _expanded(self, given: Any, records: Mapping[str, Any], since: _Since) -> Iterator[_Value]:
        """Yields the values of one entry of a list: the entry itself, or the results of its template."""
        if not isinstance(given, str):
            yield given, ""
            return
        source = self._sources[given]
        for above in [_ROOT] if source is None else self._parents.rows(source, since.get(source.name)):
            value = templates.evaluate(given, {"config": self._raw_config, **records, **above.records})
            if value is None or value is BLANK:
                raise ConfigError(
                    f"The template `{given}` in `partitions` returned null. If that means no values, add `or []`."
                ).at(f"Stream {self._endpoint.name}")
            yield from ((single, above.version) for single in (value if isinstance(value, list) else [value]))


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _value(records: Mapping[str, Any], reference: Reference) -> Any:
    """Returns the value that a template reads by a reference.

    The reference follows Jinja's rules, not those of the config's paths (`tree.find`): keys are never joined with dots.
    For a method (`repos.name.upper()`, `repos.get('name')`), this returns the object of the method, so that different
    records never get the same key. Of a signed URL, only the part counts that stays the same in each response.
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
