"""The account of what a read did."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Ledger:
    """What a read did, for its closing log line."""

    pages: int = 0
    records: int = 0
    partitions: int = 0
    left_out: int = 0
    """Records that a filter left out."""
    uncast: int = 0
    """Values that could not be cast, and are left as they came."""
    unreadable_cursors: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    """How the ends of slices were recognised, and how often."""

    def summary(self, seconds: float) -> str:
        """One line."""
        ends = ", ".join(f"{reason} ({count}x)" if count > 1 else reason for reason, count in self.ends.items())
        unreadable = f", {self.unreadable_cursors} without a readable cursor" if self.unreadable_cursors else ""
        left_out = f", {self.left_out} of them left out by filters" if self.left_out else ""
        uncast = f", {self.uncast} values left uncast" if self.uncast else ""
        records = f"{self.records} records{left_out}{unreadable}{uncast}"
        return (
            f"{records}, {self.pages} pages, {self.partitions} partitions, {seconds:.1f} s; "
            f"end: {ends or 'nothing to ask for'}"
        )
