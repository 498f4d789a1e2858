"""Counts what a read did, for the closing log line of each stream."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any, TypedDict

from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from typing_extensions import Unpack

_EXAMPLES = 5
"""Upper limit of the unreadable cursor values shown."""
_EXTRAS = {
    "passed_over": "{} parent records without a key skipped",
    "left_out": "{} of them filtered out",
    "told": "{} of them delete records",
    "unreadable": "{} without a readable cursor",
    "uncast": "{} not cast",
    "nulled": "{} too large, with their largest fields set to null",
    "withheld": "{} skipped (already delivered)",
    "twice": "{} of them received twice because rows shifted",
    "drifts": "rows shifted between pages {times}",
    "ignored": "{} ignored by an error rule",
    "keyless": "{} without a primary key, whose deletion cannot be detected",
    "sweeps": "{} for deleted rows",
    "followed": "{} tracked",
    "met": "{} found by the sweep",
    "asked": "{} read by the sweep",
}
"""Texts for counts that the closing line shows only if they are not zero."""
_NOUNS = {
    "uncast": "value",
    "ignored": "response",
    "sweeps": "sweep",
    "followed": "row",
    "met": "row",
    "asked": "page",
}
"""Nouns of the counts that are not counts of records."""
_NOTICED = 0.05
"""Seconds of waiting from which the closing line shows them."""


class Counts(TypedDict, total=False):
    """Names of the counts. Any other name is an error, for mypy and at run time."""

    records: float
    pages: float
    partitions: float
    bytes: float
    retries: float
    doubts: float
    passed_over: float
    left_out: float
    told: float
    unreadable: float
    uncast: float
    nulled: float
    withheld: float
    twice: float
    drifts: float
    ignored: float
    old: float
    unmet: float
    shifted: float
    unordered: float
    keyless: float
    sweeps: float
    followed: float
    met: float
    asked: float
    totals: float
    """Slices whose number of records the API told."""
    expected: float
    """Records to come in these slices when the API told it, and those of the page that told it."""


class _Wait:
    """Measures the time that threads wait for one reason; time in which several wait counts once."""

    def __init__(self, lock: Lock, clock: Callable[[], float]) -> None:
        self.seconds = 0.0
        self._lock = lock
        self._clock = clock
        self.waiting = 0
        """The number of threads that wait now."""
        self._since = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self.waiting:
                self._since = self._clock()
            self.waiting += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.waiting -= 1
            if not self.waiting:
                self.seconds += self._clock() - self._since


class ReadStats:
    """Counts what a read of one stream did. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, float] = dict.fromkeys(Counts.__annotations__, 0)
        self._ends: Counter[str] = Counter()
        self._examples: list[str] = []
        self._waits: dict[str, _Wait] = {}

    def add(self, **counts: Unpack[Counts]) -> float:
        """Adds to one or several counts, and returns the new total of the last one.

        Raises:
            KeyError: There is no such count.
        """
        total = 0.0
        added: Mapping[str, Any] = counts
        with self._lock:
            for name, count in added.items():
                self._counts[name] = total = self._counts[name] + count
        return total

    def received(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yields the chunks of a body, and counts their bytes."""
        for chunk in chunks:
            self.add(bytes=len(chunk))
            yield chunk

    def waiting(self, why: str, clock: Callable[[], float]) -> AbstractContextManager[None]:
        """Measures the time of a wait.

        Args:
            why: The reason as the closing line shows it: `for rate limits`, `for retries`, ...
            clock: Returns seconds.
        """
        with self._lock:
            if why not in self._waits:
                self._waits[why] = _Wait(self._lock, clock)
            return self._waits[why]

    def unreadable(self, count: int, examples: Iterable[str]) -> list[str]:
        """Counts records without a readable cursor, and returns the examples not seen before, up to a few in total."""
        if count:
            self.add(unreadable=count)
        with self._lock:
            new = [example for example in examples if example not in self._examples][: _EXAMPLES - len(self._examples)]
            self._examples += new
        return new

    def end(self, reason: str, *, ignored: bool = False) -> None:
        """Counts the end of a slice.

        Args:
            reason: How the end was recognized.
            ignored: True if it is an error that a rule ignores.
        """
        with self._lock:
            self._counts["ignored"] += ignored
            self._ends[reason] += 1

    def __getitem__(self, name: str) -> float:
        return self._counts[name]

    @property
    def ends(self) -> dict[str, int]:
        """Number of slices that ended, by the reason of the end."""
        return dict(self._ends)

    @property
    def waits(self) -> list[str]:
        """What threads wait for now."""
        with self._lock:
            return [why for why, wait in self._waits.items() if wait.waiting]

    def summary(self, seconds: float, *, complete: bool = True) -> str:
        """Returns the closing line."""
        ends = [f"{reason} ({count}x)" if count > 1 else reason for reason, count in self._ends.items()]
        if not complete:
            ends.append("stopped before the end")
        return (
            f"{counted(self['records'], 'record')}{self._extras()}, {counted(self['pages'], 'page')}, "
            f"{counted(self['partitions'], 'partition')}{self._traffic()}, {seconds:.1f} s{self._waited()}; "
            f"end: {', '.join(ends) or 'nothing to request'}"
        )

    def _extras(self) -> str:
        return "".join(f", {self._extra(name)}" for name in _EXTRAS if self[name])

    def _extra(self, name: str) -> str:
        count = self[name]
        shown = counted(count, _NOUNS[name]) if name in _NOUNS else f"{count:.15g}"
        text = _EXTRAS[name].format(shown, times="once" if count == 1 else counted(count, "time"))
        return f"{text} ({', '.join(self._examples)})" if name == "unreadable" else text

    def _traffic(self) -> str:
        size = f", {self['bytes'] / 1000:,.1f} kB" if self["bytes"] else ""
        return size + (f", {counted(self['retries'], 'retry')}" if self["retries"] else "")

    def _waited(self) -> str:
        waits = {why: wait.seconds for why, wait in self._waits.items() if wait.seconds >= _NOTICED}
        return f" ({', '.join(f'{seconds:.1f} s {why}' for why, seconds in waits.items())})" if waits else ""
