"""The report jobs of the imitation. A job's id follows from what was asked, so both engines ask the same."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from tests.api import Answer

if TYPE_CHECKING:
    from tests.api import Api, Call

Row = dict[str, Any]


def serve(api: Api, rows: list[Row]) -> None:
    """Adds the routes of report jobs."""
    jobs: dict[str, Row] = {}
    polls: dict[str, int] = {}

    def chosen(job: Row) -> list[Row]:
        since, until, group = job.get("from", ""), job.get("to", "9"), job.get("group")
        return [row for row in rows if since <= row["day"] <= until and group in {None, row["group"]}]

    def found(name: str) -> Row:
        job = jobs[name]
        polls[name] += 1
        if job["form"] == "json" and job["files"] > 1 and polls[name] == 1:
            return {"job": {"id": name, "status": "running"}}
        files = [f"{api.url}/files/{name}/{number}" for number in range(job["files"])]
        return {"job": {"id": name, "status": "done", "files": files}}

    @api.post("/v1/jobs")
    def create(call: Call) -> Any:
        assert call.headers["X-Kind"] == "report"
        asked = call.json()
        assert call.headers["X-Group"] in {None, asked.get("group")}
        name = "-".join(f"{value}" for _, value in sorted(asked.items()))
        jobs[name], polls[name] = asked, 0
        return Answer({"job": {"id": name, "status": "running"}}, 202)

    @api.get("/v1/jobs/{id}")
    def poll(call: Call) -> Any:
        return found(call.path_params["id"])

    @api.post("/v1/jobs/status")
    def status(call: Call) -> Any:
        return found(call.json()["id"])

    @api.get("/v1/jobs/{id}/target/{status}")
    def target(call: Call) -> Any:
        return found(call.path_params["id"])

    @api.post("/v1/jobs/{id}/delete")
    def delete(call: Call) -> Any:
        return {"deleted": call.path_params["id"]}

    @api.get("/v1/jobs/{id}/rows")
    def paged(call: Call) -> Any:
        size, page = int(call.arg("per_page", "10")), int(call.arg("page", "1"))
        return {"data": chosen(jobs[call.path_params["id"]])[(page - 1) * size : page * size]}

    @api.get("/files/{id}/{number}")
    def file(call: Call) -> Any:
        job = jobs[call.path_params["id"]]
        part = chosen(job)[int(call.path_params["number"]) :: job["files"]]
        if job["form"] == "json":
            return part
        body = gzip.compress("\n".join(json.dumps(row) for row in part).encode())
        return Answer(body, headers={"Content-Type": "application/gzip"})
