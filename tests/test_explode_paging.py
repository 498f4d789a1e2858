"""Paging counts the rows of the API, not the records that `explode` makes of them: no row is skipped.

The truth is the table of the API.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.connector import Connector
from source_rest_api.protocol import catalog

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api import Api, Call

ROWS = 23
SIZE = 5
SHAPES = {
    "three of each": [3] * ROWS,
    "one of each": [1] * ROWS,
    "some of none": [(number * 7) % 4 for number in range(ROWS)],
    "a page of none": [0 if 5 <= number < 15 else 2 for number in range(ROWS)],
    "none at the end": [2 if number < 12 else 0 for number in range(ROWS)],
}
PAGING: dict[str, dict[str, Any]] = {
    "offset": {"type": "offset", "limit": SIZE},
    "offset, total": {"type": "offset", "limit": SIZE, "total_path": "total"},
    "offset, short": {"type": "offset", "limit": SIZE, "stop_on_short_page": True},
    "page": {"type": "page_number", "page_size_param": "limit", "page_size": SIZE},
    "page, total": {"type": "page_number", "page_size_param": "limit", "page_size": SIZE, "total_path": "total"},
    "page, short": {"type": "page_number", "page_size_param": "limit", "page_size": SIZE, "stop_on_short_page": True},
    "page, empty": {"type": "page_number", "page_size_param": "limit", "page_size": SIZE, "stop_on_empty_page": True},
    "token": {"type": "cursor", "cursor_path": "next", "cursor_param": "offset"},
}


def table(sizes: list[int]) -> list[dict[str, Any]]:
    """Rows with so many lines each. The last row of a page and the first of the next may have the same lines."""
    return [
        {"id": number, "lines": [{"n": n, "sku": (number + 1) // SIZE} for n in range(size)]}
        for number, size in enumerate(sizes)
    ]


def answers(rows: list[dict[str, Any]], paging: dict[str, Any]) -> Callable[[Call], Any]:
    """What the API answers: rows, by offset or page number, and what else the paging reads."""

    def found(call: Call) -> Any:
        size = int(call.arg("limit", str(SIZE)))
        first = int(call.arg("offset", "0")) + (int(call.arg("page", "1")) - 1) * size
        body: dict[str, Any] = {"data": rows[first : first + size]}
        if "total_path" in paging:
            body["total"] = len(rows)
        if paging["type"] == "cursor":
            body["next"] = str(first + size) if first + size < len(rows) else None
        return body

    return found


def read(api: Api, endpoint: dict[str, Any], state: dict[str, Any] | None = None) -> tuple[list[Any], list[Any]]:
    """Each record, with the number of states before it; and the states, one for each page."""
    raw = {"url_base": api.url, "max_concurrency": 1, "endpoints": [endpoint]}
    session = Connector().session(raw)
    session.pause = 0
    records: list[Any] = []
    states: list[Any] = []
    for block in session.read(catalog.of_all(session.offered), {"lines": state} if state else {}):
        for message in map(json.loads, block.splitlines()):
            if message["type"] == "RECORD":
                records.append((len(states), message["record"]["data"]))
            elif message["type"] == "STATE":
                states.append(message["state"]["stream"]["stream_state"])
    assert session.complete
    return records, states


@pytest.mark.parametrize("keep", [{}, {"row": "id"}], ids=["alike", "kept"])
@pytest.mark.parametrize("paging", PAGING.values(), ids=PAGING)
@pytest.mark.parametrize("sizes", SHAPES.values(), ids=SHAPES)
def test_every_line_of_every_row_arrives(
    api: Api, sizes: list[int], paging: dict[str, Any], keep: dict[str, str]
) -> None:
    """However many lines a row has, with and without a total, once from the start and once from each state."""
    rows = table(sizes)
    api.get("/rows")(answers(rows, paging))
    key = {"primary_key": ["row", "n"]} if keep else {}
    endpoint = {
        "name": "lines",
        "path": "rows",
        "records_path": "data",
        "explode": {"path": "lines", "keep": keep},
        "pagination": paging,
        **key,
    }
    expected = [{**line, **{name: row[field] for name, field in keep.items()}} for row in rows for line in row["lines"]]
    records, states = read(api, endpoint)
    assert [record for _, record in records] == expected
    for number, state in enumerate(states[:-1], 1):
        before = [record for earlier, record in records if earlier < number]
        after = [record for _, record in read(api, endpoint, state)[0]]
        assert len(before) + len(after) >= len(expected)
        if keep:
            assert {(record["row"], record["n"]) for record in [*before, *after]} == {
                (record["row"], record["n"]) for record in expected
            }


@pytest.mark.parametrize("paging", PAGING.values(), ids=PAGING)
@pytest.mark.parametrize("lines", [1, 2, 7])
def test_lists_inside_rows(api: Api, paging: dict[str, Any], lines: int) -> None:
    """`*` in the path of the records: the API counts rows, as its pages show, which have more items than asked."""
    rows = table([lines] * ROWS)
    api.get("/rows")(answers(rows, paging))
    endpoint = {"name": "lines", "path": "rows", "records_path": "data.*.lines", "pagination": paging}
    records, _ = read(api, endpoint)
    assert [record for _, record in records] == [line for row in rows for line in row["lines"]]


@pytest.mark.parametrize("key", [[], ["id"]], ids=["alike", "keyed"])
def test_several_lists_side_by_side(api: Api, key: list[str]) -> None:
    """Each of two lists has as many rows as asked: the offset moves by those of one, not of both."""

    @api.get("/rows")
    def answer(call: Call) -> Any:
        first, size = int(call.arg("offset", "0")), int(call.arg("limit", "0"))
        return {
            "new": [{"id": f"n{number}"} for number in range(ROWS)][first : first + size],
            "old": [{"id": f"o{number}"} for number in range(ROWS - 4)][first : first + size],
        }

    endpoint = {
        "name": "lines",
        "path": "rows",
        "records_paths": ["new", "old"],
        "pagination": {"type": "offset", "limit": SIZE},
        "primary_key": key,
    }
    records, _ = read(api, endpoint)
    ids = {f"n{number}" for number in range(ROWS)} | {f"o{number}" for number in range(ROWS - 4)}
    assert {record["id"] for _, record in records} == ids


def test_items_that_the_api_counts(api: Api) -> None:
    """An API that counts the items inside the rows sends at most as many as asked, and none is read twice."""
    lines = [{"n": number, "sku": number % 3} for number in range(ROWS)]

    @api.get("/rows")
    def answer(call: Call) -> Any:
        first, size = int(call.arg("offset", "0")), int(call.arg("limit", "0"))
        page = lines[first : first + size]
        return {"data": [{"lines": page[:2]}, {"lines": page[2:]}]}

    endpoint = {
        "name": "lines",
        "path": "rows",
        "records_path": "data.*.lines",
        "pagination": {"type": "offset", "limit": SIZE},
        "primary_key": "n",
    }
    records, _ = read(api, endpoint)
    assert [record for _, record in records] == lines
