"""The keys of the rows that the destination has, and the decision which of them are deleted.

A row is deleted if two sweeps in a row did not find it and no read between them delivered it. A single sweep proves
nothing: a deletion or a change during the sweep may shift a row to a page that was already read, and the API's search
index may lag behind its table.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from source_rest_api.deletions import row_keys
from source_rest_api.deletions.row_keys import Keys
from source_rest_api.formats import datetimes
from source_rest_api.plurals import counted
from source_rest_api.state.state import RowsState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from source_rest_api.cursors.cursors import Cursor, CursorValue
    from source_rest_api.read_stats import ReadStats
    from source_rest_api.state.progress_events import SweepEnd

_LOG = logging.getLogger("airbyte.source_rest_api.deletions.known_rows")
LARGEST = 1_000_000
"""Upper limit of the rows whose deletion can be detected; it bounds memory and the state."""
_AT_ONCE = 1000
"""Upper limit of the delete records between two states."""


class KnownRows:
    """The rows of one stream that the destination has.

    Not thread-safe: only the thread that writes records uses it, in the order in which it writes them.

    Args:
        stream: The name of the stream.
        cursor: The cursor of the stream.
        saved: The rows in the saved state.
        of: Digest of the settings that keys depend on. Keys saved with other settings are dropped.
        began: When the read began.
        first: True if nothing was delivered before this read, so no sweep has to learn the rows first.
        stats: Counts the rows.

    Raises:
        ValueError: The saved keys or the saved cursor value cannot be read.
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
        """The largest cursor value ever delivered."""
        self.changed = False
        """True if a sweep changed something since the last `dump`."""
        self._unmet: set[bytes] | None = None
        self._strange: set[bytes] = set()
        self._strangers = 0
        if saved.too_many:
            self._warn_of_too_many()

    @property
    def last(self) -> datetime | None:
        """When the last sweep began, or the first read; None if a sweep has to learn the rows first."""
        return None if self._learning else self._last

    @property
    def too_many(self) -> bool:
        """True if there are more rows than `LARGEST`."""
        return self._saved.too_many

    def deliver(self, delivered: Iterable[bytes], newest: CursorValue | None) -> None:
        """Note delivered rows. They exist, even if a sweep did not find them."""
        if self._cursor.cursor_field is not None:
            self.newest = self._cursor.later(self.newest, newest)
        if self.too_many:
            return
        self._rows.add(delivered)
        self._missing.difference_update(delivered)
        self._check_size()

    def meet(self, met: Iterable[bytes]) -> None:
        """Note rows that a sweep found."""
        unmet = self._begun()
        unmet.difference_update(met)
        strange = [key for key in met if key not in self._rows]
        self._strangers += len(strange)
        if self._learning and not self.too_many:
            self._strange.update(strange)
            self._check_size()

    def conclude(self, end: SweepEnd) -> Iterator[list[bytes]]:
        """Yields the keys of deleted rows in batches. The caller emits each batch and then calls `forget`.

        An incomplete sweep is ignored. So is every sweep that misses more than half of the rows: an API that hides
        rows from these credentials would give the same result.
        """
        unmet, doubt = self._begun(), end.doubt
        self._unmet = None
        if self.too_many:
            return
        if doubt is not None:
            _LOG.warning("Stream %s: ignoring a sweep for deleted rows: %s", self._stream, doubt)
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
        """Remove rows whose delete records were emitted."""
        self._rows.remove(gone)
        self._stats.add(records=len(gone), told=len(gone))
        self.changed = True

    def dump(self) -> RowsState | None:
        """Returns the rows for the state; None until a sweep has learned them."""
        self.changed = False
        if self._learning and not self.too_many:
            return None
        self._saved.keys, self._saved.added = self._rows.texts()
        self._saved.missing = row_keys.encode(self._missing)
        self._saved.newest = None if self.newest is None else self.newest.text
        return self._saved

    def close(self) -> None:
        """Count the tracked rows at the end of the read."""
        self._stats.add(followed=len(self._rows))

    def _begun(self) -> set[bytes]:
        """Returns the rows that the sweep has not found yet. The first call begins the sweep."""
        if self._unmet is None:
            self._unmet, self._strange, self._strangers = set(self._rows), set(), 0
        return self._unmet

    def _learn(self) -> None:
        self._rows.add(self._strange)
        self._strange = set()
        self._learning = False
        _LOG.info(
            "Stream %s: found %s. Deletions are reported from now on.", self._stream, counted(len(self._rows), "row")
        )

    def _check_size(self) -> None:
        if len(self._rows) + len(self._strange) > LARGEST:
            self._saved.too_many = True
            self._rows, self._missing, self._strange = Keys(), set(), set()
            self._warn_of_too_many()

    def _warn_of_too_many(self) -> None:
        _LOG.warning(
            "Stream %s: it has more than %d rows, the limit of `deletions`. Deleted rows are not reported. To remove "
            "them from the destination, refresh the stream.",
            self._stream,
            LARGEST,
        )

    def _warn_of_doubtful(self, unmet: int) -> None:
        _LOG.warning(
            "Stream %s: a sweep did not find %d of %d rows. More than half suggests that the query does not return "
            "all rows, so none is reported as deleted. Check `deletions.params` and the permissions of the "
            "credentials. If the rows are deleted, refresh the stream.",
            self._stream,
            unmet,
            len(self._rows),
        )

    def _tell_of_strangers(self) -> None:
        if self._strangers:
            _LOG.info(
                "Stream %s: a sweep found %s that no sync delivered. Possible reasons: a filter, the start date, "
                "creation after the read, or an old cursor value at creation.",
                self._stream,
                counted(self._strangers, "row"),
            )
