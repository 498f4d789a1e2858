"""The pool merges jobs without loss, in bounded memory, and stops on request."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Event, current_thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_rest_api.http.concurrency import Permits
from source_rest_api.sync.worker_pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from source_rest_api.sync.worker_pool import Out


@dataclass(frozen=True)
class Item:
    """Something with a size, that knows where it came from."""

    job: int
    number: int
    size: int = 1


def job(number: int, sizes: list[int]) -> Iterator[Item]:
    """Give items of these sizes."""
    yield from (Item(number, index, size) for index, size in enumerate(sizes))


class Job:
    """A source whose work is an iterator, item by item; one piece at a time."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._busy = False
        self.finished = False

    def claim(self, *, ahead: bool) -> Callable[[Out[Item]], None] | None:
        if ahead or self._busy or self.finished:
            return None
        self._busy = True
        return self._step

    def _step(self, out: Out[Item]) -> None:
        item = None
        try:
            item = next(self._items, None)
            wanted = item is not None and out.put(item)
            if item is not None and not wanted:
                self._items.close()  # type: ignore[attr-defined]
        finally:
            self.finished = item is None or not wanted
            self._busy = False
            out.changed()


def pooled(jobs: list[Iterator[Item]], workers: int, stop: Event, **options: Any) -> Pool[Item]:
    """A pool of jobs."""
    return Pool([Job(items) for items in jobs], Permits(workers), stop, **options)


def items_of(pool: Iterable[Item | None]) -> Iterator[Item]:
    """Returns the items without the ticks between them."""
    for item in pool:
        if item is not None:
            yield item


def eventually(happened: Callable[[], bool]) -> bool:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + 10
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 20), max_size=10), max_size=6),
    st.integers(1, 8),
    st.integers(1, 40),
)
def test_every_item_arrives_once_and_in_order(sizes: list[list[int]], workers: int, max_bytes: int) -> None:
    """For all sizes, workers and bounds, each job's items arrive complete and in order."""
    jobs = [job(number, of) for number, of in enumerate(sizes)]
    items = list(items_of(pooled(jobs, workers, Event(), max_bytes=max_bytes)))
    by_job = [[item for item in items if item.job == number] for number in range(len(sizes))]
    assert by_job == [list(job(number, of)) for number, of in enumerate(sizes)]


@pytest.mark.parametrize(("size", "most"), [(10, 12), (1, 102), (60, 3), (1000, 3)])
def test_a_slow_reader_slows_the_jobs_down(size: int, most: int) -> None:
    """No more than `max_bytes` wait in the queue, or one item that is larger; each worker holds one more."""
    made: list[Item] = []

    def endless() -> Iterator[Item]:
        while True:
            made.append(Item(0, len(made), size))
            yield made[-1]

    pool = items_of(pooled([endless()], 1, Event(), max_bytes=100))
    next(pool)
    # One was taken, those of `max_bytes` (at least one) wait, and one is in the worker's hand.
    assert eventually(lambda: len(made) >= most)
    time.sleep(0.05)
    assert len(made) == most
    pool.close()  # type: ignore[attr-defined]


def test_what_has_come_is_given_without_a_pause() -> None:
    """The reader writes what it holds back where it is given None, so that comes only where there is nothing."""
    made: list[Item] = []

    def quick() -> Iterator[Item]:
        for number in range(50):
            made.append(Item(0, number))
            yield made[-1]

    pool = iter(pooled([quick()], 1, Event()))
    given = [next(pool)]
    assert eventually(lambda: len(made) == 50)
    given += [next(pool) for _ in range(49)]
    assert list(filter(None, [*given, *pool])) == made
    assert None not in given[1:]


def test_no_more_threads_than_workers() -> None:
    """Many jobs share few threads."""
    names = set()

    def named(number: int) -> Iterator[Item]:
        names.add(current_thread().name)
        yield Item(number, 0)

    assert len(list(items_of(pooled([named(number) for number in range(50)], 3, Event())))) == 50
    assert len(names) <= 3


def test_a_stuck_job_does_not_hold_up_the_others() -> None:
    """A stream that waits for its API leaves the rest of the workers to the rest of the streams."""
    go = Event()

    def stuck() -> Iterator[Item]:
        go.wait(10)
        yield Item(0, 0)

    pool = items_of(pooled([stuck(), *(job(number, [1]) for number in range(1, 5))], 2, Event()))
    assert sorted(next(pool).job for _ in range(4)) == [1, 2, 3, 4]
    go.set()
    assert [item.job for item in pool] == [0]


def test_when_the_reader_goes_away_the_jobs_end() -> None:
    """If the pipe is closed, each job ends at its next item, and none begins."""
    closed = [Event(), Event()]
    begun = []

    def endless(number: int) -> Iterator[Item]:
        begun.append(number)
        try:
            while True:
                yield Item(number, 0, 10)
        finally:
            closed[number].set()

    pool = items_of(pooled([endless(0), endless(1), job(2, [1])], 2, Event(), max_bytes=50))
    next(pool)
    assert eventually(lambda: len(begun) == 2)
    pool.close()  # type: ignore[attr-defined]
    assert [event.wait(10) for event in closed] == [True, True]


def test_a_stop_gives_the_jobs_time_to_end() -> None:
    """Items that jobs emit during the grace period, such as a last status, are passed on."""
    stop = Event()

    def orderly() -> Iterator[Item]:
        yield Item(0, 0)
        stop.wait(10)
        yield Item(0, 1)

    pool = items_of(pooled([orderly()], 1, stop))
    assert next(pool) == Item(0, 0)
    stop.set()
    assert list(pool) == [Item(0, 1)]


@pytest.mark.parametrize("busy", [False, True])
def test_a_stop_does_not_wait_for_ever(*, busy: bool) -> None:
    """After the grace the reader is let go, whether a job says nothing or does not stop talking."""
    stop, never = Event(), Event()

    def deaf() -> Iterator[Item]:
        yield Item(0, 0)
        while not never.is_set():
            if not busy:
                never.wait(10)
            yield Item(0, 0)

    pool = items_of(pooled([deaf()], 1, stop, grace=0.05))
    next(pool)
    stop.set()
    started = time.monotonic()
    for _ in pool:
        pass
    never.set()
    assert time.monotonic() - started < 5


def test_a_job_that_raises_does_not_take_others_with_it() -> None:
    """With one worker and a broken first job, the other jobs still run; then the reader gets the error."""

    def broken() -> Iterator[Item]:
        yield Item(0, 0)
        raise ZeroDivisionError

    pool = items_of(pooled([broken(), job(1, [1, 1])], 1, Event()))
    assert [next(pool) for _ in range(3)] == [Item(0, 0), Item(1, 0), Item(1, 1)]
    with pytest.raises(ZeroDivisionError):
        next(pool)


def test_nothing_to_do_is_done_at_once() -> None:
    """No jobs, no threads, no items."""
    jobs: list[Iterator[Item]] = []
    assert list(items_of(pooled(jobs, 4, Event()))) == []
