"""The functions and filters that templates may call, under the CDK's names."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

import msgspec
from jinja2.filters import do_urlencode

from source_rest_api.errors import ConfigError
from source_rest_api.formats import datetimes, raw_json
from source_rest_api.templates import one_request
from source_rest_api.templates.scalars import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pendulum import Duration

_LONGEST_PATTERN = 1_000
_LONGEST_SUBJECT = 100_000
_REGEX_SECONDS = 1.0
_HASHES = frozenset(
    {"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s"}
)

_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode


class Moment(datetime):
    """A time in UTC, formatted as RFC 3339. Formats may use `%s` (epoch seconds) and `%ms` (epoch milliseconds)."""

    @classmethod
    def of(cls, moment: datetime) -> Moment:
        """Converts a time to UTC."""
        utc = moment.astimezone(timezone.utc)
        return cls.combine(utc.date(), utc.time(), timezone.utc)

    def strftime(self, form: str) -> str:
        """Formats the time."""
        return datetimes.write(self._plain(), form)

    def __str__(self) -> str:
        return datetimes.write(self._plain())

    def __add__(self, other: timedelta) -> Moment:
        return self._moved(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._moved(other, -1) if isinstance(other, timedelta) else self._plain() - other

    def _plain(self) -> datetime:
        return datetime.combine(self.date(), self.time(), timezone.utc)

    def _moved(self, by: timedelta, sign: int) -> Moment:
        """Adds or subtracts a duration. Years and months follow the calendar."""
        years, months = getattr(by, "years", 0), getattr(by, "months", 0)
        if not years and not months:
            return Moment.of(self._plain() + timedelta(seconds=by.total_seconds()) * sign)
        import pendulum  # noqa: PLC0415 -- only calendars need it

        here = pendulum.instance(self._plain())
        return Moment.of(here + by if sign > 0 else here - by)


class Day(date):
    """A date with the formats of `Moment`, as midnight in UTC."""

    @classmethod
    def of(cls, day: date) -> Day:
        """Converts a date to this class."""
        return cls(day.year, day.month, day.day)

    def strftime(self, form: str) -> str:
        """Formats the date."""
        return self._midnight().strftime(form)

    def __add__(self, other: timedelta) -> Day:
        return Day.of((self._midnight() + other).date())

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return Day.of((self._midnight() - other).date()) if isinstance(other, timedelta) else super().__sub__(other)

    def _midnight(self) -> Moment:
        return Moment(self.year, self.month, self.day, tzinfo=timezone.utc)


def now_utc() -> Moment:
    """Returns the current time in UTC."""
    return Moment.of(one_request.now())


def today_utc() -> Day:
    """Returns the current date in UTC."""
    return Day.of(now_utc().date())


def today_with_timezone(name: str) -> Day:
    """Returns the current date in a time zone, such as `Europe/Berlin`."""
    return Day.of(one_request.now().astimezone(ZoneInfo(name)).date())


def day_delta(num_days: int, format: str = "%Y-%m-%dT%H:%M:%S.%f%z") -> str:  # noqa: A002 -- the CDK's name
    """Returns the current time plus a number of days, formatted."""
    return (now_utc() + timedelta(days=num_days)).strftime(format)


def duration(text: str) -> Duration:
    """Parses an ISO 8601 duration, such as `P30D` or `P1M`, to add to a time or subtract from it."""
    import pendulum  # noqa: PLC0415 -- start-up counts

    parsed = pendulum.parse(text, exact=True) if text[:1] == "P" else None
    if not isinstance(parsed, pendulum.Duration):
        raise ValueError("not a duration")  # noqa: TRY004 -- the text is wrong, not its type
    return parsed


def str_to_datetime(text: str) -> Moment:
    """Parses a time; without an offset, it is in UTC."""
    return Moment.of(datetimes.parse(text))


def timestamp(value: float | str | date) -> int:
    """Returns the epoch seconds of a time or its text; truncates numbers to whole seconds."""
    return int(value) if isinstance(value, int | float) else int(_moment(value).timestamp())


def format_datetime(value: Any, format: str, input_format: str | None = None) -> str:  # noqa: A002 -- the CDK's name
    """Formats a time, its text, or epoch seconds."""
    return _moment(value, input_format).strftime(format)


def _moment(value: Any, form: str | None = None) -> Moment:
    if form == "%ms":
        return Moment.of(datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=int(value)))
    if form == "%s" or isinstance(value, int | float):
        return Moment.of(datetime.fromtimestamp(float(value), timezone.utc))
    if isinstance(value, datetime):
        return Moment.of(datetimes.aware(value))
    if isinstance(value, date):
        return Moment(value.year, value.month, value.day, tzinfo=timezone.utc)
    if form:
        return Moment.of(datetimes.aware(datetime.strptime(value, form)))  # noqa: DTZ007 -- it is made aware
    return str_to_datetime(value)


def camel_case_to_snake_case(value: str) -> str:
    """Converts `CamelCase` to `camel_case`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", value).lower()


def tojson(value: Any) -> str:
    """Encodes a value as JSON; decimals keep their digits."""
    return _encode(value).decode()


def sanitize_url(value: Any) -> str:
    """Percent-encodes a text as one part of a query: a slash becomes `%2F`, and a space `+`.

    Raises:
        NullError: The value is null.
    """
    return quote_plus(as_text(value))


def urlencode(value: Any) -> str:
    """Percent-encodes a text and keeps its slashes; writes an object or pairs as a query string.

    Raises:
        NullError: The value is null.
    """
    return do_urlencode(value if isinstance(value, dict | list | tuple) else as_text(value))


def safe(value: Any) -> str:
    """Returns the text unchanged, to insert it into a path without encoding.

    Raises:
        NullError: The value is null.
    """
    return as_text(value)


def hashed(value: Any, hash_type: str = "md5", salt: str | None = None) -> str:
    """Returns a hash in hexadecimal digits."""
    if hash_type not in _HASHES:
        raise ValueError("unknown hash")
    return hashlib.new(hash_type, f"{value}{salt or ''}".encode(), usedforsecurity=False).hexdigest()


def signed(value: Any, key: str, hash_type: str = "sha256", encoding: str = "hex") -> str:
    """Returns a keyed hash (HMAC) in hexadecimal digits, or with the encoding `base64` in base64."""
    if hash_type not in _HASHES or encoding not in {"hex", "base64"}:
        raise ValueError("unknown hash or encoding")
    digest = hmac.new(str(key).encode(), str(value).encode(), hash_type).digest()
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def base64encode(value: Any) -> str:
    """Encodes a text in base64."""
    return base64.b64encode(str(value).encode()).decode()


def base64decode(value: str) -> str:
    """Decodes a text from base64."""
    return base64.b64decode(value, validate=True).decode()


def regex_search(value: Any, pattern: str) -> str:
    """Returns the first group of the first match, or the match if there is no group; empty if nothing matches."""
    with _bounded(value, pattern) as regex:
        match = regex.search(pattern, str(value), timeout=_REGEX_SECONDS)
    return str(match.group(1 if match.re.groups else 0) or "") if match else ""


def regex_replace(value: Any, pattern: str, replacement: str) -> str:
    """Returns the text with every match replaced."""
    with _bounded(value, pattern, replacement) as regex:
        return str(regex.sub(pattern, replacement, str(value), timeout=_REGEX_SECONDS))


@contextmanager
def _bounded(value: Any, *patterns: str) -> Iterator[Any]:
    """Limits the length of pattern and subject, and the time to match; yields the module `regex`."""
    import regex  # noqa: PLC0415 -- few configs need it, and it takes long to import

    if max(map(len, patterns)) > _LONGEST_PATTERN or len(str(value)) > _LONGEST_SUBJECT:
        raise ConfigError(
            f"a pattern may have at most {_LONGEST_PATTERN:,} characters, and its text {_LONGEST_SUBJECT:,}"
        )
    try:
        yield regex
    except regex.error as error:
        raise ConfigError(f"the regular expression is not valid ({error.msg})") from None
    except TimeoutError:
        raise ConfigError(f"the regular expression took more than {_REGEX_SECONDS:g} s") from None


_UNDER_THEIR_OWN_NAMES: tuple[Callable[..., Any], ...] = (
    camel_case_to_snake_case,
    day_delta,
    duration,
    format_datetime,
    max,
    min,
    now_utc,
    sanitize_url,
    str_to_datetime,
    timestamp,
    today_utc,
    today_with_timezone,
)

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "generate_uuid": one_request.random_uuid,
    "json_loads": raw_json.decode_exactly,
    **{function.__name__: function for function in _UNDER_THEIR_OWN_NAMES},
}

FILTERS: dict[str, Callable[..., Any]] = {
    "base64decode": base64decode,
    "base64encode": base64encode,
    "hash": hashed,
    "hmac": signed,
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "safe": safe,
    "tojson": tojson,
    "urlencode": urlencode,
}
