"""Pipedrive's API, versions 1 and 2.

https://pipedrive.readme.io/docs/core-api-concepts-pagination
https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting
https://developers.pipedrive.com/docs/api/v1/Deals#getDeals
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import partial

from tests.api import Answer, Call
from tests.imitations import Imitation, Row, moment


class Pipedrive(Imitation):
    """A company's account: cursors in version 2, offsets in version 1."""

    secret = "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1"
    base = "/api"

    def tables(self) -> None:
        self.deals = [self._item(n, moment(n // 2)) for n in range(1100)]
        self.persons = [self._item(10_000 + n, moment(n)) for n in range(501)]
        self.pipelines: list[Row] = [{"id": n, "name": f"Pipeline {n}"} for n in range(1, 3)]
        self.stages: list[Row] = [{"id": n, "name": f"Stage {n}", "pipeline_id": 1 + n % 2} for n in range(7)]
        self.notes: list[Row] = [{"id": n, "content": f"Note {n}"} for n in range(620)]
        for name, table in (("deals", self.deals), ("persons", self.persons)):
            self.get(f"/api/v2/{name}")(partial(self._items, table=table))
        self.get("/api/v2/pipelines")(lambda call: self._page(call, self.pipelines))
        self.get("/api/v2/stages")(
            lambda call: self._page(call, [s for s in self.stages if str(s["pipeline_id"]) == call.arg("pipeline_id")])
        )
        self.get("/api/v1/notes")(self._notes)

    def _item(self, number: int, updated: str) -> Row:
        return {"id": number, "title": f"Title {number}", "update_time": updated}

    def _items(self, call: Call, table: list[Row]) -> Answer:
        by = {"update_time": "update_time"}.get(call.arg("sort_by"), "id")
        rows = sorted(table, key=lambda row: str(row[by]), reverse=call.arg("sort_direction") == "desc")
        return self._page(call, [row for row in rows if row["update_time"] >= call.arg("updated_since")])

    def _page(self, call: Call, rows: list[Row]) -> Answer:
        limit = int(call.arg("limit", "100"))
        if limit > 500:
            return self._error(400, "Validation failed: limit: Number must be less than or equal to 500")
        cursor = call.arg("cursor")
        start = int(b64decode(cursor)) if cursor else 0
        more = start + limit < len(rows)
        token = b64encode(str(start + limit).encode()).decode() if more else None
        return Answer({"success": True, "data": rows[start : start + limit], "additional_data": {"next_cursor": token}})

    def _notes(self, call: Call) -> Answer:
        start, limit = int(call.arg("start", "0")), min(int(call.arg("limit", "100")), 500)
        more = start + limit < len(self.notes)
        pagination: Row = {"start": start, "limit": limit, "more_items_in_collection": more}
        if more:
            pagination["next_start"] = start + limit
        rows = self.notes[start : start + limit]
        return Answer({"success": True, "data": rows, "additional_data": {"pagination": pagination}})

    def _error(self, status: int, message: str) -> Answer:
        info = "Please check developers.pipedrive.com"
        return Answer({"success": False, "error": message, "errorCode": status, "error_info": info}, status)

    def truth(self) -> dict[str, list[Row]]:
        return {
            "deals": self.deals,
            "persons": self.persons,
            "pipelines": self.pipelines,
            "stages": self.stages,
            "notes": self.notes,
        }

    def change(self) -> dict[str, set[str]]:
        self.deals[0]["update_time"] = moment(9000)
        self.persons.append(self._item(20_000, moment(9000)))
        return {"deals": {"0"}, "persons": {"20000"}}

    def unauthorized(self, call: Call) -> Answer | None:
        sent = {call.headers["x-api-token"], call.arg("api_token")}
        return None if self.secret in sent else self._error(401, "unauthorized access")

    def too_many(self) -> Answer:
        answer = self._error(429, "Request over limit")
        return Answer(answer.body, 429, {"Retry-After": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"})

    def not_found(self) -> Answer:
        return self._error(404, "Unknown method .")

    def usual(self) -> dict[str, str]:
        return {"x-ratelimit-limit": "80", "x-ratelimit-remaining": "79", "x-ratelimit-reset": "2"}
