"""The API that the manifests of our own making read: one route for each way of paging, filtering and signing in."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.api import Answer, Api, Call
from tests.manifests import further_routes, report_jobs

Row = dict[str, Any]
_START = datetime(2024, 1, 1, tzinfo=timezone.utc)
ROWS: list[Row] = [
    {
        "id": number,
        "name": f"row {number}",
        "group": "even" if number % 2 == 0 else "odd",
        "at": f"{_START + timedelta(days=number, hours=number % 7):%Y-%m-%dT%H:%M:%SZ}",
        "day": f"{_START + timedelta(days=number):%Y-%m-%d}",
        "epoch": int((_START + timedelta(days=number)).timestamp()),
        "owner": {"id": number % 3 + 1, "Login Name": f"user{number % 3}"},
        "tags": [{"key": "a", "value": number}, {"key": "b", "value": None}],
        "secret": "x",
    }
    for number in range(1, 24)
]
PROJECTS: list[Row] = [{"id": f"p{n}", "key": f"team/{n}", "meta": {"zone": f"z{n % 2}"}} for n in range(1, 5)]


def _window(call: Call) -> list[Row]:
    rows = ROWS
    for name, field in (("at", "at"), ("day", "day"), ("epoch", "epoch")):
        since, until = call.arg(f"{name}_from"), call.arg(f"{name}_to")
        rows = [row for row in rows if not since or str(row[field]) >= since]
        rows = [row for row in rows if not until or str(row[field]) <= until]
    return rows


def imitation() -> Api:  # noqa: PLR0915 -- one route after the other
    """Returns the API, which is not started yet."""
    api = Api()

    @api.get("/v1/numbered")
    def numbered(call: Call) -> Any:
        size, page = int(call.arg("per_page", "10")), int(call.arg("page", "1"))
        return {"data": _window(call)[(page - 1) * size : page * size]}

    @api.get("/v1/skipped")
    def skipped(call: Call) -> Any:
        offset, limit = int(call.arg("offset", "0")), int(call.arg("limit", "10"))
        return {"data": {"items": ROWS[offset : offset + limit]}, "total": len(ROWS)}

    @api.get("/v1/tokens")
    def tokens(call: Call) -> Any:
        start = int(call.arg("cursor") or "0")
        more = start + 10 < len(ROWS)
        following = {"next": str(start + 10)} if more else {}
        return {"data": ROWS[start : start + 10], "paging": following, "has_more": more}

    @api.get("/v1/after")
    def after(call: Call) -> Any:
        last = int(call.arg("starting_after") or "0")
        rows = [row for row in ROWS if row["id"] > last][:10]
        return {"data": rows, "has_more": bool(rows) and rows[-1]["id"] < len(ROWS)}

    @api.get("/v1/linked")
    def linked(call: Call) -> Any:
        page = int(call.arg("page", "1"))
        links = {"Link": f'<{api.url}/v1/linked?page={page + 1}>; rel="next"'} if page * 10 < len(ROWS) else {}
        return Answer(ROWS[(page - 1) * 10 : page * 10], headers=links)

    @api.get("/v1/urls")
    def urls(call: Call) -> Any:
        page = int(call.arg("page", "1"))
        following = f"{api.url}/v1/urls?page={page + 1}" if page * 10 < len(ROWS) else None
        return {"data": ROWS[(page - 1) * 10 : page * 10], "links": {"next": following}}

    @api.post("/v1/search")
    def search(call: Call) -> Any:
        asked = call.json()
        start = int(((asked.get("page") or {}).get("after") or "t0")[1:])
        rows = [row for row in ROWS if row["group"] == asked["filter"]["group"]]
        following = f"t{start + asked['limit']}" if start + asked["limit"] < len(rows) else None
        return {"data": rows[start : start + asked["limit"]], "next": following}

    @api.post("/v1/form")
    def form(call: Call) -> Any:
        fields = dict(pair.split("=") for pair in call.body.decode().split("&"))
        return {"data": [row for row in ROWS if row["group"] == fields["group"]]}

    @api.get("/v1/asked")
    def asked(call: Call) -> Any:
        return {"data": [row for row in ROWS if row["group"] == call.json()["group"]]}

    @api.get("/v1/windows")
    def windows(call: Call) -> Any:
        return {"data": _window(call)}

    @api.get("/v1/projects")
    def projects(_: Call) -> Any:
        return {"data": PROJECTS}

    @api.get("/v1/projects/{id}/tasks")
    def tasks(call: Call) -> Any:
        key = call.path_params["id"]
        if key == "p3":
            return Answer({"error": "gone"}, 404)
        return {"data": [{"id": f"{key}-{number}", "at": ROWS[number]["at"]} for number in range(int(key[1]))]}

    @api.get("/v1/projects/{id}/tasks/{task}/notes")
    def notes(call: Call) -> Any:
        return {"data": [{"id": f"{call.path_params['task']}/n", "zone": call.arg("zone")}]}

    @api.get("/v1/by/{team}/{number}")
    def by_key(call: Call) -> Any:
        return {"data": [{"id": f"{call.path_params['team']}/{call.path_params['number']}"}]}

    @api.get("/v1/grouped")
    def grouped(call: Call) -> Any:
        wanted = call.query.get("group", [])
        return {"data": [row for row in ROWS if row["group"] in wanted or not wanted]}

    @api.get("/v1/fields")
    def fields(_: Call) -> Any:
        return {"data": [{"field": {"name": name}} for name in ("name", "group", "at", "epoch", "owner", "day")]}

    @api.get("/v1/chosen")
    def chosen(call: Call) -> Any:
        names, start = call.arg("fields").split(","), int(call.arg("after", "0"))
        rows = [{"id": str(row["id"]), "own": {name: row[name] for name in names}} for row in ROWS[start : start + 10]]
        return {"data": rows, "next": start + 10 if start + 10 < len(ROWS) else None}

    @api.get("/v1/lines")
    def lines(_: Call) -> Any:
        return Answer("\n".join(json.dumps(row) for row in ROWS), headers={"Content-Type": "application/x-ndjson"})

    @api.get("/v1/table")
    def table(_: Call) -> Any:
        text = "id;name\n" + "".join(f"{row['id']};{row['name']}\n" for row in ROWS)
        return Answer(text, headers={"Content-Type": "text/csv"})

    @api.get("/v1/document")
    def document(_: Call) -> Any:
        items = "".join(f'<item id="{row["id"]}"><name>{row["name"]}</name></item>' for row in ROWS)
        return Answer(f"<list>{items}</list>", headers={"Content-Type": "application/xml"})

    @api.get("/v1/packed")
    def packed(_: Call) -> Any:
        body = gzip.compress("\n".join(json.dumps(row) for row in ROWS).encode())
        return Answer(body, headers={"Content-Type": "application/gzip"})

    @api.get("/v1/unsteady")
    def unsteady(call: Call) -> Any:
        return Answer({"error": "later"}, 503, {"X-Wait": "1"}) if call.number == 0 else {"data": ROWS[:3]}

    @api.get("/v1/refused")
    def refused(_: Call) -> Any:
        return Answer({"code": "not_in_plan"}, 403)

    @api.post("/login")
    def login(call: Call) -> Any:
        asked = call.json()
        return {"session": {"token": f"of {asked['user']}"}} if asked["password"] == "pass word" else Answer({}, 403)

    @api.post("/oauth")
    def oauth(call: Call) -> Any:
        fields = dict(pair.split("=") for pair in call.body.decode().split("&"))
        return {"access_token": f"by {fields['refresh_token']}", "expires_in": 3600}

    @api.post("/v1/reports")
    def create(call: Call) -> Any:
        return {"report": {"id": f"r-{call.json()['group']}"}}

    @api.get("/v1/reports/{id}")
    def report(call: Call) -> Any:
        return {"status": "DONE", "file": f"{api.url}/v1/files/{call.path_params['id']}"}

    @api.get("/v1/files/{id}")
    def file(call: Call) -> Any:
        rows = [row for row in ROWS if call.path_params["id"] == f"r-{row['group']}"]
        return Answer("\n".join(map(json.dumps, rows)), headers={"Content-Type": "application/x-ndjson"})

    @api.get("/v1/whoami")
    def whoami(call: Call) -> Any:
        seen = call.headers.get("Authorization") or call.headers.get("X-Key") or call.arg("key")
        if seen.startswith("Basic "):
            seen = base64.b64decode(seen[6:]).decode()
        return {"data": [{"id": 1, "seen": seen}]}

    further_routes.serve(api, ROWS)
    report_jobs.serve(api, ROWS)
    return api
