"""Decides when to emit a state: soon, but not so often that states take more time and space than records."""

from __future__ import annotations

from typing import Any

_ENTRIES = 5000
"""Entries of a state that double the pause, because a large state takes time to write."""
_ENTRY = 45
"""Bytes of an encoded row key, to count row keys as entries."""


class Checkpoint:
    """The last state of a stream that was emitted.

    Args:
        pause: Seconds between two states. They grow with the state: 21 times as many for 100,000 partitions.
        now: The current time in seconds, on the same clock as in `due`.
    """

    def __init__(self, pause: float, now: float) -> None:
        self.records = 0
        """Number of records since the last state."""
        self._pause = pause
        self._next = now + pause
        self._last: dict[str, Any] | None = None

    def count(self, records: int) -> None:
        """Note records that no state covers yet."""
        self.records += records

    def due(self, now: float) -> bool:
        """True if it is time for the next state."""
        return now >= self._next

    def repeats(self, state: dict[str, Any]) -> bool:
        """True if a state equals the last one."""
        return state == self._last

    def taken(self, state: dict[str, Any], now: float) -> None:
        """Note that a state was emitted."""
        self._last, self.records = state, 0
        reading = state.get("reading", {})
        entries = sum(map(len, (state.get("cursors", ()), reading.get("done", ()), reading.get("slices", ()))))
        entries += sum(len(of.get("cursors", ())) for of in state.get("parents", {}).get("reached", {}).values())
        rows = state.get("rows", {})
        entries += sum(len(rows.get(name, "")) for name in ("keys", "added", "missing")) // _ENTRY
        self._next = now + self._pause * (1 + entries / _ENTRIES)
