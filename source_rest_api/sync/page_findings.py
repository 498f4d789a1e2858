"""Checks the pagination in a sample: the second page is another one, and pages are as large as requested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.pagination.page import End
from source_rest_api.pagination.paginator import Paginator
from source_rest_api.plurals import counted
from source_rest_api.streams import loop_guard
from source_rest_api.streams.page_sequence import Again
from source_rest_api.sync import sampled_pages
from source_rest_api.sync.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.pagination.page import Page
    from source_rest_api.sync.sampled_pages import Sample

_PAGES = 2


def of_pages(sample: Sample) -> Iterator[Finding]:
    """Yields problems of the pagination. The read itself finds a second page without a new record."""
    if not sample.pages or not sample.pages[0].page.last:
        return
    if len(sample.pages) == _PAGES:
        yield from _of_second(sample)
    yield from _of_size(sample)


def _of_second(sample: Sample) -> Iterator[Finding]:
    first, second = sample.pages
    where = str(second.page.request)
    if second.following == second.page.position and second.page.position is not None and second.page.records:
        yield Finding(
            f"sent {second.page.request.asked}, and the response leads to the same position again, so paging would "
            "not advance. Check `pagination`",
            where=where,
        )
    reader = sample.stream.reader
    if reader.endpoint.primary_key:
        known = {reader.identity(record) for record in first.page.records}
        again = sum(reader.identity(record) in known for record in second.page.records) - reader.overlaps
        if again >= len(second.page.records) > 0:
            error = loop_guard.repeated(second.page, first.page.number, reader.paginator)
            yield Finding(f"sent {second.page.request.asked}. {error.message.removesuffix('.')}", where=where)
        elif again * 2 > len(second.page.records):
            yield Finding(
                f"sent {second.page.request.asked}, and {again} of {len(second.page)} records were on the first page "
                "too. Check that `pagination` has the right type (`offset` counts records, `page_number` counts pages)",
                where=where,
            )


def _of_size(sample: Sample) -> Iterator[Finding]:
    page, following = sample.pages[0].page, sample.pages[0].following
    paginator = sample.stream.reader.paginator
    if not isinstance(paginator, Paginator) or paginator.page_size is None or paginator.page_size_param is None:
        return
    came = counted(len(page), "record")
    sent = f"sent {page.request.asked} and received {came}"
    setting = "pagination.limit" if paginator.type == "offset" else "pagination.page_size"
    if len(page) > paginator.page_size:
        yield Finding(
            f"{sent}: the API ignores the page size. Check `{setting}_param`", fails=False, where=str(page.request)
        )
    elif 0 < len(page) < paginator.page_size:
        beyond = _beyond(sample)
        if isinstance(following, End) and beyond is not None and beyond.records:
            yield Finding(
                f"{sent}, but the next page has {counted(len(beyond), 'record')} more. A sync would stop here. Set "
                f"`{setting}` to {len(page)}, or remove `pagination.stop_on_short_page`",
                where=str(page.request),
            )
        elif not isinstance(following, End | Again) and _goes_on(sample):
            yield Finding(
                f"{sent}, although there are more: the API limits its pages. Set `{setting}` to {len(page)}",
                fails=False,
                where=str(page.request),
            )


def _goes_on(sample: Sample) -> bool:
    """True if the second page has a record besides the one that it repeats where pages overlap."""
    overlap = sample.stream.reader.overlaps
    return len(sample.pages) == _PAGES and len(sample.pages[1].page.records) > overlap


def _beyond(sample: Sample) -> Page | None:
    """Returns the page after a short one that ended the paging; None if something else did."""
    end = sample.pages[0].following
    if not isinstance(end, End) or end.beyond is None or not end.guessed:
        return None
    return sampled_pages.ask(sample, sample.interval, end.beyond, _PAGES)
