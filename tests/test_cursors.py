"""Cursor values are read in whatever form the API writes them, kept as it wrote them, and cost no record."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from pydantic import ValidationError

from source_rest_api.cursors.cursors import CursorValue, DatetimeCursor, IntegerCursor, PageCursors, Slice
from source_rest_api.formats import datetimes
from source_rest_api.http.request import Request
from source_rest_api.http.response import Response
from source_rest_api.pagination.page import Page

UTC = timezone.utc
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
REQUEST = Request("GET", "https://h/items", params={"state": "all"})


def cursor(field: str = "at", **settings: Any) -> DatetimeCursor:
    """Make a cursor from its config."""
    return DatetimeCursor.model_validate({"cursor_field": field, **settings})


def records(*values: bytes) -> list[Raw]:
    """Make records with these values, as JSON text, in the field `at`."""
    return [Raw(b'{"id":%d,"at":%b}' % (n, value)) for n, value in enumerate(values)]


def observe(cursor: DatetimeCursor | IntegerCursor, records: list[Raw], interval: Slice) -> PageCursors:
    """Let a cursor see a page with these records."""
    return cursor.observe(Page(REQUEST, Response(200, {}, b"", "https://h"), Raw(b"null"), records), interval)


def slices(cursor: DatetimeCursor, state: str | None, start_date: str | None, now: datetime) -> list[Slice]:
    """Give the intervals of a sync."""
    saved = None if state is None else cursor.mark(state)
    return list(cursor.windows(cursor.bounds(saved, start_date, now, {})))


def newest(*values: bytes, field: str = "at") -> str | None:
    """Give the text of the newest value."""
    mark = observe(cursor(field), records(*values), Slice()).newest
    return None if mark is None else mark.text


# The newest value


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([b'"2024-01-01T00:00:00Z"', b'"2024-01-02T00:00:00Z"'], "2024-01-02T00:00:00Z"),
        # as the API wrote it: its own form, digits, offset, letters
        ([b'"2024-01-01T00:00:00.120000+00:00"'], "2024-01-01T00:00:00.120000+00:00"),
        ([b'"2024-01-01T00:00:00.123456789Z"'], "2024-01-01T00:00:00.123456789Z"),
        ([b'"2024-01-01t00:00:00z"'], "2024-01-01t00:00:00z"),
        ([b'"2024-01-01T00:00:00+0000"'], "2024-01-01T00:00:00+0000"),
        ([b'"2024-01-01 00:00:00"'], "2024-01-01 00:00:00"),
        ([b'"2024-01-01"'], "2024-01-01"),
        ([b"20240101"], "20240101"),
        ([rb'"2024-01-01T00:00:00\u002b00:00"'], "2024-01-01T00:00:00+00:00"),
        ([b'"2016-12-31T23:59:60Z"', b'"2016-12-31T23:59:59Z"'], "2016-12-31T23:59:60Z"),
        # compared as moments, not as texts
        ([b'"2024-01-01T23:00:00-02:00"', b'"2024-01-02T00:30:00Z"'], "2024-01-01T23:00:00-02:00"),
        ([b'"2024-01-01T10:00:00"', b'"2024-01-01T11:30:00+02:00"'], "2024-01-01T10:00:00"),
        ([b'"2024-01-01"', b'"2024-01-01T00:00:01Z"', b'"2023-12-31 23:00:00"'], "2024-01-01T00:00:01Z"),
        ([b'"2024-01-02"', b'"2024-01-01T23:59:59.9Z"'], "2024-01-02"),
        # what cannot be read moves nothing
        ([b"null", b'"2024-01-01T00:00:00Z"', b'"garbage"', b'""', b"{}", b"true"], "2024-01-01T00:00:00Z"),
        ([b'"now"', b'"12:30"', b"1700000000", b'"0000-00-00 00:00:00"', b'"9999-12-31T23:59:60Z"'], None),
        ([], None),
    ],
)
def test_the_newest_value_is_kept_as_the_api_wrote_it(values: list[bytes], text: str | None) -> None:
    """State has the API's own text, whatever the forms it stands among."""
    assert newest(*values) == text


def test_the_moment_of_the_newest_value_is_aware() -> None:
    """It has a zone, because it is compared with the current time."""
    for value in (b'"2024-05-01T00:00:00"', b'"2024-05-01"', b'"2024-05-01T02:00:00+02:00"'):
        mark = observe(cursor(), records(value), Slice()).newest
        assert mark is not None
        assert mark.value == datetime(2024, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "record"),
    [
        ("meta.updated", b'{"meta":{"x":1,"updated":"2024-01-01"}}'),
        ("meta.updated", b'{"meta":{"x":1,"updated":"2024-01-01T00:00:00Z"}}'),
        ("meta.updated", b'{"meta.updated":"2024-01-01T00:00:00Z"}'),
        ("meta.updated", b'{"meta.updated":"2024-01-01T00:00:00Z","meta":null}'),
        ("history.-1.at", b'{"history":[{"at":"2023-01-01"},{"at":"2024-01-01T00:00:00Z"}]}'),
        ("\u00e9\u4e2d", '{"\u00e9\u4e2d":"2024-01-01T00:00:00Z"}'.encode()),
        ("class", b'{"class":"2024-01-01T00:00:00Z"}'),
        ("with space-and$", b'{"with space-and$":"2024-01-01T00:00:00Z"}'),
    ],
)
def test_the_field_may_stand_anywhere(field: str, record: bytes) -> None:
    """Nested, in a list, in a key with a dot, in a key that is no name in Python."""
    observation = observe(cursor(field), [Raw(record)], Slice())
    assert observation.unreadable == 0
    assert observation.newest is not None
    assert observation.newest.value == datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("field", ["at", "meta.at", "at.0", "a.b.c"])
@pytest.mark.parametrize(
    "record",
    [
        b"{}",
        b'{"at":null}',
        b'{"meta":null}',
        b'{"meta":[]}',
        b'{"meta":"x"}',
        b'{"a":{"b":7}}',
        b'{"At":"2024-01-01"}',
    ],
)
def test_a_record_without_the_field_is_emitted_and_counted(field: str, record: bytes) -> None:
    """It is not lost, even with the filter in the connector, and does not move the cursor."""
    start = Slice(CursorValue(NOW, "x"))
    observation = observe(cursor(field, mode="client_filter"), [Raw(record)], start)
    assert (observation.records, observation.newest, observation.unreadable) == ([Raw(record)], None, 1)


# Filtering


def test_this_connector_filters_where_the_api_cannot() -> None:
    """Without `start_param`, or if configured, the connector filters; ties with the start stay."""
    assert cursor().filters_here
    assert cursor(start_param="since", mode="client_filter").filters_here
    assert not cursor(start_param="since").filters_here
    assert not cursor(mode="server_filter").filters_here
    page = records(b'"2024-05-31"', b'"2024-06-01T12:00:00Z"', b'"2024-06-01T14:00:00+02:00"', b'"2024-06-02"', b'"?"')
    interval = Slice(CursorValue(NOW, "2024-06-01T12:00:00Z"))
    seen = observe(cursor(), page, interval)
    assert (seen.records, seen.newest) == (page[1:], CursorValue(NOW + timedelta(hours=12), "2024-06-02"))
    assert (seen.unreadable, seen.examples) == (1, ('"?"',))
    assert observe(cursor(mode="server_filter"), page, interval).records == page
    assert observe(cursor(), page, Slice()).records == page


FORMS = [
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S+00:00",
    "%Y%m%dT%H%M%SZ",
]
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda m: m.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001
WRITTEN = st.builds(lambda moment, form: (moment, moment.strftime(form)), MOMENTS, st.sampled_from(FORMS))
UNREADABLE: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "garbage", "now", 17, True, [], {}, "2024-02-30", "9999-12-31T23:59:60Z"]
)


@given(st.lists(WRITTEN | UNREADABLE.map(lambda value: (None, value)), max_size=8), MOMENTS)
def test_any_mixture_of_forms_loses_nothing(values: list[tuple[datetime | None, Any]], start: datetime) -> None:
    """Records leave only if they are surely older; the newest value is the largest moment, in the API's own text."""
    page = [Raw(json.dumps({"id": n, "at": value}).encode()) for n, (_, value) in enumerate(values)]
    observation = observe(cursor(), page, Slice(CursorValue(start, "")))
    moments = [moment for moment, _ in values]
    assert observation.records == [r for r, m in zip(page, moments, strict=True) if m is None or m >= start]
    assert observation.unreadable == moments.count(None)
    known = [moment for moment in moments if moment is not None]
    if not known:
        assert observation.newest is None
    else:
        assert observation.newest is not None
        assert observation.newest.value == max(known)
        assert (max(known), observation.newest.text) in values


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.sampled_from("ab"), v)
    )
)
def test_any_record_can_be_observed(value: Any) -> None:
    """Whatever value the cursor field has, the record is emitted."""
    for record in ({"a": value}, {"a": {"b": value}}, {"a.b": value}):
        page = [Raw(json.dumps(record).encode())]
        for field in ("a", "a.b"):
            assert observe(cursor(field), page, Slice()).records == page


def test_threads_share_a_cursor() -> None:
    """Several partitions are read at the same time with one cursor."""
    shared = cursor()
    page = records(b'"2024-01-01"', b'"2024-01-01T00:00:01Z"')
    with ThreadPoolExecutor(8) as pool:
        marks = list(pool.map(lambda _: observe(shared, page, Slice()).newest, range(200)))
    assert {mark.text for mark in marks if mark} == {"2024-01-01T00:00:01Z"}
    assert None not in marks


# What is asked for


@pytest.mark.parametrize(
    ("state", "own", "common", "start"),
    [
        (None, None, None, None),
        (None, None, "2024-01-01", "2024-01-01"),
        (None, "2024-02-01T00:00:00Z", "2024-01-01", "2024-02-01T00:00:00Z"),
        ("2024-03-01T00:00:00.100Z", "2024-02-01T00:00:00Z", "2024-01-01", "2024-03-01T00:00:00.100Z"),
    ],
)
def test_the_start_of_a_slice(state: str | None, own: str | None, common: str | None, start: str | None) -> None:
    """The state, else the stream's start date, else the connector's, else everything; in its own text."""
    [interval] = slices(cursor(start_date=own, start_param="since"), state, common, NOW)
    assert interval.end == CursorValue(NOW, "2024-06-01T12:00:00Z")
    expected = {} if start is None else {"since": start}
    assert cursor(start_param="since").place(REQUEST, interval).params == {"state": "all", **expected}


def test_the_end_of_a_slice_is_now() -> None:
    """If the API takes an end, it is the current time."""
    both = cursor(start_param="since", end_param="until")
    [interval] = slices(both, "2024-03-01", None, NOW)
    params = {"state": "all", "since": "2024-03-01", "until": "2024-06-01T12:00:00Z"}
    assert both.place(REQUEST, interval).params == params
    assert cursor().place(REQUEST, interval) is REQUEST


@pytest.mark.parametrize(
    ("form", "since"),
    [
        ("%Y-%m-%d", "2024-02-29"),
        ("%s", "1709247600"),
        ("%ms", "1709247600500"),
        ("%d.%m.%Y %H:%M:%S", "29.02.2024 23:00:00"),
    ],
)
def test_a_format_writes_the_moment_in_utc(form: str, since: str) -> None:
    """Whatever offset the state has, the parameter is in UTC and never later."""
    formatted = cursor(start_param="since", format=form)
    [interval] = slices(formatted, "2024-03-01T01:00:00.5+02:00", None, NOW)
    assert formatted.place(REQUEST, interval).params["since"] == since


def test_a_state_that_is_no_date_time_is_refused() -> None:
    """An unreadable state does not mean a start from the beginning."""
    with pytest.raises(ValueError, match="not a date-time"):
        slices(cursor(), "yesterday", None, NOW)


@pytest.mark.parametrize("start_date", ["yesterday", "now", "", "12:30", "2024-02-30", 20240101])
def test_a_start_date_that_is_none_is_refused(start_date: Any) -> None:
    """When the config is loaded, not when the first sync runs."""
    with pytest.raises(ValidationError):
        cursor(start_date=start_date)


@given(MOMENTS.map(datetimes.write))
def test_a_start_date_is_kept_as_written(text: str) -> None:
    """The start date is checked, but not rewritten."""
    assert cursor(start_date=text).start_date == text


DURATIONS = st.sampled_from(["PT1H", "P1D", "P7D", "P1M", "P3M", "P1Y", "P1M10DT3H"])
MOMENTS = st.integers(1_420_070_400, 1_767_225_600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(start=MOMENTS, step=DURATIONS, days=st.floats(0, 400))
def test_intervals_cover_everything_without_a_gap(start: datetime, step: str, days: float) -> None:
    """The first begins at the start, each next one where the last ended, the last ends now; they end."""
    now = start + timedelta(days=days)
    intervals = list(slices(cursor(step=step, end_param="until"), datetimes.write(start), None, now))
    starts = [interval.start.value for interval in intervals if interval.start]
    ends = [interval.end.value for interval in intervals if interval.end]
    assert (starts[0], ends[-1]) == (start, now)
    assert starts[1:] == ends[:-1]
    assert all(begin < end for begin, end in zip(starts, ends, strict=True)) or start == now


def test_months_are_the_calendars() -> None:
    """`P1M` from the last of a month goes to the last of the next ones, not ever further to the front."""
    now = datetime(2024, 5, 2, tzinfo=UTC)
    intervals = slices(cursor(step="P1M", end_param="until"), "2024-01-31T00:00:00Z", None, now)
    borders = [interval.end.text[:10] for interval in intervals if interval.end]
    assert borders == ["2024-02-29", "2024-03-31", "2024-04-30", "2024-05-02"]


@pytest.mark.parametrize(
    ("settings", "state", "expected"),
    [
        ({"whole_periods": "month", "step": "P1M"}, None, ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]),
        ({"whole_periods": "month"}, None, ["2024-01-01", "2024-04-01"]),
        ({"whole_periods": "month", "step": "P10D"}, "2024-02-29", ["2024-02-01", "2024-03-01", "2024-04-01"]),
        ({"whole_periods": "month", "step": "P40D"}, None, ["2024-01-01", "2024-03-01", "2024-04-01"]),
        ({"whole_periods": "month", "lookback": "P1M"}, "2024-03-05", ["2024-02-01", "2024-04-01"]),
        ({"whole_periods": "month"}, "2024-04-03", []),
        ({"whole_periods": "week"}, "2024-03-31", ["2024-03-25", "2024-04-15"]),
        (
            {"whole_periods": "week", "week_start": "sunday", "step": "P7D"},
            "2024-04-06",
            ["2024-03-31", "2024-04-07", "2024-04-14"],
        ),
        ({"whole_periods": "day", "step": "P7D"}, "2024-04-10T09:00:00Z", ["2024-04-10", "2024-04-17"]),
        (
            {"whole_periods": "month", "end_date": "2024-03-31", "end_inclusive": True, "format": "%Y-%m-%d"},
            "2024-02-05",
            ["2024-02-01", "2024-04-01"],
        ),
    ],
)
def test_whole_periods_begin_and_end_with_the_calendar(
    settings: dict[str, Any], state: str | None, expected: list[str]
) -> None:
    """A slice has whole days, weeks or months, and the current one is left for a later sync."""
    now = datetime(2024, 4, 17, 12, tzinfo=UTC)
    found = slices(cursor(start_param="since", end_param="until", **settings), state, "2024-01-16", now)
    assert [each.start.text[:10] for each in found if each.start] == expected[:-1]
    assert [each.end.text[:10] for each in found if each.end] == expected[1:]


def test_a_lookback_goes_back_from_the_state_only() -> None:
    """The first sync begins at the start date, later ones so much before where the last ended."""
    with_lookback = cursor(start_param="since", lookback="P2D")
    [first] = slices(with_lookback, None, "2024-01-10", NOW)
    [later] = slices(with_lookback, "2024-01-10T00:00:00Z", "2024-01-01", NOW)
    starts = [interval.start.text for interval in (first, later) if interval.start]
    assert starts == [
        "2024-01-10",
        "2024-01-08T00:00:00Z",
    ]


@pytest.mark.parametrize(
    ("forms", "values", "newest"),
    [
        ("%s", ["1717200000", "1717200001"], "2024-06-01T00:00:01Z"),
        ("%ms", ["1717200000999", '"1717200000998"'], "2024-06-01T00:00:00.999000Z"),
        ("%s", ["1717200000.5", "1717200000.25"], "2024-06-01T00:00:00.500000Z"),
        (["%d/%m/%Y", "%Y%m%d"], ['"31/12/2023"', '"20240102"'], "2024-01-02T00:00:00Z"),
    ],
)
def test_other_forms_of_the_field(forms: str | list[str], values: list[str], newest: str) -> None:
    """Epochs as numbers or text, and any strptime format, are read; the state is RFC 3339."""
    own = cursor(record_format=forms, start_param="since")
    seen = observe(own, records(*(value.encode() for value in values)), Slice())
    assert (seen.newest and seen.newest.text, seen.unreadable) == (newest, 0)


def test_a_request_in_the_fields_own_form() -> None:
    """The parameter has the format of the records, unless `format` is set."""
    state = "2024-06-01T00:00:00.999000Z"
    for own, written in (
        (cursor(record_format="%ms", start_param="since"), "1717200000999"),
        (cursor(record_format="%ms", start_param="since", format="%Y-%m-%d"), "2024-06-01"),
    ):
        [interval] = slices(own, state, None, NOW)
        assert own.place(REQUEST, interval).params["since"] == written


@pytest.mark.parametrize("duration", ["30", "P0D", "P30", "-P1D", "1 day", "2024-01-01"])
def test_what_is_no_duration_is_refused(duration: str) -> None:
    """`step` and `lookback` are ISO 8601 durations longer than zero."""
    with pytest.raises(ValidationError, match="ISO 8601"):
        cursor(lookback=duration)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (None, "2024-01-01T11:59:59Z"),
        ("%s", "1704110399"),
        ("%ms", "1704110399999"),
        ("%Y-%m-%d", "2023-12-31"),
    ],
)
def test_a_bound_that_the_api_leaves_out_is_sent_one_unit_earlier(form: str | None, expected: str) -> None:
    """If `since` is exclusive, ties at the cursor are still requested again."""
    settings = {"cursor_field": "at", "start_param": "since", "start_exclusive": True}
    cursor = DatetimeCursor.model_validate({**settings, **({} if form is None else {"format": form})})
    asked = cursor.place(Request("GET", "https://h/"), Slice(cursor.mark("2024-01-01T12:00:00Z")))
    assert asked.params == {"since": expected}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"step": "PT1H", "start_param": "a", "end_param": "b", "format": "%Y-%m-%d"}, "shorter than a day"),
        ({"end_param": "b", "end_inclusive": True}, "needs whole days"),
        ({"start_exclusive": True}, "needs `start_param`"),
        ({"start_param": "a", "whole_periods": "month"}, "needs `end_param`"),
    ],
)
def test_units_that_do_not_fit_are_said(settings: dict[str, Any], said: str) -> None:
    """Before anything is sent: an interval finer than its format would be empty or lose rows."""
    cursor = DatetimeCursor.model_validate({"cursor_field": "at", **settings})
    assert any(said in problem for problem in cursor.problems("2024-01-01", templated=False))
