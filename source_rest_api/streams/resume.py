"""The slices that are left of a partition, after an earlier run of the same sync broke off."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from source_rest_api.cursors.cursors import Slice
from source_rest_api.formats import digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.contract import CursorProtocol
    from source_rest_api.cursors.cursors import CursorValue
    from source_rest_api.pagination.paginator import PaginatorProtocol
    from source_rest_api.state.state import SliceState


class SliceTask(NamedTuple):
    """A slice to read, from its start or from where an earlier run came."""

    interval: Slice
    saved: SliceState | None = None


def fingerprint(config: Config, endpoint: Endpoint, paginator: PaginatorProtocol) -> str:
    """Digest of all that positions in the state depend on."""
    request = (endpoint.path, endpoint.http_method, endpoint.params, endpoint.headers, endpoint.body)
    shared = (config.url_base, config.params, config.headers)
    return digests.digest(repr((shared, request, paginator, endpoint.incremental, endpoint.selector)))


def tasks(whole: Slice, entries: Iterable[SliceState], cursor: CursorProtocol | None) -> Iterator[SliceTask]:
    """The slices to read of one partition: those in flight, then the gaps, cut into windows.

    Args:
        whole: What this sync is to cover.
        entries: What earlier runs of it delivered.
        cursor: The stream's cursor, if it has one.
    """
    known = [(_interval(entry, cursor), entry) for entry in entries]
    sample = next((entry.newest for _, entry in known if entry.newest is not None), None)
    yield from (SliceTask(interval, entry) for interval, entry in known if not entry.done)
    for gap in gaps(whole, [interval for interval, _ in known]):
        if cursor is None:
            yield SliceTask(gap)
        else:
            # What an earlier run reached is its own time, which the API may not take as it stands.
            start = gap.start if gap.start is None or not known else cursor.written_like(gap.start, sample)
            yield from map(SliceTask, cursor.windows(Slice(start, gap.end)))


def gaps(whole: Slice, covered: list[Slice]) -> Iterator[Slice]:
    """Yields the uncovered parts of an interval. No start means before all marks, no end means without end."""
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
