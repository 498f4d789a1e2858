"""Reads one slice: requests its pages, in advance where positions are known, and delivers them in order."""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from msgspec.structs import replace

from source_rest_api.errors import SourceError
from source_rest_api.pagination.page import End
from source_rest_api.state.progress_events import PageProgress
from source_rest_api.streams import result_cap, slice_checks
from source_rest_api.streams.batch import Batch
from source_rest_api.streams.page_request import PageRequest
from source_rest_api.streams.page_sequence import Again, PageSequence
from source_rest_api.streams.restarts import Restarts
from source_rest_api.streams.slice_checks import CursorBoundary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from msgspec import Raw

    from source_rest_api.cursors.cursors import PageCursors
    from source_rest_api.pagination.page import Next, Page, Position
    from source_rest_api.state.state import SliceState
    from source_rest_api.streams.batch import Out, Partition
    from source_rest_api.streams.endpoint_reader import EndpointReader
    from source_rest_api.streams.resume import SliceTask
    from source_rest_api.streams.slice_checks import SharedBorders

_LOG = logging.getLogger("airbyte.source_rest_api.streams.slice_reader")
_UNPROVEN = 8
"""Most requests for pages of a slice at the same time, while the API does not say how many pages are left."""


class SliceReader:
    """One slice of a stream. Any number of threads may work on it.

    `_turn` is held while pages are delivered, one after the other. `_lock` guards the queue of requested pages and is
    held only briefly; a thread may take it inside `_turn`, never the other way round.

    Args:
        reader: Reads the endpoint.
        partition: The partition to read.
        task: The interval, and the place where an earlier run stopped.
        known: The delivered records at the saved cursor; they are skipped.
        reach: Upper limit of concurrent requests for pages of the slice.
        keys_of: Returns the keys of emitted records, for delete detection.
        borders: The records it shares with neighbouring slices, if there are any.
    """

    def __init__(
        self,
        reader: EndpointReader,
        partition: Partition,
        task: SliceTask,
        known: CursorBoundary | None,
        reach: int,
        keys_of: Callable[[Sequence[Raw]], Sequence[bytes]] = lambda _: (),
        borders: SharedBorders | None = None,
    ) -> None:
        self._reader = reader
        self._paginator = reader.paginator
        self.partition = partition
        self._interval = task.interval
        self._known = known
        self._borders = borders
        self._most = reach
        self._keys_of = keys_of
        self._lock = Lock()
        self._turn = Lock()
        self._restarts = Restarts(reader)
        self._asked: deque[PageRequest] = deque()
        self.ended = False
        saved = task.saved
        self._resumed = saved is not None
        self._position: Position | None
        self._begin()
        if saved is not None:
            self._position, self._number, self._before = saved.at, saved.page + 1, saved.records
            self._pages = self._sequence(saved)

    def _begin(self) -> None:
        """Go to the start of the slice."""
        self._position = self._paginator.first()
        self._number, self._before = 1, 0
        self._pages = self._sequence(None)
        self._order = slice_checks.order_check(self._reader.endpoint.incremental)
        self._expect()

    def _expect(self) -> None:
        """Reset what is known about the number of pages."""
        self._delivered = 0
        self._size = 0
        self._left: int | None = None

    def _sequence(self, saved: SliceState | None) -> PageSequence:
        return PageSequence(self._reader, partial(self._reader.pages.ask, self.partition, self._interval), saved)

    def claim(self, *, ahead: bool) -> Callable[[Out], None] | None:
        """Returns the work of requesting a page; None if no page may be requested now.

        Args:
            ahead: True to request a page in advance, before the response with the page before it has arrived.
        """
        fetch = self._claimed(ahead=ahead)
        return None if fetch is None else partial(self._run, fetch)

    def read(self) -> Iterator[Batch]:
        """Yields all batches, page by page, in the caller's thread."""
        while (fetch := self._claimed(ahead=False)) is not None:
            yield from self._batches(fetch, lambda: None)

    def _claimed(self, *, ahead: bool) -> PageRequest | None:
        with self._lock:
            fetch = self._ahead() if ahead else self._following()
            if fetch is not None:
                self._asked.append(fetch)
            return fetch

    def _following(self) -> PageRequest | None:
        if self.ended or self._asked:
            return None
        return self._fetch(self._position, self._number)

    def _ahead(self) -> PageRequest | None:
        """Returns the page after the last requested one, if its position is known in advance."""
        # Unless the API says how many pages are left, some may lie beyond the end. So there are few requests in
        # advance, and their number grows only with the pages delivered.
        left = min(2 * (self._delivered - 1), _UNPROVEN) if self._left is None else self._left
        if self.ended or self._reader.pages.streamed or not 0 < len(self._asked) < min(self._most, left):
            return None
        last = self._asked[-1]
        position = self._paginator.after(last.position, self._size)
        if position is None:
            return None
        return self._fetch(position, last.number + 1)

    def _fetch(self, position: Position | None, number: int) -> PageRequest:
        asked = self._pages.drift.overlapping(position)
        return PageRequest(asked, number, overlap=asked != position)

    def _run(self, fetch: PageRequest, out: Out) -> None:
        for batch in self._batches(fetch, out.changed):
            out.put(batch)

    def _batches(self, fetch: PageRequest, changed: Callable[[], None]) -> Iterator[Batch]:
        """Request a page, then yield the batches of all pages whose turn has come."""
        pages = self._reader.pages.ask(self.partition, self._interval, fetch.position, fetch.number)
        try:
            fetch.pages = pages if self._reader.pages.streamed else list(pages)
        except BaseException as error:  # noqa: BLE001 -- raised in the page's turn, if that comes
            fetch.error = error
        fetch.ready = True
        with self._turn:
            while self._asked and (head := self._asked[0]).ready:
                yield from self._results(head, changed)

    def _results(self, fetch: PageRequest, changed: Callable[[], None]) -> Iterator[Batch]:
        try:
            for asked in fetch.taken():
                # The number of records before a page requested in advance is known only now, in its turn.
                page = replace(asked, records_before=self._before - fetch.overlap)
                with self._reader.place(page):
                    batch = self._batch(page, changed)
                if batch is not None:
                    yield batch
        except SourceError as error:
            if self._pages.is_end(error):
                self._reader.stats.end("total reached")
                self._end()
                yield Batch([], PageProgress(self.partition.key, self._interval, done=True))
                return
            anew = self._restarts.after(error, self._interval, resumed=self._resumed, delivered=self._delivered)
            if anew is None:
                self._end()
                raise
            self._interval = anew
            self._restart()
            changed()
        except BaseException:
            self._end()
            raise

    def _batch(self, page: Page, changed: Callable[[], None]) -> Batch | None:
        """Returns the new records of a page; None if an earlier page has to be requested again."""
        reader, interval, known = self._reader, self._interval, self._known
        advanced = self._pages.advanced(page)
        if advanced is None:
            self._step_back(page)
            changed()
            return None
        page, continued, end = advanced
        if self._resumed and page.last and not len(page) and isinstance(reader.following(page), End):
            _LOG.info("Stream %s: no records at the saved position. Reading the slice from its start.", reader.name)
            self._restart()
            changed()
            return None
        seen = None if reader.adds_cursor else reader.observe(continued, interval)
        if seen is not None:
            self._order.check(seen)
        following = (end or self._pages.next(page, continued, passed=bool(seen and seen.passed))) if page.last else None
        if following is not None:
            self._go_on(page, following, seen)
            changed()
        new = self._new(continued, seen, known)
        fitted = reader.emission.of(continued, new, self.partition, interval)
        if reader.adds_cursor:
            seen = reader.observe(replace(continued, records=fitted.records), interval)
        reader.stats.add(pages=not page.earlier, records=len(new))
        done = isinstance(following, End) and not following.capped
        if done:
            reader.note_slice(page, interval, known, self._order)
        moved = PageProgress(
            self.partition.key,
            interval,
            done=done,
            bookmark=None if isinstance(following, Again) else self._pages.drift.bookmark(page, following),
            newest=seen.newest if seen is not None else None,
            boundary=slice_checks.digests(seen) if seen is not None and reader.endpoint.primary_key else (),
            ordered=reader.in_order and page.last,
            keys=self._keys_of(fitted.records),
        )
        return Batch(fitted.records, moved, fitted.nulled)

    def _new(self, page: Page, seen: PageCursors | None, known: CursorBoundary | None) -> list[Raw]:
        """Returns the records of a page without older ones and those that were delivered before."""
        if seen is None:
            return page.records
        new = seen if known is None else known.without(seen)
        if self._borders is not None:
            new = self._borders.without(new, self._interval)
        self._reader.stats.add(withheld=len(seen.records) - len(new.records))
        return new.records

    def _go_on(self, page: Page, following: Next | Again, seen: PageCursors | None) -> None:
        """Remove the page from the queue, and move on. Pages requested in advance stay only if they are next."""
        with self._lock:
            self._asked.popleft()
            self._resumed = False
            self._delivered += 1
            self._size = len(page)
            if isinstance(following, Again):
                self._read_again()
                return
            if isinstance(following, End):
                self._asked.clear()
                self.ended = not following.capped
                if following.capped:
                    self._divide(seen)
                return
            self._left = self._paginator.pages_left(page)
            self._position, self._number, self._before = following, page.number + 1, page.records_so_far
            awaited = self._pages.drift.overlapping(following)
            if self._asked and (self._pages.drift.moved or self._asked[0].position != awaited):
                self._asked.clear()

    def _read_again(self) -> None:
        """Begin another pass over the pages of the slice."""
        self._asked.clear()
        self._position, self._number, self._before = self._paginator.first(), 1, 0
        self._pages.begin_pass()
        self._order.step_back()
        self._expect()

    def _divide(self, seen: PageCursors | None) -> None:
        """Begin a new query at the newest record, because the API returns no more for this one."""
        self._interval = result_cap.rest(self._interval, self._order.newest)
        if seen is not None and seen.newest is not None and seen.newest == self._order.newest:
            self._known = CursorBoundary(seen.newest, frozenset(slice_checks.digests(seen)))
        self._begin()

    def _step_back(self, page: Page) -> None:
        """Go to an earlier page, because rows shifted; to the start if the place of an earlier run is lost."""
        if self._resumed:
            name = self._reader.name
            _LOG.info("Stream %s: rows shifted since an earlier run. Reading the slice from its start.", name)
            self._restart()
            return
        with self._lock:
            self._asked.clear()
            self._position, self._number, self._before = self._pages.drift.earlier(page)
            self._pages.step_back()
            self._order.step_back()

    def _restart(self) -> None:
        with self._lock:
            self._asked.clear()
            self._resumed = False
            self._begin()

    def _end(self) -> None:
        with self._lock:
            self._asked.clear()
            self.ended = True
