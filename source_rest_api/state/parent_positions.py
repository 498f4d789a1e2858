"""How far the parents of a stream were read, in the state of the stream itself.

A parent's position here is older than that in the parent's own state, or the same: it moves when a sync of the children
has come to its end. Until then the state says for which versions of parents they are done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.state.state import ParentsState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self


class ParentPositions:
    """The positions from which the parents of a stream are read.

    Args:
        since: By the name of each parent: its state when the last sync of the children began.
        fingerprint: Digest of what decides which parents there are.

    Attributes:
        since: The same; parents that are not in it are read from their beginning.
        reached: Where this sync has come to, once all parents have been read.
    """

    def __init__(self, since: Mapping[str, dict[str, Any]], fingerprint: str) -> None:
        self.since = since
        self.reached: dict[str, dict[str, Any]] = {}
        self._fingerprint = fingerprint

    @classmethod
    def of(cls, saved: ParentsState | None, fingerprint: str) -> Self:
        """The positions of a state; without those of another fingerprint, so that parents are read from the start."""
        same = saved is not None and saved.of == fingerprint
        return cls(saved.reached if saved is not None and same else {}, fingerprint)

    def dump(self) -> ParentsState:
        """The positions after the children of all parents have been delivered."""
        return ParentsState(self._fingerprint, self.reached)
