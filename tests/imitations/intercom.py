"""Intercom's API.

https://developers.intercom.com/docs/build-an-integration/learn-more/rest-apis/pagination
https://developers.intercom.com/docs/references/rest-api/api.intercom.io/contacts/searchcontacts
https://developers.intercom.com/docs/references/rest-api/errors/http-responses
"""

from __future__ import annotations

from typing import Any

from tests.api import Answer, Call
from tests.imitations import Imitation, Row, bounded

FIRST = 1_704_067_200
DAY = 86_400


class Intercom(Imitation):
    """A workspace. Contacts are searched by day, as its documentation says, conversations to the second."""

    secret = "dG9rOmEtdG9rZW4tb2YtdGhlLXRlc3Rz"

    def tables(self) -> None:
        self.contacts = [self._object("contact", n, FIRST + n * 3600) for n in range(400)]
        self.conversations = [self._object("conversation", n, FIRST + n // 2) for n in range(160)]
        self.admins: list[Row] = [{"type": "admin", "id": str(n), "name": f"Admin {n}"} for n in range(3)]
        self.companies: list[Row] = [{"type": "company", "id": f"company-{n}", "name": f"C {n}"} for n in range(230)]
        self.get("/admins")(lambda _: {"type": "admin.list", "admins": self.admins})
        self.post("/contacts/search")(lambda call: self._search(call, self.contacts, "data", by_day=True))
        self.post("/conversations/search")(lambda call: self._search(call, self.conversations, "conversations"))
        self.get("/conversations/{id}")(self._conversation)
        self.get("/companies/scroll")(self._scroll)

    def _object(self, kind: str, number: int, updated: int) -> Row:
        return {"type": kind, "id": f"{kind}-{number}", "created_at": FIRST, "updated_at": updated}

    def _parts(self, conversation: str) -> list[Row]:
        many = 3 if conversation.endswith("1") else 0
        return [{"type": "conversation_part", "id": f"{conversation}-{n}", "body": f"Part {n}"} for n in range(many)]

    def _conversation(self, call: Call) -> Answer:
        key = call.path_params["id"]
        found = next((row for row in self.conversations if row["id"] == key), None)
        if found is None:
            return self._error(404, "not_found", "Resource Not Found")
        parts = self._parts(key)
        inner = {"type": "conversation_part.list", "conversation_parts": parts, "total_count": len(parts)}
        return Answer({**found, "conversation_parts": inner})

    def _search(self, call: Call, rows: list[Row], name: str, *, by_day: bool = False) -> Answer:
        asked = call.json()
        query = asked["query"]
        assert query["field"] == "updated_at"
        if query["operator"] not in {">", "<", "=", "!="}:
            return self._error(400, "invalid_operator", "updated_at does not support this operator")
        since = int(query["value"])
        if by_day:
            since -= since % DAY
            kept = [row for row in rows if row["updated_at"] - row["updated_at"] % DAY > since]
        else:
            kept = [row for row in rows if row["updated_at"] > since]
        sort = asked.get("sort", {"field": "created_at", "order": "descending"})
        kept = sorted(kept, key=lambda row: int(row[sort["field"]]), reverse=sort["order"] == "descending")
        paging = asked.get("pagination", {})
        size = bounded(str(paging.get("per_page", "")), 50, 150)
        keys = [row["id"] for row in kept]
        start = keys.index(paging["starting_after"]) + 1 if paging.get("starting_after") else 0
        page = kept[start : start + size]
        pages: dict[str, Any] = {"type": "pages", "page": start // size + 1, "per_page": size}
        if start + size < len(kept):
            pages["next"] = {"page": start // size + 2, "starting_after": page[-1]["id"]}
        return Answer({"type": f"{name}.list", name: page, "total_count": len(kept), "pages": pages})

    def _scroll(self, call: Call) -> Answer:
        start = int(call.arg("scroll_param", "scroll-0").removeprefix("scroll-"))
        rows = self.companies[start : start + 100]
        return Answer({"type": "list", "data": rows, "scroll_param": f"scroll-{start + 100}", "total_count": None})

    def _error(self, status: int, code: str, message: str) -> Answer:
        return Answer(
            {"type": "error.list", "request_id": "r1", "errors": [{"code": code, "message": message}]}, status
        )

    def truth(self) -> dict[str, list[Row]]:
        return {
            "admins": self.admins,
            "companies": self.companies,
            "contacts": self.contacts,
            "conversations": self.conversations,
            "conversation_parts": [
                {**part, "conversation_id": row["id"]} for row in self.conversations for part in self._parts(row["id"])
            ],
        }

    def change(self) -> dict[str, set[str]]:
        later = FIRST + 100 * DAY
        self.contacts[2]["updated_at"] = later
        self.conversations.append(self._object("conversation", 9001, later))
        return {"contacts": {"contact-2"}, "conversations": {"conversation-9001"}}

    def unauthorized(self, call: Call) -> Answer | None:
        right = call.headers["Authorization"] == f"Bearer {self.secret}"
        return None if right else self._error(401, "unauthorized", "Access Token Invalid")

    def too_many(self) -> Answer:
        return self._error(429, "rate_limit_exceeded", "Exceeded rate limit")

    def not_found(self) -> Answer:
        return self._error(404, "not_found", "Resource Not Found")

    def usual(self) -> dict[str, str]:
        left = str(1000 - self.asked)
        return {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": left, "X-RateLimit-Reset": "1704067210"}
