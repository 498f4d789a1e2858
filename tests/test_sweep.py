"""Deleted rows are reported, existing rows never, whatever happens during a sweep."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timedelta, timezone
from logging.handlers import MemoryHandler
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.connector import Connector
from source_rest_api.deletions import known_rows
from source_rest_api.formats import datetimes
from source_rest_api.protocol.catalog import ConfiguredStream
from source_rest_api.state.progress_events import Swept
from source_rest_api.sync.stream_read import OutputBlock, StreamRun
from tests.api import Answer
from tests.process import catalog, run, start
from tests.reading import NOW
from tests.shop import PAGINATION, Destination, Shop, catalog_for, config_for, sync, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")
DAY = timedelta(days=1)
MODES = ["server_filter", "client_filter", "windows"]


def view(records: Iterable[Mapping[str, Any]], cursor: str = "at") -> dict[int, Any]:
    """Returns the rows that a destination shows: for each key the record with the largest cursor, unless deleted."""
    best: dict[int, tuple[Any, Any]] = {}
    for record in records:
        before, moment = best.get(record["id"]), datetimes.parse(record[cursor])
        if before is None or moment >= before[0]:
            best[record["id"]] = (moment, record)
    return {key: record for key, (_, record) in best.items() if record.get("_ab_cdc_deleted_at") is None}


def records(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The data of all records."""
    return [message["record"]["data"] for message in messages if message["type"] == "RECORD"]


def tombs(messages: Iterable[Mapping[str, Any]]) -> list[int]:
    """The ids told as gone."""
    return [row["id"] for row in records(messages) if "_ab_cdc_deleted_at" in row and "id" in row]


class Warehouse:
    """Syncs a shop again and again, and keeps all messages and the last state."""

    def __init__(self, shop: Shop, api: Api, pagination: str, mode: str = "server_filter", **endpoint: Any) -> None:
        self.shop = shop
        self.api = api
        self.config = config_for(api, pagination, mode, 2, **{"deletions": {"every": "P1D"}, **endpoint})
        self.mode = mode
        self.messages: list[dict[str, Any]] = []
        self.state: dict[str, Any] = {}

    def sync(self, *, whole: bool = True) -> None:
        """Runs one sync, a day after the last."""
        self.shop.clock += DAY
        session = Connector().session(self.config)
        session.now = lambda: self.shop.clock
        session.pause = 0
        seen = []
        for block in session.read(catalog_for(self.mode), self.state):
            for line in block.splitlines():
                message = json.loads(line)
                seen.append(message)
                if message["type"] == "STATE":
                    self.state = {"rows": message["state"]["stream"]["stream_state"]}
        assert session.complete or not whole
        self.messages += seen


def logs(messages: Iterable[Mapping[str, Any]]) -> str:
    """Returns the log messages."""
    return "\n".join(message["log"]["message"] for message in messages if message["type"] == "LOG")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pagination", PAGINATION)
def test_the_destination_shows_the_table(pagination: str, mode: str, api: Api) -> None:
    """After two sweeps of an unchanged table, a destination shows exactly its rows; before that, it lacks none."""
    shop = Shop(7)
    shop.serve(api)
    house = Warehouse(shop, api, pagination, mode)
    house.sync()
    for _ in range(3):
        shop.change(12)
        house.sync()
        assert view(records(house.messages)).items() >= shop.rows.items()
    house.sync()
    assert view(records(house.messages)) == shop.rows
    told = tombs(house.messages)
    assert sorted(set(told)) == sorted(told)
    assert told
    assert not set(told) & set(shop.rows)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pagination", ["page_number", "offset", "cursor"])
def test_killed_anywhere_it_tells_the_same(pagination: str, mode: str, api: Api) -> None:
    """Four syncs that were killed, with changes between them, then three that were not: in the end it is the table."""
    for seed in range(4):
        shop, destination = Shop(seed), Destination()
        shop.serve(api)
        option = {"deletions": {"every": "PT12H"}}
        for _ in range(4):
            sync(shop, api, pagination, mode, destination, shop.random.randrange(2, 40), 2, **option)
            destination.crash()
            shop.change(shop.random.randrange(1, 12))
            shop.clock += DAY
        for _ in range(3):
            sync(shop, api, pagination, mode, destination, None, 2, **option)
            shop.clock += DAY
        assert view(destination.durable) == shop.rows


@pytest.mark.parametrize("pagination", [name for name in PAGINATION if name != "page_number"])
def test_rows_that_come_and_go_meanwhile_are_not_told_while_they_live(pagination: str, api: Api) -> None:
    """The table changes before each response: no existing row is reported as deleted, whatever a sweep sees."""
    for seed in range(3):
        shop = Shop(seed, count=40)
        shop.serve(api, restless=True)
        house = Warehouse(shop, api, pagination)
        for _ in range(6):
            house.sync(whole=False)
            assert not set(tombs(house.messages)) & set(shop.rows)


class Table:
    """Rows by id behind pages of two, and what happens just before an answer."""

    def __init__(self, api: Api) -> None:
        self.rows: dict[int, dict[str, Any]] = {
            number: {"id": number, "at": f"2024-01-{number:02}T00:00:00Z"} for number in range(1, 11)
        }
        self.before: dict[str, Any] = {}
        """By the page: what to do, which may give the answer in its place."""
        self.asked: list[Call] = []
        api.get("/items")(self._answer)

    def _answer(self, call: Call) -> Any:
        self.asked.append(call)
        if not call.arg("since") and call.arg("page") in self.before:
            instead = self.before[call.arg("page")]()
            if instead is not None:
                return instead
        rows = [row for row in self.rows.values() if row["at"] >= call.arg("since")]
        first = 2 * int(call.arg("page", "1")) - 2
        return rows[first : first + 2]


class Copy:
    """A copy of the table: what syncs a day apart made of it."""

    def __init__(self, api: Api, **endpoint: Any) -> None:
        self.config: dict[str, Any] = {
            "url_base": api.url,
            "start_date": "2024-01-01T00:00:00Z",
            "retry": {"max_attempts": 1},
            "max_concurrency": 1,
            "endpoints": [
                {
                    "name": "items",
                    "path": "items",
                    "primary_key": "id",
                    "incremental": {"cursor_field": "at", "start_param": "since"},
                    "pagination": {"type": "page_number"},
                    "deletions": {"every": "P1D"},
                    **endpoint,
                }
            ],
        }
        self.day = 0
        self._told = MemoryHandler(capacity=1000, flushLevel=logging.CRITICAL + 1)
        logging.getLogger("airbyte.source_rest_api").addHandler(self._told)
        self.state: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []

    def sync(self, mode: str = "incremental") -> list[int]:
        """Runs a sync on the next day, and returns the ids reported as deleted."""
        self.day += 1
        self._told.buffer.clear()
        session = Connector().session(self.config)
        session.now = lambda: NOW + self.day * DAY
        session.pause = 0
        self.messages = [
            json.loads(line) for block in session.read(catalog(items=mode), self.state) for line in block.splitlines()
        ]
        for message in self.messages:
            if message["type"] == "STATE":
                self.state = {"items": message["state"]["stream"]["stream_state"]}
        self.complete = session.complete
        return tombs(self.messages)

    @property
    def logs(self) -> str:
        """Returns the log messages."""
        return "\n".join([logs(self.messages), *(record.getMessage() for record in self._told.buffer)])

    @property
    def endpoint(self) -> dict[str, Any]:
        """The endpoint, to change it."""
        endpoint: dict[str, Any] = self.config["endpoints"][-1]
        return endpoint


def synced(api: Api, **endpoint: Any) -> tuple[Table, Copy]:
    """A table, and a copy after its first sync."""
    table, copy = Table(api), Copy(api, **endpoint)
    assert copy.sync() == []
    return table, copy


def test_a_row_is_gone_when_two_sweeps_did_not_have_it(api: Api) -> None:
    """One sweep is no proof. The delete record has the key, the time of the second sweep, and a winning cursor."""
    table, copy = synced(api)
    del table.rows[3], table.rows[8]
    assert copy.sync() == []
    assert copy.sync() == [3, 8]
    data = records(copy.messages)
    assert data[0] == {"id": 3, "at": "2024-06-04T12:00:00Z", "_ab_cdc_deleted_at": "2024-06-04T12:00:00Z"}
    assert "1 sweep for deleted rows, 8 rows tracked, 8 rows found by the sweep, 5 pages read by the sweep" in copy.logs
    assert copy.sync() == []


def test_the_first_sync_needs_no_sweep(api: Api) -> None:
    """All rows there are have just been delivered; the next sweep is due after `every`, by the state."""
    table, copy = synced(api, deletions={"every": "P2D"})
    assert [call.arg("since") for call in table.asked] == ["2024-01-01T00:00:00Z"] * 6
    table.asked.clear()
    copy.sync()
    assert all(call.arg("since") for call in table.asked)
    copy.sync()
    assert [call.arg("since") for call in table.asked].count("") == 6
    assert not copy.sync()
    assert [call.arg("since") for call in table.asked].count("") == 6


def test_a_sweep_asks_for_what_it_is_told(api: Api) -> None:
    """It has its own parameters and path, without emptied ones; its records are not emitted."""
    asked: list[Any] = []

    @api.get("/keys")
    def keys(call: Call) -> Any:
        asked.append(dict(call.query))
        return []

    table, copy = synced(
        api,
        params={"expand": "all", "state": "open"},
        deletions={"every": "P1D", "path": "keys", "params": {"fields": "id", "expand": [], "state": "any"}},
    )
    table.rows.clear()
    copy.sync()
    assert asked == [{"page": ["1"], "fields": ["id"], "state": ["any"]}]


@pytest.mark.parametrize(
    ("page", "instead", "said"),
    [
        ("2", Answer(status=500), "HTTP 500"),
        ("3", Answer(status=403), "HTTP 403"),
        ("2", Answer([{"at": "2024-01-01T00:00:00Z"}]), "`primary_key`"),
        ("2", Answer({"error": "no"}), "page 2"),
        ("2", Answer(status=404), "ignored"),
    ],
    ids=["500", "403", "no key", "no records", "ignored"],
)
def test_a_sweep_that_is_not_complete_counts_for_nothing(page: str, instead: Answer, said: str, api: Api) -> None:
    """The stream is still complete, the log says why, and the next sync tries again."""
    table, copy = synced(api, errors=[{"status": 404, "action": "ignore"}])
    copy.sync()
    del table.rows[1]
    for _ in range(3):
        table.before = {page: lambda: instead}
        assert copy.sync() == []
        assert copy.complete
        assert "Stream items: ignoring a sweep for deleted rows" in copy.logs
        assert said in copy.logs
    table.before = {}
    assert copy.sync() == []
    assert copy.sync() == [1]


def test_keys_count_in_the_queue() -> None:
    """Batches of a sweep have a size, so they wait for a slow reader as records do."""
    read = StreamRun(ConfiguredStream("items", incremental=True), lambda _: None, None, 1)
    item = OutputBlock(read, moved=Swept([b"[%d]" % number for number in range(1000)]))
    assert item.size > 30_000


def test_a_sweep_beside_signs_of_more_counts_for_nothing(api: Api) -> None:
    """If the API counts more rows than a sweep found, no row is reported as deleted."""
    rows, total = [{"id": number, "at": "2024-01-01T00:00:00Z"} for number in range(5)], 5
    api.get("/items")(lambda _: {"data": rows, "total": total})
    copy = Copy(api, pagination={"type": "cursor", "cursor_path": "next", "cursor_param": "after"})
    copy.sync()
    rows.pop()
    assert [copy.sync(), copy.sync()] == [[], []]
    assert "it ended beside signs of more" in copy.logs
    total = 4
    assert [copy.sync(), copy.sync()] == [[], [4]]


@pytest.mark.parametrize(
    "rows",
    [{"of": 1}, {"swept_at": "x"}, {"keys": "x"}, {"missing": "eJw="}, {"newest": "x"}],
    ids=["of", "time", "keys", "missing", "cursor"],
)
def test_a_state_that_cannot_be_read_is_an_error(rows: dict[str, Any], api: Api) -> None:
    """The error names the stream and shows the state, as for any other invalid state."""
    _, copy = synced(api)
    copy.state["items"]["rows"].update(rows)
    copy.sync()
    [error] = [m["trace"]["error"] for m in copy.messages if "error" in m.get("trace", {})]
    assert error["failure_type"] == "config_error"
    assert "Stream items: the state" in error["message"]


def test_the_catalog_has_the_field(api: Api) -> None:
    """A destination makes the column from the schema, and deletes by it."""
    _, copy = synced(api)
    for declared in (None, {"type": "object", "properties": {"id": {"type": "integer"}}}):
        copy.endpoint["schema"] = declared
        [message] = map(json.loads, Connector().session(copy.config).discover())
        [stream] = message["catalog"]["streams"]
        assert stream["json_schema"]["properties"]["_ab_cdc_deleted_at"] == {
            "type": ["null", "string"],
            "format": "date-time",
            "airbyte_type": "timestamp_with_timezone",
        }
        assert stream["source_defined_primary_key"] == [["id"]]


def test_a_row_hidden_by_a_shift_is_not_told(api: Api) -> None:
    """A deletion between two page numbers hides a row from a sweep; the next one meets it."""
    table, copy = synced(api)
    table.before = {"2": lambda: table.rows.pop(1, None) and None}
    assert [copy.sync(), copy.sync(), copy.sync()] == [[], [], [1]]
    assert 3 in table.rows


def test_a_row_that_comes_back_is_alive(api: Api) -> None:
    """A read delivers it or a sweep finds it; if it is deleted again, that is reported again."""
    table, copy = synced(api)
    gone, changed = table.rows.pop(3), table.rows.pop(4)
    copy.sync()
    table.rows[3] = gone
    table.rows[4] = {**changed, "at": "2024-06-01T00:00:00Z"}
    del table.rows[5]
    assert copy.sync() == []
    assert copy.sync() == [5]
    del table.rows[4]
    assert [copy.sync(), copy.sync(), copy.sync()] == [[], [4], []]
    table.rows[4] = {**changed, "at": "2024-06-02T00:00:00Z"}
    copy.sync()
    del table.rows[4]
    assert [copy.sync(), copy.sync()] == [[], [4]]


@pytest.mark.parametrize("left", [0, 4])
def test_more_than_half_is_never_believed(left: int, api: Api) -> None:
    """An API that hides rows looks like one that lost them, today and tomorrow: a warning, and no deletions."""
    table, copy = synced(api)
    rows = dict(table.rows)
    table.rows = dict(list(rows.items())[:left])
    for _ in range(3):
        assert copy.sync() == []
        assert f"a sweep did not find {10 - left} of 10 rows" in copy.logs
        assert "refresh the stream" in copy.logs
    table.rows = rows
    assert copy.sync() == []
    assert "did not find" not in copy.logs


def test_a_read_that_fails_tells_nothing(api: Api) -> None:
    """The sweep follows a read that came to its end; otherwise it is not even begun."""
    table, copy = synced(api)
    del table.rows[2]
    copy.sync()
    table.asked.clear()
    answer = table._answer
    api.get("/items")(lambda call: Answer(status=500) if call.arg("since") else answer(call))
    assert copy.sync() == []
    assert (copy.complete, table.asked) == (False, [])
    api.get("/items")(answer)
    assert copy.sync() == [2]


def test_switched_on_later_it_learns_first(api: Api) -> None:
    """Rows delivered before are unknown: the first sweep learns them, and deletions are reported from then on."""
    table, copy = synced(api, deletions=None)
    del table.rows[1]
    copy.endpoint["deletions"] = {"every": "P1D"}
    assert copy.sync() == []
    assert "Stream items: found 9 rows." in copy.logs
    del table.rows[2]
    assert [copy.sync(), copy.sync()] == [[], [2]]
    copy.endpoint["deletions"] = None
    copy.sync()
    assert "rows" not in copy.state["items"]


def test_rows_that_another_connector_delivered_are_learned(api: Api) -> None:
    """A state that was moved here stands for rows, whose keys the first sweep has to learn."""
    table, copy = Table(api), Copy(api)
    cursor = max(row["at"] for row in table.rows.values())
    copy.state = {"items": {"version": 2, "cursor_field": "at", "moved": {"paths": [], "default": cursor}}}
    assert copy.sync() == []
    assert "Stream items: found 10 rows." in copy.logs
    del table.rows[2]
    assert [copy.sync(), copy.sync()] == [[], [2]]


def test_another_key_begins_anew(api: Api) -> None:
    """Keys of another `primary_key` mean nothing: the rows are learned again."""
    _, copy = synced(api)
    copy.endpoint["primary_key"] = "at"
    copy.sync()
    assert "found 10 rows." in copy.logs


def test_a_full_refresh_has_no_sweep(api: Api) -> None:
    """A full refresh reads all rows anyway, and keeps no keys."""
    table, copy = synced(api)
    table.asked.clear()
    copy.sync("full_refresh")
    assert "rows" not in copy.state["items"]
    assert len(table.asked) == 6


def test_too_many_rows_are_not_followed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit no deletion is reported, each sync warns, and no sweep is sent."""
    monkeypatch.setattr(known_rows, "LARGEST", 9)
    table, copy = synced(api)
    assert "more than 9 rows" in copy.logs
    table.asked.clear()
    del table.rows[1]
    assert [copy.sync(), copy.sync()] == [[], []]
    assert all(call.arg("since") for call in table.asked)
    assert "more than 9 rows" in copy.logs
    assert copy.state["items"]["rows"].keys() == {"of", "swept_at", "newest", "too_many"}


def test_too_many_rows_cannot_be_learned(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where a sweep finds them."""
    _, copy = synced(api, deletions=None)
    monkeypatch.setattr(known_rows, "LARGEST", 9)
    copy.endpoint["deletions"] = {"every": "P1D"}
    copy.sync()
    assert "more than 9 rows" in copy.logs
    assert copy.state["items"]["rows"]["too_many"]


def test_rows_that_were_never_delivered_are_counted(api: Api) -> None:
    """A row that was created with an old cursor value is missed by every read; a sweep says that there are some."""
    table, copy = synced(api)
    table.rows[0] = {"id": 0, "at": "2024-01-02T00:00:00Z"}
    copy.sync()
    assert "a sweep found 1 row that no sync delivered" in copy.logs
    assert copy.sync() == []


def test_what_a_filter_leaves_out_is_there(api: Api) -> None:
    """A row that does not pass `filter` any more is not gone; one that never passed is not told."""
    table, copy = synced(api, filter="record.id != 7 and record.get('open', true)")
    del table.rows[7], table.rows[6]
    table.rows[5]["open"] = False
    assert [copy.sync(), copy.sync()] == [[], [6]]


def test_a_tombstone_has_the_shape_of_the_records(api: Api) -> None:
    """Names and kinds are those that records are emitted with, for the key and for the cursor."""
    table, copy = synced(
        api,
        primary_key=["Key", "item.kind"],
        rename_fields={"id": "Key", "at": "changed.at"},
        add_fields={"item.kind": "row"},
        cast={"Key": "string"},
    )
    del table.rows[3]
    copy.sync()
    copy.sync()
    [row] = records(copy.messages)
    at = "2024-06-04T12:00:00Z"
    assert row == {"Key": "3", "item": {"kind": "row"}, "changed": {"at": at}, "_ab_cdc_deleted_at": at}


def test_a_number_that_counts_upwards(api: Api) -> None:
    """A tombstone has the largest number so far: the row's own is no larger, and it was emitted earlier."""
    api.get("/items")(lambda call: [row for row in rows if row["n"] >= int(call.arg("after", "0"))])
    rows = [{"id": number, "n": 10 * number} for number in range(6)]
    incremental = {"type": "integer", "cursor_field": "n", "start_param": "after"}
    copy = Copy(api, pagination=None, incremental=incremental)
    copy.sync()
    del rows[5], rows[1]
    copy.sync()
    assert copy.sync() == [1, 5]
    assert [record["n"] for record in records(copy.messages)] == [50, 50]


def test_a_number_from_before_it_was_switched_on(api: Api) -> None:
    """The state's cursor counts as well: a tombstone without a number would lose against the row."""
    rows = [{"id": number, "n": 10 * number} for number in range(6)]
    api.get("/items")(lambda call: [row for row in rows if row["n"] >= int(call.arg("after", "0"))])
    incremental = {"type": "integer", "cursor_field": "n", "start_param": "after"}
    copy = Copy(api, pagination=None, incremental=incremental, deletions=None)
    copy.sync()
    copy.endpoint["deletions"] = {"every": "P1D"}
    copy.sync()
    del rows[2]
    assert [copy.sync(), copy.sync()] == [[], [2]]
    assert records(copy.messages)[0]["n"] == 50


def test_a_token_of_the_api(api: Api) -> None:
    """A sweep asks without the token, which gives everything."""

    @api.get("/items")
    def items(call: Call) -> Any:
        return {"items": [] if call.arg("token") else [{"id": number} for number in ids], "token": "t"}

    ids = [1, 2, 3, 4]
    incremental = {"type": "token", "token_path": "token", "start_param": "token"}
    copy = Copy(api, pagination=None, incremental=incremental)
    copy.sync()
    ids.remove(2)
    assert [copy.sync(), copy.sync(), copy.sync()] == [[], [2], []]


def test_a_row_dated_in_the_future_goes_too(api: Api) -> None:
    """The tombstone is no earlier than any row was, or a destination would keep the row."""
    table, copy = synced(api)
    table.rows[4]["at"] = "2030-01-01T00:00:00Z"
    copy.sync()
    table.rows.pop(4)
    copy.sync()
    assert copy.sync() == [4]
    assert records(copy.messages)[0]["at"] == "2030-01-01T00:00:00Z"


def test_a_key_is_used_again_by_an_api_of_local_times(api: Api) -> None:
    """Hours behind UTC, a row that is created after its key was told as gone is later than its tombstone."""
    table, copy = synced(api)
    for row in table.rows.values():
        row["at"] = row["at"].removesuffix("Z")
    copy.state.clear()
    copy.sync()
    del table.rows[3]
    copy.sync()
    assert copy.sync() == [3]
    [tombstone] = records(copy.messages)
    table.rows[3] = {"id": 3, "at": (NOW + copy.day * DAY - timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%S")}
    copy.sync()
    assert view([tombstone, *records(copy.messages)])[3] == table.rows[3]


def test_partitions_share_their_keys_and_vanish_with_them(api: Api) -> None:
    """A row that moves to another partition exists; rows of a deleted partition are deleted."""
    lists = {"a": [1, 2, 3, 4], "b": [5], "c": [6]}
    api.get("/lists")(lambda _: [{"name": name} for name in lists])
    at = "2024-01-01T00:00:00Z"
    api.get("/lists/{name}")(lambda call: [{"id": row, "at": at} for row in lists[call.path_params["name"]]])
    copy = Copy(api, path="lists/{{ lists.name }}", pagination=None)
    copy.config["endpoints"].insert(0, {"name": "lists", "path": "lists"})
    copy.sync()
    lists["b"].append(lists["a"].pop())
    del lists["c"]
    assert [copy.sync(), copy.sync(), copy.sync()] == [[], [6], []]


def test_an_ignored_answer_above_counts_for_nothing(api: Api) -> None:
    """Streams above that a rule in `errors` left incomplete hide whole partitions: their rows are not told."""
    hidden: list[str] = []

    @api.get("/orgs/{org}/lists")
    def lists(call: Call) -> Any:
        org = call.path_params["org"]
        return Answer(status=403) if org in hidden else [{"name": name} for name in orgs[org]]

    orgs = {"x": ["a"], "y": ["b"]}
    rows, at = {"a": [1, 2, 3], "b": [4]}, "2024-01-01T00:00:00Z"
    api.get("/orgs")(lambda _: [{"org": org} for org in orgs])
    api.get("/lists/{name}")(lambda call: [{"id": row, "at": at} for row in rows[call.path_params["name"]]])
    copy = Copy(api, path="lists/{{ lists.name }}", pagination=None)
    ignore = [{"status": 403, "action": "ignore"}]
    above = [{"name": "orgs", "path": "orgs"}, {"name": "lists", "path": "orgs/{{ orgs.org }}/lists", "errors": ignore}]
    copy.config["endpoints"][:0] = above
    copy.sync()
    hidden.append("y")
    assert [copy.sync(), copy.sync(), copy.sync()] == [[], [], []]
    assert "rows may be missing (in the parent stream lists)" in copy.logs
    hidden.clear()
    rows["b"].clear()
    assert [copy.sync(), copy.sync()] == [[], [4]]


def test_another_question_begins_anew(api: Api) -> None:
    """Rows that the config does not ask for any more are not gone; what only a sweep's own parameters change is."""
    table, copy = synced(api)
    answer = table._answer
    api.get("/items")(lambda call: [row for row in answer(call) if call.arg("state") != "open" or row["id"] != 3])
    copy.endpoint["params"] = {"state": "open"}
    assert copy.sync() == []
    assert "found 9 rows." in copy.logs
    assert [copy.sync(), copy.sync()] == [[], []]
    del table.rows[4]
    copy.sync()
    copy.endpoint["deletions"] = {"every": "P1D", "params": {"fields": "id"}}
    assert copy.sync() == [4]


def test_a_clock_that_was_put_back(api: Api) -> None:
    """A sweep that is dated in the future does not put off the next until then."""
    table, copy = synced(api)
    copy.day = 3000
    copy.sync()
    copy.day = 5
    del table.rows[3]
    assert [copy.sync(), copy.sync(), copy.sync()] == [[], [3], []]


def test_killed_while_it_tells_a_row_that_was_met_is_clear(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that the second sweep found is no longer suspected, even if not all deletions are reported yet."""
    monkeypatch.setattr(known_rows, "_AT_ONCE", 1)
    table, copy = synced(api)
    hidden = table.rows.pop(10)
    del table.rows[2], table.rows[4]
    copy.sync()
    table.rows[10] = hidden
    assert copy.sync() == [2, 4]
    first = next(index for index in range(len(copy.messages)) if tombs(copy.messages[:index]))
    state = next(message["state"] for message in copy.messages[first:] if message["type"] == "STATE")
    copy.state = {"items": state["stream"]["stream_state"]}
    del table.rows[10]
    assert 10 not in copy.sync()


@pytest.mark.parametrize("messages", [8, 9, 10])
def test_killed_while_it_tells(messages: int, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state forgets only rows that were told before it: the rest follows in the next sync, none is lost."""
    monkeypatch.setattr(known_rows, "_AT_ONCE", 1)
    table, copy = synced(api)
    for number in (2, 4, 6, 8):
        del table.rows[number]
    copy.sync()
    before = copy.state
    told = set(copy.sync())
    assert told == {2, 4, 6, 8}
    covered: list[int] = []
    for message in copy.messages[:messages]:
        if message["type"] == "STATE":
            copy.state = {"items": message["state"]["stream"]["stream_state"]}
            covered = tombs(copy.messages[: copy.messages.index(message)])
    assert copy.state != before
    assert 0 < len(covered) < 4
    rest = copy.sync()
    assert sorted([*covered, *rest]) == [2, 4, 6, 8]


def test_the_story_as_a_process(tmp_path: Path, api: Api) -> None:
    """Sync, delete, sync twice, one of them killed: the tombstones of the truth; a key used again is shown."""
    shop = Shop(3, real=True)
    shop.serve(api)
    config = config_for(api, "cursor", "server_filter", 2, deletions={"every": "PT0.001S", "params": {"fields": "id"}})
    catalog_ = catalog_for("server_filter")
    done = run(tmp_path, "read", config=config, catalog=catalog_)
    messages = list(done.messages)
    dead = {3, 30, 57}
    for number in dead:
        del shop.rows[number]
    shop.change(0)
    done = run(tmp_path, "read", config=config, catalog=catalog_, state=done.states[-1:])
    messages += done.messages
    assert not tombs(messages)
    assert view(records(messages)).keys() == shop.rows.keys() | dead
    states = done.states[-1:]
    process = start(tmp_path, "read", config=config, catalog=catalog_, state=states)
    assert process.stdout
    for line in process.stdout:
        message = json.loads(line)
        messages.append(message)
        if tombs([message]):
            process.kill()
            break
    process.communicate()
    done = run(tmp_path, "read", config=config, catalog=catalog_, state=states)
    messages += done.messages
    assert set(tombs(done.messages)) == dead
    assert view(records(messages)) == shop.rows
    assert re.search(r"3 records, 3 of them delete records, .*, 57 rows tracked", logs(done.messages))
    shop.rows[30] = {"id": 30, "at": written(datetime.now(timezone.utc)), "version": 1}
    done = run(tmp_path, "read", config=config, catalog=catalog_, state=done.states[-1:])
    messages += done.messages
    assert not tombs(done.messages)
    assert view(records(messages)) == shop.rows
    done = run(tmp_path, "read", config=config, catalog=catalog_, state=done.states[-1:])
    assert not tombs(done.messages)
    assert "58 rows tracked" in logs(done.messages)
