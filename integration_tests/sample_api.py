"""The sample shop: a REST API with thousands of rows, four ways of paging, and data that changes.

`python -m integration_tests.sample_api --port 8080` serves it until Ctrl-C.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlencode

from tests.api import Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Key: TypeAlias = "int | str"
Row: TypeAlias = dict[str, Any]
Table: TypeAlias = dict[Key, Row]
Pager: TypeAlias = "Callable[[Call, list[Row]], Answer]"

TOKEN = "sample-token"
KEYS = {"customers": "id", "orders": "id", "products": "sku"}

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
SECONDS_OF_DATA = 330 * 86400
FIRST_CHANGE = "2024-12-01T00:00:00Z"
"""Rows start out older than this; changes come after it, one a second."""

RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")
NAMES = ("Ada", "Bjørn", "Chloé", "Đặng", "Jürgen", "Müge", "Olena", "王芳", "Zoë", "さくら")
CITIES = ("Aarhus", "Bremen", "Kraków", "Lyon", "Malmö", "São Paulo", "Zürich", "京都")
NOTES = (None, "Grüße aus Köln", "请放在门口", "Thanks 🎉👍🏽", 'She said "later"\nand left', "")
STATUSES = ("open", "paid", "shipped", "cancelled")
TAGS = ("new", "sale", "fragile", "größe-l", "bulk")


class Refusal(Exception):  # noqa: N818 - an answer, not a defect
    """The request cannot be served; the text is the answer's error."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Shop(Api):
    """The shop's API, and its data.

    `tables` is the truth: a row by its key, for customers, orders and products. Decimals are `Decimal`, sent
    with all their digits. `rows` scales the number of rows: 1.0 is 1,200 customers, 3,000 orders and 300
    products.
    """

    def __init__(self, rows: float = 1.0, port: int = 0) -> None:
        super().__init__(TOKEN, port)
        self.tables = generate(rows)
        self._changes = Lock()
        self._newest = FIRST_CHANGE
        self._serve("/customers", "customers", by_page_number)
        self._serve("/orders", "orders", by_cursor)
        self._serve("/products", "products", by_link)
        self._serve("/customers/{id}/orders", "orders", by_offset)

    def touch(self, table: str, key: Key, **changes: Any) -> Row:
        """Change fields of a row, which becomes the newest of all unless `updated_at` is given.

        Raises:
            KeyError: no such row.
        """
        with self._changes:
            row = {**self.tables[table].pop(key), "updated_at": self._later(), **changes}
            return self._put(table, row)

    def insert(self, table: str, row: Row) -> Row:
        """Add a row, the newest of all unless it has its own `updated_at`.

        Raises:
            ValueError: the key is taken.
        """
        with self._changes:
            if row[KEYS[table]] in self.tables[table]:
                raise ValueError(f"{table} has {row[KEYS[table]]!r} already")
            return self._put(table, {"updated_at": self._later(), **row})

    def delete(self, table: str, key: Key) -> None:
        """Remove a row without a trace.

        Raises:
            KeyError: no such row.
        """
        with self._changes:
            del self.tables[table][key]

    def _put(self, table: str, row: Row) -> Row:
        self._newest = max(self._newest, row["updated_at"])
        self.tables[table][row[KEYS[table]]] = row
        return row

    def _later(self) -> str:
        return timestamp(datetime.fromisoformat(self._newest.replace("Z", "+00:00")) + timedelta(seconds=1))

    def _serve(self, path: str, table: str, pager: Pager) -> None:
        def handler(call: Call) -> Answer:
            try:
                return pager(call, self._rows(table, call))
            except Refusal as refusal:
                return reply({"error": str(refusal)}, refusal.status)

        self.get(path)(handler)

    def _rows(self, table: str, call: Call) -> list[Row]:
        """Select the rows of a request, oldest change first."""
        since = first_second(call.arg("updated_since")) if "updated_since" in call.query else ""
        with self._changes:
            # Rows are replaced, never changed, so this is all that needs the lock.
            rows = list(self.tables[table].values())
        if "id" in call.path_params:
            customer = self._customer(call.path_params["id"])
            rows = [row for row in rows if row["customer_id"] == customer]
        rows = [row for row in rows if row["updated_at"] >= since]
        return sorted(rows, key=lambda row: (row["updated_at"], row[KEYS[table]]))

    def _customer(self, text: str) -> int:
        if not re.fullmatch("[1-9][0-9]{0,8}", text) or int(text) not in self.tables["customers"]:
            raise Refusal(f"there is no customer {text!r}", 404)
        return int(text)


def by_page_number(call: Call, rows: list[Row]) -> Answer:
    """Page by `page` and `per_page`, with the total."""
    page, size = number(call, "page", 1), min(number(call, "per_page", 50), 100)
    return reply({"data": rows[(page - 1) * size : page * size], "total": len(rows), "page": page})


def by_cursor(call: Call, rows: list[Row]) -> Answer:
    """Page by `limit` and an opaque `cursor`, which names the last row read and so survives inserts."""
    limit = min(number(call, "limit", 100), 200)
    if "cursor" in call.query:
        last = read_cursor(call.arg("cursor"))
        rows = [row for row in rows if (row["updated_at"], row["id"]) > last]
    page = rows[:limit]
    cursor = write_cursor(page[-1]) if len(rows) > limit else None
    return reply({"orders": page, "meta": {"next_cursor": cursor}})


def by_link(call: Call, rows: list[Row]) -> Answer:
    """Page by `page` and `per_page`, the next page's address in the Link header."""
    page, size = number(call, "page", 1), min(number(call, "per_page", 20), 50)
    headers = {}
    if len(rows) > page * size:
        query = urlencode({**call.query, "page": [page + 1]}, doseq=True)
        headers["Link"] = f'<http://{call.headers["Host"]}{call.path}?{query}>; rel="next"'
    return reply(rows[(page - 1) * size : page * size], headers=headers)


def by_offset(call: Call, rows: list[Row]) -> Answer:
    """Page by `offset` and `limit`, with the total."""
    offset, limit = number(call, "offset", 0, least=0), min(number(call, "limit", 20), 50)
    return reply({"items": rows[offset : offset + limit], "total": len(rows)})


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """Answer JSON with every digit of a `Decimal`."""
    # `json` has no hook for numbers, so they go through it as marked strings and lose the quotes after.
    text = json.dumps(body, ensure_ascii=False, default=lambda decimal: f"\0{decimal}")
    return Answer(re.sub(r'"\\u0000([\d.]+)"', r"\1", text), status, headers or {})


def number(call: Call, name: str, default: int, least: int = 1) -> int:
    """Read a whole number from the query."""
    text = call.arg(name, str(default))
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < least:
        raise Refusal(f"{name} has to be a whole number from {least}, got {text!r}")
    return int(text)


def first_second(text: str) -> str:
    """Read an RFC 3339 timestamp; give the first whole second not before it, as rows spell it."""
    try:
        seconds, fraction, zone = RFC_3339.fullmatch(text).groups("")  # type: ignore[union-attr]
        moment = datetime.fromisoformat(seconds + zone.replace("Z", "+00:00"))
        return timestamp(moment + timedelta(seconds=1 if fraction.strip(".0") else 0))
    except (AttributeError, ValueError, OverflowError):
        raise Refusal(f"updated_since has to be an RFC 3339 timestamp, got {text!r}") from None


def timestamp(moment: datetime) -> str:
    """Spell a moment as rows do: UTC, whole seconds, Z."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def write_cursor(row: Row) -> str:
    """Hide the place after a row in a token."""
    return base64.urlsafe_b64encode(f"{row['updated_at']} {row['id']}".encode()).decode()


def read_cursor(token: str) -> tuple[str, int]:
    """Find the place in a token."""
    try:
        updated_at, key = base64.urlsafe_b64decode(token).decode().split(" ")
        return updated_at, int(key)
    except ValueError:
        raise Refusal(f"invalid cursor {token!r}") from None


def generate(rows: float) -> dict[str, Table]:
    """Make the shop's data, the same each time."""
    customers, orders, products = (round(count * rows) for count in (1200, 3000, 300))
    random = Random("products")
    goods = [product(random, n, at) for n, at in enumerate(changes(random, products), 1)]
    random = Random("customers")
    people = [customer(random, n, at) for n, at in enumerate(changes(random, customers), 1)]
    random = Random("orders")
    # The cube gives the first customers hundreds of orders, and many of the others none.
    buyers = [1 + int(customers * random.random() ** 3) for _ in range(orders)]
    sales = [order(random, n, at, buyers[n - 1], goods) for n, at in enumerate(changes(random, orders), 1)]
    tables = {"customers": people, "orders": sales, "products": goods}
    return {name: {row[KEYS[name]]: row for row in table} for name, table in tables.items()}


def changes(random: Random, rows: int) -> list[int]:
    """Choose when each row changed last: shared by five rows or so, and by a fifth of all in one import."""
    times = [random.randrange(SECONDS_OF_DATA) for _ in range(rows // 5 + 1)]
    return [times[0] if random.random() < 0.2 else random.choice(times) for _ in range(rows)]


def customer(random: Random, key: int, changed: int) -> Row:
    """Make a customer."""
    phone = random.choice((None, f"+49 30 {random.randrange(10**6):06}"))
    contact = {"email": f"customer{key}@example.com", "phone": phone}
    kinds = random.choice(((), ("billing",), ("billing", "shipping")))
    return {
        "id": key,
        "name": f"{random.choice(NAMES)} {key}",
        "contact": random.choice((None, contact, contact, contact)),
        "addresses": [{"type": kind, "city": random.choice(CITIES)} for kind in kinds],
        "vip": random.random() < 0.1,
        "credit_limit": random.choice((None, amount(random, 500_000), amount(random, 500_000))),
        **history(random, changed),
    }


def order(random: Random, key: int, changed: int, buyer: int, goods: Sequence[Row]) -> Row:
    """Make an order of some products."""
    bought = [(random.choice(goods), random.randint(1, 5)) for _ in range(random.randint(1, 3))]
    return {
        "id": key,
        "customer_id": buyer,
        "status": random.choice(STATUSES),
        "total": sum(item["price"] * quantity for item, quantity in bought),
        "items": [{"sku": item["sku"], "quantity": n, "price": item["price"]} for item, n in bought],
        "note": random.choice(NOTES),
        **history(random, changed),
    }


def product(random: Random, n: int, changed: int) -> Row:
    """Make a product."""
    return {
        "sku": f"SKU-{n:04}",
        "name": f"Product {n}",
        "price": amount(random, 20_000),
        "tags": random.sample(TAGS, random.randint(0, 3)),
        "weight_grams": random.choice((None, random.randint(10, 9999))),
        "discontinued_on": random.choice((None, None, None, timestamp(seconds_in(changed))[:10])),
        "updated_at": timestamp(seconds_in(changed)),
    }


def amount(random: Random, cents: int) -> Decimal:
    """Choose an amount of money, with two decimals even where they are zeros."""
    return Decimal(random.randrange(1, cents)).scaleb(-2)


def history(random: Random, changed: int) -> Row:
    """Give the two timestamps of a row."""
    created = timestamp(seconds_in(random.randint(0, changed)))
    return {"created_at": created, "updated_at": timestamp(seconds_in(changed))}


def seconds_in(seconds: int) -> datetime:
    """Give a moment of the year of the data."""
    return START + timedelta(seconds=seconds)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve the sample shop on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (default: 8080)")
    parser.add_argument("--rows", type=float, default=1.0, help="scale of the data (default: 1.0, 4,500 rows)")
    arguments = parser.parse_args()
    with Shop(arguments.rows, arguments.port) as shop, suppress(KeyboardInterrupt):
        print(f"{shop.url} with bearer token {TOKEN}, until Ctrl-C", file=sys.stderr, flush=True)
        Event().wait()


if __name__ == "__main__":
    main()
