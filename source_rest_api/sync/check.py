"""Tests each endpoint for `check` and describes the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from source_rest_api.cursors.cursors import Slice
from source_rest_api.deletions.sweep import Sweep
from source_rest_api.errors import ConfigError, ErrorContext, SourceError, Stopped, as_source_error
from source_rest_api.formats import raw_json
from source_rest_api.pagination.page import End
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Raw

    from source_rest_api.pagination.page import Page
    from source_rest_api.streams.batch import Partition
    from source_rest_api.streams.stream import Stream


class Probe(Struct, frozen=True):
    """Result of reading the first page of a stream."""

    seen: str = ""
    problem: SourceError | None = None

    @classmethod
    def of(cls, stream: Stream) -> Probe:
        """Reads the first page; an error becomes the result's `problem`."""
        try:
            return cls(seen=_look(stream))
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 -- an error must not keep the other endpoints from being tested
            return cls(problem=as_source_error(error))


def _look(stream: Stream) -> str:
    partition = next(stream.partitions(), None)
    if partition is None:
        return f"{stream.name}: not tested, because its parent has no records or its `partitions` has no values"
    page = stream.first_page(partition)
    emitted = stream.reader.emission.records(page.records, partition, Slice())
    if emitted:
        first = emitted[0]
        missing = [*_missing_fields(stream, page.records[0], first), *_missing_in_parent(stream, partition)]
        if missing:
            keys = ", ".join(list(raw_json.fields(first))[:20])
            raise ConfigError(f"{'; '.join(missing)}. The record has the fields {keys}.").at(f"Stream {stream.name}")
    sweep = Sweep.of(stream)
    if sweep is not None:
        with ErrorContext(stream.name, "`deletions`"):
            sweep.first_page(partition)
    left_out = "" if len(emitted) == len(page.records) else f" ({len(emitted)} after filters)"
    return f"{stream.name}: {counted(len(page), 'record')} on the first page{left_out}, {_more(stream, page)}"


def _missing_fields(stream: Stream, sent: Raw, record: Raw) -> Iterator[str]:
    endpoint = stream.endpoint
    for path in endpoint.primary_key:
        if raw_json.find(record, path) is None:
            yield f"`primary_key` names `{'.'.join(path)}`, which the first record does not have"
    field = None if endpoint.incremental is None else endpoint.incremental.cursor_field
    if field is not None and raw_json.find(sent, field) is None:
        name = ".".join(field)
        yield f"`incremental.cursor_field` names `{name}`, which the first record does not have"


def _missing_in_parent(stream: Stream, partition: Partition) -> Iterator[str]:
    for name in stream.missing_copies(partition):
        path = stream.endpoint.include_from_parent[name]
        yield f"`include_from_parent.{name}` names `{path}`, which the first record of the parent does not have"


def _more(stream: Stream, page: Page) -> str:
    if not page.last:
        return "more in the same response"
    following = stream.reader.following(page)
    if not isinstance(following, End):
        return "more pages"
    with stream.reader.place(page):
        return f"no more ({stream.reader.end(page, following).reason})"
