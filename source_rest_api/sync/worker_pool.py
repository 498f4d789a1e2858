"""Runs the work of many sources in threads and hands what it gives to the one thread that asked."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition, Event, Lock, Thread
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from source_rest_api.http.concurrency import Permits

MOST_THREADS = 64
"""Those to begin with, and one more for each long wait."""
_MOMENT = 0.02
"""Seconds for which the reader waits for more, once something has come."""
_PLENTY = 1 << 20
"""Bytes for which it is woken before."""


class Sized(Protocol):
    """Anything with a size in bytes."""

    @property
    def size(self) -> int:
        """Bytes that it holds."""


T = TypeVar("T", bound=Sized)
T_co = TypeVar("T_co", bound=Sized, covariant=True)
T_contra = TypeVar("T_contra", bound=Sized, contravariant=True)


class Out(Protocol[T_contra]):
    """Where work puts what it gives."""

    def put(self, item: T_contra) -> bool:
        """Pass on an item; waits while the queue is full. False when nobody wants it any more."""

    def changed(self) -> None:
        """Tell the workers that there may be new work."""


class Source(Protocol[T_co]):
    """Something that has work to give."""

    @property
    def finished(self) -> bool:
        """Whether there will be no more work."""

    def claim(self, *, ahead: bool) -> Callable[[Out[T_co]], None] | None:
        """A piece of work that may be done now, or None. Must not block.

        Args:
            ahead: Whether work counts that may turn out to be needless.
        """


class Pool(Generic[T]):
    """Lets every source have its turn, one piece of work at a time; the items of one piece keep their order.

    The queue between is bounded in bytes, so a slow reader slows the work down. The reader is not woken for each item,
    but a moment after the first, for all that have come by then: waking costs both threads about what a small page
    does. When `stop` is set the work has `grace` seconds to end by itself; what it gives later is dropped. When the
    reader goes away work ends at its next item.

    Args:
        sources: Who has work.
        permits: Bounds the work that is done at the same time.
        threads: Threads to begin with.
        stop: Set from outside to end.
        max_bytes: What may wait for the reader.
        grace: Seconds.
        tick: Seconds after which the reader is given None if nothing has come; before, it is given None once.
    """

    def __init__(
        self,
        sources: Sequence[Source[T]],
        permits: Permits,
        threads: int,
        stop: Event,
        max_bytes: int = 4 << 20,
        grace: float = 3.0,
        tick: float = 0.2,
    ) -> None:
        self._sources = deque(sources)
        self._permits = permits
        self._wanted = threads
        self._stop = stop
        self._max_bytes = max_bytes
        self._grace = grace
        self._tick = tick
        self._lock = Lock()
        self._work = Condition(self._lock)
        self._items_came = Condition(self._lock)
        self._items_left = Condition(self._lock)
        self._changes = 0
        self._items: deque[T] = deque()
        self._bytes = 0
        self._threads = 0
        self._busy = 0
        self._closed = False
        self._deadline: float | None = None
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[T | None]:
        try:
            for _ in range(self._wanted):
                self._start()
            while not self._over():
                item = self._take()
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
        """Pass on an item; waits while the queue is full. False when nobody wants it any more."""
        with self._lock:
            while self._bytes and self._bytes + item.size > self._max_bytes and not self._closed:
                self._items_left.wait()
            if self._closed:
                return False
            self._items.append(item)
            self._bytes += item.size
            if len(self._items) == 1 or self._bytes >= _PLENTY:
                self._items_came.notify()
            return True

    def changed(self) -> None:
        """Tell the workers that there may be new work."""
        with self._lock:
            self._changes += 1
            self._work.notify()

    def spare(self) -> None:
        """Somebody is going to wait for long without a permit: let another thread use it."""
        with self._lock:
            wanted = self._threads < MOST_THREADS and not self._closed
        if wanted:
            self._start()

    def _start(self) -> None:
        with self._lock:
            self._threads += 1
            name = f"reader-{self._threads}"
        Thread(target=self._run, daemon=True, name=name).start()

    def _over(self) -> bool:
        """Whether everything has been taken, and nothing more will come."""
        with self._lock:
            if self._stop.is_set():
                self._deadline = self._deadline or time.monotonic() + self._grace
                if time.monotonic() > self._deadline:
                    return True
            return not self._items and self._ended()

    def _ended(self) -> bool:
        """Whether no more will come."""
        return not self._busy and (self._stop.is_set() or not self._unfinished())

    def _unfinished(self) -> bool:
        while self._sources and self._sources[0].finished:
            self._sources.popleft()
        return any(not source.finished for source in self._sources)

    def _take(self) -> T | None:
        with self._lock:
            if not self._items:
                return None
            item = self._items.popleft()
            self._bytes -= item.size
            self._items_left.notify_all()
            return item

    def _await(self) -> None:
        """Wait until something has come, and for what comes with it."""
        with self._lock:
            if not self._items and not self._ended():
                self._items_came.wait(self._tick)
            if self._items and self._bytes < _PLENTY and not self._ended():
                self._items_came.wait(_MOMENT)

    def _run(self) -> None:
        """What a thread does: work as long as there is some."""
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
        except BaseException as error:  # noqa: BLE001 -- sources handle their errors: this is a bug; the others go on
            self._failure = error
        finally:
            with self._lock:
                self._busy -= 1
                if self._ended():
                    self._work.notify_all()
                    self._items_came.notify()

    def _claim(self) -> tuple[Callable[[Out[T]], None] | None, int]:
        """The next piece of work, the sources taking turns; what may be needless only if there is no other.

        Returns:
            The work, and how many changes had been told of before it was looked for.
        """
        with self._lock:
            if self._closed or self._stop.is_set():
                return None, self._changes
            for ahead in (False, True):
                for _ in range(len(self._sources)):
                    source = self._sources[0]
                    self._sources.rotate(-1)
                    work = source.claim(ahead=ahead)
                    if work is not None:
                        self._busy += 1
                        self._work.notify()  # where there was one, there may be another
                        return work, self._changes
            return None, self._changes

    def _wait(self, changes: int) -> bool:
        """Wait for new work; False if there will be none.

        Args:
            changes: Those that this thread knows of.
        """
        with self._lock:
            if self._closed or self._stop.is_set() or self._ended():
                return False
            if self._changes == changes:
                self._work.wait(self._tick)
            return not self._closed
