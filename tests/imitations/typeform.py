"""Typeform's API.

https://www.typeform.com/developers/create/reference/retrieve-forms/
https://www.typeform.com/developers/responses/reference/retrieve-responses/
"""

from __future__ import annotations

from tests.api import Answer, Call
from tests.imitations import Imitation, Row, moment


class Typeform(Imitation):
    """An account with more forms than a page, and a form with more responses than a page."""

    secret = "tfp_aTokenOfTheTests"

    def tables(self) -> None:
        self.workspaces: list[Row] = [{"id": f"w{n}", "name": f"Workspace {n}"} for n in range(3)]
        self.forms: list[Row] = [
            {"id": f"f{n}", "title": f"Form {n}", "last_updated_at": moment(n)} for n in range(201)
        ]
        self.responses: dict[str, list[Row]] = {
            "f0": [self._response(n, n // 2) for n in range(1250)],
            "f1": [self._response(5000, 3)],
        }
        self.get("/workspaces")(lambda call: self._page(call, self.workspaces))
        self.get("/forms")(lambda call: self._page(call, self.forms))
        self.get("/forms/{id}/responses")(self._responses)

    def _response(self, number: int, minutes: int) -> Row:
        return {
            "token": f"t{number:05}",
            "response_id": f"t{number:05}",
            "submitted_at": moment(minutes),
            "answers": [],
        }

    def _page(self, call: Call, rows: list[Row]) -> Answer:
        size, page = int(call.arg("page_size", "10")), int(call.arg("page", "1"))
        if size > 200:
            return self._error(400, "VALIDATION_ERROR", "page_size must be lower than or equal to 200")
        pages = -(-len(rows) // size)
        found = rows[page * size - size : page * size]
        return Answer({"total_items": len(rows), "page_count": pages, "items": found})

    def _responses(self, call: Call) -> Answer:
        if call.path_params["id"] not in {form["id"] for form in self.forms}:
            return self._error(404, "FORM_NOT_FOUND", "Non existing form with this id")
        size = int(call.arg("page_size", "25"))
        if size > 1000:
            return self._error(400, "VALIDATION_ERROR", "page_size must be lower than or equal to 1000")
        before = call.arg("before")
        if before and call.arg("sort"):
            return self._error(400, "VALIDATION_ERROR", "sort cannot be used together with before or after")
        rows = sorted(
            self.responses.get(call.path_params["id"], []),
            key=lambda row: (str(row["submitted_at"]), str(row["token"])),
            reverse=True,
        )
        rows = [row for row in rows if row["submitted_at"] >= call.arg("since")]
        total = len(rows)
        if before:
            tokens = [row["token"] for row in rows]
            rows = rows[tokens.index(before) + 1 :]
        return Answer({"total_items": total, "page_count": -(-total // size), "items": rows[:size]})

    def _error(self, status: int, code: str, description: str) -> Answer:
        return Answer({"code": code, "description": description}, status)

    def truth(self) -> dict[str, list[Row]]:
        return {
            "workspaces": self.workspaces,
            "forms": self.forms,
            "responses": [{**row, "form_id": form} for form, rows in self.responses.items() for row in rows],
        }

    def change(self) -> dict[str, set[str]]:
        self.responses["f0"].append(self._response(8000, 9000))
        self.responses["f2"] = [self._response(8001, 1)]
        return {"responses": {"t08000", "t08001"}}

    def unauthorized(self, call: Call) -> Answer | None:
        if call.headers["Authorization"] == f"Bearer {self.secret}":
            return None
        return self._error(401, "AUTHENTICATION_FAILED", "Authentication credentials not found on the Request Headers")

    def too_many(self) -> Answer:
        return self._error(429, "TOO_MANY_REQUESTS", "Rate limit exceeded")

    def not_found(self) -> Answer:
        return self._error(404, "NOT_FOUND", "Endpoint not found")
