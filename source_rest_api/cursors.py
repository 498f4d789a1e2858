"""The field that orders a stream in time: what to ask for, and how far a read has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec
from pydantic import AfterValidator, Field

from source_rest_api import datetimes, raw_json
from source_rest_api.model import Model, Path

if TYPE_CHECKING:
    from msgspec import Raw

    from source_rest_api.page import Request


def _check_datetime(value: str) -> str:
    datetimes.parse(value)
    return value


DatetimeText: TypeAlias = Annotated[
    str,
    AfterValidator(_check_datetime),
    Field(
        json_schema_extra={
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?)?$",
            "pattern_descriptor": "YYYY-MM-DDTHH:mm:ssZ",
        }
    ),
]
"""A date or date-time, kept as written."""


class Mark(NamedTuple):
    """A cursor value: the moment, and the text that the API wrote for it."""

    moment: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Slice:
    """One interval of the cursor to read; without a cursor, or a start, it is everything."""

    start: Mark | None = None
    end: Mark | None = None


class Observation(NamedTuple):
    """What a page's cursor values told."""

    records: list[Raw]
    """The records to emit."""
    newest: Mark | None
    """The largest cursor value."""
    unreadable: int
    """Records whose cursor value is missing, null or not a date-time. They are emitted, and move nothing."""


class DatetimeCursor(Model):
    """Reads only what is new since the last sync, by a date-time field of the records."""

    cursor_field: Path
    """The field that says when a record last changed, such as `updated_at`."""
    start_param: str | None = None
    """Query parameter for the first moment wanted (inclusive), such as `since`."""
    end_param: str | None = None
    """Query parameter for the last moment wanted."""
    format: str | None = None
    """strftime format of the parameters, such as `%Y-%m-%d`; `%s` and `%ms` are epoch seconds and milliseconds.
    By default they are written as the records write them."""
    start_date: DatetimeText | None = None
    """Where the first sync begins; by default the connector's `start_date`."""
    mode: Literal["server_filter", "client_filter"] | None = None
    """Who leaves out what is older: the API (the default where `start_param` is given) or this connector."""

    @property
    def filters_here(self) -> bool:
        """Whether older records are dropped by this connector."""
        return self.mode == "client_filter" or (self.mode is None and self.start_param is None)

    def slice(self, state: str | None, start_date: str | None, now: datetime) -> Slice:
        """The interval from the state (or the start date) to now.

        Raises:
            ValueError: The state is not a date-time.
        """
        start = state or self.start_date or start_date
        return Slice(
            start=Mark(datetimes.parse(start), start) if start else None,
            end=Mark(now, datetimes.write(now)) if self.end_param else None,
        )

    def place(self, request: Request, interval: Slice) -> Request:
        """Ask for the interval."""
        params = {}
        if self.start_param and interval.start:
            params[self.start_param] = self.written(interval.start)
        if self.end_param and interval.end:
            params[self.end_param] = self.written(interval.end)
        return request.with_params(**params) if params else request

    def written(self, mark: Mark) -> str:
        """A mark as the API wants it in a request."""
        return datetimes.write(mark.moment, self.format) if self.format else mark.text

    def observe(self, records: list[Raw], interval: Slice) -> Observation:
        """Read the cursor values of a page, and leave out what is older than the interval if that is our work."""
        moments = self._moments(records)
        unreadable = moments.count(None)
        known = [moment for moment in moments if moment is not None]
        newest = max(known, default=None)
        mark = None
        if newest is not None:
            mark = Mark(newest, self._text(records[moments.index(newest)]))
        if self.filters_here and interval.start is not None:
            start = interval.start.moment
            records = [r for r, m in zip(records, moments, strict=True) if m is None or m >= start]
        return Observation(records, mark, unreadable)

    def _text(self, record: Raw) -> str:
        value = raw_json.find(record, self.cursor_field)
        return (raw_json.text(value) if value is not None else None) or ""

    def _moments(self, records: list[Raw]) -> list[datetime | None]:
        """Each record's moment. The common form is read by C code; only where it fails Python looks."""
        try:
            moments = self._peek.moments(records)
        except msgspec.ValidationError:
            moments = [None] * len(records)
        if None in moments:
            return [self._slow(r) if m is None else m for r, m in zip(records, moments, strict=True)]
        return moments

    @cached_property
    def _peek(self) -> DatetimePeek:
        return DatetimePeek(self.cursor_field)

    def _slow(self, record: Raw) -> datetime | None:
        try:
            return datetimes.parse(self._text(record))
        except ValueError:
            return None


class DatetimePeek:
    """Reads one date-time field of undecoded records, and nothing else of them."""

    def __init__(self, path: Path) -> None:
        field: Any = ("value", datetime | None, None)
        for key in reversed(path):
            kind = msgspec.defstruct("Peek", [field], rename={"value": key}, gc=False)
            field = ("value", kind)
        self._decode = msgspec.json.Decoder(kind).decode
        self._value = attrgetter(".".join(["value"] * len(path)))

    def moments(self, records: list[Raw]) -> list[datetime | None]:
        """Each record's moment, aware; None where the field is absent or null.

        Raises:
            msgspec.ValidationError: A value is not RFC 3339, or there is no object on the way to it.
        """
        values = map(self._value, map(self._decode, records))
        return [value if value is None or value.tzinfo else value.replace(tzinfo=timezone.utc) for value in values]
