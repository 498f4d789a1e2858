"""Checks the primary key in a sample: each record has one, and no two records share one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.formats import raw_json
from source_rest_api.formats.excerpt import excerpt
from source_rest_api.sync import sampled_pages
from source_rest_api.sync.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msgspec import Raw

    from source_rest_api.model import Path
    from source_rest_api.sync.sampled_pages import Sample

_Key: TypeAlias = "tuple[bytes | None, ...]"
_LOOSE = frozenset({b"null", b'""'})
_LOSS = "a destination that removes duplicates would keep only one of them"
_ADVICE = "Add to `primary_key` the field that tells them apart"


def of_key(sample: Sample) -> Iterator[Finding]:
    """Yields problems of the key. Another check finds a key that no record has."""
    key = sample.stream.endpoint.primary_key
    records = sample.records
    if not key or not records:
        return
    named = ", ".join(f"`{'.'.join(path)}`" for path in key)
    keys = [_key(record, key) for record in records]
    where = str(sample.pages[0].page.request)
    loose = sum(None in values for values in keys)
    if loose:
        yield Finding(
            f"{loose} of {len(records)} records have no value in the key {named}: {_LOSS}. Change `primary_key` to "
            "fields that every record has",
            where=where,
        )
    repeated = _repeated_within(sample, key)
    if repeated is not None:
        yield Finding(f"different records share the key {named}, such as {repeated}: {_LOSS}. {_ADVICE}", where=where)
    else:
        yield from _of_two_pages(sample, key, named)


def _key(record: Raw, key: Sequence[Path]) -> _Key:
    found = [raw_json.find(record, path) for path in key]
    return tuple(None if value is None or bytes(value) in _LOOSE else bytes(value) for value in found)


def _repeated_within(sample: Sample, key: Sequence[Path]) -> str | None:
    """Returns a key of different records on one page."""
    for sampled in sample.pages:
        known: dict[_Key, set[bytes]] = defaultdict(set)
        for record in sampled.emitted:
            known[_key(record, key)].add(bytes(record))
        for values, records in known.items():
            if len(records) > 1 and None not in values:
                return _shown(values)
    return None


def _of_two_pages(sample: Sample, key: Sequence[Path], named: str) -> Iterator[Finding]:
    """Yields a finding if different records on two pages share a key. Equal ones are one row that shifted."""
    if len(sample.pages) == 1:
        return
    first, second = (sampled.emitted for sampled in sample.pages)
    known = {_key(record, key): bytes(record) for record in first}
    shared = [
        values
        for record in second
        if None not in (values := _key(record, key)) and known.get(values, bytes(record)) != bytes(record)
    ]
    if not shared or len(shared) * 2 > len(second):  # a page that repeats most of another is a problem of the paging
        return
    found = f"different records on the first two pages share the key {named}, such as {_shown(shared[0])}"
    at_the_border = shared == [_key(first[-1], key)] == [_key(second[0], key)]
    if not at_the_border and _is_unchanged(sample):
        yield Finding(f"{found}: {_LOSS}. {_ADVICE}", where=str(sample.pages[1].page.request))
    else:
        yield Finding(
            f"{found}. If it is not one record that changed between the two requests, {_LOSS}. {_ADVICE}",
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


def _shown(values: _Key) -> str:
    return "`" + ", ".join(excerpt(value or b"", 40) for value in values) + "`"
