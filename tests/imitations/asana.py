"""Asana's API.

https://developers.asana.com/docs/pagination
https://developers.asana.com/docs/inputoutput-options (records are compact unless `opt_fields` asks for more)
https://developers.asana.com/docs/rate-limits
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from urllib.parse import urlencode

from tests.api import Answer, Call
from tests.imitations import Imitation, Row, moment

COMPACT = {"gid", "name", "resource_type"}


class Asana(Imitation):
    """One workspace with two projects. Without `limit` long lists are refused."""

    secret = "2/1201/1202:a-token-of-the-tests"
    base = "/api/1.0"

    def tables(self) -> None:
        self.workspaces = [self._object("workspace", "1")]
        self.projects = [self._object("project", str(n)) for n in (11, 12)]
        self.tasks: dict[str, list[Row]] = {
            "11": [self._task(1000 + n, n) for n in range(120)],
            "12": [self._task(3000, 3)],
        }
        self.stories: dict[str, list[Row]] = {
            "1000": [{**self._object("story", f"9{n:03}"), "text": f"Story {n}"} for n in range(130)],
            "3000": [{**self._object("story", "8000"), "text": "Story"}],
        }
        self.get("/api/1.0/workspaces")(lambda call: self._page(call, self.workspaces))
        self.get("/api/1.0/projects")(self._projects)
        self.get("/api/1.0/tasks")(self._tasks)
        self.get("/api/1.0/tasks/{gid}/stories")(
            lambda call: self._page(call, self.stories.get(call.path_params["gid"], []))
        )

    def _object(self, kind: str, gid: str) -> Row:
        return {"gid": gid, "resource_type": kind, "name": f"{kind} {gid}"}

    def _task(self, number: int, minutes: int) -> Row:
        modified = moment(minutes).replace("Z", ".123Z")
        return {**self._object("task", str(number)), "completed": number % 2 == 0, "modified_at": modified}

    def _projects(self, call: Call) -> Answer:
        if call.arg("workspace") != "1":
            return self._error(400, "workspace: Not a recognized ID")
        return self._page(call, self.projects)

    def _tasks(self, call: Call) -> Answer:
        rows = self.tasks.get(call.arg("project"))
        if rows is None:
            return self._error(400, "You should specify one of project, tag, section, user_task_list, or assignee")
        return self._page(call, [row for row in rows if row["modified_at"][:19] >= call.arg("modified_since")[:19]])

    def _page(self, call: Call, rows: list[Row]) -> Answer:
        fields = {*COMPACT, *filter(None, call.arg("opt_fields").split(","))}
        whole = [{name: value for name, value in row.items() if name in fields} for row in rows]
        if not call.arg("limit"):
            too_large = "The result is too large. You should use pagination (may require specifying a workspace)!"
            return self._error(400, too_large) if len(rows) > 100 else Answer({"data": whole})
        limit = int(call.arg("limit"))
        if not 1 <= limit <= 100:
            return self._error(400, "limit: Must be between 1 and 100")
        offset = call.arg("offset")
        start = int(b64decode(offset)) if offset else 0
        following = None
        if start + limit < len(rows):
            token = b64encode(str(start + limit).encode()).decode()
            query = urlencode({**{name: values[0] for name, values in call.query.items()}, "offset": token})
            path = call.path.removeprefix("/api/1.0")
            following = {"offset": token, "path": f"{path}?{query}", "uri": f"{self.url}{call.path}?{query}"}
        return Answer({"data": whole[start : start + limit], "next_page": following})

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> Answer:
        help_ = "For more information on API status codes and how to handle them, read the docs on errors"
        return Answer({"errors": [{"message": message, "help": help_}]}, status, headers or {})

    def truth(self) -> dict[str, list[Row]]:
        return {
            "workspaces": self.workspaces,
            "projects": self.projects,
            "tasks": [row for rows in self.tasks.values() for row in rows],
            "stories": [{**row, "task_gid": task} for task, rows in self.stories.items() for row in rows],
        }

    def change(self) -> dict[str, set[str]]:
        self.tasks["11"][9]["modified_at"] = moment(9000).replace("Z", ".000Z")
        self.tasks["12"].append(self._task(3001, 9000))
        return {"tasks": {"1009", "3001"}}

    def unauthorized(self, call: Call) -> Answer | None:
        right = call.headers["Authorization"] == f"Bearer {self.secret}"
        return None if right else self._error(401, "Not Authorized")

    def too_many(self) -> Answer:
        return self._error(429, "You have made too many requests recently. Please, be chill.", {"Retry-After": "1"})

    def not_found(self) -> Answer:
        return self._error(404, "No matching route for request")
