"""Reads the pages of one endpoint: everything that its slices share, in all partitions."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from source_rest_api.cursors.field_cursor import FieldCursor
from source_rest_api.cursors.field_reader import FieldDecoder
from source_rest_api.cursors.token_cursor import TokenCursor
from source_rest_api.errors import ErrorContext
from source_rest_api.formats import raw_json
from source_rest_api.formats.raw_fields import RawFields
from source_rest_api.pagination.end_check import check_end, says_more
from source_rest_api.pagination.page import End, Next, Page, Position
from source_rest_api.pagination.signs import find_sign
from source_rest_api.read_stats import ReadStats
from source_rest_api.streams.embedded_list import EmbeddedList
from source_rest_api.streams.emission import RecordEmitter
from source_rest_api.streams.loop_guard import LoopGuard
from source_rest_api.streams.page_source import PageSource
from source_rest_api.streams.server_clock import ServerClock
from source_rest_api.templates import record_templates

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.cursors.cursors import PageCursors, Slice
    from source_rest_api.http.requester import Requester
    from source_rest_api.streams.request_builder import RequestBuilder
    from source_rest_api.streams.slice_checks import CursorBoundary, OrderCheck

_LOG = logging.getLogger("airbyte.source_rest_api.streams.endpoint_reader")
_FORMAT_ADVICE = " If its dates are not ISO 8601, set `incremental.record_format`."


class EndpointReader:
    """Requests the pages of one endpoint, and finds the position after each.

    Args:
        config: The API.
        endpoint: The endpoint, with its templates filled.
        requests: Builds the requests.
        requester: Sends the requests.
        mask: Hides the secrets in a text.
        now: Returns the current time, to compare it with the API's clock.

    Attributes:
        stats: Counts what the read does.
        paginator: The endpoint's pagination.
        clock: Measures how far the API's clock is behind.
        pages: Requests one page.
        emission: Turns the records of a page into the records to emit.
    """

    def __init__(
        self,
        config: Config,
        endpoint: Endpoint,
        requests: RequestBuilder,
        requester: Requester,
        mask: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        self.name = endpoint.name
        self.endpoint = endpoint
        self.stats = ReadStats()
        self.paginator = endpoint.pagination or config.pagination
        self._began = now()
        self.clock = ServerClock(endpoint.name, now)
        embedded = EmbeddedList(config, endpoint)
        self.pages = PageSource(endpoint, self.paginator, requests, requester, self.stats, self.clock, embedded)
        self.emission = RecordEmitter(endpoint, config.limits, requests, self.stats)
        self._log = requester.log
        self._limits = config.limits
        self._mask = mask
        self._key = RawFields(endpoint.primary_key)
        self._keys = FieldDecoder(endpoint.primary_key[0], int | str) if len(endpoint.primary_key) == 1 else None
        stop_when: str | None = getattr(self.paginator, "stop_when", None)
        self._marks = frozenset(record_templates.fields([stop_when], "last_record") or ()) if stop_when else frozenset()

    @property
    def in_order(self) -> bool:
        """True if the config declares that records come oldest first."""
        return self.endpoint.incremental is not None and self.endpoint.incremental.in_order

    @property
    def overlaps(self) -> bool:
        """True if each request includes the last row of the page before, to notice shifted rows.

        Not with `explode`, which makes several records of a row, or none, nor if a page has several lists.
        """
        if self.endpoint.explode is not None or self.endpoint.selector.merges_lists:
            return False
        wished: bool | None = getattr(self.paginator, "overlap", None)
        return self.paginator.shifts == "row" and bool(self.endpoint.primary_key) if wished is None else wished

    def following(self, page: Page) -> Next:
        """Returns the position after a page, or the end. Pass an end to `end`, which checks it."""
        with self.place(page):
            following = page.last_of_all or self.paginator.next(page)
            if isinstance(following, End) and following.beyond is not None and says_more(page, following) is not None:
                following = following.beyond
        if self._log.keep and page.last:
            then = f"ends: {following.reason}" if isinstance(following, End) else f"continues at {following}"
            self._log.paged(page.request, len(page), then)
        return following

    def end(self, page: Page, end: End) -> End:
        """Note the end of a slice.

        Raises:
            ConfigError: The API shows signs of more that the config does not follow.
        """
        self.stats.end(end.reason, ignored=end.ignored)
        if end.capped and self.in_order:  # the slice resumes from its newest record
            return end
        token = self.endpoint.incremental.source if isinstance(self.endpoint.incremental, TokenCursor) else ""
        doubt = check_end(page, end, paged=self.paginator.type != "none", token=token)
        if doubt is not None:
            self.stats.add(doubts=1)
            _LOG.warning("Stream %s: pagination ended (%s), but %s.", self.name, end.reason, doubt)
        return end

    def repeated_last_page(self, page: Page) -> End | None:
        """Returns the end, if the API repeats its last page for every page number or offset beyond it.

        The proof needs rows with a key, and a response without any sign of more.
        """
        counted = self.endpoint.primary_key and self.paginator.shifts is not None
        if not counted or self.paginator.has_signals or find_sign(page) is not None:
            return None
        _LOG.info("Stream %s: page %d repeats the page before it, which was the last.", self.name, page.number)
        return self.end(page, End("the API repeats its last page", guessed=True))

    def loop_guard(self) -> LoopGuard:
        """Returns a guard against endless paging, for one slice."""
        key = self.identity if self.endpoint.primary_key else None
        return LoopGuard(self.paginator, self._limits, key)

    def place(self, page: Page) -> ErrorContext:
        """Returns a context that adds the stream, the request and the page to errors."""
        return ErrorContext(self.name, page.request, f"page {page.number}")

    def identity(self, record: Raw) -> bytes:
        """Returns the identity of a record as the API sends it: its primary key, or all of its bytes.

        If a transformation makes the key, the record does not have it yet, or only a part that others share.
        """
        parts = self._key.of(record)
        return b"\0".join(map(bytes, filter(None, parts))) if parts and all(parts) else bytes(record)

    def unmarked(self, record: Raw) -> bytes:
        """Returns a record without the paging flags that APIs add to the last record of a page."""
        if not self._marks:
            return bytes(record)
        fields = {name: value for name, value in raw_json.fields(record).items() if name not in self._marks}
        return self.identity(record) + b"\0" + msgspec.json.encode(fields)

    @property
    def key_hashes(self) -> Callable[[list[Raw]], list[int]] | None:
        """Returns hashes of the primary keys of records; None if the API's rows have no primary key."""
        is_keyed = bool(self.endpoint.primary_key) and self.endpoint.explode is None
        return self._key_hashes if is_keyed else None

    def _key_hashes(self, records: list[Raw]) -> list[int]:
        values: list[Any] = []
        if self._keys is not None:
            with suppress(msgspec.ValidationError):
                values = self._keys.values(records)
        if not values or None in values:
            values = [self.identity(record).strip(b"\0") or bytes(record) for record in records]
        return list(map(hash, values))

    def may_keep(self, position: Position) -> bool:
        """True if a position may be saved in the state, because it contains no secret."""
        return self._mask(str(position)) == str(position)

    @property
    def adds_cursor(self) -> bool:
        """True if `add_fields` or a transformation of a connector's own creates the cursor field in emitted records.

        Not for cursors that filter here: these choose what is emitted.
        """
        incremental = self.endpoint.incremental
        field = None if incremental is None else incremental.cursor_field
        if field is None or ".".join(field) in self.endpoint.add_fields:
            return field is not None
        filters = isinstance(incremental, FieldCursor) and incremental.filters_here
        return self.endpoint.transformation is not None and not filters

    def note_slice(self, page: Page, interval: Slice, known: CursorBoundary | None, order: OrderCheck) -> None:
        """Logs warnings about the filter and the paging at the end of a slice, once per stream.

        Args:
            page: The last page.
            interval: The interval of the slice.
            known: The saved cursor, whose records were requested again.
            order: The order in which the records arrived.
        """
        if page.last_of_all:
            return
        if known is not None and known.is_missing_from(interval) and self.stats.add(unmet=1) == 1:
            _LOG.log(
                # Records at the cursor may have changed since, unless no record at all came.
                logging.INFO if page.number > 1 or len(page) else logging.WARNING,
                "Stream %s: the API did not return the records at the saved cursor `%s` again. If it returns only "
                "later ones, set `start_exclusive: true`; otherwise records that share a cursor value may be missing.",
                self.name,
                known.mark.text,
            )
        if page.number > 1 and self._may_have_shifted(page, order) and self.stats.add(shifted=1) == 1:
            _LOG.warning(
                "Stream %s: rows changed while their pages were read by number, oldest change first, and the API gives "
                "no total. So rows that moved to an earlier page may be missing until they change again. Sort by a "
                "field that never changes (`params`), or set `overlap: true` in `pagination`. If the API filters and "
                "sorts by the cursor, `sorted: true` with a `result_cap` of one page continues from the newest value.",
                self.name,
            )
        if page.number > 1 and self._may_miss_changes(order) and self.stats.add(unordered=1) == 1:
            _LOG.warning(
                "Stream %s: rows come in no order of their integer cursor, and integers do not tell which rows changed "
                "during the read. So a change of a row that was already read may be missed. Sort by the cursor field "
                "(`params`), or set `incremental.lookback`.",
                self.name,
            )

    def _may_miss_changes(self, order: OrderCheck) -> bool:
        lookback = getattr(self.endpoint.incremental, "lookback", None)
        is_number = order.newest is not None and isinstance(order.newest.value, int)
        return is_number and not (order.rises or order.falls or lookback)

    def _may_have_shifted(self, page: Page, order: OrderCheck) -> bool:
        by_number = self.paginator.shifts == "page" and not self.overlaps and page.least_total is None
        newest = None if order.newest is None else order.newest.value
        return by_number and order.rises and isinstance(newest, datetime) and newest > self._began

    def observe(self, page: Page, interval: Slice) -> PageCursors | None:
        """Reads the cursor values of a page, and logs a warning about unreadable ones."""
        incremental = self.endpoint.incremental
        if incremental is None:
            return None
        observation = incremental.observe(page, interval)
        old = incremental.unfiltered(observation, interval)
        if old is not None and self.stats.add(old=1) == 1:
            _LOG.warning(
                "Stream %s: the request was for records from `%s` on, but the API returned one from `%s`. It seems to "
                "ignore the filter. Check the name and format of `start_param`, or remove it to filter in the "
                "connector.",
                self.name,
                interval.start.text if interval.start is not None else "",
                old,
            )
        new = self.stats.unreadable(observation.unreadable, observation.examples)
        if new:
            _LOG.warning(
                "Stream %s: some records have no readable `%s` (found %s). They are emitted, but the cursor does not "
                "advance with them, so later syncs may read them again.%s",
                self.name,
                ".".join(incremental.cursor_field or ()),
                ", ".join(new),
                _FORMAT_ADVICE if hasattr(incremental, "record_format") else "",
            )
        return observation
