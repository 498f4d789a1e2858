"""`init` on APIs of several conventions, by URL alone and with a document. The truth is the rows of each API."""

from __future__ import annotations

import json
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError
from source_rest_api.formats import yaml_text
from source_rest_api.onboarding import start
from source_rest_api.protocol import catalog
from tests.api import Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)

ROWS: list[dict[str, Any]] = [{"id": n, "slug": f"s-{n}", "updatedAt": 1_700_000_000 + n * 3600} for n in range(1, 124)]
DAYS = [{"uuid": f"u{n:04}", "modified": f"2024-0{1 + n % 9}-{1 + n % 28:02}"} for n in range(1, 88)]
PARAMS: dict[str, list[str]] = {
    "jsonapi": ["page[number]", "page[size]"],
    "zero": ["pageIndex", "pageSize"],
    "stripe": ["limit", "starting_after", "ending_before"],
    "skip": ["$skip", "$top", "modifiedSince"],
    "epoch": ["since", "page_token"],
    "rooms": ["from", "limit"],
    "users": ["from", "limit"],
    "all": [],
    "teams": [],
}
ALL_ROWS = ("jsonapi", "zero", "stripe", "epoch", "rooms", "users")
TRUTH = {**dict.fromkeys(ALL_ROWS, 123), "skip": 87, "all": 7, "teams": 3}


class Silent:
    """A dialogue in which nobody answers."""

    def secret(self, name: str) -> str | None:
        raise AssertionError(name)

    def chosen(self, names: Sequence[str]) -> Sequence[str]:
        return names

    def may_replace(self, path: Path) -> bool:
        raise AssertionError(path)

    def tell(self, line: str) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    """An API with an endpoint for each convention."""
    with Api() as made:
        _serve(made)
        yield made


def _serve(api: Api) -> None:
    @api.get("/jsonapi")
    def jsonapi(call: Call) -> Any:
        page, size = int(call.arg("page[number]", "1")), min(int(call.arg("page[size]", "10")), 30)
        following = f"{api.url}/jsonapi?page[number]={page + 1}&page[size]={size}" if page * size < len(ROWS) else None
        rows = [{"id": str(row["id"]), "attributes": row} for row in ROWS[(page - 1) * size : page * size]]
        return {"data": rows, "links": {"next": following}, "meta": {"total": len(ROWS)}}

    @api.get("/zero")
    def zero(call: Call) -> Any:
        page, size = int(call.arg("pageIndex", "0")), int(call.arg("pageSize", "20"))
        return {"result": {"rows": ROWS[page * size : (page + 1) * size], "totalPages": -(-len(ROWS) // size)}}

    @api.get("/stripe")
    def stripe(call: Call) -> Any:
        size, after = int(call.arg("limit", "10")), call.arg("starting_after")
        begin = [row["slug"] for row in ROWS].index(after) + 1 if after else 0
        rows = [{"id": row["slug"], "created": row["updatedAt"]} for row in ROWS[begin : begin + size]]
        return {"data": rows, "has_more": begin + size < len(ROWS)}

    @api.get("/skip")
    def skip(call: Call) -> Any:
        begin, size = int(call.arg("$skip", "0")), int(call.arg("$top", "15"))
        return [row for row in DAYS if row["modified"] >= call.arg("modifiedSince")[:10]][begin : begin + size]

    @api.get("/epoch")
    def epoch(call: Call) -> Any:
        rows, begin = (
            [row for row in ROWS if row["updatedAt"] >= int(call.arg("since", "0"))],
            int(call.arg("page_token", "0")),
        )
        return {"records": rows[begin : begin + 25]} | (
            {"nextPageToken": str(begin + 25)} if begin + 25 < len(rows) else {}
        )

    @api.get("/rooms")
    def rooms(call: Call) -> Any:  # as Matrix Synapse does: offsets, and a total named after the list
        begin, size = int(call.arg("from", "0")), int(call.arg("limit", "25"))
        return {"rooms": ROWS[begin : begin + size], "offset": begin, "total_rooms": len(ROWS)}

    @api.get("/users")
    def users(call: Call) -> Any:  # the same, with a token
        begin, size = int(call.arg("from", "0")), int(call.arg("limit", "25"))
        following = {"next_token": str(begin + size)} if begin + size < len(ROWS) else {}
        return {"users": ROWS[begin : begin + size], **following}

    @api.get("/sized")
    def sized(call: Call) -> Any:  # as MLflow does: a page size is required
        if not call.arg("max_results"):
            return Answer({"message": "Invalid value 0 for parameter 'max_results'"}, status=400)
        begin, size = int(call.arg("page_token", "0")), int(call.arg("max_results"))
        rows = ROWS[: int(call.arg("most", "123"))]
        following = {"next_page_token": str(begin + size)} if begin + size < len(rows) else {}
        return {"experiments": rows[begin : begin + size], **following}

    @api.get("/all")
    def everything(_: Call) -> Any:
        return {"items": ROWS[:7]}

    @api.get("/teams")
    def teams(_: Call) -> Any:
        return [{"slug": f"t{n}", "title": "x"} for n in range(3)]

    @api.get("/teams/{slug}/members")
    def members(call: Call) -> Any:
        team, page = int(call.path_params["slug"][1:]), int(call.arg("page", "1"))
        rows = [{"id": n + team * 100} for n in range(37)]
        link = {"Link": f'<{api.url}/teams/t{team}/members?page={page + 1}>; rel="next"'} if page * 10 < 37 else {}
        return Answer(rows[(page - 1) * 10 : page * 10], headers=link)

    @api.get("/full")
    def full(_: Call) -> Any:
        return ROWS[:20]

    @api.get("/hidden")
    def hidden(_: Call) -> Any:
        return {"items": ROWS[:9], "next_token": "abc"}


def counts(config: Any) -> dict[str, int]:
    """The number of distinct records of a complete read, by stream."""
    session = Connector().session(config)
    lines = [line for block in session.read(catalog.of_all(session.offered), {}) for line in block.splitlines()]
    assert session.complete
    records = [message["record"] for message in map(json.loads, lines) if message["type"] == "RECORD"]
    assert len(records) == len({json.dumps(record["data"]) + record["stream"] for record in records})
    return {name: sum(record["stream"] == name for record in records) for name in {r["stream"] for r in records}}


def config_from(source: str, folder: Path) -> Any:
    """The config that `init` writes."""
    start.run(source, folder / "config.yaml", {}, Silent(), Event())
    return yaml_text.load((folder / "config.yaml").read_text())


@pytest.mark.parametrize("name", TRUTH)
def test_a_url_is_enough(api: Api, tmp_path: Path, name: str) -> None:
    """Names of parameters are guessed, and every row comes."""
    assert counts(config_from(f"{api.url}/{name}", tmp_path)) == {name: TRUTH[name]}


def test_a_document_with_its_children(api: Api, tmp_path: Path) -> None:
    """Every convention in one API; a child asks by the field of its parent that the API takes."""
    paths = {
        f"/{path}": {"get": {"parameters": [{"name": name, "in": "query", "schema": {}} for name in names]}}
        for path, names in {**PARAMS, "teams/{teamSlug}/members": ["page"]}.items()
    }
    document = {"openapi": "3.0.1", "info": {"title": "V"}, "servers": [{"url": api.url}], "paths": paths}
    (tmp_path / "api.json").write_text(json.dumps(document))
    config = config_from(str(tmp_path / "api.json"), tmp_path)
    assert counts(config) == {**TRUTH, "members": 111}
    endpoints = {endpoint["name"]: endpoint for endpoint in config["endpoints"]}
    assert endpoints["members"]["path"] == "teams/{{ teams.slug }}/members"
    assert endpoints["skip"]["incremental"] == {"cursor_field": "modified", "start_param": "modifiedSince"}
    assert endpoints["epoch"]["incremental"]["record_format"] == "%s"
    assert "incremental" not in endpoints["zero"]


@pytest.mark.parametrize(("name", "reason"), [("full", "may be one page of several"), ("hidden", "`next_token`")])
def test_what_may_be_a_page_of_more_is_left_out(api: Api, tmp_path: Path, name: str, reason: str) -> None:
    """A list that may go on, without a way to go on, is no stream: half of it would look like all of it."""
    with pytest.raises(ConfigError, match=reason):
        config_from(f"{api.url}/{name}", tmp_path)
    assert not (tmp_path / "config.yaml").exists()


def test_a_token_that_counts_rows_is_read_as_an_offset(api: Api, tmp_path: Path) -> None:
    """Offsets notice rows that shift during a read; a token hides them."""
    (endpoint,) = config_from(f"{api.url}/users", tmp_path)["endpoints"]
    assert endpoint["pagination"] == {"type": "offset", "offset_param": "from", "limit_param": "limit", "limit": 100}


def test_a_page_size_that_the_api_requires(api: Api, tmp_path: Path) -> None:
    """The page size of the given URL is sent where the API refuses a request without one."""
    config = config_from(f"{api.url}/sized?max_results=5", tmp_path)
    (endpoint,) = config["endpoints"]
    assert endpoint["pagination"]["page_size_param"] == "max_results"
    assert "params" not in endpoint
    assert counts(config) == {"sized": 123}


def test_a_required_page_size_with_too_few_records(api: Api, tmp_path: Path) -> None:
    """One record of at most five proves nothing about the pages to come."""
    with pytest.raises(ConfigError, match="requires `max_results`, and has too few records"):
        config_from(f"{api.url}/sized?max_results=5&most=1", tmp_path)
