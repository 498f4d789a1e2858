"""The account of what a read did."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, TypedDict, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from typing_extensions import Unpack

_EXAMPLES = 5
"""Unreadable cursor values that are told."""
_EXTRAS = {
    "left_out": "of them left out by filters",
    "told": "of them tell of deleted rows",
    "unreadable": "without a readable cursor",
    "uncast": "values left uncast",
    "nulled": "with null in their largest fields because they were too large",
    "withheld": "withheld because they were delivered before",
    "twice": "of them came twice because rows moved",
    "drifts": "times rows moved between pages",
    "ignored": "answers ignored by an error rule",
    "keyless": "without a primary key, whose deletion cannot be told",
    "sweeps": "sweeps for deleted rows",
    "followed": "rows followed",
    "met": "rows met by a sweep",
    "asked": "pages of it",
}
"""What is told only where it happened."""
_NOTICED = 0.05
"""Seconds."""


class Counts(TypedDict, total=False):
    """What is counted. A name that is not here is an error, for mypy and at run time."""

    records: float
    pages: float
    partitions: float
    bytes: float
    retries: float
    doubts: float
    left_out: float
    told: float
    unreadable: float
    uncast: float
    nulled: float
    withheld: float
    twice: float
    drifts: float
    ignored: float
    keyless: float
    sweeps: float
    followed: float
    met: float
    asked: float


class _Wait:
    """The time that goes by while somebody waits for one thing; once, however many do."""

    def __init__(self, lock: Lock, clock: Callable[[], float]) -> None:
        self.seconds = 0.0
        self._lock = lock
        self._clock = clock
        self._waiting = 0
        self._since = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._waiting:
                self._since = self._clock()
            self._waiting += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._waiting -= 1
            if not self._waiting:
                self.seconds += self._clock() - self._since


class ReadStats:
    """What a read did, for its closing log line. Any thread may add to it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, float] = dict.fromkeys(Counts.__annotations__, 0)
        self._ends: Counter[str] = Counter()
        self._examples: list[str] = []
        self._waits: dict[str, _Wait] = {}

    def add(self, **counts: Unpack[Counts]) -> float:
        """Adds to one or several counts, and returns what the last of them comes to.

        Raises:
            KeyError: There is no such count.
        """
        total = 0.0
        with self._lock:
            for name, count in counts.items():
                total = self._counts[name] = self._counts[name] + cast("float", count)
        return total

    def received(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Chunks of a body, counted while they pass."""
        for chunk in chunks:
            self.add(bytes=len(chunk))
            yield chunk

    def waiting(self, why: str, clock: Callable[[], float]) -> AbstractContextManager[None]:
        """Note that somebody waits: `for rate limits`, `before retries`, ...; `clock` gives seconds."""
        with self._lock:
            if why not in self._waits:
                self._waits[why] = _Wait(self._lock, clock)
            return self._waits[why]

    def unreadable(self, count: int, examples: Iterable[str]) -> list[str]:
        """Count records without a readable cursor; what of the examples is new, of some that are kept."""
        if count:
            self.add(unreadable=count)
        with self._lock:
            new = [example for example in examples if example not in self._examples][: _EXAMPLES - len(self._examples)]
            self._examples += new
        return new

    def end(self, reason: str, *, ignored: bool = False) -> None:
        """Notes how the end of a slice was recognized.

        Args:
            reason: Why there is no further page.
            ignored: True if it is an error that a rule ignores.
        """
        self.add(ignored=ignored)
        with self._lock:
            self._ends[reason] += 1

    def __getitem__(self, name: str) -> float:
        return self._counts[name]

    @property
    def ends(self) -> dict[str, int]:
        """How the ends of slices were recognised, and how often."""
        return dict(self._ends)

    def summary(self, seconds: float, *, complete: bool = True) -> str:
        """One line."""
        ends = [f"{reason} ({count}x)" if count > 1 else reason for reason, count in self._ends.items()]
        if not complete:
            ends.append("not reached")
        return (
            f"{self['records']} records{self._extras()}, {self['pages']} pages, {self['partitions']} partitions"
            f"{self._traffic()}, {seconds:.1f} s{self._waited()}; end: {', '.join(ends) or 'nothing to ask for'}"
        )

    def _extras(self) -> str:
        shown = {"unreadable": f" ({', '.join(self._examples)})"}
        told = {name: text for name, text in _EXTRAS.items() if self[name]}
        return "".join(f", {self[name]:.15g} {text}{shown.get(name, '')}" for name, text in told.items())

    def _traffic(self) -> str:
        size = f", {self['bytes'] / 1000:,.1f} kB" if self["bytes"] else ""
        return size + (f", {self['retries']:g} retries" if self["retries"] else "")

    def _waited(self) -> str:
        waits = {why: wait.seconds for why, wait in self._waits.items() if wait.seconds >= _NOTICED}
        return f" ({', '.join(f'{seconds:.1f} s {why}' for why, seconds in waits.items())})" if waits else ""
