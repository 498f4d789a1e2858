"""Runs the work of many sources in threads and passes their output to the one thread that iterates over it."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition, Event, Lock, Thread
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from source_rest_api.http.concurrency import Permits

MOST_THREADS = 64
"""Number of threads up to which there is one more for each long wait."""
_MANY = 8
"""Number of pieces of work that may run whatever the size of the items is; more only if the items are small."""
_MOST_BYTES = 64 << 20
"""Upper limit in bytes of what more pieces of work may hold together, if each holds the largest item so far."""
_MOMENT = 0.02
"""Seconds for which the reader waits for more items after the first."""
_PLENTY = 1 << 20
"""Bytes of waiting items at which the reader is woken before that."""


class Sized(Protocol):
    """Anything with a size in bytes."""

    @property
    def size(self) -> int:
        """Size in bytes."""


T = TypeVar("T", bound=Sized)
T_co = TypeVar("T_co", bound=Sized, covariant=True)
T_contra = TypeVar("T_contra", bound=Sized, contravariant=True)


class Out(Protocol[T_contra]):
    """Receiver of the output of work."""

    def put(self, item: T_contra) -> bool:
        """Passes on an item; waits while the queue is full. Returns False if the reader has gone away."""

    def changed(self) -> None:
        """Notifies the workers that there may be new work."""


class Source(Protocol[T_co]):
    """Provider of work."""

    @property
    def finished(self) -> bool:
        """True if there will be no more work."""

    def claim(self, *, ahead: bool) -> Callable[[Out[T_co]], None] | None:
        """Returns a piece of work that may be done now, or None. Must not block.

        Args:
            ahead: True to allow work that may turn out to be unnecessary.
        """


class Pool(Generic[T]):
    """Runs work of all sources in turn; the items of one piece of work keep their order.

    The queue to the reader is limited in bytes, so a slow reader slows the work down. The reader is not woken for each
    item, but a moment after the first, for all items that have arrived by then. Waking costs both threads about as much
    as a small page. When `stop` is set, running work has `grace` seconds to end; later items are dropped. When the
    reader goes away, work ends at its next item.

    Args:
        sources: The sources of work.
        permits: Limits the work that runs at the same time. Work starts threads as it needs them, one for each permit.
        stop: Set from outside to end early.
        max_bytes: Upper limit in bytes of the items that wait for the reader.
        grace: Seconds that running work has after `stop`.
        tick: Seconds between the Nones that the reader receives while it waits; the first comes at once.
    """

    def __init__(
        self,
        sources: Sequence[Source[T]],
        permits: Permits,
        stop: Event,
        max_bytes: int = 4 << 20,
        grace: float = 3.0,
        tick: float = 0.2,
    ) -> None:
        self._sources = deque(sources)
        self._permits = permits
        self._stop = stop
        self._max_bytes = max_bytes
        self._grace = grace
        self._tick = tick
        self._lock = Lock()
        self._work = Condition(self._lock)
        self._items_came = Condition(self._lock)
        self._items_left = Condition(self._lock)
        self._changes = 0
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = self._largest = 0
        self._threads = 0
        self._idle = 0
        """The number of threads that wait for work."""
        self._blocked = 0
        """The number of threads that wait for room in the queue."""
        self._busy = 0
        self._closed = False
        self._deadline: float | None = None
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[T | None]:
        try:
            with self._lock:
                self._start()
            while not self._is_late():
                item = self._take()
                if item is None and self._is_over():
                    break
                yield item
                if item is None:
                    self._await()
        finally:
            with self._lock:
                self._closed = True
                self._items_left.notify_all()
                self._work.notify_all()
        if self._failure is not None:
            raise self._failure

    def put(self, item: T) -> bool:
        """Passes on an item; waits while the queue is full. Returns False if the reader has gone away."""
        size = item.size
        with self._lock:
            while self._bytes and self._bytes + size > self._max_bytes and not self._closed:
                self._blocked += 1
                self._items_left.wait()
                self._blocked -= 1
            if self._closed:
                return False
            self._items.append((item, size))
            self._bytes += size
            self._largest = max(self._largest, size)
            if len(self._items) == 1 or self._bytes >= _PLENTY:
                self._items_came.notify()
            return True

    def changed(self) -> None:
        """Notifies the workers that there may be new work."""
        with self._lock:
            self._changes += 1
            if self._idle:
                self._work.notify()

    def spare(self) -> None:
        """Starts one more thread, because a thread is about to wait for long and has given its permit back."""
        with self._lock:
            if self._threads < MOST_THREADS and not self._closed:
                self._start()

    def _start(self) -> None:
        """Starts a thread. The caller holds the lock."""
        self._threads += 1
        Thread(target=self._run, daemon=True, name=f"reader-{self._threads}").start()

    def _is_late(self) -> bool:
        """True if the grace period after `stop` is over."""
        if not self._stop.is_set():
            return False
        self._deadline = self._deadline or time.monotonic() + self._grace
        return time.monotonic() > self._deadline

    def _is_over(self) -> bool:
        """True if the reader has taken every item and no more will come."""
        with self._lock:
            return not self._items and self._ended()

    def _ended(self) -> bool:
        """True if no more items will come."""
        return not self._busy and (self._stop.is_set() or not self._unfinished())

    def _unfinished(self) -> bool:
        while self._sources and self._sources[0].finished:
            self._sources.popleft()
        return any(not source.finished for source in self._sources)

    def _take(self) -> T | None:
        with self._lock:
            if not self._items:
                return None
            item, size = self._items.popleft()
            self._bytes -= size
            if self._blocked:
                self._items_left.notify_all()
            return item

    def _await(self) -> None:
        """Waits until an item has arrived, and a moment longer for those right behind it."""
        with self._lock:
            if not self._items and not self._ended():
                self._items_came.wait(self._tick)
            if self._items and self._bytes < _PLENTY and not self._ended():
                self._items_came.wait(_MOMENT)

    def _run(self) -> None:
        """Runs in each thread: does work as long as there is some."""
        while self._permits.acquire(self._stop):
            try:
                work, changes = self._claim()
                if work is not None:
                    self._do(work)
            finally:
                self._permits.release()
            if work is None and not self._wait(changes):
                return

    def _do(self, work: Callable[[Out[T]], None]) -> None:
        try:
            work(self)
        except BaseException as error:  # noqa: BLE001 -- sources handle their errors: this is a bug; others go on
            self._failure = error
        finally:
            with self._lock:
                self._busy -= 1
                if self._ended():
                    self._work.notify_all()
                    self._items_came.notify()

    def _claim(self) -> tuple[Callable[[Out[T]], None] | None, int]:
        """Claims the next piece of work from the sources in turn; unnecessary work only if there is no other.

        Returns:
            The work, and the number of changes known before the search.
        """
        with self._lock:
            if self._closed or self._stop.is_set() or self._is_full():
                return None, self._changes
            for ahead in (False, True):
                for _ in range(len(self._sources)):
                    source = self._sources.popleft()
                    if source.finished:
                        continue
                    self._sources.append(source)
                    work = source.claim(ahead=ahead)
                    if work is not None:
                        self._busy += 1
                        self._call_another()
                        return work, self._changes
            return None, self._changes

    def _is_full(self) -> bool:
        """True if one more piece of work could take too much memory."""
        return self._busy >= _MANY and (self._busy + 1) * self._largest > _MOST_BYTES

    def _call_another(self) -> None:
        """Wakes or starts a thread: a source that had work may have more. The caller holds the lock."""
        if self._idle:
            self._work.notify()
        elif self._threads < self._permits.limit:
            self._start()

    def _wait(self, changes: int) -> bool:
        """Waits for new work; returns False if there will be none.

        Args:
            changes: The number of changes that this thread knows of.
        """
        with self._lock:
            if self._closed or self._stop.is_set() or self._ended():
                return False
            if self._changes == changes:
                self._idle += 1
                self._work.wait(self._tick)
                self._idle -= 1
            return not self._closed
