"""A path leads to the same place wherever it is followed: reading, `check`, `discover`, delete records, copies."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api import Connector
from tests.process import catalog, run
from tests.reading import Reading

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")
KEYED = {
    "name": "items",
    "path": "items",
    "primary_key": "@odata.id",
    "incremental": {"cursor_field": "@odata.changed"},
}
ROWS = [{"@odata.id": f"i{n}", "@odata.changed": f"2024-01-0{n}T00:00:00Z", "n": n} for n in range(1, 5)]
SCHEMA = {"type": "object", "properties": {"@odata.id": {"type": "string"}, "@odata.changed": {"type": "string"}}}
REPOS = {"name": "repos", "path": "repos"}
CHILD = {"name": "items", "path": "repos/{{ repos.name }}/items"}
PARENTS: list[dict[str, Any]] = [
    {"name": "a", "tags": ["x", "y"], "@odata.etag": "e1", "owner": {"login": "ann"}},
    {"name": "b", "tags": [], "@odata.etag": "e2", "owner": None},
]


def described(api: Api, **endpoint: Any) -> dict[str, Any]:
    """The stream that `discover` offers, after `check` has succeeded."""
    raw = {"url_base": api.url, "endpoints": [{**KEYED, **endpoint}]}
    [status] = Connector().session(raw).check()
    assert json.loads(status)["connectionStatus"]["status"] == "SUCCEEDED"
    [block] = Connector().session(raw).discover()
    offered: dict[str, Any] = json.loads(block)["catalog"]["streams"][0]
    return offered


@pytest.mark.parametrize(
    ("endpoint", "key", "cursor"),
    [
        ({}, ["@odata.id"], ["@odata.changed"]),
        ({"schema": SCHEMA}, ["@odata.id"], ["@odata.changed"]),
        ({"primary_key": [["@odata.id"]]}, ["@odata.id"], ["@odata.changed"]),
        ({"snake_case": True, "primary_key": "odata_id"}, ["odata_id"], ["odata_changed"]),
        ({"rename_fields": {"@odata.changed": "meta.at"}}, ["@odata.id"], ["meta", "at"]),
    ],
)
def test_a_key_with_dots_is_offered_as_one_key(
    api: Api, endpoint: dict[str, Any], key: list[str], cursor: list[str]
) -> None:
    """A destination finds the primary key and the cursor in the records that it gets."""
    api.get("/items")(lambda _: ROWS)
    offered = described(api, **endpoint)
    assert (offered["source_defined_primary_key"], offered["default_cursor_field"]) == ([key], cursor)


def test_keys_inside_objects_are_offered_as_several(api: Api) -> None:
    """Dots still lead into objects where records have objects."""
    api.get("/items")(lambda _: [{"@odata": {"id": "x", "changed": "2024-01-01"}}])
    offered = described(api)
    assert offered["source_defined_primary_key"] == [["@odata", "id"]]
    assert offered["default_cursor_field"] == ["@odata", "changed"]


@pytest.mark.parametrize("shape", [{}, {"snake_case": True, "primary_key": "odata_id"}])
def test_a_delete_record_has_the_key_that_was_offered(api: Api, shape: dict[str, Any]) -> None:
    """Its key and cursor are in the same fields as the row's; otherwise it would delete nothing."""
    rows = list(ROWS)
    api.get("/items")(lambda _: rows)
    raw = {"url_base": api.url, "endpoints": [{**KEYED, **shape, "deletions": {"every": "P1D"}}]}
    [block] = Connector().session(raw).discover()
    [offered] = json.loads(block)["catalog"]["streams"]
    [key], cursor = offered["source_defined_primary_key"], offered["default_cursor_field"]
    chosen = {"streams": [{"stream": offered, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"}]}
    state: dict[str, Any] = {}
    gone = []
    for day in range(4):
        session = Connector().session(raw)
        session.now = lambda day=day: datetime(2024, 6, 1, tzinfo=timezone.utc) + timedelta(days=2 * day)  # type: ignore[misc]
        for line in b"".join(session.read(chosen, state)).splitlines():
            message = json.loads(line)
            if message["type"] == "STATE":
                state = {"items": message["state"]["stream"]["stream_state"]}
            if message["type"] == "RECORD" and "_ab_cdc_deleted_at" in message["record"]["data"]:
                gone.append(message["record"]["data"])
        rows[:] = ROWS[1:]
    [record] = gone
    assert record.keys() == {*key, *cursor, "_ab_cdc_deleted_at"}
    assert record[key[0]] == ROWS[0]["@odata.id"]


def serve(api: Api, parents: list[dict[str, Any]]) -> None:
    """Serve parents, each with one child."""
    api.get("/repos")(lambda _: parents)
    api.get("/repos/{name}/items")(lambda call: [{"of": call.path_params["name"]}])


@pytest.mark.parametrize(
    ("path", "copied"),
    [
        ("tags.0", ["x", None]),
        ("tags.-1", ["y", None]),
        ("@odata.etag", ["e1", "e2"]),
        ("repos.@odata.etag", ["e1", "e2"]),
        ("owner.login", ["ann", None]),
        ("tags", [["x", "y"], []]),
    ],
)
def test_copies_from_a_parent_follow_any_path(
    api: Api, caplog: pytest.LogCaptureFixture, path: str, copied: list[Any]
) -> None:
    """An item of an array, a key with dots; what stops at a null or at the end of an array is null, and no mistake."""
    serve(api, PARENTS)
    with caplog.at_level(logging.WARNING):
        reading = Reading(api.url, REPOS, {**CHILD, "include_from_parent": {"got": path}})
    assert reading.error is None
    assert [record["got"] for record in reading.records] == copied
    assert caplog.text == ""


@pytest.mark.parametrize("path", ["owner.logn", "tgs", "name.first", "tags.first"])
def test_a_path_that_no_parent_has_is_reported_once(api: Api, tmp_path: Path, path: str) -> None:
    """A slip of the pen fails `check`; a read warns in one line that names the setting, and gives null."""
    serve(api, [*PARENTS, {**PARENTS[0], "name": "c"}])
    child = {**CHILD, "include_from_parent": {"got": path, "right": "owner.login"}}
    config = {"url_base": api.url, "endpoints": [REPOS, child, {**child, "name": "more"}]}
    checked = run(tmp_path, "check", config=config).bodies("CONNECTION_STATUS")[0]
    assert checked["status"] == "FAILED"
    assert f"`include_from_parent.got` names `{path}`" in checked["message"]
    done = run(
        tmp_path,
        "read",
        config=config,
        catalog=catalog(items="full_refresh", more="full_refresh", repos="full_refresh"),
    )
    assert [record["got"] for record in done.data("items")] == [None] * 3
    assert done.statuses("items")[-1] == "COMPLETE"
    told = [log for log in done.bodies("LOG") if "include_from_parent" in log["message"] and log["level"] == "WARN"]
    assert sorted(log["message"] for log in told) == [
        f"Stream {name}: `include_from_parent.got` copies `{path}`, which no record of the parent has, so the field is "
        "null in all records. Correct the path."
        for name in ("items", "more")
    ]


def test_one_parent_that_has_the_field_is_enough(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """APIs leave out fields that are empty."""
    serve(api, [{"name": "a"}, {"name": "b", "owner": {"login": "bob"}}, {"name": "c", "owner": {}}])
    with caplog.at_level(logging.WARNING):
        reading = Reading(api.url, REPOS, {**CHILD, "include_from_parent": {"got": "owner.login"}})
    assert [record["got"] for record in reading.records] == [None, "bob", None]
    assert caplog.text == ""


def test_a_read_in_which_nobody_copies_is_silent(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Without records of the parent there is no warning about their fields."""
    serve(api, [])
    with caplog.at_level(logging.WARNING):
        assert Reading(api.url, REPOS, {**CHILD, "include_from_parent": {"got": "nmae"}}).records == []
    assert caplog.text == ""


def test_added_fields_stand_where_they_are_found(api: Api) -> None:
    """Replacing a field whose key has dots leaves no second field beside it."""
    api.get("/items")(lambda _: [{"@odata.id": "x", "a.b": {"c": 1}, "l": [{"k": 1}]}])
    added = {"@odata.id": "{{ record['@odata.id'] }}!", "a.b.c": 2, "l.0.k": 3, "new.deep": 4}
    [record] = Reading(api.url, {"add_fields": added}).records
    assert record == {"@odata.id": "x!", "a.b": {"c": 2}, "l": [{"k": 3}], "new": {"deep": 4}}
