"""The sample shop serves what its tables hold, whichever way it is paged."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from integration_tests.sample_api import KEYS, TOKEN, Row, Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Run a whole shop, and see that no handler of it failed."""
    with Shop() as shop:
        yield shop
        assert shop.errors == []


@pytest.fixture
def get(shop: Shop) -> Iterator[Callable[..., requests.Response]]:
    """Give a GET with the token."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        yield lambda path, **params: session.get(path if "://" in path else shop.url + path, params=params)


def decode(response: requests.Response) -> Any:
    """Decode with every digit kept."""
    assert response.status_code == 200, response.text
    return json.loads(response.content, parse_float=Decimal)


def by_page(get: Callable[..., requests.Response], path: str, **params: Any) -> list[Row]:
    """Read pages of `data` until one is empty."""
    rows: list[Row] = []
    page = 1
    while data := decode(get(path, page=page, **params))["data"]:
        rows += data
        page += 1
    return rows


def by_cursor(get: Callable[..., requests.Response], path: str, **params: Any) -> list[Row]:
    """Read pages of `orders` until there is no cursor."""
    body = decode(get(path, **params))
    rows: list[Row] = body["orders"]
    while cursor := body["meta"]["next_cursor"]:
        body = decode(get(path, cursor=cursor, **params))
        rows += body["orders"]
    return rows


def by_link(get: Callable[..., requests.Response], path: str, **params: Any) -> list[Row]:
    """Follow the Link header until the last page."""
    response = get(path, **params)
    rows: list[Row] = decode(response)
    while "next" in response.links:
        response = get(response.links["next"]["url"])
        rows += decode(response)
    return rows


READERS = {"customers": by_page, "orders": by_cursor, "products": by_link}


def in_order(table: str, rows: list[Row]) -> list[Row]:
    """Sort as the shop promises to."""
    return sorted(rows, key=lambda row: (row["updated_at"], row[KEYS[table]]))


@pytest.mark.parametrize("table", READERS)
def test_every_row_is_read_in_order(shop: Shop, get: Callable[..., requests.Response], table: str) -> None:
    """A plain loop over the pages gives the table, sorted by change and key."""
    assert READERS[table](get, f"/{table}") == in_order(table, list(shop.tables[table].values()))


@pytest.mark.parametrize("table", READERS)
def test_updated_since_is_inclusive(shop: Shop, get: Callable[..., requests.Response], table: str) -> None:
    """On every page, rows of the exact second are included, and rows before a fraction of it are not."""
    rows = in_order(table, list(shop.tables[table].values()))
    since = rows[len(rows) // 2]["updated_at"]
    read = READERS[table](get, f"/{table}", updated_since=since)
    assert read == [row for row in rows if row["updated_at"] >= since]
    read = READERS[table](get, f"/{table}", updated_since=since.replace("Z", ".001+00:00"))
    assert read == [row for row in rows if row["updated_at"] > since]


def test_orders_of_a_customer_by_offset(shop: Shop, get: Callable[..., requests.Response]) -> None:
    """Offset pages give exactly the customer's orders, and an unknown customer is 404."""
    mine = [row for row in shop.tables["orders"].values() if row["customer_id"] == 1]
    read: list[Row] = []
    while len(read) < len(mine):
        body = decode(get("/customers/1/orders", offset=len(read), limit=30))
        assert body["total"] == len(mine) > 50
        read += body["items"]
    assert read == in_order("orders", mine)
    assert [get(f"/customers/{key}/orders").status_code for key in ("0", "1201", "x")] == [404] * 3


@pytest.mark.parametrize(
    ("path", "parameter", "default", "cap"),
    [
        ("/customers", "per_page", 50, 100),
        ("/orders", "limit", 100, 200),
        ("/products", "per_page", 20, 50),
        ("/customers/1/orders", "limit", 20, 50),
    ],
)
def test_page_sizes_are_capped(
    get: Callable[..., requests.Response], path: str, parameter: str, default: int, cap: int
) -> None:
    """A missing page size means the default; a page size above the cap is reduced without notice."""

    def rows(**params: int) -> int:
        body = decode(get(path, **params))
        return len(body if isinstance(body, list) else next(v for v in body.values() if isinstance(v, list)))

    assert (rows(), rows(**{parameter: 7}), rows(**{parameter: cap + 1})) == (default, 7, cap)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/customers", {"page": "0"}),
        ("/customers", {"per_page": "x"}),
        ("/customers", {"updated_since": "2024-01-01"}),
        ("/products", {"updated_since": "2024-13-01T00:00:00Z"}),
        ("/products", {"updated_since": ""}),
        ("/orders", {"cursor": "nonsense"}),
        ("/orders", {"cursor": "ü"}),
        ("/customers/1/orders", {"offset": "-1"}),
    ],
)
def test_bad_parameters_are_400(get: Callable[..., requests.Response], path: str, params: dict[str, str]) -> None:
    """A value that makes no sense is refused with a JSON error that names it or its parameter."""
    response = get(path, **params)
    assert response.status_code == 400
    assert any(word in response.json()["error"] for word in params)


def test_links_keep_the_other_parameters(get: Callable[..., requests.Response]) -> None:
    """The next page is asked with the size and the filter of this one."""
    response = get("/products", per_page=10, updated_since="2024-01-01T01:00:00+01:00")
    following = requests.models.PreparedRequest()
    following.prepare_url(response.links["next"]["url"], None)
    assert following.path_url == ("/products?per_page=10&updated_since=2024-01-01T01%3A00%3A00%2B01%3A00&page=2")


def test_changes_are_seen(shop: Shop, get: Callable[..., requests.Response]) -> None:
    """Touched and inserted rows are the newest, in that order, and deleted ones are gone."""
    newest = max(row["updated_at"] for table in shop.tables.values() for row in table.values())
    touched = shop.touch("orders", 5, status="paid", note=None)
    inserted = shop.insert("orders", {**touched, "id": 9001, "updated_at": "2024-12-24T00:00:00Z"})
    later = shop.touch("orders", 7)
    shop.delete("orders", 8)
    assert newest < touched["updated_at"] < inserted["updated_at"] < later["updated_at"] < "2025"
    rows = by_cursor(get, "/orders")
    assert rows[-3:] == [touched, inserted, later]
    assert 8 not in [row["id"] for row in rows]
    with pytest.raises(ValueError, match="9001"):
        shop.insert("orders", inserted)


def test_a_cursor_survives_changes(shop: Shop, get: Callable[..., requests.Response]) -> None:
    """Rows inserted behind a cursor do not move what comes after it."""
    first = decode(get("/orders", limit=10))
    cursor = first["meta"]["next_cursor"]
    before = decode(get("/orders", limit=10, cursor=cursor))
    shop.insert("orders", {**first["orders"][0], "id": 9001})
    shop.insert("orders", {**first["orders"][0], "id": 0})
    assert decode(get("/orders", limit=10, cursor=cursor))["orders"] == before["orders"]


def test_numbers_keep_their_digits(shop: Shop, get: Callable[..., requests.Response]) -> None:
    """Cents keep their zeros, and texts are unchanged."""
    shop.touch("customers", 1, credit_limit=Decimal("1234.50"), name="王芳 🎉")
    body = get("/customers", updated_since=shop.tables["customers"][1]["updated_at"]).content
    assert b'"credit_limit": 1234.50,' in body
    assert "王芳 🎉".encode() in body


def test_the_data_is_hard_enough(shop: Shop) -> None:
    """Ties stand on page borders and fill whole pages, nulls and unicode occur, each time the same."""
    for table, cap in {"customers": 100, "orders": 200, "products": 50}.items():
        rows = in_order(table, list(shop.tables[table].values()))
        times = [row["updated_at"] for row in rows]
        assert max(map(times.count, set(times))) > cap
        assert any(times[n - 1] == times[n] for n in range(cap, len(times), cap))
        assert all("2024" <= time < "2024-12" for time in times)
    assert [len(table) for table in shop.tables.values()] == [1200, 3000, 300]
    nulls = {name for table in shop.tables.values() for row in table.values() for name in row if row[name] is None}
    assert nulls == {"contact", "credit_limit", "note", "weight_grams", "discontinued_on"}
    assert Shop().tables == shop.tables
    assert [len(table) for table in Shop(rows=0.1).tables.values()] == [120, 300, 30]


def test_the_program_says_where_it_serves() -> None:
    """`python -m integration_tests.sample_api` prints address and token on stderr, and serves."""
    command = [sys.executable, "-m", "integration_tests.sample_api", "--port", "0", "--rows", "0.1"]
    root = Path(__file__).parent.parent
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stderr
            line = process.stderr.readline()
            assert TOKEN in line
            url = line.split()[0]
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(f"{url}/products", headers={"Authorization": f"Bearer {TOKEN}"})
                assert len(answer.json()) == 20
        finally:
            process.terminate()
