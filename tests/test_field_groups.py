"""Fields in groups: each page is requested once for each, and its records are merged by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

ROWS: list[dict[str, Any]] = [
    {"id": n, "name": f"n{n}", "size": n * 1.50, "owner": {"id": n, "name": "o", "mail": "m"}} for n in range(1, 8)
]
GROUPS = {"param": "fields", "groups": ["id,name", "id,size"], "merge_by": "id"}
PAGES = {"type": "page_number", "page_size": 3, "page_size_param": "n"}


def serve(api: Api, skip: dict[int, int] | None = None) -> None:
    """Serve the rows by pages; the row to skip, by the number of the request."""

    @api.get("/items")
    def items(call: Call) -> Any:
        names, page, size = call.arg("fields").split(","), int(call.arg("page")), int(call.arg("n"))
        rows = [row for row in ROWS if row["id"] != (skip or {}).get(call.number)]
        return [{name: row[name] for name in names} for row in rows[(page - 1) * size : page * size]]


def test_records_have_the_fields_of_all_groups(api: Api) -> None:
    """Each page is one page to the paginator, whatever the number of its requests."""
    serve(api)
    reading = Reading(api.url, {"pagination": PAGES, "field_groups": GROUPS})
    assert reading.error is None
    assert reading.records == [{name: row[name] for name in ("id", "name", "size")} for row in ROWS]
    asked = [(call.arg("page"), call.arg("fields")) for call in api.requests]
    assert {("1", "id,name"), ("1", "id,size"), ("3", "id,name"), ("3", "id,size")} <= set(asked)


def test_objects_inside_are_merged_too(api: Api) -> None:
    """An object has the fields that each group gives; of a value that several give, the later counts."""
    parts = {"a": {"id": 1, "own": {"x": 1, "z": 1}}, "b": {"id": 1, "own": {"y": [2], "z": 2}}}
    api.get("/items")(lambda call: [parts[call.arg("fields")]])
    reading = Reading(api.url, {"primary_key": "id", "field_groups": {"param": "fields", "groups": ["a", "b"]}})
    assert reading.records == [{"id": 1, "own": {"x": 1, "z": 2, "y": [2]}}]


def test_rows_that_shift_are_requested_again(api: Api) -> None:
    """A row that came between two requests would have only a part of its fields."""
    serve(api, skip={0: 2})
    reading = Reading(api.url, {"field_groups": GROUPS, "params": {"page": "1", "n": "9"}})
    assert reading.error is None
    assert [record["size"] for record in reading.records] == [row["size"] for row in ROWS]
    assert len(api.requests) == 4


def test_rows_that_go_on_shifting_are_an_error(api: Api) -> None:
    """No record is delivered in parts."""
    serve(api, skip={0: 2, 2: 2, 4: 2})
    reading = Reading(api.url, {"field_groups": GROUPS, "params": {"page": "1", "n": "9"}})
    assert "different records" in str(reading.error)
    assert reading.records == []


def test_records_may_lack_a_group(api: Api) -> None:
    """If the config says so."""
    serve(api, skip={0: 2})
    groups = {**GROUPS, "allow_missing": True}
    reading = Reading(api.url, {"field_groups": groups, "params": {"page": "1", "n": "9"}})
    assert {record["id"]: set(record) for record in reading.records}[2] == {"id", "size"}
    assert len(reading.records) == len(ROWS)


def test_a_record_without_the_key_is_an_error(api: Api) -> None:
    """It could not be merged."""
    serve(api)
    groups = {**GROUPS, "groups": ["name", "id,size"]}
    reading = Reading(api.url, {"field_groups": groups, "params": {"page": "1", "n": "9"}})
    assert "field_groups.merge_by" in str(reading.error)


def test_next_urls_that_name_a_group_are_asked_for_each(api: Api) -> None:
    """The group in the URL is replaced."""

    @api.get("/items")
    def items(call: Call) -> Any:
        names, start = call.arg("fields").split(","), int(call.arg("start", "0"))
        assert len(call.query["fields"]) == 1
        rows = [{name: row[name] for name in names} for row in ROWS[start : start + 4]]
        following = f"/items?start={start + 4}&fields={call.arg('fields')}" if start + 4 < len(ROWS) else None
        return {"rows": rows, "next": following}

    paging = {"type": "next_url", "next_url_path": "next"}
    reading = Reading(api.url, {"field_groups": GROUPS, "records_path": "rows", "pagination": paging})
    assert reading.error is None
    assert [set(record) for record in reading.records] == [{"id", "name", "size"}] * len(ROWS)


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({"field_groups": {"param": "f", "groups": []}}, "at least one group"),
        ({"field_groups": {"param": "f", "groups": ["a", ""]}}, "a field in each"),
        ({"field_groups": {"param": "f", "groups": ["a"]}}, "fields that identify"),
        ({"field_groups": GROUPS, "decoder": {"type": "csv"}}, "read at once"),
    ],
)
def test_groups_that_cannot_be_asked(endpoint: dict[str, Any], said: str) -> None:
    """The config is refused before the read."""
    with pytest.raises(ConfigError, match=said):
        load({"url_base": "https://api.example.com", "endpoints": [{"name": "a", "path": "a", **endpoint}]})
