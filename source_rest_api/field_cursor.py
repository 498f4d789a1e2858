"""What cursors by a field of the records have in common: how an interval is asked for, and what a page tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, ValidationError, WithJsonSchema

from source_rest_api import raw_json, templates
from source_rest_api.errors import ConfigError
from source_rest_api.model import Model, Path
from source_rest_api.paging import In
from source_rest_api.slices import Mark, Observation, Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from msgspec import Raw
    from typing_extensions import Self

    from source_rest_api.page import Page, Position, Request

T = TypeVar("T")
_EXAMPLE = 80
"""Characters of an unreadable value that are shown."""


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
    """The field that says when a record last changed, such as `updated_at`."""
    start_param: str | None = None
    """Parameter for the first value wanted (inclusive), such as `since`."""
    end_param: str | None = None
    """Parameter for the last value wanted."""
    location: In = "query"
    """Where the parameters go. In a JSON body dots lead into inner objects (`filter.since`), in GraphQL they are
    variables."""
    mode: Literal["server_filter", "client_filter", "newest_first"] | None = None
    """Who leaves out what is older: the API (the default where `start_param` is given), this connector, or this
    connector for an API that gives the newest records first, so that paging stops where older ones begin."""
    sorted: bool = False
    """The API gives records oldest first, so that progress is kept within an interval too. It is checked."""

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

    def filled(self, context: Mapping[str, Any]) -> Self:
        """The cursor with the templates filled that read nothing but the config; one that gives no text is unset.

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
            raise ConfigError(
                f"`incremental.{first['loc'][-1]}`: the template gave what cannot stand there: {reason}."
            ) from None

    def windows(self, whole: Slice) -> Iterator[Slice]:
        """The intervals to read one by one. Neighbours share the value where they touch; at least one."""
        begin = whole.start
        for border in self._borders(whole):
            yield Slice(begin, border)
            begin = border
        yield Slice(begin, whole.end)

    def _borders(self, whole: Slice) -> Iterable[Mark]:
        """Where intervals touch: each within the whole, and larger than the one before."""
        raise NotImplementedError

    def later(self, one: Mark | None, other: Mark | None) -> Mark | None:
        """The mark that counts of two that were seen one after the other: the larger."""
        return max(filter(None, (one, other)), key=_value, default=None)

    def place(self, request: Request, interval: Slice) -> Request:
        """Ask for the interval."""
        for name, mark in ((self.start_param, interval.start), (self.end_param, interval.end)):
            if name and mark:
                request = request.with_value(self.location, name, self.written(mark))
        return request

    def times(self, interval: Slice) -> dict[str, str]:
        """The interval as templates read it, written as in requests."""
        marks = {"start_time": interval.start, "end_time": interval.end}
        return {name: str(self.written(mark)) for name, mark in marks.items() if mark is not None}

    def written(self, mark: Mark) -> Position:
        """A mark as the API wants it in a request."""
        raise NotImplementedError

    def observe(self, page: Page, interval: Slice) -> Observation:
        """Read the cursor values of a page, and leave out what is older than the interval if that is our work."""
        records, values = page.records, self._values(page.records)
        known = [value for value in values if value is not None]
        newest = max(known, default=None)
        unreadable = len(values) - len(known)
        start = None if interval.start is None else interval.start.value
        kept, passed = (records, values), False
        if self.filters_here and start is not None:
            passed = self.newest_first and bool(known) and _passed(known, start)
            pairs = [(r, v) for r, v in zip(records, values, strict=True) if v is None or v >= start]
            kept = [record for record, _ in pairs], [value for _, value in pairs]
        return Observation(
            *kept,
            newest=None if newest is None else self._mark(newest, records[values.index(newest)]),
            unreadable=unreadable,
            example=self._example(records[values.index(None)]) if unreadable else None,
            ascending=not unreadable and known == sorted(known),
            passed=passed,
        )

    def _values(self, records: list[Raw]) -> list[Any | None]:
        """The cursor value of each record."""
        raise NotImplementedError

    def _mark(self, value: Any, record: Raw) -> Mark:
        """The mark of a value that a record has."""
        raise NotImplementedError

    def _text(self, record: Raw) -> str:
        found = raw_json.find(record, self.cursor_field)
        return (raw_json.text(found) if found is not None else None) or ""

    def _example(self, record: Raw) -> str | None:
        found = raw_json.find(record, self.cursor_field)
        return None if found is None else bytes(found)[:_EXAMPLE].decode("utf-8", "replace")


def _value(mark: Mark) -> Any:
    return mark.value


def _passed(values: list[Any], start: Any) -> bool:
    """Whether older records only follow: the last of a falling row, or else all, are older.

    Some feeds pin a few old records to the top, and those are no end.
    """
    falling = values == sorted(values, reverse=True)
    return bool((values[-1] if falling else max(values)) < start)
