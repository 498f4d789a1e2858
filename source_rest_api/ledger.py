"""The account of what a read did."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_rest_api.page import End


class Ledger:
    """What a read did, for its closing log line. Any thread may add to it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, float] = {}
        self._ends: Counter[str] = Counter()
        self._examples: list[str] = []

    def add(self, **counts: float) -> float:
        """Count something: `pages`, `records`, `partitions`, ...; what the last of them comes to."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] = self._counts.get(name, 0) + count
            return self._counts[next(reversed(counts))]

    def unreadable(self, count: int, examples: Iterable[str]) -> list[str]:
        """Count records without a readable cursor; what of the examples is new, of some that are kept."""
        if count:
            self.add(unreadable=count)
        with self._lock:
            new = [example for example in examples if example not in self._examples][: _EXAMPLES - len(self._examples)]
            self._examples += new
        return new

    def end(self, end: End) -> None:
        """Note how the end of a slice was recognised."""
        self.add(ignored=end.ignored)
        with self._lock:
            self._ends[end.reason] += 1

    def __getitem__(self, name: str) -> float:
        return self._counts.get(name, 0)

    @property
    def ends(self) -> dict[str, int]:
        """How the ends of slices were recognised, and how often."""
        return dict(self._ends)

    def summary(self, seconds: float) -> str:
        """One line."""
        ends = ", ".join(f"{reason} ({count}x)" if count > 1 else reason for reason, count in self._ends.items())
        found = {"unreadable": f" ({', '.join(self._examples)})"}
        extra = "".join(f", {self[name]:g} {text}{found.get(name, '')}" for name, text in _EXTRAS.items() if self[name])
        return (
            f"{self['records']} records{extra}, {self['pages']} pages, {self['partitions']} partitions, "
            f"{seconds:.1f} s; end: {ends or 'nothing to ask for'}"
        )


_EXAMPLES = 5
"""Unreadable cursor values that are told."""
_EXTRAS = {
    "left_out": "of them left out by filters",
    "unreadable": "without a readable cursor",
    "uncast": "values left uncast",
    "nulled": "with null in their largest fields because they were too large",
    "withheld": "withheld because they were delivered before",
    "twice": "of them came twice because rows moved",
    "drifts": "times rows moved between pages",
    "ignored": "answers ignored by an error rule",
}
"""What is told only where it happened."""
