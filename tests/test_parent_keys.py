"""Parents without the value that a child's request needs are passed over, counted, and told of once."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.connector import Connector
from source_rest_api.sync.check import Probe
from tests.process import catalog, run
from tests.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

SHARES = {"name": "shares", "path": "shares"}
MIXED: list[dict[str, Any]] = [{"id": 1, "post": "p1"}, {"id": 2, "post": None}, {"id": 3}, {"id": 4, "post": "p4"}]
PATH = {"name": "posts", "path": "posts/{{ shares.post }}", "records_path": "$"}
PARAM = {"name": "posts", "path": "posts", "params": {"post": "{{ shares.post }}"}}
BODY = {
    "name": "posts",
    "path": "posts",
    "http_method": "POST",
    "body": {"type": "json", "value": {"filter": {"post": "{{ shares.post }}"}, "all": True}},
}
LIST = {"name": "posts", "path": "posts/{{ post }}", "records_path": "$", "partitions": {"post": "{{ shares.post }}"}}
BATCH = {
    "name": "posts",
    "path": "posts",
    "params": {"post": "{{ posts_of | join(',') }}"},
    "partitions": {"posts_of": {"values": "{{ shares.post }}", "batch": 50}},
}
FILTERED = {**PATH, "path": "posts/{{ shares.post.lower() | urlencode }}"}
WAYS: dict[str, dict[str, Any]] = {
    "path": PATH,
    "param": PARAM,
    "body": BODY,
    "list": LIST,
    "batch": BATCH,
    "filter": FILTERED,
}


def served(api: Api, shares: Sequence[dict[str, Any]]) -> list[str]:
    """Answer for shares and posts; the posts that were asked for."""
    asked: list[str] = []
    api.get("/shares")(lambda _: shares)

    @api.get("/posts/{id}")
    def post(call: Call) -> dict[str, str]:
        asked.append(call.path_params["id"])
        return {"id": call.path_params["id"]}

    @api.get("/posts")
    def posts(call: Call) -> list[dict[str, str]]:
        asked.append(call.arg("post"))
        return [{"id": each} for each in call.arg("post").split(",")]

    @api.route("POST", "/posts")
    def searched(call: Call) -> list[dict[str, str]]:
        asked.append(call.json()["filter"]["post"])
        return [{"id": call.json()["filter"]["post"]}]

    return asked


@pytest.mark.parametrize("way", WAYS)
def test_they_are_passed_over(way: str, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Wherever the value stands; nothing is requested for them, and the others are read."""
    asked = served(api, MIXED)
    with caplog.at_level(logging.WARNING):
        reading = Reading(api.url, SHARES, WAYS[way])
    assert reading.error is None
    assert reading.records == [{"id": "p1"}, {"id": "p4"}]
    assert asked == (["p1,p4"] if way == "batch" else ["p1", "p4"])
    assert caplog.messages == ["Stream posts: skipped 2 records of `shares`, because their `post` is null or absent."]
    assert "2 parent records without a key skipped" in reading.stream.stats.summary(0)


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_no_record_has_is_an_error(way: str, api: Api) -> None:
    """It is probably misspelt; `check` says so too. With no parent at all, there is nothing to say."""
    asked = served(api, [{"id": 1}, {"id": 2}])
    reading = Reading(api.url, SHARES, WAYS[way])
    assert str(reading.error).startswith(
        "Stream posts: No record of `shares` has the field `post`, which a template reads. Correct the name; if the "
        "API may leave the field out of all records, write `{{ shares.post or none }}`."
    )
    assert asked == []
    assert list(map(str, Probe.of(reading.stream).problems)) == [str(reading.error)]


def test_no_parent_is_no_error(api: Api) -> None:
    """An empty stream has no children."""
    served(api, [])
    assert Reading(api.url, SHARES, PATH).error is None


@pytest.mark.parametrize("way", ["path", "list"])
def test_all_may_be_null(way: str, api: Api) -> None:
    """The field is there, so its name is right."""
    served(api, [{"id": 1, "post": None}, {"id": 2}])
    reading = Reading(api.url, SHARES, WAYS[way])
    assert (reading.error, reading.records) == (None, [])


def test_the_way_out_of_the_error(api: Api) -> None:
    """As the error says."""
    served(api, [{"id": 1}, {"id": 2}])
    reading = Reading(api.url, SHARES, {**PATH, "path": "posts/{{ shares.post or none }}"})
    assert (reading.error, reading.records) == (None, [])


def test_a_default_is_a_value(api: Api) -> None:
    """What the template gives counts, not what the record has."""
    asked = served(api, [{"id": 1}, {"id": 2, "post": "p2"}])
    assert Reading(api.url, SHARES, {**PATH, "path": "posts/{{ shares.post or 'p0' }}"}).error is None
    assert asked == ["p0", "p2"]


def test_inside_an_object_that_is_null(api: Api) -> None:
    """Nothing can be read of null."""
    asked = served(api, [{"id": 1, "post": None}, {"id": 2, "post": {"urn": "p2"}}])
    assert Reading(api.url, SHARES, {**PATH, "path": "posts/{{ shares.post.urn }}"}).error is None
    assert asked == ["p2"]


def test_it_is_said_once_a_command(api: Api, tmp_path: Path) -> None:
    """The child is a parent too, and both are selected."""
    served(api, MIXED)
    below = {"name": "same", "path": "posts/{{ posts.id }}", "records_path": "$"}
    done = run(
        tmp_path,
        "read",
        config={"url_base": api.url, "endpoints": [SHARES, PATH, below]},
        catalog=catalog(posts="full_refresh", same="full_refresh"),
    )
    assert done.statuses("same")[-1] == done.statuses("posts")[-1] == "COMPLETE"
    said = [log["message"] for log in done.bodies("LOG")]
    assert sum("skipped 2 records of `shares`" in line for line in said) == 1


def test_among_changed_parents_it_is_no_error(api: Api) -> None:
    """Few have changed, and the API may leave the field out of those."""
    shares: list[dict[str, Any]] = [{"id": 1, "post": "p1", "at": "2024-01-01"}]
    asked = served(api, shares)
    raw = {
        "url_base": api.url,
        "endpoints": [{**SHARES, "incremental": {"cursor_field": "at"}}, {**PATH, "only_changed_parents": True}],
    }
    states: dict[str, Any] = {}
    for _ in range(2):
        session = Connector().session(raw)
        for block in session.read(catalog(posts="incremental"), states):
            for line in block.splitlines():
                message = json.loads(line)
                if message["type"] == "STATE":
                    states["posts"] = message["state"]["stream"]["stream_state"]
        assert session.complete
        shares[:] = [{"id": 2, "at": "2024-01-02"}]
    assert asked == ["p1"]


def test_null_copies_are_told_of_once_a_field(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """They are null in the records; which field, and of how many parents."""
    served(api, [{"id": 1, "post": "p1", "by": None}, {"id": 2, "post": "p2"}, {"id": 3, "post": "p3", "by": "x"}])
    with caplog.at_level(logging.INFO):
        reading = Reading(api.url, SHARES, {**PATH, "include_from_parent": {"author": "by", "share": "id"}})
    assert [row["author"] for row in reading.records] == [None, None, "x"]
    told = [line for line in caplog.messages if "include_from_parent" in line]
    assert len(told) == 1
    assert told[0].startswith(
        "Stream posts: `include_from_parent.author` copies `by`, which is null or absent for 2 of"
    )
