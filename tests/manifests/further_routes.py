"""Routes for the less common components: embedded first pages, scrolls, other token requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

from tests.api import Answer

if TYPE_CHECKING:
    from tests.api import Api, Call

BOARDS = ("b1", "b2", "b3")
_MOST = 10
"""The rows that one search gives at most."""
_KEY = "a key of the tests that is as long as the hash, at least"


def _cards(board: str, start: int) -> dict[str, Any]:
    """Two cards of a board, which has as many as its number says, twice."""
    count = 2 * int(board[1])
    cards = [{"id": f"{board}-{number}"} for number in range(start, min(start + 2, count))]
    return {"data": cards, "next": start + 2, "has_more": start + 2 < count}


def serve(api: Api, rows: list[dict[str, Any]]) -> None:
    """Adds the routes to an API."""

    @api.get("/v1/boards")
    def boards(_: Call) -> Any:
        return {"data": [{"id": board, "cards": _cards(board, 0)} for board in BOARDS]}

    @api.get("/v1/boards/{id}/cards")
    def cards(call: Call) -> Any:
        return _cards(call.path_params["id"], int(call.arg("after", "0")))

    @api.get("/v1/scrolled")
    def scrolled(call: Call) -> Any:
        group, since, start = call.arg("group"), call.arg("since"), 0
        if call.arg("cursor"):  # the cursor has all, and any other parameter is an error
            if group or since:
                return Answer({"error": "parameters"}, 400)
            group, since, text = call.arg("cursor").split("|")
            start = int(text)
        found = [row for row in rows if row["group"] == group and row["at"] >= since]
        more = {"next": f"{group}|{since}|{start + 5}"} if start + 5 < len(found) else {}
        return {"data": found[start : start + 5], **more}

    @api.post("/oauth/by-query")
    def by_query(call: Call) -> Any:
        if call.body or call.arg("client_id") != "an-id" or call.arg("client_secret") != "pass word":
            return Answer({"error": "invalid_client"}, 401)
        return {"access_token": f"by {call.arg('refresh_token')}", "expires_in": 3600}

    @api.post("/oauth/by-assertion")
    def by_assertion(call: Call) -> Any:
        fields = dict(pair.split("=") for pair in call.body.decode().split("&"))
        claims = jwt.decode(fields["assertion"], _KEY, algorithms=["HS256"])
        return {"access_token": f"of {claims['iss']} by {fields['grant_type']}", "expires_in": 3600}

    @api.post("/login.xml")
    def login(call: Call) -> Any:
        text = f"<?xml version='1.0'?><session kind='x'><token>of {call.json()['user']}</token></session>"
        return Answer(text, headers={"Content-Type": "text/xml"})

    @api.get("/v1/hurried")
    def hurried(call: Call) -> Any:
        return Answer({"wait": 1}, 429) if call.number == 0 else {"data": rows[:3]}

    @api.get("/v1/capped")
    def capped(call: Call) -> Any:
        offset = int(call.arg("offset", "0"))
        if offset >= _MOST:
            return Answer({"error": "the results of one query end here"}, 400)
        return {"data": [row for row in rows if row["at"] > call.arg("since")][offset : offset + 5]}

    @api.post("/v1/chosen")
    def searched(call: Call) -> Any:
        asked = call.json()
        start, least = int(asked.get("after", 0)), int(asked.get("from_id", 0))
        if "from_id" in asked and start >= _MOST:
            return Answer({"error": "the results of one search end here"}, 400)
        found = [row for row in rows if row["id"] >= least]
        page = found[start : start + 5]
        data = [
            {"id": str(row["id"]), "at": row["at"], **{name: row[name] for name in asked["fields"]}} for row in page
        ]
        return {"data": data, "next": start + 5 if start + 5 < len(found) else None}
