"""GitLab's REST API.

https://docs.gitlab.com/api/rest/#pagination
https://docs.gitlab.com/api/issues/#list-project-issues
https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
"""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

from tests.api import Answer, Call
from tests.imitations import Imitation, Row, bounded, moment


class GitLab(Imitation):
    """A group with three projects, of which one has its issues turned off."""

    secret = "glpat-aTokenOfTheTests"
    base = "/api/v4"

    def tables(self) -> None:
        self.projects: list[Row] = [{"id": 20 + n, "path_with_namespace": f"acme/p{n}"} for n in range(3)]
        self.issues: dict[str, list[Row]] = {
            "20": [self._item(n, moment(n // 2)) for n in range(250)],
            "21": [self._item(1000 + n, moment(n)) for n in range(3)],
        }
        self.merges: dict[str, list[Row]] = {
            "20": [self._item(2000 + n, moment(n), "merged") for n in range(101)],
            "21": [],
            "22": [self._item(3000, moment(1))],
        }
        self.pipelines: dict[str, list[Row]] = {
            project: [{"id": int(project) * 1000 + n, "status": "success", "updated_at": moment(n)} for n in range(40)]
            for project in ("20", "21", "22")
        }
        self.get("/api/v4/groups/acme/projects")(lambda call: self._page(call, self.projects))
        for kind, table in (("issues", self.issues), ("merge_requests", self.merges), ("pipelines", self.pipelines)):
            self.get(f"/api/v4/projects/{{id}}/{kind}")(partial(self._of_project, table=table))

    def _item(self, number: int, updated: str, state: str = "opened") -> Row:
        return {
            "id": 100_000 + number,
            "iid": number,
            "title": f"Title {number}",
            "state": state,
            "updated_at": updated,
        }

    def _of_project(self, call: Call, table: dict[str, list[Row]]) -> Answer:
        project = call.path_params["id"]
        if project not in {str(row["id"]) for row in self.projects}:
            return Answer({"message": "404 Project Not Found"}, 404)
        if project not in table:
            return Answer({"message": "403 Forbidden"}, 403)
        by = {"updated_at": "updated_at"}.get(call.arg("order_by"), "id")
        rows = sorted(table[project], key=lambda row: str(row[by]), reverse=call.arg("sort", "desc") == "desc")
        state = call.arg("state", "all")
        chosen = [row for row in rows if state == "all" or row["state"] == state]
        return self._page(call, [row for row in chosen if row["updated_at"] >= call.arg("updated_after")])

    def _page(self, call: Call, rows: list[Row]) -> Answer:
        size = bounded(call.arg("per_page"), 20, 100)
        page, last = int(call.arg("page", "1")), max(-(-len(rows) // size), 1)
        kept = {name: values[0] for name, values in call.query.items()}
        links = {"next": page + 1 if page < last else None, "first": 1, "last": last}
        urls = [
            f'<{self.url}{call.path}?{urlencode({**kept, "page": number, "per_page": size})}>; rel="{relation}"'
            for relation, number in links.items()
            if number is not None
        ]
        numbers = {
            "X-Page": page,
            "X-Per-Page": size,
            "X-Total": len(rows),
            "X-Total-Pages": last,
            "X-Next-Page": page + 1 if page < last else "",
            "X-Prev-Page": page - 1 or "",
        }
        headers = {"Link": ", ".join(urls), **{name: str(number) for name, number in numbers.items()}}
        return Answer(rows[page * size - size : page * size], headers=headers)

    def truth(self) -> dict[str, list[Row]]:
        def of(table: dict[str, list[Row]]) -> list[Row]:
            return [{**row, "project": f"acme/p{int(key) - 20}"} for key, rows in table.items() for row in rows]

        return {
            "projects": self.projects,
            "issues": of(self.issues),
            "merge_requests": of(self.merges),
            "pipelines": of(self.pipelines),
        }

    def change(self) -> dict[str, set[str]]:
        self.issues["20"][3]["updated_at"] = moment(9000)
        self.merges["21"].append(self._item(4000, moment(9000)))
        return {"issues": {"100003"}, "merge_requests": {"104000"}}

    def unauthorized(self, call: Call) -> Answer | None:
        sent = {call.headers["PRIVATE-TOKEN"], (call.headers["Authorization"] or "").removeprefix("Bearer ")}
        return None if self.secret in sent else Answer({"message": "401 Unauthorized"}, 401)

    def too_many(self) -> Answer:
        headers = {"Content-Type": "text/plain", "Retry-After": "1", "RateLimit-Remaining": "0"}
        return Answer("Retry later\n", 429, headers)

    def not_found(self) -> Answer:
        return Answer({"error": "404 Not Found"}, 404)

    def usual(self) -> dict[str, str]:
        return {"RateLimit-Limit": "2000", "RateLimit-Observed": str(self.asked), "RateLimit-Name": "throttle_api"}
