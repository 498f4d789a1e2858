"""Links whose URLs count rows or pages shift with the rows, as numbers do: the connector notices and loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from source_rest_api.streams.page_trail import counts
from tests.api import Answer
from tests.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")
SIZE = 4
NEXT = {"type": "next_url", "next_url_path": "next"}
LINK = {"type": "link_header"}


class Table:
    """Rows behind an API of Django REST framework's kind: the next URL has the number of the page or the offset."""

    def __init__(self, api: Api, by: str, *, total: str = "count", link: bool = False, rows: int = 40) -> None:
        self.rows = [{"id": n, "seen": 0} for n in range(rows)]
        self.before: Callable[[int], object] = lambda _: None

        @api.get("/items")
        def items(call: Call) -> Any:
            self.before(call.number)
            begin = self._begin(call, by)
            page = self.rows[begin : begin + SIZE]
            more = begin + SIZE < len(self.rows)
            following = {"page": begin // SIZE + 2, "offset": begin + SIZE, "after": page[-1]["id"] if page else 0}
            url = f"{api.url}/items?{urlencode({by: following[by]})}" if more else None
            if link:
                headers = {"X-Total-Count": str(len(self.rows))}
                return Answer(page, headers={**headers, "Link": f'<{url}>; rel="next"'} if url else headers)
            return {total: len(self.rows), "next": url, "results": page}

    def _begin(self, call: Call, by: str) -> int:
        if by == "page":
            return SIZE * (int(call.arg("page") or 1) - 1)
        if by == "offset":
            return int(call.arg("offset") or 0)
        after = int(call.arg("after") or -1)
        return next((index for index, row in enumerate(self.rows) if row["id"] > after), len(self.rows))


def ids(reading: Reading) -> list[int]:
    """The keys of the records that came."""
    assert reading.error is None
    return [record["id"] for record in reading.records]


@pytest.mark.parametrize("by", ["page", "offset"])
@pytest.mark.parametrize("total", ["count", "total_count"])
@pytest.mark.parametrize("deleted", [1, 3, 6])
def test_rows_deleted_in_front_hide_no_row(api: Api, by: str, total: str, deleted: int) -> None:
    """Before each of three requests rows at the head are deleted: all that live arrive once."""
    table = Table(api, by, total=total)

    def before(number: int) -> None:
        if number in {2, 5, 9}:
            del table.rows[:deleted]

    table.before = before
    reading = Reading(api.url, {"primary_key": "id", "pagination": NEXT, "records_path": "results"})
    assert set(ids(reading)) >= {row["id"] for row in table.rows}
    assert len(set(ids(reading))) == len(ids(reading))
    assert reading.stream.stats["drifts"] >= 3


@pytest.mark.parametrize("total", ["count", "total"])
def test_page_numbers_find_a_total_without_its_path(api: Api, total: str) -> None:
    """The config does not name the total in the body; rows deleted in front hide no row all the same."""
    table = Table(api, "page", total=total)
    table.before = lambda number: table.rows.pop(0) if number in {2, 5} else None
    numbers = {"type": "page_number", "page_size": SIZE, "page_size_param": "size"}
    reading = Reading(api.url, {"primary_key": "id", "pagination": numbers, "records_path": "results"})
    assert set(ids(reading)) >= {row["id"] for row in table.rows}
    assert reading.stream.stats["drifts"] == 2


def test_a_link_header_with_a_total_beside_it(api: Api) -> None:
    """`Link` with `?page=` and `X-Total-Count`: the same."""
    table = Table(api, "page", link=True)
    table.before = lambda number: table.rows.pop(0) if number == 3 else None
    reading = Reading(api.url, {"primary_key": "id", "pagination": LINK})
    assert set(ids(reading)) >= {row["id"] for row in table.rows}


def test_rows_inserted_in_front_come_once(api: Api) -> None:
    """Rows of the page before are skipped."""
    table = Table(api, "offset")
    table.before = lambda number: table.rows.insert(0, {"id": 100, "seen": 0}) if number == 3 else None
    assert ids(Reading(api.url, {"primary_key": "id", "pagination": NEXT})) == list(range(40))


def test_urls_with_a_key_cost_nothing(api: Api) -> None:
    """A URL with the last row's key does not shift: a falling total leads to no further request."""
    table = Table(api, "after")

    def before(number: int) -> None:
        if number in {2, 5}:
            del table.rows[:1]

    table.before = before
    reading = Reading(api.url, {"primary_key": "id", "pagination": NEXT})
    assert ids(reading) == list(range(40))
    assert len(api.requests) == 10


def test_a_table_that_stands_still_costs_nothing(api: Api) -> None:
    """A page is requested once, although the count of the last page's rows may be smaller."""
    rows = [{"id": n} for n in range(10)]

    @api.get("/items")
    def items(call: Call) -> Any:
        page = int(call.arg("page") or 1)
        part = rows[4 * page - 4 : 4 * page]
        return {"count": len(part), "next": f"/items?page={page + 1}" if page < 3 else None, "results": part}

    assert ids(Reading(api.url, {"primary_key": "id", "pagination": NEXT})) == list(range(10))
    assert len(api.requests) == 3


@pytest.mark.parametrize("by", ["page", "offset"])
@pytest.mark.parametrize("stopped", [0, 1, 5])
def test_a_resumed_read_finds_the_row_it_stopped_at(api: Api, by: str, stopped: int) -> None:
    """Rows are deleted after a kill: the state has the page of the last delivered row, so no row is lost."""
    table = Table(api, by)
    endpoint = {"primary_key": "id", "pagination": NEXT}
    first = Reading(api.url, endpoint)
    delivered = {row["id"] for row in first.records[: SIZE * (stopped + 1)]}
    state = first.states[stopped]
    del table.rows[: min(2, SIZE * stopped)]
    asked = len(api.requests)
    second = Reading(api.url, endpoint, saved=state)
    assert delivered | set(ids(second)) >= {row["id"] for row in table.rows}
    assert len(api.requests) - asked <= 10 - stopped


def test_a_resumed_read_whose_row_is_gone_starts_again(api: Api) -> None:
    """More rows than a page holds were deleted in front."""
    table = Table(api, "offset")
    endpoint = {"primary_key": "id", "pagination": NEXT}
    state = Reading(api.url, endpoint).states[5]
    del table.rows[:12]
    assert set(ids(Reading(api.url, endpoint, saved=state))) == {row["id"] for row in table.rows}


@pytest.mark.parametrize(
    ("asked", "following", "rows", "expected"),
    [
        ("https://a/items", "https://a/items?page=2", 20, True),
        ("https://a/items?page=2&size=9", "https://a/items?size=9&page=3", 20, True),
        ("https://a/items?limit=20", "https://a/items?limit=20&offset=20", 20, True),
        ("https://a/items?limit=20&offset=20", "https://a/items?limit=20&offset=40", 20, True),
        ("https://a/items?$top=5", "https://a/items?$skip=5&$top=5", 5, True),
        ("https://a/items?start=1", "https://a/items?start=21", 20, True),
        ("https://a/items", "https://a/items?after=5017", 20, False),
        ("https://a/items?after=20", "https://a/items?after=57", 20, False),
        ("https://a/items", "https://a/items?cursor=bz02MA", 20, False),
        ("https://a/items", "https://b/next/2", 20, False),
        ("https://a/items?page=2", "https://a/items?page=3&token=x", 20, False),
        ("https://a/items?page=2", "https://a/items?page=2", 20, False),
    ],
)
def test_which_urls_count(asked: str, following: str, rows: int, expected: bool) -> None:
    """One number in the query advances by one, or by the rows of a page, and nothing else changes."""
    assert counts(asked, following, rows) is expected
