"""What cursors by a field of the records have in common: how an interval is asked for, and what a page tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, ValidationError, WithJsonSchema

from source_rest_api.cursors.slices import CursorValue, PageCursors, Slice
from source_rest_api.errors import ConfigError
from source_rest_api.model import Model, Path
from source_rest_api.pagination.paginator import In
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from msgspec import Raw
    from typing_extensions import Self

    from source_rest_api.cursors.field_reader import FieldReader
    from source_rest_api.http.request import Request
    from source_rest_api.pagination.page import Page, Position


def is_template(value: object) -> bool:
    """Whether a text has holes to fill."""
    return isinstance(value, str) and "{{" in value


def or_template(check: Callable[[str], object]) -> BeforeValidator:
    """Check a text unless it is a template, which is checked when it is filled."""

    def validate(value: Any) -> Any:
        if is_template(value):
            templates.check(value)
        elif value is not None:
            check(value)
        return value

    return BeforeValidator(validate)


def _whole_template(value: object) -> object:
    """A template has dots that divide nothing."""
    return [value] if is_template(value) else value


FieldPath: TypeAlias = Annotated[
    Path, BeforeValidator(_whole_template), WithJsonSchema({"type": "string"}, mode="validation")
]
"""A path in a record, or a template that gives one."""


class FieldCursor(Model):
    """Reads only what is new since the last sync, by a field of the records."""

    cursor_field: FieldPath
    """The field that says when a record last changed, such as `updated_at`. It may be a template that reads the
    config."""
    start_param: str | None = None
    """Parameter for the first value wanted, such as `since`."""
    start_exclusive: bool = False
    """The API gives only what is after `start_param`, so that it is sent one unit earlier: nothing that shares the
    last value seen is missed."""
    end_param: str | None = None
    """Parameter for the last value wanted."""
    end_inclusive: bool = False
    """The API gives all of the last day in `end_param` too, so that each interval ends a day before the next begins.
    Only for whole days and integers; reports need it, which would count the common day twice."""
    location: In = "query"
    """Where the parameters go. In a JSON body dots lead into inner objects (`filter.since`), in GraphQL they are
    variables."""
    mode: Literal["server_filter", "client_filter", "newest_first"] | None = None
    """Who leaves out what is older: the API (the default where `start_param` is given), this connector, or this
    connector for an API that gives the newest records first, so that paging stops where older ones begin."""
    sorted: bool = False
    """The API gives records oldest first, so that progress is kept within an interval too. It is checked."""

    end_name: ClassVar[str]
    """The setting for where every sync ends."""

    @property
    def in_body(self) -> bool:
        """Whether it puts something into the body."""
        return self.location == "body" and bool(self.start_param or self.end_param)

    @property
    def newest_first(self) -> bool:
        """Whether paging stops where older records begin."""
        return self.mode == "newest_first"

    @property
    def in_order(self) -> bool:
        """Whether records are said to come oldest first."""
        return self.sorted

    @property
    def filters_here(self) -> bool:
        """Whether older records are dropped by this connector."""
        return self.mode in {"client_filter", "newest_first"} or (self.mode is None and self.start_param is None)

    @property
    def expected(self) -> str:
        """The forms in which values are read, for messages."""
        raise NotImplementedError

    def filled(self, context: Mapping[str, Any]) -> Self:
        """The cursor with its templates for `cursor_field`, `step` and `lookback` filled; one that is empty is unset.

        Args:
            context: The names that hold for the whole sync, such as `config`.

        Raises:
            ConfigError: A template cannot be filled, or gives what cannot stand there.
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
            message = f"`incremental.{first['loc'][-1]}`: the template gave what cannot stand there: {reason}."
            raise ConfigError(message) from None

    def problems(self, start_date: str | None, *, templated: bool) -> Iterator[str]:  # noqa: ARG002
        """What is wrong with it beside the rest of the config.

        Args:
            start_date: The start date of all streams.
            templated: Whether a template of the endpoint's request reads the interval.
        """
        if self.newest_first and self.sorted:
            yield "incremental.sorted: means oldest first, and `mode: newest_first` the contrary"
        if self.start_exclusive and not (self.start_param or templated):
            yield "incremental.start_exclusive: needs `start_param`"
        for name in ("step", self.end_name, "end_inclusive"):
            if getattr(self, name) and not (self.end_param or templated):
                yield f"incremental.{name}: needs `end_param`, or a template that reads `stream_interval.end_time`"

    def windows(self, whole: Slice) -> Iterator[Slice]:
        """The intervals to read one by one. Neighbours share the value where they touch; at least one."""
        begin = whole.start
        for border in self._borders(whole):
            yield Slice(begin, border)
            begin = border
        yield Slice(begin, whole.end)

    def _borders(self, whole: Slice) -> Iterable[CursorValue]:
        """Where intervals touch: each within the whole, and larger than the one before."""
        raise NotImplementedError

    def at_deletion(self, now: datetime, newest: CursorValue | None) -> Raw | None:
        """What the field holds for a row that is gone by now, as JSON, so that it is no earlier than any row.

        Args:
            now: When it was found gone.
            newest: The largest value of all rows so far.
        """
        raise NotImplementedError

    def later(self, one: CursorValue | None, other: CursorValue | None) -> CursorValue | None:
        """The mark that counts of two that were seen one after the other: the larger."""
        return max(filter(None, (one, other)), key=_value, default=None)

    def place(self, request: Request, interval: Slice) -> Request:
        """Ask for the interval."""
        sent = self._sent(interval)
        for name, time in ((self.start_param, "start_time"), (self.end_param, "end_time")):
            if name and time in sent:
                request = request.with_value(self.location, name, sent[time])
        return request

    def times(self, interval: Slice) -> dict[str, str]:
        """The interval as templates read it: as it would stand in parameters."""
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
        """The last value that can be asked for before this one."""
        raise NotImplementedError

    def _written(self, mark: CursorValue) -> Position:
        """A mark as the API wants it in a request."""
        raise NotImplementedError

    def observe(self, page: Page, interval: Slice) -> PageCursors:
        """Read the cursor values of a page, and leave out what is older than the interval if that is our work."""
        records, values = page.records, self._reader.values(page.records)
        known = [value for value in values if value is not None]
        newest = max(known, default=None)
        unreadable = len(values) - len(known)
        start = None if interval.start is None else interval.start.value
        kept, passed = (records, values), False
        if self.filters_here and start is not None and known:
            passed = self.newest_first and _passed(known, start)
            if min(known) < start:
                pairs = [(r, v) for r, v in zip(records, values, strict=True) if v is None or v >= start]
                kept = [record for record, _ in pairs], [value for _, value in pairs]
        return PageCursors(
            *kept,
            newest=None if newest is None else self._mark(newest, records[values.index(newest)]),
            unreadable=unreadable,
            examples=self._reader.unreadable(records, values) if unreadable else (),
            passed=passed,
        )

    @property
    def _reader(self) -> FieldReader:
        """Reads the cursor field."""
        raise NotImplementedError

    def _mark(self, value: Any, record: Raw) -> CursorValue:
        """The mark of a value that a record has."""
        raise NotImplementedError


def _value(mark: CursorValue) -> Any:
    return mark.value


def _passed(values: list[Any], start: Any) -> bool:
    """Whether older records only follow: the last of a falling row, or else all, are older.

    Some feeds pin a few old records to the top, and those are no end.
    """
    falling = values == sorted(values, reverse=True)
    return bool((values[-1] if falling else max(values)) < start)
