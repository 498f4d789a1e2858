"""Resumes a sync from a state: checks the state against the config, and finds the slices that are left."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from msgspec import Struct

from source_rest_api.cursors.cursors import Slice
from source_rest_api.formats import digests
from source_rest_api.state import state
from source_rest_api.state.state import SliceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.contract import CursorProtocol
    from source_rest_api.cursors.cursors import CursorValue
    from source_rest_api.pagination.paginator import PaginatorProtocol
    from source_rest_api.state.state import StreamState

_LOG = logging.getLogger("airbyte.source_rest_api.streams.resume")


class SliceTask(Struct, frozen=True):
    """A slice to read, from its start or from the place where an earlier run stopped."""

    interval: Slice
    saved: SliceState | None = None


def fingerprint(config: Config, endpoint: Endpoint, paginator: PaginatorProtocol) -> str:
    """Returns a digest of the settings that positions in the state depend on.

    It includes only those parts of the credentials that are not secret, such as a user name. Another user may see other
    rows, but a new token of the same user changes nothing.
    """
    request = (endpoint.path, endpoint.http_method, endpoint.params, endpoint.headers, endpoint.body)
    url_base = endpoint.url_base or config.url_base
    shared = (url_base, config.params, config.headers, endpoint.authentication or config.authentication)
    further = [endpoint.further_request] if endpoint.further_request else []
    further += [] if endpoint.job is None else endpoint.job.decisive
    return digests.digest(repr((shared, request, paginator, endpoint.incremental, endpoint.selector, *further)))


def fitting(stream: str, saved: StreamState, cursor: CursorProtocol) -> StreamState:
    """Returns the state for an incremental sync; a new one if the saved state belongs to another cursor field."""
    if saved.cursor_field not in {None, cursor.source}:
        _LOG.warning(
            "Stream %s: the state was saved for the cursor field `%s`, but the config has `%s`. Reading everything "
            "from the start.",
            stream,
            saved.cursor_field,
            cursor.source,
        )
        rows, saved = saved.rows, state.new()
        saved.rows = rows
    saved.cursor_field = cursor.source
    return saved


def warn_of_future(stream: str, saved: StreamState, cursor: CursorProtocol, now: datetime) -> None:
    """Logs a warning if a cursor of the state lies in the future: this connector never saves such a value."""
    marks = [cursor.mark(text) for text in (saved.cursor, *saved.cursors.values()) if text is not None]
    late = next((mark for mark in marks if cursor.clamp(mark, now) != mark), None)
    if late is not None:
        _LOG.warning(
            "Stream %s: the cursor of the state, `%s`, lies in the future. This sync reads from the current time on; "
            "reset the stream if earlier rows are missing.",
            stream,
            late.text,
        )


def start(stream: str, saved: StreamState, cursor: CursorProtocol, first: Slice) -> str | None:
    """Returns the start that the cursors cover once this sync is complete, and logs if it is earlier than before.

    Args:
        stream: The name of the stream.
        saved: The state; a new one gets its start here.
        cursor: The stream's cursor.
        first: The interval of a first sync.
    """
    now = None if first.start is None else first.start.text
    if saved.is_new:
        saved.start = now
    if saved.start is None or not _begins_before(first, cursor.mark(saved.start)):
        return saved.start
    since = "the first record" if now is None else f"`{now}`"
    _LOG.info(
        "Stream %s: the start moved from `%s` back to %s. Also reading the records between the two.",
        stream,
        saved.start,
        since,
    )
    return now


def covered(since: str, cursor: CursorProtocol, whole: Slice, first: Slice) -> SliceState | None:
    """Returns the interval of a partition that earlier syncs read; None if the start has not moved back.

    Args:
        since: The start of the first sync.
        cursor: The stream's cursor.
        whole: The interval from the partition's cursor on.
        first: The interval that a first sync would read.
    """
    if whole.start is None:
        return None
    began = cursor.mark(since)
    if not _begins_before(first, began) or whole.start.value <= began.value:
        return None
    return SliceState(start=since, end=whole.start.text, done=True)


def _begins_before(first: Slice, began: CursorValue) -> bool:
    return first.start is None or first.start.value < began.value


def tasks(whole: Slice, entries: Iterable[SliceState], cursor: CursorProtocol | None) -> Iterator[SliceTask]:
    """Yields the slices to read of one partition: those in flight, then the gaps, divided into windows.

    Args:
        whole: The interval of this sync.
        entries: The slices that earlier runs of this sync delivered.
        cursor: The stream's cursor, if it has one.
    """
    known = [(_interval(entry, cursor), entry) for entry in entries]
    sample = next((entry.newest for _, entry in known if entry.newest is not None), None)
    yield from (SliceTask(interval, entry) for interval, entry in known if not entry.done)
    for gap in gaps(whole, [interval for interval, _ in known]):
        if cursor is None:
            yield SliceTask(gap)
        else:
            # The gap may start at the connector's own time, in a format that the API may not accept.
            start = gap.start if gap.start is None or not known else cursor.written_like(gap.start, sample)
            yield from map(SliceTask, cursor.windows(Slice(start, gap.end)))


def gaps(whole: Slice, covered: list[Slice]) -> Iterator[Slice]:
    """Yields the uncovered parts of an interval. An interval may be open at its start or its end (None)."""
    if not covered:
        yield whole
        return
    reached = whole.start
    for interval in sorted(covered, key=_order):
        if interval.start is not None and (reached is None or reached.value < interval.start.value):
            yield Slice(reached, interval.start)
        if interval.end is None:
            return
        reached = interval.end if reached is None or reached.value < interval.end.value else reached
    if whole.end is None or reached is None or reached.value < whole.end.value:
        yield Slice(reached, whole.end)


def _order(interval: Slice) -> tuple[bool, object]:
    return (False, 0) if interval.start is None else (True, interval.start.value)


def _interval(entry: SliceState, cursor: CursorProtocol | None) -> Slice:
    if cursor is None:
        return Slice()
    return Slice(_mark(entry.start, cursor), _mark(entry.end, cursor))


def _mark(text: str | None, cursor: CursorProtocol) -> CursorValue | None:
    return None if text is None else cursor.mark(text)
