"""What the state of another connector says of partitions, by the values that identify them there.

A connection that moves to this connector brings such a state. An entry becomes one of this connector's own when its
partition is met, and what is left is dropped once a sync is complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class MovedState(msgspec.Struct, omit_defaults=True):
    """The cursors of partitions, by the values at some paths of a partition's records."""

    paths: list[list[str]]
    """Where the values stand: the name of a parent stream or a list, and the keys below it."""
    cursors: dict[str, str] = {}
    """The cursors, by the JSON text of the values."""
    default: str | None = None
    """The cursor of partitions that have no other."""

    def find(self, records: Mapping[str, Any]) -> str | None:
        """Returns the cursor of a partition with these records."""
        return self.cursors.get(key(tree.find(records, path) for path in self.paths), self.default)


def key(values: Iterable[Any]) -> str:
    """Returns the text under which the cursor of a partition with these values is kept."""
    return msgspec.json.encode([str(value) for value in values]).decode()
