"""Cursors: which records a sync asks for, and how the interval reaches the API."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, get_args

from source_rest_api.errors import ConfigError
from source_rest_api.formats import date_formats, datetimes
from source_rest_api.formats.periods import Period
from source_rest_api.http.request_body import texts_in
from source_rest_api.manifest import document, interpolation, requester
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope

START, END = "stream_interval.start_time", "stream_interval.end_time"
_OPTIONS = (
    ("start_time_option", "start_param"),
    ("start_value_option", "start_param"),
    ("end_time_option", "end_param"),
)
_NOW = re.compile(r"\{\{\s*(now_utc|today_utc)\(\)(\.(strftime|isoformat)\([^()]*\))?\s*\}\}")
_LOG = logging.getLogger("airbyte.source_rest_api.manifest.cursors")
_OLD_LENGTH = re.compile(r"(\d+)([dwmy])")
FORMAT = "%Y-%m-%dT%H:%M:%S.%f%z"
"""The `datetime_format` that the CDK has by default."""
_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"
_DAY_UNITS = {"day", "week", "month", "year"}


def interval_names(cursor: Component | None) -> dict[str, str]:
    """Returns what `stream_slice` holds of an interval, as expressions."""
    cursor = cursor or {}
    names = {
        cursor.get("partition_field_start") or "start_time": START,
        cursor.get("partition_field_end") or "end_time": END,
    }
    return {str(name): expression for name, expression in names.items()}


def increment(cursor: Component, endpoint: dict[str, Any], scope: Scope) -> None:
    """Sets the `incremental` of an endpoint, and puts the interval into its request.

    Raises:
        ConfigError: The cursor has no equivalent here.
    """
    make = {"DatetimeBasedCursor": _datetime, "IncrementingCountCursor": _count}.get(str(cursor.get("type")))
    if make is None:
        raise document.lacking(cursor)
    settings = make(cursor, scope)
    for option, name in _OPTIONS:
        given = cursor.get(option)
        if given and cursor.get("only_first_page"):
            requester.inject(endpoint, given, requester.on_first_page(END if name == "end_param" else START), scope)
        elif given:
            _place(given, name, settings, endpoint, scope)
    for each in cursor.get("also_sends") or []:
        requester.inject(endpoint, each["option"], scope.value(each["value"]), scope)
    endpoint["incremental"] = _fitting(settings, endpoint, cursor, scope)


def _place(option: Component, name: str, settings: dict[str, Any], endpoint: dict[str, Any], scope: Scope) -> None:
    """Names the parameter of a bound, or writes a template where the parameters of both are in different places."""
    place = {"params": "query", "headers": "header"}.get(requester.PLACES.get(str(option.get("inject_into")), ""))
    path = requester.field_path(option, scope)
    if place and settings.get("in", place) == place and len(path) == 1:
        settings[name], settings["in"] = path[0], place
    else:
        bound = START if name == "start_param" else END
        requester.inject(endpoint, option, f"{{{{ {_numbered(bound, settings)} }}}}", scope)


def _numbered(bound: str, settings: dict[str, Any]) -> str:
    """A bound of an interval in a body: a number where it counts since the epoch, as the CDK sends it."""
    form = settings.get("format") or next(iter(settings.get("record_format", ())), "")
    return f"{bound} | int" if form in date_formats.EPOCHS and form != "%s_as_float" else bound


def _fitting(settings: dict[str, Any], endpoint: dict[str, Any], cursor: Component, scope: Scope) -> dict[str, Any]:
    """Drops the settings that need a bound which the request does not send."""
    texts = " ".join(texts_in({key: value for key, value in endpoint.items() if key != "name"}))
    if "end_param" not in settings and END not in texts:
        needed = {"step", "end_date", "end", "end_inclusive", "whole_periods", "week_start"}
        settings = {name: value for name, value in settings.items() if name not in needed}
    if cursor.get("sorted"):
        settings["sorted"] = True
    if scope.value(cursor.get("is_data_feed")) is True:
        return {**settings, "mode": "newest_first"}
    if scope.value(cursor.get("is_client_side_incremental")) is True:
        return {**settings, "mode": "client_filter"}
    return settings if "start_param" in settings else {**settings, "mode": "server_filter"}


def _datetime(cursor: Component, scope: Scope) -> dict[str, Any]:
    form = scope.known(cursor.get("datetime_format"), "`datetime_format`") or FORMAT
    settings: dict[str, Any] = {"type": "datetime", "cursor_field": _field(cursor, scope), "format": form}
    forms = [scope.known(each, "`cursor_datetime_formats`") for each in cursor.get("cursor_datetime_formats") or [form]]
    if not all(_is_iso(each) for each in forms):
        settings["record_format"] = forms
    start = _moment(cursor.get("start_datetime"), form, scope)
    if start:
        settings["start_date"] = start
    unit = date_formats.compiled(form).unit
    if unit is not None and unit.name in _DAY_UNITS:
        settings["end_inclusive"] = True
    settings |= _periods(cursor.get("clamping") or {}, scope)
    end = cursor.get("end_datetime")
    if end and not _is_now(end):
        settings["end_date"] = _moment(end, form, scope)
    elif "end_inclusive" in settings and "whole_periods" not in settings:
        settings["end_date"] = "{{ today_utc() }}"
    for name, given in (("step", "step"), ("lookback", "lookback_window")):
        length = scope.known(cursor.get(given), f"`{given}`")
        length = _length(str(length or ""), given, is_own=cursor.get(given) == length)
        if length:
            settings[name] = length
    return {name: value for name, value in settings.items() if value is not None}


def _periods(clamping: Component, scope: Scope) -> dict[str, Any]:
    """Returns the settings that have windows begin and end with calendar periods."""
    if not clamping:
        return {}
    period = str(scope.known(clamping.get("target"), "`clamping.target`")).lower()
    if period not in get_args(Period):
        raise ConfigError(f"`clamping.target: {clamping.get('target')}` is none of `DAY`, `WEEK` and `MONTH`")
    if period != "week":
        return {"whole_periods": period}
    details = clamping.get("target_details") or {}
    return {"whole_periods": period, "week_start": str(details.get("weekday") or "MONDAY").lower()}


def _count(cursor: Component, scope: Scope) -> dict[str, Any]:
    start = scope.known(cursor.get("start_value"), "`start_value`")
    return {
        "type": "integer",
        "cursor_field": _field(cursor, scope),
        **({} if start in {None, ""} else {"start": str(start)}),
    }


def _field(cursor: Component, scope: Scope) -> list[str]:
    """The cursor field: the CDK takes a name with dots for one key."""
    return [str(scope.known(cursor.get("cursor_field"), "`cursor_field`"))]


def _is_iso(form: str) -> bool:
    return date_formats.compiled(form).is_read_by(datetimes.parse)


def _length(text: str, field: str, *, is_own: bool) -> str | None:
    """Returns a length of time in ISO 8601; None for none. The first versions wrote `30d`, `2w`, `1m` and `1y`.

    Args:
        text: The length.
        field: Where it stands.
        is_own: True if the manifest itself says it, and not the config.
    """
    old = _OLD_LENGTH.fullmatch(text)
    text = f"P{old[1]}{old[2].upper()}" if old else text
    if not text or templates.has_holes(text):
        return text or None
    if datetimes.is_zero_duration(text):
        return None
    try:
        datetimes.duration(text)
    except ValueError:
        problem = f"`{field}: {text}` is not a length of time in ISO 8601, such as `P30D`"
        if is_own:
            raise ConfigError(problem) from None
        _LOG.warning("%s. The config gives it; streams are read without it.", problem)
        return None
    return text


def _is_now(given: Any) -> bool:
    given = given.get("datetime") if isinstance(given, dict) and not given.get("max_datetime") else given
    return isinstance(given, str) and _NOW.fullmatch(given.strip()) is not None


def _moment(given: Any, form: str, scope: Scope) -> str | None:
    """Returns a moment as ISO 8601 text, or as a template that gives one."""
    limits = given if isinstance(given, dict) else {"datetime": given}
    scope = scope.of(limits) if "$parameters" in limits else scope
    text = limits.get("datetime")
    forms = [scope.value(limits.get("datetime_format")) or form, form, FORMAT]
    bounds = {name: limits.get(name) for name in ("min_datetime", "max_datetime") if limits.get(name)}
    if scope.config is None and isinstance(text, str) and "config" in interpolation.names(text):
        return _from_config(text, bounds, forms, scope)
    if not bounds and isinstance(text, str) and _is_template(text, scope):
        return str(scope.value(text))
    moment = _parsed(text, forms, scope)
    lowest, highest = (_parsed(bounds.get(name), forms, scope) for name in ("min_datetime", "max_datetime"))
    moment = max(filter(None, (moment, lowest)), default=None)
    moment = min(filter(None, (moment, highest)), default=None)
    return None if moment is None else datetimes.write(moment)


def _from_config(text: str, bounds: dict[str, Any], forms: list[str], scope: Scope) -> str:
    """Returns a moment that the config says, where the config is not known yet."""
    if bounds:
        raise ConfigError("a start with bounds that the config says has no equivalent in an imported connector")
    if _is_iso(forms[0]):
        return str(scope.value(text))
    inner = scope.expression(text)[2:-2].strip()
    return f"{{{{ format_datetime({inner}, {_ISO!r}, {forms[0]!r}) if ({inner}) }}}}"


def _is_template(text: str, scope: Scope) -> bool:
    """True if a moment stays a template: it reads a parent's record, or the clock and gives ISO 8601."""
    if not scope.is_known(text):
        return True
    if not interpolation.is_volatile(text):
        return False
    try:
        datetimes.parse(str(scope.known(text, "the start or the end")))
    except ValueError:
        return False
    return True


def _parsed(text: Any, forms: list[str], scope: Scope) -> Any:
    value = scope.known(text, "the start or the end")
    if value is None or value == "":
        return None
    try:
        return datetimes.parse_as(str(value), tuple(forms))
    except ValueError:
        pass
    try:
        return datetimes.parse(str(value))
    except ValueError:
        raise ConfigError(f"`{text}` gives no date-time in the format `{forms[0]}`") from None
