"""The field that orders a stream in time: what to ask for, and how far a read has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field

from source_rest_api import datetimes, raw_json
from source_rest_api.model import Model, Path

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def _check_duration(value: str) -> str:
    datetimes.add(datetime(2000, 1, 1, tzinfo=timezone.utc), value)
    return value


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


DurationText: TypeAlias = Annotated[str, AfterValidator(_check_duration)]
"""An ISO 8601 duration."""

Formats: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
"""One strptime format or several."""


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
    """strftime format of the parameters, such as `%Y-%m-%d`; `%s`, `%ms` and `%us` are seconds, milliseconds and
    microseconds since the epoch. By default they are written as the records write them."""
    record_format: Formats = ()
    """Formats of the field, tried in turn, where it is not RFC 3339; with `%s` and the like numbers are read too."""
    start_date: DatetimeText | None = None
    """Where the first sync begins; by default the connector's `start_date`."""
    step: DurationText | None = None
    """Read in intervals of this ISO 8601 duration, such as `P30D` or `P1M`; each is a checkpoint."""
    lookback: DurationText | None = None
    """Begin this much before where the last sync ended, such as `P1D`, for records that appear late."""
    mode: Literal["server_filter", "client_filter"] | None = None
    """Who leaves out what is older: the API (the default where `start_param` is given) or this connector."""

    @property
    def filters_here(self) -> bool:
        """Whether older records are dropped by this connector."""
        return self.mode == "client_filter" or (self.mode is None and self.start_param is None)

    def slices(self, state: str | None, start_date: str | None, now: datetime) -> Iterator[Slice]:
        """The intervals from the state (or the start date) to now. Neighbours share the moment where they touch.

        Raises:
            ValueError: The state is not a date-time.
        """
        begin = self._start(state, start_date)
        for border in self._borders(begin, now):
            yield Slice(begin, border)
            begin = border
        yield Slice(begin, Mark(now, datetimes.write(now)) if self.end_param or self.step else None)

    def _borders(self, start: Mark | None, now: datetime) -> Iterator[Mark]:
        """Where the intervals after the start touch, before now."""
        if self.step is None or start is None:
            return
        for number in count(1):
            moment = datetimes.add(start.moment, self.step, number)
            if moment >= now:
                return
            yield Mark(moment, datetimes.write(moment))

    def _start(self, state: str | None, start_date: str | None) -> Mark | None:
        text = state or self.start_date or start_date
        if not text:
            return None
        moment = datetimes.parse(text)
        if not state or self.lookback is None:
            return Mark(moment, text)
        earlier = datetimes.add(moment, self.lookback, -1)
        return Mark(earlier, datetimes.write(earlier))

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
        form = self.format or next(iter(self.record_format), None)
        return datetimes.write(mark.moment, form) if form else mark.text

    def observe(self, records: list[Raw], interval: Slice) -> Observation:
        """Read the cursor values of a page, and leave out what is older than the interval if that is our work."""
        moments = self._moments(records)
        unreadable = moments.count(None)
        known = [moment for moment in moments if moment is not None]
        newest = max(known, default=None)
        mark = None
        if newest is not None:
            text = "" if self.record_format else self._text(records[moments.index(newest)])
            mark = Mark(newest, text or datetimes.write(newest))
        if self.filters_here and interval.start is not None:
            start = interval.start.moment
            records = [r for r, m in zip(records, moments, strict=True) if m is None or m >= start]
        return Observation(records, mark, unreadable)

    def _text(self, record: Raw) -> str:
        value = raw_json.find(record, self.cursor_field)
        return (raw_json.text(value) if value is not None else None) or ""

    def _moments(self, records: list[Raw]) -> list[datetime | None]:
        """Each record's moment. The common form is read by C code; only where it fails Python looks."""
        if self.record_format:
            return [self._slow(record) for record in records]
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
        text = self._text(record)
        try:
            return datetimes.parse_as(text, self.record_format) if self.record_format else datetimes.parse(text)
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
