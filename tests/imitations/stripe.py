"""Stripe's API, version 1.

https://docs.stripe.com/api/pagination
https://docs.stripe.com/api/authentication
https://docs.stripe.com/api/events/list
https://docs.stripe.com/rate-limits
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.api import Answer, Call
from tests.imitations import START, Imitation, Row

BEGIN = int(START.timestamp())


class Stripe(Imitation):
    """An account whose lists come newest first, and whose invoices show ten of their lines."""

    secret = "rk_test_aTokenOfTheTests"
    base = "/v1"

    def tables(self) -> None:
        self.rows: dict[str, list[Row]] = {
            "customers": [self._object("cus", n, n // 3, email=f"{n}@acme.test") for n in range(250)],
            "charges": [self._object("ch", n, n // 2, amount=100 * n, currency="usd") for n in range(201)],
            "invoices": [self._object("in", n, 1440 * n, status="open") for n in range(90)],
            "subscriptions": [
                self._object("sub", n, n, status="canceled" if n % 3 == 0 else "active") for n in range(30)
            ],
            "events": [self._event(n, n) for n in range(120)],
        }
        for name in self.rows:
            self.get(f"/v1/{name}")(partial(self._list, name=name))
        self.get("/v1/invoices/{id}/lines")(self._lines)

    def _object(self, prefix: str, number: int, minutes: int, **fields: Any) -> Row:
        return {"id": f"{prefix}_{number:05}", **fields, "created": BEGIN + 60 * minutes}

    def _event(self, number: int, minutes: int) -> Row:
        data = {"object": {"id": f"cus_{number:05}", "object": "customer"}}
        return self._object("evt", number, minutes, type="customer.updated", data=data)

    def _lines_of(self, invoice: str) -> list[Row]:
        number = int(invoice.removeprefix("in_"))
        return [{"id": f"il_{number}_{n}", "amount": n} for n in range({0: 0, 1: 10, 2: 130}.get(number, number % 4))]

    def _shown(self, name: str, row: Row) -> Row:
        if name != "invoices":
            return row
        lines = self._lines_of(row["id"])
        listed = {"object": "list", "data": lines[:10], "has_more": len(lines) > 10, "total_count": len(lines)}
        return {**row, "lines": {**listed, "url": f"/v1/invoices/{row['id']}/lines"}}

    def _list(self, call: Call, name: str) -> Answer:
        since = int(call.arg("created[gte]", "0"))
        rows = [self._shown(name, row) for row in self.rows[name] if row["created"] >= since]
        if name == "subscriptions" and call.arg("status") != "all":
            rows = [row for row in rows if row["status"] != "canceled"]
        return self._page(call, sorted(rows, key=lambda row: (row["created"], row["id"]), reverse=True))

    def _lines(self, call: Call) -> Answer:
        return self._page(call, self._lines_of(call.path_params["id"]))

    def _page(self, call: Call, rows: list[Row]) -> Answer:
        limit = int(call.arg("limit", "10"))
        if not 1 <= limit <= 100:
            return self._error(400, "invalid_request_error", "Invalid integer: limit must be between 1 and 100")
        after, ids = call.arg("starting_after"), [row["id"] for row in rows]
        if after and after not in ids:
            return self._error(400, "invalid_request_error", f"No such object: '{after}'")
        start = ids.index(after) + 1 if after else 0
        page, more = rows[start : start + limit], start + limit < len(rows)
        return Answer({"object": "list", "url": call.path, "has_more": more, "data": page})

    def _error(self, status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Answer:
        return Answer({"error": {"type": kind, "message": message}}, status, headers or {})

    def truth(self) -> dict[str, list[Row]]:
        invoices = [self._shown("invoices", row) for row in self.rows["invoices"]]
        lines = [{**line, "invoice": row["id"]} for row in invoices for line in self._lines_of(row["id"])]
        return {**self.rows, "invoices": invoices, "invoice_lines": lines}

    def change(self) -> dict[str, set[str]]:
        self.rows["customers"].append(self._object("cus", 900, 200_000, email="new@acme.test"))
        self.rows["invoices"][80]["status"] = "paid"
        self.rows["events"].append(self._event(900, 200_000))
        return {"customers": {"cus_00900"}, "invoices": {"in_00080"}, "events": {"evt_00900"}}

    def unauthorized(self, call: Call) -> Answer | None:
        if call.headers["Authorization"] == f"Bearer {self.secret}":
            return None
        return self._error(401, "invalid_request_error", "Invalid API Key provided: rk_test_****")

    def too_many(self) -> Answer:
        message = (
            "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits"
        )
        return self._error(429, "invalid_request_error", message, {"Stripe-Rate-Limited-Reason": "endpoint-rate"})

    def not_found(self) -> Answer:
        return self._error(404, "invalid_request_error", "Unrecognized request URL")

    def usual(self) -> dict[str, str]:
        return {"Stripe-Version": "2024-06-20", "Request-Id": f"req_{self.asked}"}
