"""Slack's Web API.

https://docs.slack.dev/apis/web-api/pagination
https://docs.slack.dev/apis/web-api/rate-limits
https://docs.slack.dev/reference/methods/conversations.history
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from tests.api import Answer, Call
from tests.imitations import Imitation, Row, bounded

FIRST = 1_704_067_200


class Slack(Imitation):
    """A workspace in which the app is a member of two of three channels. Errors come with status 200."""

    secret = "xoxb-a-token-of-the-tests"
    base = "/api"

    def tables(self) -> None:
        self.people: list[Row] = [{"id": f"U{n:03}", "name": f"name{n}", "deleted": n % 9 == 0} for n in range(250)]
        self.channels: list[Row] = [
            {"id": f"C{n}", "name": f"channel-{n}", "is_member": n != 2, "is_archived": False} for n in range(3)
        ]
        self.messages: dict[str, list[Row]] = {
            "C0": [self._message(n) for n in range(430)],
            "C1": [self._message(n * 7) for n in range(5)],
        }
        self.members = {"C0": [row["id"] for row in self.people], "C1": ["U001", "U002"], "C2": ["U003"]}
        methods: dict[str, Any] = {
            "users.list": lambda call: self._page(call, "members", self.people, 1000),
            "conversations.list": lambda call: self._page(call, "channels", self.channels, 1000),
            "conversations.members": lambda call: self._page(call, "members", self._of(call, self.members), 1000),
            "conversations.history": self._history,
        }
        for name, handler in methods.items():
            self.get(f"/api/{name}")(handler)
            self.post(f"/api/{name}")(handler)

    def _message(self, number: int) -> Row:
        return {
            "type": "message",
            "user": "U001",
            "text": f"Message {number}",
            "ts": f"{FIRST + number}.000{number % 9}00",
        }

    def _of(self, call: Call, table: dict[str, list[Any]]) -> list[Any] | None:
        return table.get(call.arg("channel"))

    def _history(self, call: Call) -> Answer:
        rows = self._of(call, self.messages)
        if rows is None:
            known = call.arg("channel") in {row["id"] for row in self.channels}
            return Answer({"ok": False, "error": "not_in_channel" if known else "channel_not_found"})
        oldest, inclusive = call.arg("oldest") or "0", call.arg("inclusive") in {"true", "1"}
        newest_first = sorted(rows, key=lambda row: float(row["ts"]), reverse=True)
        kept = [
            row
            for row in newest_first
            if float(row["ts"]) > float(oldest) or (inclusive and float(row["ts"]) == float(oldest))
        ]
        return self._page(call, "messages", kept, 999)

    def _page(self, call: Call, name: str, rows: list[Any] | None, most: int) -> Answer:
        if rows is None:
            return Answer({"ok": False, "error": "channel_not_found"})
        # Pages may be smaller than what was asked for, although there is more.
        size = max(bounded(call.arg("limit"), 100, most) - 3, 1)
        cursor = call.arg("cursor")
        try:
            start = int(b64decode(cursor).removeprefix(b"next:")) if cursor else 0
        except ValueError:
            return Answer({"ok": False, "error": "invalid_cursor"})
        more = start + size < len(rows)
        token = b64encode(f"next:{start + size}".encode()).decode() if more else ""
        body = {"ok": True, name: rows[start : start + size], "response_metadata": {"next_cursor": token}}
        return Answer({**body, "has_more": more} if name == "messages" else body)

    def truth(self) -> dict[str, list[Row]]:
        return {
            "users": self.people,
            "channels": self.channels,
            "messages": [{**row, "channel_id": channel} for channel, rows in self.messages.items() for row in rows],
            "channel_members": [
                {"user_id": user, "channel_id": channel} for channel, users in self.members.items() for user in users
            ],
        }

    def change(self) -> dict[str, set[str]]:
        late = [self._message(90_000), self._message(90_001)]
        self.messages["C0"] += late
        return {"messages": {f"C0|{row['ts']}" for row in late}}

    def unauthorized(self, call: Call) -> Answer | None:
        sent = call.headers["Authorization"]
        if sent == f"Bearer {self.secret}":
            return None
        return Answer({"ok": False, "error": "invalid_auth" if sent else "not_authed"})

    def too_many(self) -> Answer:
        return Answer({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "1"})

    def not_found(self) -> Answer:
        return Answer({"ok": False, "error": "unknown_method"})
