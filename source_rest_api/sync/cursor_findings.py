"""Checks the cursor field in a sample: every record has a value, which the configured format parses correctly."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from source_rest_api.cursors.cursors import Slice
from source_rest_api.cursors.datetime_cursor import DatetimeCursor
from source_rest_api.cursors.field_cursor import FieldCursor
from source_rest_api.formats import date_formats, raw_json
from source_rest_api.formats.excerpt import excerpt
from source_rest_api.sync.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_rest_api.sync.sampled_pages import Sample

_DAYS = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y%m%d", "%d %b %Y")
_DAYS_IN_WORDS = ("%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%a %b %d %Y")
_TIMES = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S", "T%H:%M:%SZ", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S %z", "T%H%M%SZ")
_OTHERS = ("%s", "%ms", "%us", "%a, %d %b %Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %z %Y")
FORMATS = (*_OTHERS, *(day + time for day in (*_DAYS, *_DAYS_IN_WORDS) for time in _TIMES))
"""Date formats to propose if a sample has them."""
_FIRST, _LAST = datetime(1980, 1, 1, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)
"""Plausible range of times since the epoch."""
_SHOWN = 40
_FEW = 2
"""Number of distinct values that may be in order by chance."""


def of_cursor(sample: Sample, now: datetime) -> Iterator[Finding]:
    """Yields problems of the cursor field. Another check finds a field that no record has.

    Args:
        sample: The sample.
        now: The time of the check.
    """
    cursor = sample.stream.endpoint.incremental
    if not isinstance(cursor, FieldCursor) or not sample.pages:
        return
    where, texts, values = str(sample.pages[0].page.request), *_read(sample, cursor)
    given = [text for text in texts if text is not None]
    unread = [text for text, value in zip(texts, values, strict=True) if text is not None and value is None]
    if given and len(given) < len(texts):
        yield Finding(
            f"{len(texts) - len(given)} of {len(texts)} records have no value in `{cursor.source}` "
            "(`incremental.cursor_field`), so the cursor does not advance with them",
            fails=False,
            where=where,
        )
    if unread:
        yield _unreadable(cursor, given, unread, where)
    elif isinstance(cursor, DatetimeCursor):
        yield from _swapped(cursor, given, now, where)


def _read(sample: Sample, cursor: FieldCursor) -> tuple[list[str | None], list[Any]]:
    """Returns the value of the cursor field in each record: as text, None if it is absent or null, and as parsed."""
    made = sample.stream.reader.adds_cursor
    texts: list[str | None] = []
    values: list[Any] = []
    for sampled in sample.pages:
        records = sampled.emitted if made else sampled.page.records
        values += cursor.observe(replace(sampled.page, records=records), Slice()).values
        for record in records:
            found = raw_json.find(record, cursor.cursor_field)
            texts.append(None if found is None or raw_json.kind(found) == "null" else raw_json.text(found))
    return texts, values


def _unreadable(cursor: FieldCursor, given: Sequence[str], unread: Sequence[str], where: str) -> Finding:
    proposed = [form for form in FORMATS if plausible(form, given)] if isinstance(cursor, DatetimeCursor) else []
    listed = " or ".join(f"`{form}`" for form in proposed)
    if proposed:
        choice = "" if len(proposed) == 1 else " (the sample fits each of them)"
        advice = f"Set `incremental.record_format` to {listed}{choice}"
    elif isinstance(cursor, DatetimeCursor):
        advice = "Set `incremental.record_format`, or choose another `cursor_field`"
    else:
        advice = "Choose another `cursor_field`, or another `type`"
    return Finding(
        f"{len(unread)} of {len(given)} values in `{cursor.source}`, such as `{excerpt(unread[0], _SHOWN)}`, are not "
        f"{cursor.expected}, so the cursor does not advance with them. {advice}",
        fails=bool(proposed) or len(unread) == len(given),
        where=where,
    )


def _swapped(cursor: DatetimeCursor, given: Sequence[str], now: datetime, where: str) -> Iterator[Finding]:
    """Yields a finding if the values make sense only with day and month swapped."""
    form = next(iter(cursor.record_format), "")
    other = form.translate({ord("d"): "m", ord("m"): "d"}) if "%d" in form and "%m" in form else form
    if other == form or not plausible(other, given) or not plausible(form, given):
        return
    configured, exchanged = _parsed(form, given), _parsed(other, given)
    tomorrow = now + timedelta(days=1)
    future = max(configured) > tomorrow >= max(exchanged)
    unordered = len(set(given)) > _FEW and _is_ordered(exchanged) and not _is_ordered(configured)
    if future or unordered:
        why = "lie in the future" if future else "are in no order, but would be in order with day and month swapped"
        yield Finding(
            f"the values in `{cursor.source}`, such as `{excerpt(given[0], _SHOWN)}`, read as `{form}`, {why}. Set "
            f"`incremental.record_format` to `{other}`",
            where=where,
        )


def _is_ordered(moments: list[datetime]) -> bool:
    return moments == sorted(moments) or moments == sorted(moments, reverse=True)


def _parsed(form: str, texts: Sequence[str]) -> list[datetime]:
    return [date_formats.compiled(form).parse(text) for text in texts]


def plausible(form: str, texts: Sequence[str]) -> bool:
    """True if a date format reads all texts, as moments that data may have."""
    try:
        return all(_FIRST < moment < _LAST for moment in _parsed(form, texts))
    except ValueError:
        return False
