"""Parts of a stream, for processes that each read one: together they have each row once, and their states lead on.

The truth is the table of the API.
"""

from __future__ import annotations

import json
import pickle
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.stream_parts import Part, StreamParts, merged
from tests.api import Api, Call

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
NOW = datetime(2024, 4, 1, tzinfo=timezone.utc)
BY_TIME = {"cursor_field": "at", "start_param": "from", "end_param": "to", "step": "P10D", "end_date": "2024-03-01"}
BY_NUMBER = {
    "type": "integer",
    "cursor_field": "id",
    "start_param": "first",
    "end_param": "last",
    "start": 0,
    "end": 99,
    "step": 20,
}


class Rows(Api):
    """A hundred rows, by time and by number: 20 of them a slice, and some at the very borders of slices."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = [self.row(number, number * 12) for number in range(100)]
        self.get("/rows")(self.found)

    def row(self, number: int, hours: int) -> dict[str, Any]:
        return {"id": number, "kind": "abc"[number % 3], "at": f"{START + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"}

    def found(self, call: Call) -> Any:
        kinds = call.arg("kind", "a,b,c").split(",")
        first, last = int(call.arg("first", "0")), int(call.arg("last", "999"))
        return [
            row
            for row in self.rows
            if call.arg("from", "") <= row["at"] <= call.arg("to", "9")
            and first <= row["id"] <= last
            and row["kind"] in kinds
        ]


@pytest.fixture
def rows() -> Iterator[Rows]:
    """The API."""
    with Rows() as api:
        yield api
        assert api.errors == []


def divided(api: Api, state: dict[str, Any] | None = None, **endpoint: Any) -> StreamParts:
    """The parts of a stream from a state."""
    own = {"name": "rows", "path": "rows", "primary_key": "id", **endpoint}
    config = {"url_base": api.url, "start_date": f"{START:%Y-%m-%d}", "endpoints": [own]}
    return StreamParts(config, [], "rows", state or {}, NOW)


def read(parts: StreamParts) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The records of all parts, each read by a copy as in another process, and the merged state."""
    found = []
    for part in parts.parts:
        other, same = pickle.loads(pickle.dumps((parts, part)))
        found += other.read(same)
    records = [json.loads(bytes(record)) for page in found if isinstance(page, list) for record in page]
    return records, merged([json.loads(json.dumps(state)) for state in found if isinstance(state, dict)])


def keys(records: list[dict[str, Any]]) -> Counter[int]:
    """How often each row is there."""
    return Counter(record["id"] for record in records)


@pytest.mark.parametrize(("incremental", "number"), [(BY_TIME, 6), (BY_NUMBER, 5)], ids=["time", "number"])
def test_slices_have_each_row_once(rows: Rows, incremental: dict[str, Any], number: int) -> None:
    """Rows at the borders too. From the merged state on only new rows come, in as few slices as they need."""
    parts = divided(rows, incremental=incremental)
    assert len(parts.parts) == number
    records, state = read(parts)
    assert keys(records) == keys(rows.rows)
    assert state["cursor"] == str(rows.rows[-1][incremental["cursor_field"]])
    assert "missing" not in state

    rows.rows.append(rows.row(100, 99 * 12 + 1))
    later = divided(rows, state, incremental={**incremental, "end": 200} if number == 5 else incremental)
    assert keys(read(later)[0]) == {100: 1}
    alone = divided(rows, state, incremental={**incremental, "end": 200, "step": 1000} if number == 5 else incremental)
    assert read(later)[1] == read(alone)[1]


def test_a_slice_with_an_inclusive_end_has_each_row_once(rows: Rows) -> None:
    """The slice before ends a number earlier, if it is divided or not."""
    records, state = read(divided(rows, incremental={**BY_NUMBER, "end_inclusive": True}))
    assert keys(records) == keys(rows.rows)
    assert state["cursor"] == "99"


def test_a_renamed_cursor_field_still_divides(rows: Rows) -> None:
    """Rows at the borders come once, by the name that the field has in records."""
    records, _ = read(divided(rows, incremental=BY_TIME, rename_fields={"at": "changed"}))
    assert keys(records) == keys(rows.rows)
    assert {row["changed"] for row in records} == {row["at"] for row in rows.rows}


def test_an_endpoint_in_yaml_divides_too(rows: Rows) -> None:
    """`endpoints_yaml` has the same parts as `endpoints`, beside other endpoints."""
    text = f"- {{name: rows, path: rows, primary_key: id, incremental: {json.dumps(BY_TIME)}}}"
    config = {
        "url_base": rows.url,
        "start_date": f"{START:%Y-%m-%d}",
        "endpoints": [{"name": "other", "path": "other"}],
        "endpoints_yaml": text,
    }
    parts = StreamParts(config, [], "rows", {}, NOW)
    assert len(parts.parts) == 6
    assert keys(read(parts)[0]) == keys(rows.rows)


def test_lookback_does_not_move_the_state_back(rows: Rows) -> None:
    """Slices of the time before the state are read again, and the state stays, although its rows are gone."""
    incremental = {**BY_TIME, "step": "P1D", "lookback": "P3D"}
    _, state = read(divided(rows, incremental=incremental))
    del rows.rows[-1]
    records, again = read(divided(rows, state, incremental=incremental))
    assert keys(records) == dict.fromkeys(range(93, 99), 1)
    assert again["cursor"] == state["cursor"]


def test_each_value_of_a_list_is_a_part(rows: Rows) -> None:
    """Values that are there twice are read once. Each has its own state, which another part does not take back."""
    settings = {"params": {"kind": "{{ kind }}"}, "incremental": {"cursor_field": "at", "start_param": "from"}}
    parts = divided(rows, **settings, partitions={"kind": ["a", "b", "b", "c"]})
    assert [part.values for part in parts.parts] == [("a",), ("b",), ("c",)]
    records, state = read(parts)
    assert keys(records) == keys(rows.rows)

    rows.rows += [rows.row(number, number * 12) for number in range(100, 103)]
    records, state = read(divided(rows, state, **settings, partitions={"kind": ["a", "b", "c"]}))
    assert keys(records) == {100: 1, 101: 1, 102: 1}
    assert sorted(state["cursors"].values()) == [row["at"] for row in rows.rows[-3:]]
    assert "missing" not in state
    records, again = read(divided(rows, state, **settings, partitions={"kind": ["a", "b", "c"]}))
    assert (records, again["cursors"]) == ([], state["cursors"])


def test_a_batch_of_values_is_a_part(rows: Rows) -> None:
    """A part has as many values as one request."""
    partitions = [{"name": "kinds", "values": ["a", "b", "c"], "batch": 2}]
    parts = divided(rows, params={"kind": "{{ kinds | join(',') }}"}, partitions=partitions)
    assert [part.values for part in parts.parts] == [("a", "b"), ("c",)]
    assert keys(read(parts)[0]) == keys(rows.rows)
    assert [call.arg("kind") for call in rows.requests] == ["a,b", "c"]


@pytest.mark.parametrize(
    "endpoint",
    [
        {"incremental": BY_TIME, "deletions": {"every": "P1D"}},
        {"incremental": {"cursor_field": "at", "start_param": "from"}},
        {"params": {"kind": "{{ kind }}"}, "partitions": {"kind": ["{{ config['endpoints'][0]['name'] }}", "b"]}},
        {},
    ],
)
def test_what_cannot_be_divided_is_one_part(api: Api, endpoint: dict[str, Any]) -> None:
    """No interval, values that only a read knows, or deletions, which compare the stream with all known rows."""
    assert divided(api, **endpoint).parts == [Part()]


@pytest.mark.parametrize(
    ("limits", "at_once", "shares"),
    [
        ({}, None, (5, 1, None)),
        ({"max_requests_per_second": 3}, None, (5, 1, 0.5)),
        ({"max_requests_per_second": 3, "max_concurrency": 8, "max_concurrent_jobs": 4}, 2, (4, 2, 1.5)),
        ({"max_concurrency": 4}, None, (1, 1, None)),
        ({"max_concurrency": 4}, 100, (1, 1, None)),
    ],
)
def test_parts_share_the_limits(
    api: Api, limits: dict[str, Any], at_once: int | None, shares: tuple[int, int, float | None]
) -> None:
    """Six parts get a sixth of each limit, or half of it if two are read at once, but at least one request."""
    endpoint = {"name": "rows", "path": "rows", "incremental": BY_TIME}
    rates = [{"endpoints": ["rows"], "max_requests_per_second": 12}]
    config = {
        "url_base": api.url,
        "start_date": "2024-01-01",
        "endpoints": [endpoint],
        "request_rates": rates,
        **limits,
    }
    parts = StreamParts(config, [], "rows", {}, NOW, at_once)
    for part in parts.parts:
        own = parts.restricted(part)
        found = own["max_concurrency"], own["max_concurrent_jobs"], own.get("max_requests_per_second")
        assert found == shares
        assert own["request_rates"] == [
            {"endpoints": ["rows"], "max_requests_per_second": 12 / len(parts.parts[:at_once])}
        ]
