"""The records at the saved cursor. They are asked for again, because others may share it, and not delivered again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from source_rest_api.state import state

if TYPE_CHECKING:
    from msgspec import Raw

    from source_rest_api.cursors.cursors import Mark, Observation

LARGEST = 1000
"""Records with one cursor value whose digests are kept. If there are more, all of them are delivered again."""


class Boundary(NamedTuple):
    """The saved cursor, and digests of the records at it that have been delivered."""

    mark: Mark
    digests: frozenset[str]

    def left_out(self, observation: Observation) -> list[Raw]:
        """A page's records without those that were delivered, byte for byte as they are now."""
        if self.mark.value not in observation.values:
            return observation.records
        pairs = zip(observation.records, observation.values, strict=True)
        return [r for r, value in pairs if value != self.mark.value or state.digest(bytes(r)) not in self.digests]


def digests(observation: Observation) -> tuple[str, ...]:
    """Digests of the page's records that have its largest cursor value; one more than is kept if there are more."""
    newest = observation.newest
    if newest is None:
        return ()
    values, index = observation.values, -1
    found = []
    for _ in range(
        min(values.count(newest.value), LARGEST + 1)
    ):  # counted and found by C code: most have another value
        index = values.index(newest.value, index + 1)
        found.append(state.digest(bytes(observation.records[index])))
    return tuple(found)
