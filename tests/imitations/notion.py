"""Notion's API.

https://developers.notion.com/reference/intro#pagination
https://developers.notion.com/reference/status-codes
https://developers.notion.com/reference/post-search
"""

from __future__ import annotations

from typing import Any

from tests.api import Answer, Call
from tests.imitations import Imitation, Row, moment


class Notion(Imitation):
    """A workspace; times of edits are rounded to the minute, so that many are the same."""

    secret = "ntn_aTokenOfTheTests"
    base = "/v1"

    def tables(self) -> None:
        self.pages = [self._object("page", n, n // 5) for n in range(130)]
        self.databases = [self._object("database", n, n) for n in range(3)]
        self.people: list[Row] = [{"object": "user", "id": f"user-{n}", "name": f"Name {n}"} for n in range(120)]
        self.blocks: dict[str, list[Row]] = {
            page["id"]: [
                {"object": "block", "id": f"{page['id']}-{b}", "type": "paragraph"} for b in range(150 if n == 0 else 2)
            ]
            for n, page in enumerate(self.pages)
            if n < 4
        }
        self.get("/v1/users")(lambda call: self._page(self.people, call.arg("page_size"), call.arg("start_cursor")))
        self.post("/v1/search")(self._search)
        self.get("/v1/blocks/{id}/children")(self._children)

    def _object(self, kind: str, number: int, minutes: int) -> Row:
        edited = moment(minutes).replace("Z", ".000Z")
        return {"object": kind, "id": f"{kind}-{number}", "last_edited_time": edited}

    def _page(self, rows: list[Row], size: Any, cursor: Any) -> Answer:
        number = int(size or 100)
        if number > 100:
            return self._error(400, "validation_error", "body.page_size should be less than or equal to 100")
        keys = [row["id"] for row in rows]
        if cursor and cursor not in keys:
            return self._error(400, "validation_error", "The start_cursor provided is invalid")
        start = keys.index(cursor) if cursor else 0
        following = keys[start + number] if start + number < len(rows) else None
        body = {"object": "list", "results": rows[start : start + number], "next_cursor": following}
        return Answer({**body, "has_more": following is not None})

    def _search(self, call: Call) -> Answer:
        asked = call.json()
        if "start_cursor" in asked and not isinstance(asked["start_cursor"], str):
            return self._error(400, "validation_error", "body.start_cursor should be not present or a string")
        kind = asked["filter"]["value"]
        sort = asked.get("sort", {"direction": "descending"})
        rows = sorted(
            self.pages if kind == "page" else self.databases,
            key=lambda row: (str(row["last_edited_time"]), str(row["id"])),
            reverse=sort["direction"] == "descending",
        )
        return self._page(rows, asked.get("page_size"), asked.get("start_cursor"))

    def _children(self, call: Call) -> Answer:
        rows = self.blocks.get(call.path_params["id"])
        if rows is None:
            return Answer({"object": "list", "results": [], "next_cursor": None, "has_more": False})
        return self._page(rows, call.arg("page_size"), call.arg("start_cursor"))

    def _error(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
        return Answer({"object": "error", "status": status, "code": code, "message": message}, status, headers or {})

    def truth(self) -> dict[str, list[Row]]:
        return {
            "users": self.people,
            "pages": self.pages,
            "databases": self.databases,
            "blocks": [{**row, "page_id": page} for page, rows in self.blocks.items() for row in rows],
        }

    def change(self) -> dict[str, set[str]]:
        self.pages[0]["last_edited_time"] = moment(9000).replace("Z", ".000Z")
        self.pages.append(self._object("page", 900, 26))
        return {"pages": {"page-0", "page-900"}}

    def unauthorized(self, call: Call) -> Answer | None:
        if call.headers["Authorization"] != f"Bearer {self.secret}":
            return self._error(401, "unauthorized", "API token is invalid.")
        if not call.headers["Notion-Version"]:
            return self._error(400, "missing_version", "Notion-Version header should be defined.")
        return None

    def too_many(self) -> Answer:
        return self._error(429, "rate_limited", "You have been rate limited.", {"Retry-After": "1"})

    def not_found(self) -> Answer:
        return self._error(400, "invalid_request_url", "Invalid request URL.")
