"""The positions of a stream's parents, in the state of the stream itself.

A parent's position here is at most as new as in the parent's own state: it moves only when a sync of the children is
complete. Until then, the state lists the versions of parents whose children are done.
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
        since: The state of each parent when the last sync of the children began, by the parent's name.
        fingerprint: Digest of the settings that decide which parents there are.

    Attributes:
        since: The same. A parent without an entry is read from its start.
        reached: The states of the parents after this sync, set once all parents are read.
    """

    def __init__(self, since: Mapping[str, dict[str, Any]], fingerprint: str) -> None:
        self.since = since
        self.reached: dict[str, dict[str, Any]] = {}
        self._fingerprint = fingerprint

    @classmethod
    def of(cls, saved: ParentsState | None, fingerprint: str) -> Self:
        """Returns the positions in a state; none if the fingerprint has changed, so parents are read from the start."""
        same = saved is not None and saved.of == fingerprint
        return cls(saved.reached if saved is not None and same else {}, fingerprint)

    def dump(self) -> ParentsState:
        """Returns the positions for the state, once the children of all parents are delivered."""
        return ParentsState(self._fingerprint, self.reached)
