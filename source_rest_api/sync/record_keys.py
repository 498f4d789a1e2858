"""The primary keys of emitted records: which records have none, and which share one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from source_rest_api.formats import raw_json
from source_rest_api.formats.excerpt import excerpt

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


def of(record: Raw, paths: Sequence[Path]) -> Key:
    """Returns the key of a record."""
    found = [raw_json.find(record, path) for path in paths]
    return tuple(None if value is None or bytes(value) in _LOOSE else bytes(value) for value in found)


def loose(records: Iterable[Raw], paths: Sequence[Path]) -> int:
    """Returns the number of records that lack a value of the key."""
    return sum(None in of(record, paths) for record in records)


def shared(records: Iterable[Raw], paths: Sequence[Path]) -> str | None:
    """Returns a key of different records, to show; None if there is none. Equal records may share one."""
    known: dict[Key, set[bytes]] = defaultdict(set)
    for record in records:
        known[of(record, paths)].add(bytes(record))
    return next((shown(key) for key, rows in known.items() if len(rows) > 1 and None not in key), None)


def shown(key: Key) -> str:
    """Returns a key for a message."""
    return "`" + ", ".join(excerpt(value or b"", _LONGEST) for value in key) + "`"


def named(paths: Sequence[Path]) -> str:
    """Returns the names of the fields of a key for a message."""
    return ", ".join(f"`{'.'.join(path)}`" for path in paths)
