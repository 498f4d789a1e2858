"""Reads the first pages of one partition as a read does, for `check`."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from source_rest_api.cursors.cursors import Slice
from source_rest_api.errors import SourceError, Stopped, as_source_error
from source_rest_api.pagination.page import End
from source_rest_api.streams import slice_checks
from source_rest_api.streams.page_sequence import Again, PageSequence

if TYPE_CHECKING:
    from msgspec import Raw

    from source_rest_api.cursors.slices import PageCursors
    from source_rest_api.pagination.page import Next, Page, Position
    from source_rest_api.streams.batch import Partition
    from source_rest_api.streams.stream import Stream

_MOST = 2


class SampledPage(Struct):
    """One page, its cursor values, and the records that a read emits."""

    page: Page
    seen: PageCursors | None
    emitted: list[Raw]
    following: Next | Again | None = None
    """The next position or the end; None if more of the response follows, or after an error."""


class Sample(Struct):
    """The first pages of a partition."""

    stream: Stream
    partition: Partition
    interval: Slice
    pages: list[SampledPage] = []
    problem: SourceError | None = None
    """The error that ended it. A read would end with it too."""

    @property
    def records(self) -> list[Raw]:
        """All emitted records."""
        return [record for sampled in self.pages for record in sampled.emitted]


def read(stream: Stream, partition: Partition) -> Sample:
    """Reads up to two pages. An error becomes the `problem` of the sample.

    Raises:
        Stopped: The check was stopped.
    """
    sample = Sample(stream, partition, Slice())
    try:
        sample.interval = stream.intervals(partition, None)[0]
        _read(sample)
    except Stopped:
        raise
    except Exception as error:  # noqa: BLE001 -- it is one of the results
        sample.problem = as_source_error(error)
    return sample


def ask(sample: Sample, interval: Slice, position: Position | None, number: int) -> Page:
    """Requests one page of the sample's partition; of a streamed response, the first part."""
    with closing(sample.stream.reader.pages.ask(sample.partition, interval, position, number)) as parts:  # type: ignore[type-var]
        return next(parts)


def _read(sample: Sample) -> None:
    reader = sample.stream.reader
    sequence = PageSequence(reader, partial(reader.pages.ask, sample.partition, sample.interval))
    order = slice_checks.order_check(reader.endpoint.incremental)
    following: Next | Again | None = reader.paginator.first()
    before = 0
    for number in range(1, _MOST + 1):
        position = None if isinstance(following, End | Again) else following
        asked = sequence.drift.overlapping(position)
        page = replace(ask(sample, sample.interval, asked, number), records_before=before - (asked != position))
        with reader.place(page):
            sampled = _sampled(sample, sequence, page)
            if sampled is None:
                return
            if sampled.seen is not None:
                order.check(sampled.seen)
            following = sampled.following
        if following is None or isinstance(following, End | Again):
            return
        before = page.records_so_far


def _sampled(sample: Sample, sequence: PageSequence, page: Page) -> SampledPage | None:
    """Adds a page to the sample; None if rows shifted, so that a read would step back."""
    reader = sample.stream.reader
    advanced = sequence.advanced(page)
    if advanced is None:
        return None
    page, continued, end = advanced
    emitted = reader.emission.records(continued.records, sample.partition, sample.interval)
    observed = replace(continued, records=emitted) if reader.adds_cursor else continued
    seen = reader.observe(observed, sample.interval)
    sampled = SampledPage(page, seen, emitted)
    sample.pages.append(sampled)
    if page.last:
        sampled.following = end or sequence.next(page, continued, passed=bool(seen and seen.passed))
    return sampled
