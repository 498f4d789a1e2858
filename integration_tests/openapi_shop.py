"""A shop with an OpenAPI document, as a web framework writes it: `python -m integration_tests.openapi_shop`.

Everything that `init` has to find out is here: a bearer token, pages by cursor, by number and by offset, filters by the
time of the last change, children of a parent, and a 429 now and then.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

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


class OpenApiShop:
    """The running shop.

    Args:
        port: The port; 0 takes a free one.
    """

    def __init__(self, port: int = 0) -> None:
        self.tables = tables()
        self.requests: list[str] = []
        self._lock = Lock()
        shop = self

        class _Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers, body = shop.answer(self.path, self.headers.get("Authorization", ""))
                payload = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Serves until it is shut down."""
        self._server.serve_forever()

    def answer(self, target: str, authorization: str) -> tuple[int, dict[str, str], Any]:
        """Returns status, headers and body of the response to a GET request."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.requests.append(target)
            number = len(self.requests)
        if parts.path == "/openapi.json":
            return 200, {}, document()
        if authorization != f"Bearer {TOKEN}":
            return 401, {"WWW-Authenticate": "Bearer"}, {"detail": "Not authenticated"}
        if number % _REFUSED_EACH == 0:
            return 429, {"Retry-After": "0"}, {"detail": "Too many requests"}
        segments = parts.path.strip("/").split("/")
        if segments[:1] == ["customers"] and len(segments) == 3 and segments[2] == "notes":
            return 200, {}, [row for row in self.tables["notes"] if str(row["customer_id"]) == segments[1]]
        page = _PAGES.get(parts.path)
        if page is None:
            return 404, {}, {"detail": "Not Found"}
        return 200, {}, page(self.tables[segments[0]], query)


def _since(rows: Rows, query: dict[str, str]) -> Rows:
    start = query.get("updated_since", "")
    return [row for row in rows if row["updated_at"] >= start]


def _by_cursor(rows: Rows, query: dict[str, str]) -> Any:
    rows, size = _since(rows, query), min(int(query.get("limit", "20")), 100)
    begin = int(query.get("cursor", "c0")[1:])
    more = begin + size < len(rows)
    return {"items": rows[begin : begin + size], "next_cursor": f"c{begin + size}" if more else None}


def _by_number(rows: Rows, query: dict[str, str]) -> Any:
    size, page = min(int(query.get("per_page", "25")), 50), int(query.get("page", "1"))
    pages = -(-len(rows) // size)
    return {"data": rows[(page - 1) * size : page * size], "page": page, "pages": pages, "total": len(rows)}


def _by_offset(rows: Rows, query: dict[str, str]) -> Any:
    rows, size, begin = _since(rows, query), min(int(query.get("limit", "50")), 200), int(query.get("offset", "0"))
    return rows[begin : begin + size]


_PAGES: dict[str, Callable[[Rows, dict[str, str]], Any]] = {
    "/customers": _by_cursor,
    "/products": _by_number,
    "/orders": _by_offset,
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
    served = OpenApiShop(int(sys.argv[1]) if len(sys.argv) > 1 else 8321)
    print(f"The shop is at {served.url}, its token is {TOKEN}", flush=True)
    served.serve()
