"""Tests each endpoint for `check` and describes the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from source_rest_api.cursors.cursors import Slice
from source_rest_api.deletions.sweep import Sweep
from source_rest_api.errors import ErrorContext, SourceError, Stopped, as_source_error
from source_rest_api.pagination.page import End
from source_rest_api.plurals import counted
from source_rest_api.sync import sample_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    sample_fields.check(stream.endpoint, emitted, list(_missing_in_parent(stream, partition)))
    sweep = Sweep.of(stream)
    if sweep is not None:
        with ErrorContext(stream.name, "`deletions`"):
            sweep.first_page(partition)
    left_out = "" if len(emitted) == len(page.records) else f" ({len(emitted)} after filters)"
    return f"{stream.name}: {counted(len(page), 'record')} on the first page{left_out}, {_more(stream, page)}"


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
