"""The base of cursors on a field of the records: adds an interval to a request, and reads a page's cursor values."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Raw
from pydantic import BeforeValidator, ValidationError, WithJsonSchema
from typing_extensions import Self

from source_rest_api.cursors.field_reader import FieldReader
from source_rest_api.cursors.slices import CursorValue, PageCursors, Slice
from source_rest_api.errors import ConfigError
from source_rest_api.http.request import Request
from source_rest_api.model import Model, Path
from source_rest_api.pagination.page import Page, Position
from source_rest_api.pagination.paginator import In
from source_rest_api.spellings import PATH, InFile
from source_rest_api.templates import templates


def is_template(value: object) -> bool:
    """True if a value is a text that contains a template."""
    return isinstance(value, str) and "{{" in value


def or_template(check: Callable[[str], object]) -> BeforeValidator:
    """Checks a text, unless it is a template, whose result is checked once it is rendered."""

    def validate(value: Any) -> Any:
        if is_template(value):
            templates.check(value)
        elif value is not None:
            check(value)
        return value

    return BeforeValidator(validate)


def _whole_template(value: object) -> object:
    """Keeps a template in one piece: its dots do not separate keys of a path."""
    return [value] if is_template(value) else value


FieldPath: TypeAlias = Annotated[
    Path, BeforeValidator(_whole_template), WithJsonSchema({"type": "string"}, mode="validation"), InFile(PATH)
]
"""A path in a record, or a template that renders to one."""


class FieldCursor(Model):
    """Reads only the records that are new since the last sync, by one of their fields."""

    cursor_field: FieldPath
    """The field that holds the time of a record's last change, such as `updated_at`. May be a template that reads the
    config."""
    start_param: str | None = None
    """Parameter for the start of the interval, such as `since`."""
    start_exclusive: bool = False
    """Set this if the API returns only records *after* the value of `start_param`. The connector then sends a value one
    unit earlier, so records with the same value are not missed."""
    end_param: str | None = None
    """Parameter for the end of the interval, such as `until`."""
    end_inclusive: bool = False
    """Set this if the API includes the whole day given in `end_param`. Each slice then ends one day (or number) before
    the next starts, so reports do not count a day twice. Only for whole days and integers."""
    location: In = "query"
    """Place of the parameters. In a JSON body, dots lead into nested objects (`filter.since`). In GraphQL they are
    variables."""
    mode: Literal["server_filter", "client_filter", "newest_first"] | None = None
    """Filtering of old records: by the API (default with `start_param`), by this connector (default without it), or by
    this connector with early stop, for APIs that return the newest records first."""
    sorted: bool = False
    """Set this if the API returns records oldest first. The connector then also saves progress within a slice, and it
    verifies the order."""

    margin: ClassVar[Any]
    """By how much a record may be older than the start that the API was asked for."""

    start_name: ClassVar[str]
    """Name of the setting for the start of the first sync."""
    end_name: ClassVar[str]
    """Name of the setting for the end of every sync."""

    @property
    def in_body(self) -> bool:
        """True if the cursor adds parameters to the body."""
        return self.location == "body" and bool(self.start_param or self.end_param)

    forgettable: ClassVar[bool] = False
    """True if the API may forget the values that it is asked from."""

    @property
    def source(self) -> str:
        """The name of the cursor field."""
        return ".".join(self.cursor_field)

    @property
    def newest_first(self) -> bool:
        """True if paging stops at the first older record."""
        return self.mode == "newest_first"

    @property
    def in_order(self) -> bool:
        """True if the config declares that records come oldest first."""
        return self.sorted

    @property
    def filters_here(self) -> bool:
        """True if this connector, not the API, drops older records."""
        return self.mode in {"client_filter", "newest_first"} or (self.mode is None and self.start_param is None)

    @property
    def expected(self) -> str:
        """The accepted formats of the field, for messages."""
        raise NotImplementedError

    def filled(self, context: Mapping[str, Any]) -> Self:
        """Returns the cursor with its templates for `cursor_field`, `step` and `lookback` rendered.

        A setting whose template renders to an empty text counts as not set.

        Args:
            context: The names that are valid for the whole sync, such as `config`.

        Raises:
            ConfigError: A template cannot be rendered, or its result is not valid for the setting.
        """
        given = self.model_dump(by_alias=True, exclude_unset=True)
        texts: dict[str, Any] = {**given, "cursor_field": self.cursor_field[0]}
        held = {name: texts[name] for name in ("cursor_field", "step", "lookback") if is_template(texts.get(name))}
        if not held:
            return self
        values = {name: templates.render(text, context) for name, text in held.items()}
        kept = {name: value for name, value in given.items() if name not in held}
        try:
            return self.model_validate({**kept, **{name: value for name, value in values.items() if value}})
        except ValidationError as error:
            [first, *_] = error.errors(include_url=False)
            reason = first["msg"].removeprefix("Value error, ")
            message = f"`incremental.{first['loc'][-1]}`: the value that the template gave is not valid: {reason}."
            raise ConfigError(message) from None

    def problems(self, start_date: str | None, *, templated: bool) -> Iterator[str]:  # noqa: ARG002
        """Yields conflicts with the rest of the config.

        Args:
            start_date: The start date of all streams.
            templated: True if a template of the endpoint's request reads the interval.
        """
        if self.newest_first and self.sorted:
            yield "incremental.sorted: means oldest first, which contradicts `mode: newest_first`; remove one of them"
        if self.start_exclusive and not (self.start_param or templated):
            yield "incremental.start_exclusive: needs `start_param`"
        for name in ("step", self.end_name, "end_inclusive", "whole_periods"):
            if getattr(self, name, None) and not (self.end_param or templated):
                yield f"incremental.{name}: needs `end_param`, or a template that reads `stream_interval.end_time`"

    def windows(self, whole: Slice) -> Iterator[Slice]:
        """Yields the slices to read, at least one. Neighbouring slices share the value at their border."""
        begin = whole.start
        for border in self._borders(whole):
            yield Slice(begin, border)
            begin = border
        yield Slice(begin, whole.end)

    def _borders(self, whole: Slice) -> Iterable[CursorValue]:
        """Yields the borders between slices: within the whole interval, in rising order."""
        raise NotImplementedError

    def at_deletion(self, now: datetime, newest: CursorValue | None) -> Raw | None:
        """Returns the field's JSON value for a delete record, so that it is no earlier than any row's value.

        Args:
            now: The time at which the deletion was detected.
            newest: The largest value of all rows so far.
        """
        raise NotImplementedError

    def written_like(self, mark: CursorValue, sample: str | None) -> CursorValue:  # noqa: ARG002
        """Returns a computed value, written as the records write theirs.

        Args:
            mark: The value, such as the time of an earlier sync.
            sample: A value of a record; None if none is known.
        """
        return mark

    def later(self, one: CursorValue | None, other: CursorValue | None) -> CursorValue | None:
        """Returns the value that counts of two that were seen in this order: the larger."""
        return max(filter(None, (one, other)), key=_value, default=None)

    def place(self, request: Request, interval: Slice) -> Request:
        """Adds the parameters for the interval to a request."""
        sent = self._sent(interval)
        for name, time in ((self.start_param, "start_time"), (self.end_param, "end_time")):
            if name and time in sent:
                request = request.with_value(self.location, name, sent[time])
        return request

    def times(self, interval: Slice) -> dict[str, str]:
        """Returns the interval for templates, formatted like the parameters."""
        return {name: str(value) for name, value in self._sent(interval).items()}

    def _sent(self, interval: Slice) -> dict[str, Position]:
        start, end = interval.start, interval.end
        if end is not None and self.end_inclusive:
            end = self.later(start, self._before(end))
        if start is not None and self.start_exclusive:
            start = self._before(start)
        marks = {"start_time": start, "end_time": end}
        return {name: self._written(mark) for name, mark in marks.items() if mark is not None}

    def _before(self, mark: CursorValue) -> CursorValue:
        """Returns the largest value before this one that a request can contain."""
        raise NotImplementedError

    def _written(self, mark: CursorValue) -> Position:
        """Formats a value for a request."""
        raise NotImplementedError

    def observe(self, page: Page, interval: Slice) -> PageCursors:
        """Reads the cursor values of a page, and drops records older than the interval unless the API does."""
        records, values = page.records, self.values(page.records)
        known: list[Any] = values if all(values) else [value for value in values if value is not None]
        oldest, newest = min(known, default=None), max(known, default=None)
        first = 0 if newest is None else values.index(newest)
        unreadable = len(values) - len(known)
        start = None if interval.start is None else interval.start.value
        kept, passed = (records, values), False
        if self.filters_here and start is not None and known:
            passed = self.newest_first and _passed(known, start)
            if oldest < start:
                pairs = [(r, v) for r, v in zip(records, values, strict=True) if v is None or v >= start]
                kept = [record for record, _ in pairs], [value for _, value in pairs]
        return PageCursors(
            *kept,
            newest=None if newest is None else self._mark(newest, records[first]),
            oldest=oldest,
            first_newest=first if kept[0] is records else 0,
            unreadable=unreadable,
            examples=self._reader.unreadable(records, values) if unreadable else (),
            passed=passed,
        )

    def values(self, records: list[Raw]) -> list[Any | None]:
        """Returns the cursor value of each record; None if it cannot be read."""
        return self._reader.values(records)

    def unfiltered(self, seen: PageCursors, interval: Slice) -> Any | None:
        """Returns the oldest value of a page, if the API was asked to leave it out, and by more than its margin."""
        if interval.start is None or not self.start_param or self.filters_here:
            return None
        is_early = seen.oldest is not None and interval.start.value - seen.oldest > self.margin
        return seen.oldest if is_early else None

    @property
    def _reader(self) -> FieldReader:
        """The reader of the cursor field."""
        raise NotImplementedError

    def _mark(self, value: Any, record: Raw) -> CursorValue:
        """Returns the cursor value of a record whose field holds `value`."""
        raise NotImplementedError


def _value(mark: CursorValue) -> Any:
    return mark.value


def _passed(values: list[Any], start: Any) -> bool:
    """True if only older records follow.

    On a page in descending order it is enough that the last record is older; on other pages all must be. Some feeds
    pin a few old records to the top, and paging must not stop there. A page whose records rise proves nothing.
    """
    ordered = sorted(values)
    if values == ordered[::-1]:
        return bool(values[-1] < start)
    return values != ordered and bool(ordered[-1] < start)
