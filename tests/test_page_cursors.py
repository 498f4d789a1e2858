"""What a page's bounds say about its cursor values is what each record says by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.cursors.cursors import CursorValue, DatetimeCursor, IntegerCursor, Slice
from source_rest_api.formats.digests import digest
from source_rest_api.streams.slice_checks import digests
from tests.test_cursors import observe

TEXTS = [
    "2024-01-01",
    "2024-01-01T00:00:00",
    "2024-01-01T00:00:00Z",
    "2024-01-01T02:00:00+02:00",
    "2024-01-01T00:00:00.123456Z",
    "2024-02-30T00:00:00Z",
    "9999-12-31T23:59:59-01:00",
    r"2024-01-01T00:00:00\u005a",
    "01.01.2024",
    "7",
    "",
]
NUMBERS = ["0", "-1", "7", "7.0", "1704067200", "99999999999999999999", "1e3"]
VALUES = st.sampled_from([*(f'"{text}"' for text in TEXTS), *NUMBERS, "null", "true", "[]", "{}"])
RECORDS = st.one_of(
    VALUES.map('{{"at":{0}}}'.format),
    VALUES.map('{{ "x":{{"at":7}}, "at" : {0} }}'.format),
    VALUES.map('{{"at":{0},"x":[{{"at":"2030-01-01"}}]}}'.format),
    st.tuples(VALUES, VALUES).map(lambda two: f'{{"at":{two[0]},"\\u0061t":{two[1]}}}'),
    st.tuples(VALUES, VALUES).map(lambda two: f'{{"at":{two[0]},"at":{two[1]}}}'),
    VALUES.map(r'{{"x\"at":{0}}}'.format),
    VALUES.map('{{"at":{0},"x":"at"}}'.format),
    VALUES.map('{{"at":{0},"x":{{"y":1,"at":"2030-01-01"}},"y":[0]}}'.format),
    VALUES.map('{{"x":["at"],"x":{{"at":{0}}}}}'.format),
    VALUES.map('{{"at":[{0},{0}],"at":{{"x":{0},"at":{0}}}}}'.format),
)
CURSORS = st.sampled_from(
    [
        lambda path: DatetimeCursor(cursor_field=path, mode="server_filter"),
        lambda path: DatetimeCursor(cursor_field=path, record_format=("%s", "%d.%m.%Y"), mode="server_filter"),
        lambda path: IntegerCursor(cursor_field=path, mode="server_filter"),
    ]
)


LONG = "x, " * 400


def pages(records: list[str], where: str) -> tuple[str, list[Raw]]:
    """Give a path to the field, and the records: large ones with the field at an end, or with it in an object."""
    form = {"nested": '{{"meta":{0}}}', "first": '{1},"long":"{2}"}}', "last": '{{"long":"{2}",{3}', "alone": "{0}"}[
        where
    ]
    texts = [form.format(text, text[:-1].rstrip(), LONG, text[1:]) for text in records]
    return "meta.at" if where == "nested" else "at", [Raw(text.encode()) for text in texts]


WHERE = st.sampled_from(["alone", "nested", "first", "last"])


@given(CURSORS, st.lists(RECORDS, max_size=12) | RECORDS.map(lambda one: [one] * 5), WHERE)
def test_a_page_says_what_its_records_say(make: Any, texts: list[str], where: str) -> None:
    """Values, bounds, ties of the largest value and its first record are those of the records read one by one."""
    path, records = pages(texts, where)
    cursor = make(path)
    seen = observe(cursor, records, Slice())
    singly = [observe(cursor, [record], Slice()) for record in records]
    assert seen.values == [each.values[0] for each in singly]
    known = [value for value in seen.values if value is not None]
    assert seen.unreadable == len(records) - len(known)
    if not known:
        assert (seen.oldest, seen.newest, digests(seen)) == (None, None, ())
        return
    first = seen.values.index(max(known))
    assert (seen.oldest, seen.first_newest, seen.newest) == (min(known), first, singly[first].newest)
    ties = [bytes(record) for record, value in zip(records, seen.values, strict=True) if value == max(known)]
    assert digests(seen) == tuple(map(digest, ties))


@given(CURSORS, st.lists(RECORDS, max_size=5))
def test_a_large_record_says_what_a_small_one_says(make: Any, texts: list[str]) -> None:
    """The part of it that is decoded has the same field, whatever else the record has."""
    cursor = make("at")
    small, first, last = (cursor.values(pages(texts, where)[1]) for where in ("alone", "first", "last"))
    assert first == small
    assert last == small


@given(CURSORS, st.lists(RECORDS, max_size=12), RECORDS)
def test_only_what_lies_within_the_bounds_is_searched_for(make: Any, texts: list[str], other: str) -> None:
    """A page holds a cursor value if one of its records has it."""
    path, (sought, *records) = pages([other, *texts], "alone")
    cursor = make(path)
    mark = observe(cursor, [sought], Slice()).newest
    if mark is not None:
        seen = observe(cursor, records, Slice())
        assert seen.holds(mark) == (mark.value in seen.values)


@pytest.mark.parametrize("values", [(b"5", b"9", b"7", b"9"), (b"9", b"9", b"1"), (b"1", b"null")])
def test_a_page_that_is_filtered_here_keeps_the_ties_of_its_largest_value(values: tuple[bytes, ...]) -> None:
    """Their places move when older records leave; a page with only older ones has none."""
    records = [Raw(b'{"id":%d,"at":%b}' % pair) for pair in enumerate(values)]
    seen = observe(IntegerCursor(cursor_field=("at",)), records, Slice(CursorValue(6, "6")))
    assert digests(seen) == tuple(digest(bytes(r)) for r, value in zip(records, values, strict=True) if value == b"9")
    assert seen.holds(CursorValue(7, "7")) == (b"7" in values)
    assert not seen.holds(CursorValue(5, "5"))
