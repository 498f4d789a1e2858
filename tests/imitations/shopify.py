"""Shopify's REST Admin API.

https://shopify.dev/docs/api/admin-rest/usage/pagination
https://shopify.dev/docs/api/admin-rest/usage/rate-limits
https://shopify.dev/docs/api/admin-rest/latest/resources/order
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any
from urllib.parse import urlencode

from tests.api import Answer, Call
from tests.imitations import START, Imitation, Row, bounded

ZONE = timezone(timedelta(hours=-5))


class Shopify(Imitation):
    """A shop in another time zone. Links carry the question, and no parameter may stand beside them."""

    secret = "shpat_aTokenOfTheTests"
    base = "/admin/api/2024-10"

    def tables(self) -> None:
        self.products = [self._object(10_000 + n, n, title=f"Product {n}") for n in range(260)]
        self.orders = [self._object(n, n // 2, status="closed" if n % 3 else "open") for n in range(1, 520)]
        self.customers = [self._object(20_000 + n, n, email=f"{n}@acme.test") for n in range(3)]
        for name, table in (("products", self.products), ("orders", self.orders), ("customers", self.customers)):
            self.get(f"{self.base}/{name}.json")(partial(self._list, name=name, table=table))
        self.get(f"{self.base}/orders/{{id}}/transactions.json")(self._transactions)

    def _stamp(self, minutes: float) -> str:
        return (START + timedelta(minutes=minutes)).astimezone(ZONE).isoformat()

    def _object(self, number: int, minutes: float, **fields: Any) -> Row:
        return {"id": number, **fields, "updated_at": self._stamp(minutes)}

    def _of_order(self, order: Any) -> list[Row]:
        return [{"id": int(order) * 10, "order_id": int(order), "amount": "10.00"}] if int(order) % 5 == 0 else []

    def _transactions(self, call: Call) -> Answer:
        order = call.path_params["id"]
        if order not in {str(row["id"]) for row in self.orders}:
            return self.not_found()
        return Answer({"transactions": self._of_order(order)})

    def _list(self, call: Call, name: str, table: list[Row]) -> Answer:
        info = call.arg("page_info")
        for other in set(call.query) - {"page_info", "limit", "fields"}:
            if info:
                message = f"{other} cannot be passed. See 'https://shopify.dev/api/usage/pagination-rest' for details."
                return Answer({"errors": {other: message}}, 400)
        if info:
            since, status, start = urlsafe_b64decode(info).decode().split("|")
        else:
            since, status, start = call.arg("updated_at_min"), call.arg("status", "open"), "0"
        rows = [row for row in table if status == "any" or row.get("status", status) == status]
        if since:
            border = datetime.fromisoformat(since.replace("Z", "+00:00"))
            rows = [row for row in rows if datetime.fromisoformat(row["updated_at"]) >= border]
        rows = sorted(rows, key=lambda row: int(row["id"]), reverse=name == "orders")
        size, first = bounded(call.arg("limit"), 50, 250), int(start)
        links = []
        for relation, position in (("previous", first - size), ("next", first + size)):
            if 0 <= position < len(rows):
                token = urlsafe_b64encode(f"{since}|{status}|{position}".encode()).decode()
                query = urlencode({"limit": size, "page_info": token})
                links.append(f'<{self.url}{call.path}?{query}>; rel="{relation}"')
        return Answer({name: rows[first : first + size]}, headers={"Link": ", ".join(links)} if links else {})

    def truth(self) -> dict[str, list[Row]]:
        return {
            "products": self.products,
            "orders": self.orders,
            "customers": self.customers,
            "transactions": [part for row in self.orders for part in self._of_order(row["id"])],
        }

    def change(self) -> dict[str, set[str]]:
        self.products[0]["updated_at"] = self._stamp(90_000)
        self.orders.append(self._object(900, 90_000, status="open"))
        return {"products": {"10000"}, "orders": {"900"}}

    def unauthorized(self, call: Call) -> Answer | None:
        if call.headers["X-Shopify-Access-Token"] == self.secret:
            return None
        message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return Answer({"errors": message}, 401)

    def too_many(self) -> Answer:
        message = "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."
        return Answer({"errors": message}, 429, {"Retry-After": "2.0"})

    def not_found(self) -> Answer:
        return Answer({"errors": "Not Found"}, 404)

    def usual(self) -> dict[str, str]:
        return {"X-Shopify-Shop-Api-Call-Limit": "1/40"}
