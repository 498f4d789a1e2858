"""The primary keys of emitted records: which records have none, and which share one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from source_rest_api.formats.excerpt import excerpt
from source_rest_api.formats.raw_fields import RawFields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from msgspec import Raw

    from source_rest_api.model import Path

Key: TypeAlias = "tuple[bytes | None, ...]"
"""The values of a record's key; None where it has none."""
LOSS = "a destination that removes duplicates would keep only one of them"
"""What becomes of records that share a key or have none."""
ADVICE = "Add to `primary_key` the field that tells them apart"
"""What to do about records that share a key."""
_LOOSE = frozenset({b"null", b'""'})
_LONGEST = 40


def of(records: Iterable[Raw], paths: Sequence[Path]) -> list[Key]:
    """Returns the key of each record."""
    found = map(RawFields(paths).of, records)
    return [tuple([None if v is None or (text := bytes(v)) in _LOOSE else text for v in values]) for values in found]


def loose(keys: Iterable[Key]) -> int:
    """Returns the number of keys that lack a value."""
    return sum([None in key for key in keys])


def shared(keys: Sequence[Key], records: Iterable[Raw]) -> str | None:
    """Returns a key of different records, to show; None if there is none. Equal records may share one.

    Args:
        keys: The key of each record.
        records: The records.
    """
    if len(set(keys)) == len(keys):
        return None
    known: dict[Key, set[bytes]] = defaultdict(set)
    for key, record in zip(keys, records, strict=True):
        known[key].add(bytes(record))
    return next((shown(key) for key, rows in known.items() if len(rows) > 1 and None not in key), None)


def shown(key: Key) -> str:
    """Returns a key for a message."""
    return "`" + ", ".join(excerpt(value or b"", _LONGEST) for value in key) + "`"


def named(paths: Sequence[Path]) -> str:
    """Returns the names of the fields of a key for a message."""
    return ", ".join(f"`{'.'.join(path)}`" for path in paths)
