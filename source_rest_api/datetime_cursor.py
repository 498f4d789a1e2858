"""The cursor by a date-time field."""

from __future__ import annotations

from datetime import datetime, time, timezone
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field

from source_rest_api import datetimes, templates
from source_rest_api.errors import ConfigError
from source_rest_api.field_cursor import FieldCursor, or_template
from source_rest_api.peek import Peek
from source_rest_api.slices import Mark, Slice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec import Raw

    from source_rest_api.page import Position

_FIRST = datetime(1, 1, 1, tzinfo=timezone.utc)


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


def _check_duration(value: str) -> None:
    datetimes.add(datetime(2000, 1, 1, tzinfo=timezone.utc), value)


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Moment: TypeAlias = Annotated[str, or_template(datetimes.parse)]
"""A date, a date-time, or a template that gives one; kept as written."""

DurationText: TypeAlias = Annotated[str, or_template(_check_duration)]
"""An ISO 8601 duration, or a template that gives one."""

Formats: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
"""One strptime format or several."""


class DatetimeCursor(FieldCursor):
    """By a date-time field: `updated_at: 2024-06-01T12:00:00Z`."""

    type: Literal["datetime"] = "datetime"
    format: str | None = None
    """strftime format of the parameters, such as `%Y-%m-%d`; `%s`, `%ms` and `%us` are seconds, milliseconds and
    microseconds since the epoch. By default they are written as the records write them."""
    record_format: Formats = ()
    """Formats of the field, tried in turn, where it is not RFC 3339; with `%s` and the like numbers are read too."""
    start_date: Moment | None = None
    """Where the first sync begins; by default the connector's `start_date`. It may be a template, such as
    `{{ day_delta(-90) }}`."""
    end_date: Moment | None = None
    """Where every sync ends; by default now. It may be a template, such as `{{ config.get('end_date', '') }}`."""
    step: DurationText | None = None
    """Read in intervals of this ISO 8601 duration, such as `P30D` or `P1M`; each is a checkpoint."""
    lookback: DurationText | None = None
    """Begin this much before where the last sync ended, such as `P1D`, for records that appear late."""

    def mark(self, text: str) -> Mark:
        """The mark that a state's text stands for.

        Raises:
            ValueError: It is not a date-time.
        """
        return Mark(datetimes.parse(text), text)

    def bounds(self, saved: Mark | None, start_date: str | None, now: datetime, context: Mapping[str, Any]) -> Slice:
        """What to read in this sync: from the state, or the start date, to now or the end date.

        Args:
            saved: Where the last sync ended.
            start_date: The start date of all streams.
            now: The moment at which the sync begins.
            context: What templates read.

        Raises:
            ConfigError: A template gives no date-time.
        """
        first = _moment("start_date", self.start_date, context) or _moment("start_date", start_date, context)
        start = first if saved is None else self._from(self.clamp(saved, now), first)
        end = _moment("end_date", self.end_date, context) or Mark(now, datetimes.write(now))
        return Slice(start, max(start or end, end, key=lambda mark: mark.value))

    def _from(self, saved: Mark, first: Mark | None) -> Mark:
        if self.lookback is None:
            return saved
        try:
            earlier = datetimes.add(saved.value, self.lookback, -1)
        except OverflowError:
            earlier = _FIRST
        if first is not None and earlier < first.value:
            return min(first, saved, key=lambda mark: mark.value)
        return Mark(earlier, datetimes.write(earlier))

    def clamp(self, mark: Mark, now: datetime) -> Mark:
        """The mark, but never after now: the beginning of its second or day, where values have no finer parts."""
        if mark.value <= now:
            return mark
        if not mark.value.microsecond:
            now = now.replace(microsecond=0)
        if mark.value.time() == time.min:
            now = datetime.combine(now.date(), time.min, now.tzinfo)
        return Mark(now, datetimes.write(now))

    def _borders(self, whole: Slice) -> Iterator[Mark]:
        if self.step is None or whole.start is None or whole.end is None:
            return
        for number in count(1):
            try:
                moment = datetimes.add(whole.start.value, self.step, number)
            except OverflowError:
                return
            if moment >= whole.end.value:
                return
            yield Mark(moment, datetimes.write(moment))

    def written(self, mark: Mark) -> Position:
        """A mark as the API wants it in a request."""
        form = self.format or next(iter(self.record_format), None)
        return datetimes.write(mark.value, form) if form else mark.text

    def problems(self, start_date: str | None, *, templated: bool) -> Iterator[str]:
        """What is wrong with it beside the config's start date and the templates of the endpoint."""
        if self.step is None:
            return
        if not (self.start_date or start_date):
            yield "incremental.step: needs a `start_date` to begin at"
        if not self.end_param and not templated:
            yield "incremental.step: needs `end_param`, or a template that reads `stream_interval.end_time`"

    def _mark(self, value: datetime, record: Raw) -> Mark:
        text = "" if self.record_format else self._text(record)
        return Mark(value, text or datetimes.write(value))

    def _values(self, records: list[Raw]) -> list[Any | None]:
        """Each record's moment. The common form is read by C code; only where it fails Python looks."""
        if self.record_format:
            return [self._slow(record) for record in records]
        try:
            values = self._peek.values(records)
        except msgspec.ValidationError:
            return [self._slow(record) for record in records]
        if None in values:
            values = [self._slow(r) if v is None else v for r, v in zip(records, values, strict=True)]
        return [v if v is None or v.tzinfo else v.replace(tzinfo=timezone.utc) for v in values]

    @cached_property
    def _peek(self) -> Peek:
        return Peek(self.cursor_field, datetime)

    def _slow(self, record: Raw) -> datetime | None:
        text = self._text(record)
        try:
            return datetimes.parse_as(text, self.record_format) if self.record_format else datetimes.parse(text)
        except ValueError:
            return None


def _moment(name: str, given: str | None, context: Mapping[str, Any]) -> Mark | None:
    """A setting's moment; None where it is not set, or its template gives no text."""
    text = templates.render(given, context) if given else ""
    if not text:
        return None
    try:
        return Mark(datetimes.parse(text), text)
    except ValueError:
        raise ConfigError(f"`incremental.{name}`: the template gave `{text}`, which is no date-time.") from None
