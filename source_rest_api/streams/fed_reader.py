"""Reads a slice of a selected stream, and passes its rows on to its selected children."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.streams.batch import Batch, Out
    from source_rest_api.streams.job_reader import JobReader
    from source_rest_api.streams.slice_reader import SliceReader


class FedReader:
    """One slice of a stream that feeds its children.

    Args:
        reader: Reads the slice.
        feed: Passes the records of a batch on to the children.
    """

    def __init__(self, reader: SliceReader | JobReader, feed: Callable[[Batch], None]) -> None:
        self._reader = reader
        self._feed = feed

    @property
    def ended(self) -> bool:
        """True if there is nothing more to request."""
        return self._reader.ended

    def claim(self, *, ahead: bool) -> Callable[[Out], None] | None:
        """Returns the work of requesting a page; None if no page may be requested now."""
        work = self._reader.claim(ahead=ahead)
        return None if work is None else partial(self._do, work)

    def _do(self, work: Callable[[Out], None], out: Out) -> None:
        work(_Fed(self._feed, out))


class _Fed:
    """Receives batches, and passes them on to the children before the destination gets them."""

    def __init__(self, feed: Callable[[Batch], None], out: Out) -> None:
        self._feed = feed
        self._out = out
        self.changed = out.changed

    def put(self, item: Batch) -> None:
        """Pass on a batch."""
        self._feed(item)
        self._out.put(item)
