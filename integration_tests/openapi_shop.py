"""A shop with an OpenAPI document, as a web framework writes it: `python -m integration_tests.openapi_shop`.

Everything that `init` has to find out is here: a bearer token, pages by cursor, by number and by offset, filters by the
time of the last change, children of a parent, and a 429 now and then.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

from tests.api import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api import Call

    Rows = list[dict[str, Any]]

TOKEN = "shop-token"
_START = datetime(2024, 1, 1, tzinfo=timezone.utc)
_REFUSED_EACH = 40
"""One request of so many gets a 429."""


def tables() -> dict[str, Rows]:
    """The rows of the shop, by stream."""

    def at(number: int) -> str:
        return (_START + timedelta(hours=7 * number, minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")

    customers = [{"id": n, "name": f"Customer {n}", "vip": n % 7 == 0, "updated_at": at(n)} for n in range(1, 251)]
    products = [{"sku": f"P-{n:04}", "title": f"Product {n}", "price": n * 1.25} for n in range(1, 138)]
    orders = [
        {"id": 1000 + n, "customer_id": n % 250 + 1, "total": n * 3.5, "status": "open", "updated_at": at(n)}
        for n in range(1, 421)
    ]
    notes = [
        {"number": m, "text": f"note {m} of {n}", "customer_id": n} for n in range(1, 251) for m in range(1, n % 4)
    ]
    return {"customers": customers, "products": products, "orders": orders, "notes": notes}


class OpenApiShop(Api):
    """The running shop.

    Args:
        port: The port; 0 takes a free one.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port=port)
        self.tables = tables()
        self.get("/openapi.json")(lambda _: document())
        for name in _PAGES:
            self._serve(f"/{name}", partial(self._page, name))
        self._serve("/customers/{id}/notes", self._notes)

    def _serve(self, path: str, found: Callable[[Call], Any]) -> None:
        def handler(call: Call) -> Answer:
            if call.headers["Authorization"] != f"Bearer {TOKEN}":
                return Answer({"detail": "Not authenticated"}, 401, {"WWW-Authenticate": "Bearer"})
            if len(self.requests) % _REFUSED_EACH == 0:
                return Answer({"detail": "Too many requests"}, 429, {"Retry-After": "0"})
            return Answer(found(call))

        self.get(path)(handler)

    def _page(self, name: str, call: Call) -> Any:
        return _PAGES[name](self.tables[name], call)

    def _notes(self, call: Call) -> Rows:
        return [row for row in self.tables["notes"] if str(row["customer_id"]) == call.path_params["id"]]


def _since(rows: Rows, call: Call) -> Rows:
    start = call.arg("updated_since")
    return [row for row in rows if row["updated_at"] >= start]


def _by_cursor(rows: Rows, call: Call) -> Any:
    rows, size = _since(rows, call), min(int(call.arg("limit", "20")), 100)
    begin = int(call.arg("cursor", "c0")[1:])
    more = begin + size < len(rows)
    return {"items": rows[begin : begin + size], "next_cursor": f"c{begin + size}" if more else None}


def _by_number(rows: Rows, call: Call) -> Any:
    size, page = min(int(call.arg("per_page", "25")), 50), int(call.arg("page", "1"))
    pages = -(-len(rows) // size)
    return {"data": rows[(page - 1) * size : page * size], "page": page, "pages": pages, "total": len(rows)}


def _by_offset(rows: Rows, call: Call) -> Any:
    rows, size, begin = _since(rows, call), min(int(call.arg("limit", "50")), 200), int(call.arg("offset", "0"))
    return rows[begin : begin + size]


_PAGES: dict[str, Callable[[Rows, Call], Any]] = {
    "customers": _by_cursor,
    "products": _by_number,
    "orders": _by_offset,
}


def document() -> dict[str, Any]:
    """The OpenAPI document, in the dialect of FastAPI: nullable parameters, references, one operation for each path."""

    def param(name: str, kind: str, default: Any = None, **more: Any) -> dict[str, Any]:
        schema = {"anyOf": [{"type": kind, **more}, {"type": "null"}]} if default is None else {"type": kind, **more}
        return {"name": name, "in": "query", "required": False, "schema": {**schema, "default": default}}

    def operation(schema: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
        responses = {
            "200": {"description": "OK", "content": {"application/json": {"schema": schema}}},
            "422": {"$ref": "#/components/responses/Invalid"},
        }
        return {"get": {"parameters": list(parameters), "responses": responses, "security": [{"HTTPBearer": []}]}}

    def some(name: str) -> dict[str, Any]:
        return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}

    since = param("updated_since", "string", format="date-time")
    size = {"minimum": 1, "maximum": 100}
    in_path = {"name": "customer_id", "in": "path", "required": True, "schema": {"type": "integer"}}
    names = {
        name: {"type": "object", "properties": {"id": {"type": "integer"}}} for name in ("Customer", "Order", "Note")
    }
    page = {"type": "object", "properties": {"items": some("Customer"), "next_cursor": {"type": "string"}}}
    numbered = {"type": "object", "properties": {"data": some("Order"), "pages": {"type": "integer"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "paths": {
            "/customers": operation(
                {"$ref": "#/components/schemas/Page"},
                param("cursor", "string"),
                param("limit", "integer", 20, **size),
                since,
            ),
            "/customers/{customer_id}": operation({"$ref": "#/components/schemas/Customer"}, in_path),
            "/customers/{customer_id}/notes": operation(some("Note"), in_path),
            "/products": operation(
                numbered, param("page", "integer", 1), param("per_page", "integer", 25, minimum=1, maximum=50)
            ),
            "/orders": operation(
                some("Order"),
                param("offset", "integer", 0),
                param("limit", "integer", 50, maximum=200),
                param("status", "string"),
                since,
            ),
            "/stats": operation({"type": "object", "properties": {"orders": {"type": "integer"}}}),
        },
        "components": {
            "schemas": {**names, "Page": page},
            "responses": {"Invalid": {"description": "Validation Error"}},
            "securitySchemes": {"HTTPBearer": {"type": "http", "scheme": "bearer"}},
        },
    }


if __name__ == "__main__":
    with OpenApiShop(int(sys.argv[1]) if len(sys.argv) > 1 else 8321) as served, suppress(KeyboardInterrupt):
        print(f"The shop is at {served.url}, its token is {TOKEN}", flush=True)
        Event().wait()
