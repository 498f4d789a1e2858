"""Checks the primary key in a sample: each record has one, and no two records share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.sync import record_keys, sampled_pages
from source_rest_api.sync.findings import Finding
from source_rest_api.sync.record_keys import ADVICE, LOSS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_rest_api.model import Path
    from source_rest_api.sync.sampled_pages import Sample


def of_key(sample: Sample) -> Iterator[Finding]:
    """Yields problems of the key. Another check finds a key that no record has."""
    key = sample.stream.endpoint.primary_key
    records = sample.records
    if not key or not records:
        return
    named = record_keys.named(key)
    where = str(sample.pages[0].page.request)
    loose = record_keys.loose(record_keys.of(records, key))
    if loose:
        yield Finding(
            f"{loose} of {len(records)} records have no value in the key {named}: {LOSS}. Change `primary_key` to "
            "fields that every record has",
            where=where,
        )
    pages = [sampled.emitted for sampled in sample.pages]
    shared = next(filter(None, (record_keys.shared(record_keys.of(page, key), page) for page in pages)), None)
    if shared is not None:
        yield Finding(f"different records share the key {named}, such as {shared}: {LOSS}. {ADVICE}", where=where)
    else:
        yield from _of_two_pages(sample, key, named)


def _of_two_pages(sample: Sample, key: Sequence[Path], named: str) -> Iterator[Finding]:
    """Yields a finding if different records on two pages share a key. Equal ones are one row that shifted."""
    if len(sample.pages) == 1:
        return
    first, second = (sampled.emitted for sampled in sample.pages)
    known = dict(zip(record_keys.of(first, key), map(bytes, first), strict=True))
    keys = record_keys.of(second, key)
    shared = [
        values
        for values, record in zip(keys, second, strict=True)
        if None not in values and known.get(values, bytes(record)) != bytes(record)
    ]
    if not shared or len(shared) * 2 > len(second):  # a page that repeats most of another is a problem of the paging
        return
    found = f"different records on the first two pages share the key {named}, such as {record_keys.shown(shared[0])}"
    at_the_border = shared == record_keys.of(first[-1:], key) == keys[:1]
    if not at_the_border and _is_unchanged(sample):
        yield Finding(f"{found}: {LOSS}. {ADVICE}", where=str(sample.pages[1].page.request))
    else:
        yield Finding(
            f"{found}. If it is not one record that changed between the two requests, {LOSS}. {ADVICE}",
            fails=False,
            where=str(sample.pages[1].page.request),
        )


def _is_unchanged(sample: Sample) -> bool:
    """True if the first page, requested again after the second, has the same records: so both hold at the same time."""
    page = sample.pages[0].page
    try:
        again = sampled_pages.ask(sample, sample.interval, page.position, len(sample.pages) + 1)
    except (ConfigError, TransientError):
        return False
    return list(map(bytes, again.records)) == list(map(bytes, page.records))
