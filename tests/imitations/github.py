"""GitHub's REST API.

https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.github.com/en/rest/issues/issues#list-repository-issues
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

from tests.api import Answer, Call
from tests.imitations import Imitation, Row, bounded, moment


class GitHub(Imitation):
    """An organization with three repositories, of which one has no commits, and one no issues."""

    secret = "ghp_aTokenOfTheTests"

    def tables(self) -> None:
        self.repos = [
            {"id": 10 + n, "name": name, "full_name": f"acme/{name}"} for n, name in enumerate(["a", "b", "c"])
        ]
        self.issues: dict[str, list[Row]] = {
            "a": [self._issue(n, moment(n // 3)) for n in range(230)],
            "b": [self._issue(1000 + n, moment(n)) for n in range(100)],
            "c": [],
        }
        self.comments: dict[str, list[Row]] = {
            "a": [{"id": 5000 + n, "body": f"Comment {n}", "updated_at": moment(n)} for n in range(120)],
            "b": [],
            "c": [],
        }
        self.commits: dict[str, list[Row]] = {
            "a": [{"sha": f"a{n:039x}", "commit": {"committer": {"date": moment(n)}}} for n in range(101)],
            "b": [{"sha": f"b{n:039x}", "commit": {"committer": {"date": moment(n)}}} for n in range(3)],
            "c": [],
        }
        self.get("/orgs/acme/repos")(lambda call: self._page(call, self.repos, "/organizations/1/repos"))
        self.get("/organizations/1/repos")(lambda call: self._page(call, self.repos, "/organizations/1/repos"))
        for kind in ("issues", "issues/comments", "commits"):
            self.get(f"/repos/acme/{{repo}}/{kind}")(partial(self._of_repo, kind=kind))
            self.get(f"/repositories/{{id}}/{kind}")(partial(self._of_repo, kind=kind))

    def _issue(self, number: int, updated: str) -> Row:
        return {
            "id": 100_000 + number,
            "number": number,
            "title": f"Issue {number}",
            "state": "closed" if number % 4 == 0 else "open",
            "created_at": moment(0),
            "updated_at": updated,
        }

    def _of_repo(self, call: Call, kind: str) -> Answer:
        """A list of a repository, which links name by its id."""
        asked = call.path_params
        repo = next((r for r in self.repos if asked.get("repo") == r["name"] or asked.get("id") == str(r["id"])), None)
        if repo is None:
            return self.not_found()
        links = f"/repositories/{repo['id']}/{kind}"
        name, since = str(repo["name"]), call.arg("since")
        if kind == "commits":
            if not self.commits[name]:
                return Answer({"message": "Git Repository is empty.", "status": "409"}, 409)
            dated = [(row["commit"]["committer"]["date"], row) for row in self.commits[name]]
            rows = [row for date, row in sorted(dated, key=lambda pair: pair[0], reverse=True) if date >= since]
            return self._page(call, rows, links)
        rows = self.comments[name] if kind != "issues" else self.issues[name]
        if kind == "issues":
            rows = [row for row in rows if call.arg("state", "open") in {row["state"], "all"}]
        by = f"{call.arg('sort', 'created')}_at"
        rows = sorted(rows, key=lambda row: str(row.get(by, row["updated_at"])), reverse=call.arg("direction") != "asc")
        return self._page(call, [row for row in rows if row["updated_at"] >= since], links)

    def _page(self, call: Call, rows: list[Any], path: str) -> Answer:
        size = bounded(call.arg("per_page"), 30, 100)
        page, last = int(call.arg("page", "1")), max(-(-len(rows) // size), 1)
        kept = {name: values[0] for name, values in call.query.items() if name != "page"}
        wanted = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        links = [
            f'<{self.url}{path}?{urlencode({**kept, "page": number})}>; rel="{relation}"'
            for relation, number in wanted.items()
            if 1 <= number <= last and (page < last or relation in {"prev", "first"}) and last > 1
        ]
        return Answer(rows[page * size - size : page * size], headers={"Link": ", ".join(links)} if links else {})

    def truth(self) -> dict[str, list[Row]]:
        def of(table: dict[str, list[Row]]) -> list[Row]:
            return [{**row, "repository": repo} for repo, rows in table.items() for row in rows]

        return {
            "repos": self.repos,
            "issues": of(self.issues),
            "issue_comments": of(self.comments),
            "commits": of(self.commits),
        }

    def change(self) -> dict[str, set[str]]:
        self.issues["a"][7]["updated_at"] = moment(5000)
        self.issues["c"].append(self._issue(3000, moment(5000)))
        self.commits["b"].append({"sha": "b" * 40, "commit": {"committer": {"date": moment(5000)}}})
        return {"issues": {"100007", "103000"}, "commits": {"b" * 40}}

    def unauthorized(self, call: Call) -> Answer | None:
        if not call.headers["User-Agent"]:
            return Answer("Request forbidden by administrative rules.", 403)
        if call.headers["Authorization"] in {f"Bearer {self.secret}", f"token {self.secret}"}:
            return None
        return Answer({"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}, 401)

    def too_many(self) -> Answer:
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        return Answer({"message": message}, 403, {"Retry-After": "1"})

    def not_found(self) -> Answer:
        return Answer(
            {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}, 404
        )

    def usual(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(5000 - self.asked),
            "X-RateLimit-Reset": "1704070800",
            "X-RateLimit-Used": str(self.asked),
            "X-RateLimit-Resource": "core",
        }
