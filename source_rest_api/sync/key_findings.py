"""Checks the primary key in a sample: each record has one, and no two records share one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from source_rest_api.formats import raw_json
from source_rest_api.formats.excerpt import excerpt
from source_rest_api.sync.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msgspec import Raw

    from source_rest_api.model import Path
    from source_rest_api.sync.sampled_pages import Sample

_LOOSE = frozenset({b"null", b'""'})


def of_key(sample: Sample) -> Iterator[Finding]:
    """Yields problems of the key. Another check finds a key that no record has."""
    key = sample.stream.endpoint.primary_key
    records = sample.records
    if not key or not records:
        return
    named = ", ".join(f"`{'.'.join(path)}`" for path in key)
    keys = [_key(record, key) for record in records]
    loose = sum(None in values for values in keys)
    if loose:
        yield Finding(
            f"{loose} of {len(records)} records have no value in the key {named}: a destination that removes "
            "duplicates would keep only one of them. Change `primary_key` to fields that every record has",
            where=str(sample.pages[0].page.request),
        )
    repeated = _repeated(sample, key)
    if repeated is not None:
        yield Finding(
            f"different records share the key {named}, such as {repeated}: a destination that removes duplicates "
            "would keep only one of them. Add to `primary_key` the field that tells them apart",
            where=str(sample.pages[0].page.request),
        )


def _key(record: Raw, key: Sequence[Path]) -> tuple[bytes | None, ...]:
    found = [raw_json.find(record, path) for path in key]
    return tuple(None if value is None or bytes(value) in _LOOSE else bytes(value) for value in found)


def _repeated(sample: Sample, key: Sequence[Path]) -> str | None:
    """Returns a key of different records on one page. Between two pages a record may have changed."""
    for sampled in sample.pages:
        known: dict[tuple[bytes | None, ...], set[bytes]] = defaultdict(set)
        for record in sampled.emitted:
            known[_key(record, key)].add(bytes(record))
        for values, records in known.items():
            if len(records) > 1 and None not in values:
                return "`" + ", ".join(excerpt(value or b"", 40) for value in values) + "`"
    return None
