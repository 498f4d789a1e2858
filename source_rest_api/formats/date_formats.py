"""Date formats: those of strftime and pendulum, and time since the epoch. All are in UTC, to the microsecond."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MONDAY = _EPOCH - timedelta(days=3)
MICROSECOND = timedelta(microseconds=1)
_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)
EPOCHS = {
    "%s": _SECOND,
    "%ms": _MILLISECOND,
    "%us": MICROSECOND,
    "%s_as_float": _SECOND,
    "%epoch_microseconds": MICROSECOND,
}
"""Unit of each directive for time since the epoch. The last two exist only for compatibility with the CDK."""
_OWN = re.compile(r"%(?:%|s_as_float|epoch_microseconds|us|ms|s|_ms|Y)")
"""Directives that strftime does not know, or that differ between systems."""
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?"
_WEEKDAYS = ("%a", "%A", "%w", "%u", "%d", "%j")
"""Directives that tell the day in a week."""
_FRACTION = re.compile(r"(\.\d{6})\d+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DIGITS = re.compile(r"[.,](\d+)")
_ZONE = re.compile(r"[Zz]|[+-]\d\d:?\d\d")
_OF_MILLISECONDS = 3
_LARGEST = 20
"""Upper limit of the digits of a number since the epoch."""


class Unit(Struct, frozen=True):
    """The smallest step that a format can express."""

    name: str
    length: timedelta
    """The shortest length of the unit: 28 days for a month."""

    def floor(self, moment: datetime) -> datetime:
        """Rounds a moment down to the unit, in UTC."""
        moment = moment.astimezone(timezone.utc)
        if self.name in {"month", "year"}:
            midnight = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return midnight if self.name == "month" else midnight.replace(month=1)
        if self.name == "week":
            return moment - (moment - _MONDAY) % self.length
        return moment - (moment - _EPOCH) % self.length

    def above(self, moment: datetime) -> datetime:
        """Returns the start of the next unit after the moment."""
        longest = self.length + (timedelta(days=3) if self.name in {"month", "year"} else timedelta(0))
        return self.floor(self.floor(moment) + longest)

    def below(self, moment: datetime) -> datetime:
        """Returns the last start of a unit before the moment."""
        return self.floor(moment - MICROSECOND)


_SAMPLE = datetime(2023, 5, 17, 13, 22, 38, 654_321, tzinfo=timezone.utc)
_OTHER_SAMPLE = _SAMPLE.replace(year=1999, month=12, day=31, hour=3)
_UNITS = {
    Unit("microsecond", MICROSECOND): _SAMPLE + MICROSECOND,
    Unit("millisecond", _MILLISECOND): _SAMPLE + _MILLISECOND,
    Unit("second", _SECOND): _SAMPLE + _SECOND,
    Unit("minute", timedelta(minutes=1)): _SAMPLE + timedelta(minutes=1),
    Unit("hour", timedelta(hours=1)): _SAMPLE + timedelta(hours=1),
    Unit("day", timedelta(days=1)): _SAMPLE + timedelta(days=1),
    Unit("week", timedelta(days=7)): _SAMPLE + timedelta(days=7),
    Unit("month", timedelta(days=28)): _SAMPLE.replace(month=6),
    Unit("year", timedelta(days=365)): _SAMPLE.replace(year=2024),
}
"""For each unit, a moment that differs from the sample by one unit."""


class DateFormat:
    """One date format.

    Args:
        form: A strftime format, in which `%s`, `%ms` and `%us` are seconds, milliseconds and microseconds since the
            epoch. Without any `%` it is a pendulum format, such as `YYYY-MM-DD`.
    """

    def __init__(self, form: str) -> None:
        self.form = form
        epoch = next((found for found in _OWN.findall(form) if found in EPOCHS), None)
        self.counted = None if epoch is None else EPOCHS[epoch]
        """The unit counted since the epoch, or None."""
        parts = form.partition(epoch or form)
        self._since = re.compile(f"{re.escape(parts[0])}({_NUMBER}){re.escape(parts[2])}", re.ASCII)

    @property
    def is_integer(self) -> bool:
        """True if it writes only an integer since the epoch."""
        return self.form in EPOCHS and self.form != "%s_as_float"

    @property
    def is_zoned(self) -> bool:
        """True if its output states the time zone, or needs none."""
        return self.counted is not None or "z" in self.form.lower()

    @cached_property
    def unit(self) -> Unit | None:
        """The smallest step that the format can express, or None if it contains no part of a date or time."""
        text = self.write(_SAMPLE)
        return next((unit for unit, other in _UNITS.items() if self.write(other) != text), None)

    @cached_property
    def is_whole(self) -> bool:
        """True if its output can be parsed again: it has all parts of a date down to its unit."""
        return self.is_read_by(self.parse)

    def is_read_by(self, parse: Callable[[str], datetime]) -> bool:
        """True if a function parses its output."""
        try:
            return all(self.unit and parse(self.write(m)) == self.unit.floor(m) for m in (_SAMPLE, _OTHER_SAMPLE))
        except ValueError:
            return False

    def write(self, moment: datetime) -> str:
        """Formats a moment in UTC; parts smaller than the unit are cut off."""
        moment = moment.astimezone(timezone.utc)
        if "%" in self.form:
            return moment.strftime(_OWN.sub(lambda found: _written(found.group(), moment), self.form))
        import pendulum  # noqa: PLC0415 -- start-up counts

        return pendulum.instance(moment).format(self.form)

    def parse(self, text: str) -> datetime:
        """Parses a text. Without an offset it is UTC; fractions are cut off after six digits.

        Raises:
            ValueError: The text does not match the format.
        """
        try:
            return _plain(self._parse(text))
        except Exception:  # noqa: BLE001 -- pendulum raises errors of several types
            raise ValueError(f"not a date-time as {self.form}") from None

    def _parse(self, text: str) -> datetime:
        if self.counted is not None:
            return self._since_epoch(text, self.counted)
        if "%" not in self.form:
            import pendulum  # noqa: PLC0415 -- start-up counts

            return pendulum.from_format(text, self.form, tz="UTC")
        form = self.form.replace("%_ms", "%f")
        if "%W" in form and not any(directive in form for directive in _WEEKDAYS):
            form, text = f"{form} %w", f"{text} 1"  # a week begins on Monday
        try:
            parsed = datetime.strptime(text, form)  # noqa: DTZ007 -- made aware below
        except ValueError:
            parsed = datetime.strptime(_FRACTION.sub(r"\1", text), form)  # noqa: DTZ007
        return aware(parsed)

    def _since_epoch(self, text: str, counted: timedelta) -> datetime:
        found = self._since.fullmatch(text)
        number = Decimal(found[1] if found else "NaN")
        if not number.adjusted() < _LARGEST:
            raise OverflowError
        return _EPOCH + timedelta(microseconds=int(number * (counted // MICROSECOND)))


def aware(moment: datetime) -> datetime:
    """Sets UTC as the zone of a date-time without an offset."""
    if moment.tzinfo is not None:
        return moment
    return datetime.combine(moment, moment.time(), timezone.utc)  # `replace` takes four times as long


@lru_cache(maxsize=1000)
def compiled(form: str) -> DateFormat:
    """Returns the compiled format of a text, cached."""
    return DateFormat(form)


def shape(text: str) -> str:
    """Returns the format in UTC with the precision of an ISO 8601 text."""
    if _DATE.fullmatch(text):
        return "%Y-%m-%d"
    fraction = _DIGITS.search(text)
    if fraction is None:
        return "%Y-%m-%dT%H:%M:%SZ"
    return "%Y-%m-%dT%H:%M:%S.%_msZ" if len(fraction[1]) <= _OF_MILLISECONDS else "%Y-%m-%dT%H:%M:%S.%fZ"


def local_shape(text: str) -> str:
    """Returns the same format as `shape`, without a zone if the text has none."""
    return shape(text) if _ZONE.search(text, len("YYYY-MM-DD")) else shape(text).removesuffix("Z")


def _written(directive: str, moment: datetime) -> str:
    if directive == "%%":
        return "%%"
    if directive == "%Y":  # some systems do not pad it with zeros
        return f"{moment.year:04}"
    if directive == "%_ms":
        return f"{moment.microsecond // 1000:03}"
    since = moment - _EPOCH
    if directive == "%s_as_float":
        return f"{Decimal(since // MICROSECOND).scaleb(-6):f}"
    return str(since // EPOCHS[directive])


def _plain(moment: datetime) -> datetime:
    """Converts to UTC, and from pendulum's type to a plain datetime."""
    utc = moment.astimezone(timezone.utc)
    return datetime.combine(utc.date(), utc.time(), timezone.utc)
