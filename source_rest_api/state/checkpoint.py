"""When a state is worth a message: soon, but not so often that states outgrow records."""

from __future__ import annotations

from typing import Any

_ENTRIES = 5000
"""Entries of a state for each of which it is written half as often: writing a large one takes its time."""
_ENTRY = 45
"""Bytes of an entry, in which the keys of rows are counted too."""


class Checkpoint:
    """The last state of a stream that was written.

    Args:
        pause: Seconds to the next one. A state with an entry for each of 100,000 partitions is written 20 times as
            seldom.
        now: Seconds on the clock that `due` is asked with.
    """

    def __init__(self, pause: float, now: float) -> None:
        self.records = 0
        """Records since then."""
        self._pause = pause
        self._next = now + pause
        self._last: dict[str, Any] | None = None

    def count(self, records: int) -> None:
        """Note records that no state covers yet."""
        self.records += records

    def due(self, now: float) -> bool:
        """True if it is time for the next."""
        return now >= self._next

    def repeats(self, state: dict[str, Any]) -> bool:
        """True if it says what the last one said."""
        return state == self._last

    def taken(self, state: dict[str, Any], now: float) -> None:
        """Note that a state has been written."""
        self._last, self.records = state, 0
        reading = state.get("reading", {})
        entries = sum(map(len, (state.get("cursors", ()), reading.get("done", ()), reading.get("slices", ()))))
        rows = state.get("rows", {})
        entries += sum(len(rows.get(name, "")) for name in ("keys", "added", "missing")) // _ENTRY
        self._next = now + self._pause * (1 + entries / _ENTRIES)
