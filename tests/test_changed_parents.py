"""Children are asked only for new and changed parents: how many requests it takes, and that nothing is lost."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config import loading
from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError
from tests.api import Answer
from tests.process import catalog, run, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
PAGE = 20
THREADS: dict[str, Any] = {
    "name": "threads",
    "path": "threads",
    "primary_key": "id",
    "incremental": {"cursor_field": "at", "start_param": "since"},
    "pagination": {"type": "page_number", "page_size_param": "limit", "page_size": PAGE},
}
TEXTS: dict[str, Any] = {
    "name": "texts",
    "path": "threads/{{ threads.id }}/text",
    "records_path": "$",
    "primary_key": "id",
    "only_changed_parents": True,
}
COMMENTS: dict[str, Any] = {
    "name": "texts",
    "path": "threads/{{ threads.id }}/comments",
    "primary_key": "id",
    "incremental": {"cursor_field": "at", "start_param": "since"},
    "only_changed_parents": True,
}
BATCHES: dict[str, Any] = {
    "name": "texts",
    "path": "texts",
    "params": {"ids": "{{ ids | join(',') }}"},
    "partitions": {"ids": {"values": "{{ threads.id }}", "batch": 7}},
    "only_changed_parents": True,
}
WINDOWS = {**THREADS, "incremental": {**THREADS["incremental"], "end_param": "until", "step": "P5D"}}
OLDEST_FIRST = {**THREADS, "params": {"sort": "at"}, "incremental": {**THREADS["incremental"], "sorted": True}}
BY_BOARD = {**THREADS, "path": "boards/{{ boards.id }}/threads"}
BOARDS = {"name": "boards", "path": "boards"}
WAYS: dict[str, list[dict[str, Any]]] = {
    "texts": [THREADS, TEXTS],
    "comments": [THREADS, COMMENTS],
    "batches": [THREADS, BATCHES],
    "windows": [WINDOWS, TEXTS],
    "oldest first": [OLDEST_FIRST, TEXTS],
    "by board": [BOARDS, BY_BOARD, TEXTS],
}


def written(moment: datetime) -> str:
    """A moment as the API writes it."""
    return moment.isoformat().replace("+00:00", "Z")


@dataclass
class Forum:
    """Threads, each with one text; a change gives both a new version, and the thread a new time."""

    count: int
    seed: int = 0
    restless: float = 0.0
    """The probability of a change before an answer."""
    delay: float = 0
    """Seconds before a text is answered."""
    threads: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: Counter[int] = field(default_factory=Counter)
    """How often the text of each thread was asked for."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.clock = START
        for _ in range(self.count):
            self.clock += timedelta(hours=1)
            self.touch(len(self.threads) + 1)

    def touch(self, number: int) -> None:
        """Write a thread anew."""
        version = self.threads.get(number, {}).get("version", 0) + 1
        self.threads[number] = {"id": number, "at": written(self.clock), "version": version}

    def change(self, times: int) -> None:
        """Some threads are new, others change or go."""
        for _ in range(times):
            self.clock += timedelta(seconds=self.random.choice([0, 1, 60]))
            what = self.random.random()
            if what < 0.2:
                self.touch(max(self.threads) + 1)
            elif what < 0.3 and len(self.threads) > 2:
                del self.threads[self.random.choice(list(self.threads)[:-1])]
            else:
                self.touch(self.random.choice(list(self.threads)))

    def serve(self, api: Api) -> None:
        """Answer for threads and their texts."""

        def listed(call: Call) -> list[dict[str, Any]]:
            self._stir()
            rows = [dict(row) for row in dict(self.threads).values()]
            if call.path_params.get("board"):
                rows = [row for row in rows if row["id"] % 2 == int(call.path_params["board"])]
            rows.sort(key=lambda row: (row["at"], row["id"]) if call.arg("sort") else row["id"])
            found = [row for row in rows if call.arg("since") <= row["at"] <= call.arg("until", "9")]
            first = (int(call.arg("page", "1")) - 1) * PAGE
            return found[first : first + PAGE]

        api.get("/threads")(listed)
        api.get("/boards/{board}/threads")(listed)

        @api.get("/boards")
        def boards(_: Call) -> list[dict[str, int]]:
            return [{"id": 0}, {"id": 1}]

        @api.get("/threads/{id}/text")
        def text(call: Call) -> Any:
            return self._text(int(call.path_params["id"])) or Answer(status=404)

        @api.get("/threads/{id}/comments")
        def comments(call: Call) -> Any:
            found = self._text(int(call.path_params["id"]))
            return Answer(status=404) if found is None else [row for row in [found] if row["at"] >= call.arg("since")]

        @api.get("/texts")
        def texts(call: Call) -> list[Any]:
            return [row for key in call.arg("ids").split(",") if (row := self._text(int(key)))]

    def _text(self, number: int) -> dict[str, Any] | None:
        self._stir()
        time.sleep(self.delay)
        self.asked[number] += 1
        thread = self.threads.get(number)
        return None if thread is None else dict(thread)

    def _stir(self) -> None:
        if self.random.random() < self.restless:
            self.change(1)


@dataclass
class Reader:
    """Syncs the children of a forum, and keeps what a STATE has covered."""

    forum: Forum
    url: str
    endpoints: list[dict[str, Any]]
    workers: int = 1
    newest: dict[int, int] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    complete: bool = False
    said: list[str] = field(default_factory=list)

    @property
    def config(self) -> dict[str, Any]:
        """The config."""
        gone = [{"status": 404, "action": "ignore"}]
        endpoints = [{**endpoint, "errors": gone} for endpoint in self.endpoints]
        start = {"start_date": written(START)} if "step" in json.dumps(endpoints) else {}
        return {"url_base": self.url, "max_concurrency": self.workers, "endpoints": endpoints, **start}

    def sync(self, messages: int | None = None) -> None:
        """Read to the end, or until so many messages have come."""
        self.forum.asked.clear()
        session = Connector().session(self.config)
        session.now = lambda: self.forum.clock
        session.pause = 0
        blocks = session.read(catalog(texts="incremental"), {"texts": self.state} if self.state else {})
        waiting: list[dict[str, Any]] = []
        lines = (json.loads(line) for block in blocks for line in block.splitlines())
        for message in islice(lines, messages):
            assert message.get("trace", {}).get("error") is None, message
            if message["type"] == "RECORD":
                waiting.append(message["record"]["data"])
            elif message["type"] == "STATE":
                self.take(waiting, message["state"]["stream"]["stream_state"])
                waiting = []
            elif message["type"] == "LOG":
                self.said.append(message["log"]["message"])
        self.complete = messages is None and session.complete
        blocks.close()  # type: ignore[attr-defined]

    def take(self, records: list[dict[str, Any]], state: dict[str, Any]) -> None:
        """Take what a STATE covers."""
        for record in records:
            self.newest[record["id"]] = max(record["version"], self.newest.get(record["id"], 0))
        self.state = state

    @property
    def behind(self) -> dict[int, int]:
        """The texts whose last version has not arrived."""
        table = {key: row["version"] for key, row in self.forum.threads.items()}
        return {key: version for key, version in table.items() if self.newest.get(key) != version}


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("way", ["texts", "comments", "by board"])
def test_ten_of_a_thousand(way: str, workers: int, api: Api) -> None:
    """The second sync asks for those that changed, and for those with the newest time, which others may share."""
    forum = Forum(1000)
    forum.serve(api)
    reader = Reader(forum, api.url, WAYS[way], workers)
    reader.sync()
    assert reader.complete
    assert forum.asked == Counter(range(1, 1001))
    assert not reader.behind
    changed = set(forum.random.sample(range(1, 900), 10))
    for number in changed:
        forum.clock += timedelta(minutes=1)
        forum.touch(number)
    newest = {1000} if way != "by board" else {999, 1000}
    reader.sync()
    assert forum.asked == Counter(changed | newest)
    assert not reader.behind
    assert reader.complete


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("way", WAYS)
def test_killed_anywhere_nothing_is_lost(way: str, workers: int, api: Api) -> None:
    """Changes between the runs and while they read, each run but the last cut off: the table has arrived."""
    for seed in range(2):
        forum = Forum(30, seed, restless=0.1)
        forum.serve(api)
        reader = Reader(forum, api.url, WAYS[way], workers)
        for _ in range(5):
            reader.sync(forum.random.choice([forum.random.randrange(2, 90), None]))
            forum.change(forum.random.randrange(4))
        forum.restless = 0
        reader.sync()
        assert reader.complete
        assert reader.behind == {}
        reader.sync()
        ties = sum(row["at"] == max(each["at"] for each in forum.threads.values()) for row in forum.threads.values())
        assert sum(forum.asked.values()) <= (ties if way != "by board" else len(forum.threads))


@pytest.mark.parametrize("workers", [1, 8])
def test_a_process_is_killed_half_way(workers: int, api: Api, tmp_path: Path) -> None:
    """The next one asks for what the first did not cover, and for parents that changed after their child was read."""
    forum = Forum(300, delay=0.01 * workers)
    forum.serve(api)
    reader = Reader(forum, api.url, WAYS["texts"], workers)
    files = {"config": reader.config, "catalog": catalog(texts="incremental")}
    process = start(tmp_path, "read", **files)
    assert process.stdout
    waiting: list[dict[str, Any]] = []
    while len(reader.newest) < 150:
        message = json.loads(process.stdout.readline())
        if message["type"] == "RECORD":
            waiting.append(message["record"]["data"])
        elif message["type"] == "STATE":
            state = message["state"]
            reader.take(waiting, state["stream"]["stream_state"])
            waiting = []
    process.kill()
    with process:
        process.stdout.read()
        with suppress(ProcessLookupError):
            process.wait()
    asked = -1
    while asked != len(api.requests):  # the server still answers what was on its way
        asked = len(api.requests)
        time.sleep(0.2)
    covered = set(reader.newest)
    assert "parents" not in reader.state
    changed = set(forum.random.sample(sorted(covered), 5))
    for number in changed:
        forum.touch(number)
    forum.asked.clear()
    forum.delay = 0
    rest = run(tmp_path, "read", state=[state], **files)
    assert forum.asked == Counter(set(forum.threads) - covered | changed)
    reader.take(rest.data("texts"), rest.states[-1]["stream"]["stream_state"])
    assert reader.behind == {}
    assert reader.state["parents"]["reached"]["threads"]["cursor"] == written(forum.clock)


def test_a_position_inside_a_child_is_of_its_parent_s_version(api: Api) -> None:
    """Half of a child was read when its parent changed: it is read again from its first page."""
    lines = {"version": 1}

    @api.get("/threads")
    def threads(_: Call) -> list[dict[str, Any]]:
        return [{"id": 1, "at": f"2024-01-0{lines['version']}T00:00:00Z"}]

    @api.get("/threads/1/lines")
    def pages(call: Call) -> list[dict[str, Any]]:
        number = int(call.arg("page", "1"))
        return [{"id": number, "version": lines["version"]}] if number <= 5 else []

    child = {**TEXTS, "path": "threads/{{ threads.id }}/lines", "records_path": None}
    parent = {**THREADS, "pagination": {"type": "none"}}
    reader = Reader(Forum(1), api.url, [parent, {**child, "pagination": {"type": "page_number"}}])
    reader.sync(8)
    assert 0 < len(reader.newest) < 5
    lines["version"] = 2
    reader.sync()
    assert reader.newest == dict.fromkeys(range(1, 6), 2)


def test_what_has_no_time_is_asked_for_every_time(api: Api) -> None:
    """Nobody knows whether it has changed."""
    forum = Forum(3)
    forum.serve(api)
    forum.threads[2]["at"] = "2024-99"
    reader = Reader(forum, api.url, WAYS["texts"])
    reader.sync()
    reader.sync()
    assert set(forum.asked) == {2, 3}


def test_the_first_time_all_parents_are_read(api: Api) -> None:
    """Those from before the start date too, as for every stream below another."""
    forum = Forum(5)
    forum.serve(api)
    reader = Reader(forum, api.url, WAYS["texts"])
    session = Connector().session({**reader.config, "start_date": "2024-06-01"})
    list(session.read(catalog(texts="incremental"), {}))
    assert len(forum.asked) == 5


@pytest.mark.parametrize(
    "change",
    [
        lambda reader: reader.endpoints.__setitem__(0, {**THREADS, "filter": "record.id != 1"}),
        lambda reader: reader.endpoints.__setitem__(0, {**THREADS, "params": {"state": "all"}}),
        lambda reader: reader.endpoints.__setitem__(
            1, {**TEXTS, "params": {"of": "{{ of }}"}, "partitions": {"of": ["a", "b"]}}
        ),
        lambda reader: reader.state.pop("parents"),
    ],
    ids=["a filter", "a parameter", "a list", "the state"],
)
def test_another_question_begins_anew(change: Any, api: Api) -> None:
    """Under other settings of the parent, or with other values of the child's own list, all are asked for again."""
    forum = Forum(5)
    forum.serve(api)
    reader = Reader(forum, api.url, [THREADS, TEXTS])
    reader.sync()
    reader.sync()
    assert set(forum.asked) == {5}
    change(reader)
    reader.sync()
    assert len(forum.asked) >= 4
    reader.sync()
    assert set(forum.asked) == {5}


def test_parents_that_are_named_many_times(api: Api) -> None:
    """An event a row, several for one object: each object is asked for once a sync, and only after all events."""
    events: list[dict[str, Any]] = [{"id": n, "object": n % 3, "at": f"2024-01-01T00:00:{n:02d}Z"} for n in range(45)]
    asked: list[str] = []

    @api.get("/events")
    def page(call: Call) -> list[dict[str, Any]]:
        asked.append("events")
        found = [event for event in events if event["at"] >= call.arg("since")]
        first = (int(call.arg("page", "1")) - 1) * PAGE
        return found[first : first + PAGE]

    @api.get("/objects/{id}")
    def thing(call: Call) -> dict[str, Any]:
        asked.append(call.path_params["id"])
        return {"id": int(call.path_params["id"]), "version": len(events)}

    child = {**TEXTS, "path": "objects/{{ events.object }}"}
    reader = Reader(Forum(45), api.url, [{**THREADS, "name": "events", "path": "events"}, child])
    reader.sync()
    assert asked[-4:] == ["events", "0", "1", "2"]
    assert asked.count("events") == len(asked) - 3
    asked.clear()
    reader.sync()
    assert [each for each in asked if each != "events"] == ["2"]
    events.append({"id": 45, "object": 0, "at": "2024-01-01T00:00:46Z"})
    asked.clear()
    reader.sync()
    assert [each for each in asked if each != "events"] == ["2", "0"]
    assert reader.newest == {0: 46, 1: 45, 2: 46}


def test_three_generations(api: Api) -> None:
    """The notes of texts: asked for where a thread has changed, because a text has no time of its own."""
    forum = Forum(6)
    forum.serve(api)
    notes: list[int] = []

    @api.get("/notes/{id}")
    def note(call: Call) -> dict[str, Any]:
        number = int(call.path_params["id"])
        notes.append(number)
        return {"id": number, "version": forum.threads[number]["version"]}

    middle = {**TEXTS, "name": "bodies"}
    reader = Reader(forum, api.url, [THREADS, middle, {**TEXTS, "path": "notes/{{ bodies.id }}"}])
    reader.sync()
    assert notes == [1, 2, 3, 4, 5, 6]
    notes.clear()
    forum.clock += timedelta(minutes=1)
    forum.touch(3)
    reader.sync()
    assert (notes, dict(forum.asked)) == ([3, 6], {3: 1, 6: 1})
    assert reader.behind == {}


def test_two_children_share_the_read_of_their_parent(api: Api) -> None:
    """As long as both stand at the same place."""
    forum = Forum(3)
    forum.serve(api)
    raw = {"url_base": api.url, "endpoints": [THREADS, TEXTS, {**COMMENTS, "name": "comments"}]}
    chosen = catalog(texts="incremental", comments="incremental")
    states: dict[str, Any] = {}
    for _ in range(2):
        api.requests.clear()
        session = Connector().session(raw)
        for block in session.read(chosen, states):
            for message in map(json.loads, block.splitlines()):
                if message["type"] == "STATE":
                    stream = message["state"]["stream"]
                    states[stream["stream_descriptor"]["name"]] = stream["stream_state"]
        assert session.complete
        first = [call for call in api.requests if call.path == "/threads" and call.arg("page", "1") == "1"]
        assert len(first) == 1


def test_a_full_refresh_reads_all(api: Api) -> None:
    """The setting concerns incremental syncs."""
    forum = Forum(4)
    forum.serve(api)
    reader = Reader(forum, api.url, WAYS["texts"])
    reader.sync()
    forum.asked.clear()
    session = Connector().session(reader.config)
    list(session.read(catalog(texts="full_refresh"), {}))
    assert len(forum.asked) == 4


@pytest.mark.parametrize(
    ("endpoints", "said"),
    [
        ([{"name": "a", "path": "a"}, {**TEXTS, "path": "{{ a.id }}"}], "set `incremental` in the endpoint `a`"),
        ([{**TEXTS, "path": "a"}], "needs a parent"),
        (
            [
                THREADS,
                {**THREADS, "name": "users"},
                {**TEXTS, "path": "{{ threads.id }}/{{ user }}", "partitions": {"user": "{{ users.id }}"}},
            ],
            "combinations of several streams",
        ),
        (
            [
                THREADS,
                {**TEXTS, "path": "{{ t }}", "partitions": {"t": {"values": "{{ threads.id }}", "otherwise": 1}}},
            ],
            "only if the config does not",
        ),
    ],
)
def test_what_cannot_be_told_is_an_error(endpoints: list[dict[str, Any]], said: str) -> None:
    """Whether a parent has changed has to be known of all that a partition is made of."""
    with pytest.raises(ConfigError, match=said):
        loading.load({"url_base": "http://api.test", "endpoints": endpoints})


def test_it_is_offered_as_incremental(api: Api, tmp_path: Path) -> None:
    """Though its records have no cursor."""
    forum = Forum(2)
    forum.serve(api)
    done = run(tmp_path, "discover", config=Reader(forum, api.url, WAYS["texts"]).config)
    [found] = [s for s in done.bodies("CATALOG")[0]["streams"] if s["name"] == "texts"]
    assert (found["supported_sync_modes"], found["source_defined_cursor"], found["default_cursor_field"]) == (
        ["full_refresh", "incremental"],
        True,
        [],
    )
