"""The rows that the destination has, by their keys, and what sweeps tell of them.

A row is gone when two sweeps in succession did not have it, and no read between them delivered it. One alone proves
nothing: while a sweep goes from page to page a deletion may shift a row from a page to come to one that was read, and a
change may move it there; an index may be behind its table.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from source_rest_api.deletions import row_keys
from source_rest_api.deletions.row_keys import Keys
from source_rest_api.formats import datetimes
from source_rest_api.state.state import RowsState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from source_rest_api.cursors.cursors import Cursor, CursorValue
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.state.progress_events import SweepEnd

_LOG = logging.getLogger("airbyte.source_rest_api.deletions.known_rows")
LARGEST = 1_000_000
"""Rows whose deletion can be followed."""
_AT_ONCE = 1000
"""Rows that are told as gone before there may be a state."""


class KnownRows:
    """The rows of one stream. Used by the thread that writes, in the order in which records are written.

    Args:
        stream: Its name.
        cursor: Its cursor.
        saved: What the state holds of them.
        of: Digest of what the keys depend on; keys under another config mean nothing.
        began: When the read began.
        first: True if nothing has been delivered before, so that the rows delivered from now on are all there are.
        stats: Where it is counted.

    Raises:
        ValueError: The state's keys or cursor value are none.
    """

    def __init__(
        self,
        stream: str,
        cursor: Cursor,
        saved: RowsState | None,
        of: str,
        began: datetime,
        stats: ReadStats,
        *,
        first: bool,
    ) -> None:
        if saved is None or saved.of != of:
            saved, self._learning = RowsState(of, datetimes.write(began)), not first
        else:
            self._learning = False
        self._stream = stream
        self._cursor = cursor
        self._stats = stats
        self._saved = saved
        self._last = datetimes.parse(saved.swept_at)
        self._rows = Keys(saved.keys, saved.added)
        self._missing = row_keys.decode(saved.missing)
        self.newest: CursorValue | None = None if saved.newest is None else cursor.mark(saved.newest)
        """The largest cursor value that was ever delivered."""
        self.changed = False
        """True if a sweep has changed something since the last `dump`."""
        self._unmet: set[bytes] | None = None
        self._strange: set[bytes] = set()
        self._strangers = 0
        if saved.too_many:
            self._warn_of_too_many()

    @property
    def last(self) -> datetime | None:
        """When the last sweep began, or the first read; None if a sweep has to find out first which rows there are."""
        return None if self._learning else self._last

    @property
    def too_many(self) -> bool:
        """True if there are more rows than can be followed."""
        return self._saved.too_many

    def deliver(self, delivered: Iterable[bytes], newest: CursorValue | None) -> None:
        """Note rows that were delivered: whatever a sweep said of them, they are there."""
        if self._cursor.cursor_field is not None:
            self.newest = self._cursor.later(self.newest, newest)
        if self.too_many:
            return
        self._rows.add(delivered)
        self._missing.difference_update(delivered)
        self._check_size()

    def meet(self, met: Iterable[bytes]) -> None:
        """Note rows that a sweep met."""
        unmet = self._begun()
        unmet.difference_update(met)
        strange = [key for key in met if key not in self._rows]
        self._strangers += len(strange)
        if self._learning and not self.too_many:
            self._strange.update(strange)
            self._check_size()

    def conclude(self, end: SweepEnd) -> Iterator[list[bytes]]:
        """The rows that are gone, some at a time: each batch is to be told and then forgotten.

        A sweep that was not complete counts for nothing. One that has less than half of the rows is no proof either,
        however often it is repeated: an API that hides what it shows no more answers in the same way.
        """
        unmet, doubt = self._begun(), end.doubt
        self._unmet = None
        if self.too_many:
            return
        if doubt is not None:
            _LOG.warning("Stream %s: a sweep for deleted rows counts for nothing: %s", self._stream, doubt)
            return
        self._stats.add(sweeps=1)
        if 2 * len(unmet) > len(self._rows):
            self._warn_of_doubtful(len(unmet))
        elif self._learning:
            self._learn()
        else:
            self._missing &= unmet
            gone = sorted(self._missing)
            for start in range(0, len(gone), _AT_ONCE):
                yield gone[start : start + _AT_ONCE]
            self._missing = unmet.difference(gone)
            self._tell_of_strangers()
        self._saved.swept_at = datetimes.write(end.began_at)
        self.changed = True

    def forget(self, gone: list[bytes]) -> None:
        """Note rows that have been told as gone."""
        self._rows.remove(gone)
        self._stats.add(records=len(gone), told=len(gone))
        self.changed = True

    def dump(self) -> RowsState | None:
        """Returns the rows for the state; None while it is not known which rows there are."""
        self.changed = False
        if self._learning and not self.too_many:
            return None
        self._saved.keys, self._saved.added = self._rows.texts()
        self._saved.missing = row_keys.encode(self._missing)
        self._saved.newest = None if self.newest is None else self.newest.text
        return self._saved

    def close(self) -> None:
        """Note at the end of the read how many rows are followed."""
        self._stats.add(followed=len(self._rows))

    def _begun(self) -> set[bytes]:
        """The rows that the sweep has not met yet."""
        if self._unmet is None:
            self._unmet, self._strange, self._strangers = set(self._rows), set(), 0
        return self._unmet

    def _learn(self) -> None:
        self._rows.add(self._strange)
        self._strange = set()
        self._learning = False
        _LOG.info("Stream %s: %d rows are there; those that go from now on are told.", self._stream, len(self._rows))

    def _check_size(self) -> None:
        if len(self._rows) + len(self._strange) > LARGEST:
            self._saved.too_many = True
            self._rows, self._missing, self._strange = Keys(), set(), set()
            self._warn_of_too_many()

    def _warn_of_too_many(self) -> None:
        _LOG.warning(
            "Stream %s: it has more than %d rows, and `deletions` cannot follow so many: deleted rows are not told. "
            "Refresh the stream to be rid of them.",
            self._stream,
            LARGEST,
        )

    def _warn_of_doubtful(self, unmet: int) -> None:
        _LOG.warning(
            "Stream %s: a sweep did not meet %d of %d rows. More than half suggests a query that does not return "
            "all rows (see `deletions.params`, and the rights of the credentials), so none is reported. If they "
            "are deleted, refresh the stream.",
            self._stream,
            unmet,
            len(self._rows),
        )

    def _tell_of_strangers(self) -> None:
        if self._strangers:
            _LOG.info(
                "Stream %s: the API has %d rows that were not delivered: left out by a filter or the start date, new "
                "since the read, or created with an old cursor value.",
                self._stream,
                self._strangers,
            )
