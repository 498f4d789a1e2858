"""Checks that the API filters by the start of an interval, with one request from a value in the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from source_rest_api.cursors.cursors import Slice
from source_rest_api.cursors.field_cursor import FieldCursor
from source_rest_api.errors import SourceError
from source_rest_api.pagination.page import End
from source_rest_api.sync import sampled_pages
from source_rest_api.sync.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.cursors.slices import CursorValue
    from source_rest_api.pagination.page import Page
    from source_rest_api.sync.sampled_pages import Sample

_IGNORED = (
    "the API does not filter by `incremental.start_param`. Check its name, its place (`in`) and its `format`. If the "
    "API cannot filter, set `mode: client_filter`"
)


def of_start(sample: Sample) -> Iterator[Finding]:
    """Yields problems of the start parameter. A sample with a single value proves nothing."""
    reader = sample.stream.reader
    cursor = reader.endpoint.incremental
    if not isinstance(cursor, FieldCursor) or cursor.filters_here or reader.adds_cursor or not sample.pages:
        return
    first = sample.pages[0]
    chosen = _chosen(sample, cursor)
    if chosen is None or first.seen is None:
        return
    start, later = chosen
    try:
        page = sampled_pages.ask(sample, Slice(start, sample.interval.end), reader.paginator.first(), 1)
    except SourceError as error:
        where = f"`incremental.start_param`, sent from `{start.text}`"
        yield Finding(f"{error.message} Check `incremental.format`", where=f"{where}, {', '.join(error.where[-1:])}")
        return
    if page.request == first.page.request:
        return
    yield from _judged(sample, cursor, page, start, later=later)


def _judged(sample: Sample, cursor: FieldCursor, page: Page, start: CursorValue, *, later: bool) -> Iterator[Finding]:
    asked, where = Slice(start, sample.interval.end), str(page.request)
    seen = cursor.observe(page, asked)
    values = [value for value in seen.values if value is not None]
    sent = f"sent {page.request.asked}"
    older = [value for value in values if value < start.value]
    oldest = cursor.unfiltered(seen, asked)
    if older and (oldest is not None or page.records == sample.pages[0].page.records):
        yield Finding(
            f"{sent} to read from `{start.text}`, and received records from `{min(older)}` on: {_IGNORED}", where=where
        )
    elif not page.records and later:
        yield Finding(
            f"{sent} to read from `{start.text}`, and received no record, although later ones exist: the API does not "
            "understand the value. Set `incremental.format` to the format that it expects",
            where=where,
        )
    elif start.value not in values and not older and _is_whole(sample, page) and not cursor.start_exclusive:
        yield Finding(
            f"{sent} to read from `{start.text}`, and did not receive the record with this value: the API returns "
            "only later ones. Set `incremental.start_exclusive: true`",
            fails=False,
            where=where,
        )


def _chosen(sample: Sample, cursor: FieldCursor) -> tuple[CursorValue, bool] | None:
    """Returns a value with older ones in the sample, and whether there are later ones too; None if all are the same."""
    seen = [sampled.seen for sampled in sample.pages if sampled.seen is not None]
    distinct = sorted({value for each in seen for value in each.values if value is not None})
    if len(distinct) <= 1:
        return None
    middle = distinct[len(distinct) // 2]
    for sampled in sample.pages:
        if sampled.seen is not None and middle in sampled.seen.values:
            record = sampled.seen.records[sampled.seen.values.index(middle)]
            mark = cursor.observe(replace(sampled.page, records=[record]), Slice()).newest
            return None if mark is None else (mark, middle != distinct[-1])
    return None


def _is_whole(sample: Sample, page: Page) -> bool:
    """True if a page has all records of its interval."""
    return page.last and isinstance(sample.stream.reader.following(page), End)
