"""Runs jobs in threads and hands what they give to the one thread that asked."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Sized(Protocol):
    """Anything with a size in bytes."""

    @property
    def size(self) -> int:
        """Bytes that it holds."""


T = TypeVar("T", bound=Sized)


class Pool(Generic[T]):
    """Merges jobs: each runs in one of `workers` threads, its items keep their order.

    The queue between is bounded in bytes, so a slow reader slows the jobs down. When `stop` is set the jobs have
    `grace` seconds to end by themselves; what they give later is dropped. When the reader goes away they end at their
    next item. What a job raises is raised for the reader, after all other jobs have come to their end.
    """

    def __init__(
        self,
        jobs: Sequence[Iterator[T]],
        workers: int,
        stop: Event,
        max_bytes: int = 16 << 20,
        grace: float = 3.0,
    ) -> None:
        self._jobs = deque(jobs)
        self._workers = min(workers, len(jobs))
        self._stop = stop
        self._max_bytes = max_bytes
        self._grace = grace
        self._changed = Condition()
        self._items: deque[T] = deque()
        self._bytes = 0
        self._active = 0
        self._closed = False
        self._deadline: float | None = None
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[T]:
        self._active = self._workers
        threads = [Thread(target=self._work, daemon=True, name=f"reader-{n}") for n in range(self._workers)]
        try:
            for thread in threads:
                thread.start()
            while (item := self._take()) is not None:
                yield item
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    def _take(self) -> T | None:
        with self._changed:
            while True:
                if self._stop.is_set():
                    self._deadline = self._deadline or time.monotonic() + self._grace
                    if time.monotonic() > self._deadline:
                        return None
                if self._items:
                    break
                if not self._active:
                    if self._failure is not None:
                        raise self._failure
                    return None
                self._changed.wait(0.2)
            item = self._items.popleft()
            self._bytes -= item.size
            self._changed.notify_all()
            return item

    def _work(self) -> None:
        try:
            while (job := self._next_job()) is not None:
                self._drain(job)
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def _drain(self, job: Iterator[T]) -> None:
        try:
            for item in job:
                if not self._put(item):
                    return
        except BaseException as error:  # noqa: BLE001 -- the other jobs go on; it is raised at the end
            self._failure = error

    def _next_job(self) -> Iterator[T] | None:
        with self._changed:
            return self._jobs.popleft() if self._jobs and not self._closed else None

    def _put(self, item: T) -> bool:
        with self._changed:
            while self._bytes and self._bytes + item.size > self._max_bytes and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._items.append(item)
            self._bytes += item.size
            self._changed.notify_all()
            return True
