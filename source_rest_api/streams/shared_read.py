"""One read of a parent for all its children: by itself, or fed by the read of the parent's own stream."""

from __future__ import annotations

from threading import Condition, Lock
from typing import TYPE_CHECKING, Any

from source_rest_api.errors import SourceError
from source_rest_api.streams.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MOMENT = 0.02
"""Seconds to wait for rows until the next attempt to do some of the parent's work."""


class SharedRead:
    """One read of a parent for any number of concurrent children: the one furthest ahead requests the next page.

    Args:
        pages: The packed rows of each page.
        reached: The stream's state, filled in once all pages are read.
    """

    def __init__(self, pages: Iterator[Sequence[bytes]], reached: dict[str, Any]) -> None:
        self.reached = reached
        self._pages = pages
        self._rows = Spool()
        self._asking = Lock()
        self._ended = False
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        position = 0
        while rows := self._after(position):
            position += len(rows)
            yield from rows

    def finish(self) -> None:
        """Request all remaining pages."""
        with self._asking:
            while not self._ended:
                self._ask()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure.copy() if isinstance(self._failure, SourceError) else self._failure

    def _after(self, position: int) -> list[bytes]:
        rows = self._rows.after(position)
        if rows:
            return rows
        with self._asking:
            while len(self._rows) <= position and not self._ended:
                self._ask()
        if len(self._rows) <= position:
            self._check()
        return self._rows.after(position)

    def _ask(self) -> None:
        try:
            page = next(self._pages, None)
            self._ended = page is None
            self._rows.add(page or [])
        except BaseException as failure:  # noqa: BLE001 -- every child must get it
            self._ended, self._failure = True, failure


class FedRead(SharedRead):
    """The rows of a parent that is selected too: the read of its own stream passes them on.

    A child that needs a row does a piece of the parent's work, if there is one to do, so one thread is enough.

    Args:
        advance: Does a piece of the parent's work in this thread. False if there is none now.
    """

    def __init__(self, advance: Callable[[], bool]) -> None:
        super().__init__(iter(()), {})
        self._advance = advance
        self._news = Condition()

    def add(self, rows: Sequence[bytes]) -> None:
        """Pass on rows to the children."""
        with self._news:
            self._rows.add(rows)
            self._news.notify_all()

    def close(self, failure: BaseException | None) -> None:
        """Note that no more rows will come.

        Args:
            failure: The error, if rows are missing; every child raises it.
        """
        with self._news:
            self._ended, self._failure = True, failure
            self._news.notify_all()

    def _ask(self) -> None:
        if self._advance():
            return
        with self._news:
            if not self._ended:
                self._news.wait(_MOMENT)
