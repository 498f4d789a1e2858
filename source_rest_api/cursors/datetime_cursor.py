"""The cursor on a date-time field."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import cached_property
from itertools import count
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Raw
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from source_rest_api.cursors import field_reader
from source_rest_api.cursors.field_cursor import FieldCursor, or_template
from source_rest_api.cursors.field_reader import FieldReader
from source_rest_api.cursors.slices import CursorValue, Slice
from source_rest_api.errors import ConfigError
from source_rest_api.formats import date_formats, datetimes, periods
from source_rest_api.formats.date_formats import DateFormat, Unit
from source_rest_api.formats.periods import Period, Weekday
from source_rest_api.pagination.page import Position
from source_rest_api.spellings import IN_FILE, InFile
from source_rest_api.templates import templates

_FIRST = datetime(1, 1, 1, tzinfo=timezone.utc)
_SHORTEST_MONTH = datetime(2023, 2, 1, tzinfo=timezone.utc)
_FRACTION = re.compile(r"[.,](\d+)")
_DAY = timedelta(days=1)
_MICRO = 6
"""Digits of a fraction of a second in microseconds."""


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


def _check_format(form: str) -> str:
    if date_formats.compiled(form).unit is None:
        raise ValueError("not a date format: it contains no part of a date or time. Give one such as `%Y-%m-%d`")
    return form


def _check_formats(forms: tuple[str, ...]) -> tuple[str, ...]:
    for form in forms:
        if not date_formats.compiled(form).is_whole:
            raise ValueError(f"not a complete date format: {form!r}. Give one with year, month and day")
    return forms


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Moment: TypeAlias = Annotated[str, or_template(datetimes.parse)]
"""A date, a date-time, or a template that renders to one; kept as written."""

DurationText: TypeAlias = Annotated[str, or_template(datetimes.duration)]
"""An ISO 8601 duration, or a template that renders to one."""

Format: TypeAlias = Annotated[str, AfterValidator(_check_format)]
"""A date format of `date_formats`."""

Formats: TypeAlias = Annotated[
    tuple[str, ...],
    AfterValidator(_check_formats),
    BeforeValidator(_one_or_many),
    InFile({"type": ["string", "array"]}),
]
"""One date format or several."""


class DatetimeCursor(FieldCursor):
    """Reads by a date-time field, such as `updated_at: 2024-06-01T12:00:00Z`."""

    model_config = ConfigDict(json_schema_extra={IN_FILE: {"required": ["cursor_field"]}})

    type: Literal["datetime"] = "datetime"
    format: Format | None = None
    """Date format of the parameters, such as `%Y-%m-%d` or `YYYY-MM-DD`. `%s`, `%ms` and `%us` are seconds,
    milliseconds and microseconds since the epoch. Default: the format of the records."""
    record_format: Formats = ()
    """Date formats of the field, tried in turn. Needed only if the field is not ISO 8601. Formats such as `%s` also
    read numbers."""
    start_date: Moment | None = None
    """Start of the first sync. Default: the connector's `start_date`. May be a template, such as
    `{{ day_delta(-90) }}`."""
    end_date: Moment | None = None
    """End of every sync. Default: the current time. May be a template, such as `{{ config.get('end_date', '') }}`."""
    step: DurationText | None = None
    """Read in slices of this ISO 8601 duration, such as `P30D` or `P1M`. Each slice is a checkpoint."""
    whole_periods: Period | None = None
    """Read only whole calendar periods (in UTC), such as months: each slice begins and ends with one. The current
    period is read once it is over."""
    week_start: Weekday = "monday"
    """The day on which weeks begin, for `whole_periods: week`."""
    lookback: DurationText | None = None
    """Start this long before the end of the last sync, to catch records that appear late. Example: `P1D`."""

    margin: ClassVar[timedelta] = _DAY
    start_name: ClassVar[str] = "start_date"
    end_name: ClassVar[str] = "end_date"

    @property
    def expected(self) -> str:
        """The accepted formats of the field, for messages."""
        return " or ".join(f"`{form}`" for form in self.record_format) or "ISO 8601"

    def mark(self, text: str) -> CursorValue:
        """Parses a cursor value from the state.

        Raises:
            ValueError: The text is not a date-time.
        """
        try:
            return CursorValue(datetimes.parse(text), text)
        except ValueError:
            return CursorValue(datetimes.parse_as(text, self.record_format), text)

    def bounds(
        self, saved: CursorValue | None, start_date: str | None, now: datetime, context: Mapping[str, Any]
    ) -> Slice:
        """Returns the interval of this sync: from the state or the start date, to now or the end date.

        Args:
            saved: The cursor value at which the last sync ended.
            start_date: The start date of all streams.
            now: The start time of the sync.
            context: Names that templates may use.

        Raises:
            ConfigError: A template does not render to a date-time.
        """
        first = _moment("start_date", self.start_date, context) or _moment("start_date", start_date, context)
        start = first if saved is None else self._from(self.clamp(saved, now), first)
        if first is not None and start is not None and start.value < first.value:
            start = first  # an API may keep its rows for so long only, and refuse to be asked from an older state
        end = _moment("end_date", self.end_date, context)
        if end is not None and self.end_inclusive:
            end = _at(self._unit(end).above(end.value))
        start, end = start and self._period_start(start), self._period_start(end or _at(now))
        return Slice(start, max(start or end, end, key=lambda mark: mark.value))

    def _period_start(self, mark: CursorValue) -> CursorValue:
        """Returns the start of the period around a value, if whole periods are read."""
        start = periods.start(mark.value, self.whole_periods, self.week_start)
        return mark if start == mark.value else _at(start)

    def windows(self, whole: Slice) -> Iterator[Slice]:
        """Yields the slices to read: at least one, unless whole periods are read and none is over."""
        is_empty = whole.start is not None and whole.end is not None and whole.start.value >= whole.end.value
        if self.whole_periods is None or not is_empty:
            yield from super().windows(whole)

    def _from(self, saved: CursorValue, first: CursorValue | None) -> CursorValue:
        if self.lookback is None:
            return saved
        try:
            earlier = datetimes.add(saved.value, self.lookback, -1)
        except OverflowError:
            earlier = _FIRST
        if first is not None and earlier < first.value:
            return min(first, saved, key=lambda mark: mark.value)
        return _at(earlier)

    def clamp(self, mark: CursorValue, now: datetime) -> CursorValue:
        """Returns the value, but at most now, rounded down to the unit of the values (for example to the day)."""
        return mark if mark.value <= now else _at(self._unit(mark).floor(now))

    def written_like(self, mark: CursorValue, sample: str | None) -> CursorValue:
        """Returns a computed moment as the records write theirs, rounded down: an API may take dates only.

        Args:
            mark: The moment.
            sample: A value of a record; None if none is known.
        """
        if sample is None or self._form is not None:
            return mark
        shape = date_formats.shape(sample)
        if date_formats.shape(mark.text) == shape:
            return mark
        unit = date_formats.compiled(shape).unit
        moment = mark.value if unit is None else unit.floor(mark.value)
        return CursorValue(moment, datetimes.write(moment, shape))

    def at_deletion(self, now: datetime, newest: CursorValue | None) -> Raw:
        """Returns the field's value for a delete record, in the rows' format and no earlier than any row's value."""
        given = next(iter(self.record_format), None)
        form = given or (None if newest is None else date_formats.local_shape(newest.text))
        text = datetimes.write(now, form)
        # The rows' local time may be hours behind UTC, and a row that comes back must be later than its delete record.
        if newest is not None and form and (newest.value > now or not date_formats.compiled(form).is_zoned):
            text = datetimes.write(newest.value, form) if given else newest.text
        return Raw(text.encode() if form in date_formats.EPOCHS else msgspec.json.encode(text))

    def _borders(self, whole: Slice) -> Iterator[CursorValue]:
        if self.step is None or whole.start is None or whole.end is None:
            return
        last = whole.start.value
        for number in count(1):
            try:
                base, times = (whole.start.value, number) if self.whole_periods is None else (last, 1)
                moment = periods.next_start(datetimes.add(base, self.step, times), self.whole_periods, self.week_start)
            except OverflowError:
                return
            if self._form is not None and self._form.unit is not None:
                moment = self._form.unit.floor(moment)
            if moment >= whole.end.value:
                return
            if moment > last:
                yield _at(moment)
                last = moment

    @cached_property
    def _form(self) -> DateFormat | None:
        """The date format of the parameters; by default the first of `record_format`."""
        form = self.format or next(iter(self.record_format), None)
        return None if form is None else date_formats.compiled(form)

    def _unit(self, mark: CursorValue) -> Unit:
        """Returns the smallest step between two values in requests."""
        form = self._form or date_formats.compiled(date_formats.shape(mark.text))
        assert form.unit is not None  # noqa: S101 -- checked when the config is loaded
        return form.unit

    def _before(self, mark: CursorValue) -> CursorValue:
        unit = self._unit(mark)
        try:
            moment = unit.below(unit.floor(mark.value))
        except OverflowError:
            return mark
        return CursorValue(moment, datetimes.write(moment, date_formats.shape(mark.text)))

    def _written(self, mark: CursorValue) -> Position:
        if self._form is None:
            return mark.text
        fraction = _FRACTION.search(mark.text)
        rounded = fraction is not None and len(fraction[1]) > _MICRO
        text = self._form.write(mark.value - date_formats.MICROSECOND if rounded else mark.value)
        return int(text) if self.location == "body" and self._form.is_integer else text

    def problems(self, start_date: str | None, *, templated: bool) -> Iterator[str]:
        """Yields conflicts with the rest of the config.

        Args:
            start_date: The start date of all streams.
            templated: True if a template of the endpoint's request reads the interval.
        """
        yield from super().problems(start_date, templated=templated)
        if self.step and not (self.start_date or start_date):
            yield "incremental.step: needs a `start_date`, such as `2024-01-01T00:00:00Z`"
        form = self._form
        unit = None if form is None else form.unit
        if self.step and form and unit and datetimes.add(_SHORTEST_MONTH, self.step) - _SHORTEST_MONTH < unit.length:
            yield f"incremental.step: is shorter than a {unit.name}, the smallest unit of the format {form.form!r}"
        if self.end_inclusive and (unit is None or unit.length < _DAY):
            yield "incremental.end_inclusive: needs whole days; set a `format` such as `%Y-%m-%d`, or leave it out"

    def _mark(self, value: datetime, record: Raw) -> CursorValue:
        text = None if self.record_format else self._reader.text(record)
        return CursorValue(value, text) if text else _at(value)

    @cached_property
    def _reader(self) -> FieldReader:
        return field_reader.reader(self.cursor_field, self.record_format)


def _at(moment: datetime) -> CursorValue:
    return CursorValue(moment, datetimes.write(moment))


def _moment(name: str, given: str | None, context: Mapping[str, Any]) -> CursorValue | None:
    """Returns a setting as a cursor value; None if it is not set or its template renders to an empty text."""
    text = templates.render(given, context) if given else ""
    if not text:
        return None
    try:
        return CursorValue(datetimes.parse(text), text)
    except ValueError:
        raise ConfigError(f"`incremental.{name}`: the template gave `{text}`, which is not a date-time.") from None
