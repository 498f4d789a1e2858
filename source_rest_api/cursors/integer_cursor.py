"""The cursor on an integer field."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import count
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Raw
from pydantic import BeforeValidator

from source_rest_api.cursors.field_cursor import FieldCursor, or_template
from source_rest_api.cursors.field_reader import FieldReader
from source_rest_api.cursors.slices import CursorValue, Slice
from source_rest_api.errors import ConfigError
from source_rest_api.pagination.page import Position
from source_rest_api.spellings import InFile
from source_rest_api.templates import templates


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("not an integer") from None


def _positive(text: str) -> int:
    if _integer(text) <= 0:
        raise ValueError("must be greater than 0")
    return _integer(text)


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_WHOLE = {"type": ["string", "integer"]}

Integer: TypeAlias = Annotated[str, or_template(_integer), BeforeValidator(_text), InFile(_WHOLE)]
"""An integer, or a template that renders to one."""

Positive: TypeAlias = Annotated[str, or_template(_positive), BeforeValidator(_text), InFile(_WHOLE)]
"""A positive integer, or a template that renders to one."""


class IntegerCursor(FieldCursor):
    """Reads by a field that counts upwards, such as a sequence number or an ID."""

    type: Literal["integer"] = "integer"
    start: Integer | None = None
    """Start of the first sync. Default: the first record."""
    end: Integer | None = None
    """End of every sync. Default: no end."""
    step: Positive | None = None
    """Read in slices of this length. Each slice is a checkpoint. Needs `start` and `end`."""
    lookback: Positive | None = None
    """Start this much before the end of the last sync, to catch records that appear late."""

    margin: ClassVar[int] = 1
    start_name: ClassVar[str] = "start"
    end_name: ClassVar[str] = "end"

    @property
    def expected(self) -> str:
        """The accepted format of the field, for messages."""
        return "an integer"

    def mark(self, text: str) -> CursorValue:
        """Parses a cursor value from the state.

        Raises:
            ValueError: The text is not an integer.
        """
        return CursorValue(_integer(text), text)

    def bounds(
        self,
        saved: CursorValue | None,
        start_date: str | None,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        context: Mapping[str, Any],
    ) -> Slice:
        """Returns the interval of this sync: from the state or `start`, to `end` if it is set.

        Args:
            saved: The cursor value at which the last sync ended.
            start_date: Not used.
            now: Not used.
            context: Names that templates may use.

        Raises:
            ConfigError: A template does not render to an integer.
        """
        first = _limit("start", self.start, context)
        start = first if saved is None else self._from(saved, first)
        end = _limit("end", self.end, context)
        if end is not None and self.end_inclusive:
            end = _at(end.value + 1)
        if start is not None and end is not None and end.value < start.value:
            end = start
        return Slice(start, end)

    def _from(self, saved: CursorValue, first: CursorValue | None) -> CursorValue:
        earlier = saved.value - int(self.lookback or 0)
        if first is not None:
            earlier = max(earlier, min(first.value, saved.value))
        return _at(earlier)

    def clamp(self, mark: CursorValue, now: datetime) -> CursorValue:  # noqa: ARG002
        """Returns the value unchanged: an integer cannot lie in the future."""
        return mark

    def at_deletion(self, now: datetime, newest: CursorValue | None) -> Raw | None:  # noqa: ARG002
        """Returns the field's value for a delete record: the largest number of all rows so far."""
        return None if newest is None else Raw(newest.text.encode())

    def _borders(self, whole: Slice) -> Iterator[CursorValue]:
        if self.step is None or whole.start is None or whole.end is None:
            return
        for value in count(whole.start.value + int(self.step), int(self.step)):
            if value >= whole.end.value:
                return
            yield _at(value)

    def _before(self, mark: CursorValue) -> CursorValue:
        return _at(mark.value - 1)

    def _written(self, mark: CursorValue) -> Position:
        return int(mark.value) if self.location == "body" else mark.text

    def problems(self, start_date: str | None, *, templated: bool) -> Iterator[str]:
        """Yields conflicts with the rest of the config.

        Args:
            start_date: Not used.
            templated: True if a template of the endpoint's request reads the interval.
        """
        yield from super().problems(start_date, templated=templated)
        if self.step and not (self.start and self.end):
            yield "incremental.step: needs `start` and `end`"

    def _mark(self, value: int, record: Raw) -> CursorValue:  # noqa: ARG002
        return _at(value)

    @cached_property
    def _reader(self) -> FieldReader:
        return FieldReader(self.cursor_field, [(int, list)], _integer)


def _at(value: int) -> CursorValue:
    return CursorValue(value, str(value))


def _limit(name: str, given: str | None, context: Mapping[str, Any]) -> CursorValue | None:
    """Returns a setting as a cursor value; None if it is not set or its template renders to an empty text."""
    text = templates.render(given, context) if given else ""
    if not text:
        return None
    try:
        return _at(_integer(text))
    except ValueError:
        raise ConfigError(f"`incremental.{name}`: the template gave `{text}`, which is not an integer.") from None
