"""A parent is read once, for all the streams below it at the same time, and only as far as they ask."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from threading import Barrier, Event, Lock
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from source_rest_api.config import loading
from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError, SourceError, TransientError
from source_rest_api.http.requester import Requester
from source_rest_api.streams.parents import Parents
from source_rest_api.streams.stream import Stream
from tests.api import Answer
from tests.process import catalog, run
from tests.test_spool import resident

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from source_rest_api.config.endpoint import Endpoint
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

ORGS = {"name": "orgs", "path": "orgs"}
REPOS = {"name": "repos", "path": "orgs/{{ orgs.id }}/repos"}


def child(name: str, path: str, **settings: Any) -> dict[str, Any]:
    """An endpoint below repos."""
    return {"name": name, "path": path, **settings}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close what families have opened."""
    yield
    while Family.requesters:
        Family.requesters.pop().sender.connections.close()


class Family:
    """The streams of one command, whose connections are closed after the test."""

    requesters: ClassVar[list[Requester]] = []

    def __init__(self, api: Api, *endpoints: dict[str, Any], **config: Any) -> None:
        self._raw = {"url_base": api.url, "retry": {"max_attempts": 1}, "endpoints": list(endpoints), **config}
        self._config = loading.load(self._raw)
        self._requester = Requester(self._config.http(api.url))
        self.requesters.append(self._requester)
        self.parents = Parents(self._config, self.make)

    def make(self, endpoint: Endpoint, parents: Parents) -> Stream:
        return Stream(self._config, endpoint, self._requester, self._raw, parents=parents)

    def stream(self, name: str) -> Stream:
        return self.make(self._config.by_variable[name], self.parents)

    def keys(self, name: str) -> Iterator[str]:
        return (partition.key for partition in self.stream(name).partitions())


def paths(api: Api) -> list[str]:
    """Returns the requested paths, in the order of arrival."""
    return [call.target for call in api.requests]


def pages(api: Api, path: str, *answers: Any) -> None:
    """Answer a path with these pages, one after the other."""

    @api.get(path)
    def page(call: Call) -> Any:
        number = int(call.arg("page", "1"))
        return answers[number - 1] if number <= len(answers) else []


PAGED = {"pagination": {"type": "page_number"}}


def test_one_read_for_all_children(api: Api) -> None:
    """For any number of children and grandchildren in threads, each page of a parent is requested once."""
    pages(api, "/orgs", [{"id": 1}, {"id": 2}], [{"id": 3}])
    for org in (1, 2, 3):
        pages(api, f"/orgs/{org}/repos", [{"id": f"{org}a"}], [{"id": f"{org}b"}])
    names = [f"c{n}" for n in range(6)]
    below = [child(name, "/{{ orgs.id }}/{{ repos.id }}/" + name) for name in names]
    family = Family(api, ORGS, REPOS, *below, child("other", "/{{ orgs.id }}"), **PAGED)
    together = Barrier(len(names))

    def read(name: str) -> list[str]:
        together.wait()
        return list(family.keys(name))

    with ThreadPoolExecutor(len(names)) as pool:
        found = list(pool.map(read, names))
    expected = [
        json.dumps({"orgs.id": o, "repos.id": f"{o}{r}"}, separators=(",", ":")) for o in (1, 2, 3) for r in "ab"
    ]
    assert found == [expected] * 6
    assert list(family.keys("other")) == [f'{{"orgs.id":{org}}}' for org in (1, 2, 3)]
    assert len(paths(api)) == len(set(paths(api))) == 3 + 3 * 3


def test_it_is_read_as_far_as_it_is_needed(api: Api) -> None:
    """The first child gets records after the first page; the next page is requested when one child needs it."""
    pages(api, "/orgs", [{"id": 1}, {"id": 2}], [{"id": 3}])
    family = Family(api, ORGS, child("a", "/{{ orgs.id }}"), child("b", "/{{ orgs.id }}/b"), **PAGED)
    ahead, behind = family.keys("a"), family.keys("b")
    next(ahead), next(ahead)
    assert len(api.requests) == 1
    next(ahead)
    assert len(api.requests) == 2
    assert len([next(behind) for _ in range(3)]) == 3
    assert len(api.requests) == 2
    assert list(ahead) == list(behind) == []
    assert len(api.requests) == 3


def test_who_is_behind_does_not_wait_for_who_is_ahead(api: Api) -> None:
    """While the next page is requested, earlier records can be read."""
    asked, go_on = Event(), Event()

    @api.get("/orgs")
    def orgs(call: Call) -> Any:
        if call.arg("page") == "1":
            return [{"id": 1}]
        asked.set()
        go_on.wait(20)
        return []

    family = Family(api, ORGS, child("a", "/{{ orgs.id }}"), child("b", "/{{ orgs.id }}/b"), **PAGED)
    ahead, behind = family.keys("a"), family.keys("b")
    next(ahead)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, ahead, None)
        asked.wait(20)
        assert next(behind) == '{"orgs.id":1}'
        go_on.set()
        assert waiting.result() is None


@pytest.mark.parametrize(
    ("answer", "kind"), [(Answer({}, 403), ConfigError), (Answer({}, 500), TransientError)], ids=["403", "500"]
)
def test_a_failure_is_every_childs(api: Api, answer: Answer, kind: type[SourceError]) -> None:
    """Records before the failure are read; then each child fails with the parent's error, without another request."""
    pages(api, "/orgs", [{"id": 1}, {"id": 2}], answer)
    family = Family(api, ORGS, child("a", "/{{ orgs.id }}"), child("b", "/{{ orgs.id }}/b"), **PAGED)
    errors = []
    for name in ("a", "b"):
        keys = family.keys(name)
        assert [next(keys), next(keys)] == ['{"orgs.id":1}', '{"orgs.id":2}']
        with pytest.raises(kind) as caught:
            next(keys)
        errors.append(caught.value)
    assert str(errors[0]) == str(errors[1])
    assert errors[0].where[0] == "Stream orgs"
    errors[0].at("Stream a")
    assert "Stream a" not in str(errors[1])
    assert len(api.requests) == 2


def test_a_failure_above_is_the_grandchildrens_too(api: Api) -> None:
    """The error reaches grandchildren too."""
    api.get("/orgs")(lambda _: Answer({}, 403))
    family = Family(api, ORGS, REPOS, child("a", "/{{ repos.id }}"), child("b", "/{{ orgs.id }}"))
    for name in ("a", "b", "repos"):
        with pytest.raises(ConfigError, match="Stream orgs"):
            list(family.keys(name))
    assert len(api.requests) == 1


def test_a_bug_is_every_childs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised, no child is complete."""
    api.get("/orgs")(lambda _: [{"id": 1}])

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    family = Family(api, ORGS, child("a", "/{{ orgs.id }}"), child("b", "/{{ orgs.id }}/b"))
    monkeypatch.setattr("source_rest_api.streams.emission.RecordEmitter.of", broken)
    for name in ("a", "b"):
        with pytest.raises(ZeroDivisionError):
            list(family.keys(name))


def test_only_what_is_used_is_kept(api: Api) -> None:
    """A parent's record has the fields that some child names, with all their digits."""
    text = '[{"id": 1.10, "big": 123456789012345678901234567890, "body": "%s", "owner": {"x": [1.50, null]}}]'
    api.get("/orgs")(lambda _: text % ("x" * 1000))
    copied = {"include_from_parent": {"owner": "owner"}}
    family = Family(api, ORGS, child("a", "/{{ orgs.id }}"), child("b", "/{{ orgs.big }}", **copied))
    [partition] = family.stream("a").partitions()
    assert partition.key == '{"orgs.id":"1.10"}'
    assert {name: str(value) for name, value in partition.records["orgs"].items()} == {
        "id": "1.10",
        "big": "123456789012345678901234567890",
        "owner": "{'x': [Decimal('1.50'), None]}",
    }


def test_what_a_parent_copies_its_children_know(api: Api) -> None:
    """Templates see a parent's records as they are emitted."""
    api.get("/orgs")(lambda _: [{"id": 1}])
    api.get("/orgs/1/repos")(lambda _: [{"id": 2}])
    repos = {**REPOS, "include_from_parent": {"org": "id"}}
    family = Family(api, ORGS, repos, child("a", "/{{ repos.org }}/{{ repos.id }}"))
    assert list(family.keys("a")) == ['{"repos.id":2,"repos.org":1}']


def test_each_command_reads_parents_once(api: Api, tmp_path: Path) -> None:
    """Parents that are not in the catalog are read, once for all its streams; so they are for check and discover."""
    api.get("/orgs")(lambda _: [{"id": n} for n in range(20)])
    api.get("/orgs/{org}/a")(lambda call: [{"a": call.path_params["org"]}])
    api.get("/orgs/{org}/b")(lambda call: [{"b": call.path_params["org"]}])
    endpoints = [ORGS, child("a", "/orgs/{{ orgs.id }}/a"), child("b", "/orgs/{{ orgs.id }}/b")]
    config = {"url_base": api.url, "endpoints": endpoints}
    done = run(tmp_path, "read", config=config, catalog=catalog(a="full_refresh", b="full_refresh"))
    assert done.code == 0
    for name in "ab":  # the children of several parents are read at the same time
        assert sorted(int(record[name]) for record in done.data(name)) == list(range(20))
    assert [call.path for call in api.requests].count("/orgs") == 1
    for command in ("check", "discover"):
        api.requests.clear()
        assert run(tmp_path, command, config=config).code == 0
        assert [call.path for call in api.requests].count("/orgs") == 2  # once for itself, once for its children


def test_memory_does_not_grow_with_the_parents(api: Api) -> None:
    """Twenty times the parents take only more of page cache and digests."""
    count = 0

    @api.get("/orgs")
    def orgs(call: Call) -> Any:
        page = int(call.arg("page", "1"))
        rows = range(1000 * (page - 1), min(1000 * page, count))
        return [{"id": n, "name": f"org {n}", "text": "x" * 200} for n in rows]

    grown = []
    for count in (2_000, 40_000):
        family = Family(api, ORGS, child("a", "/{{ orgs.id }}"), child("b", "/{{ orgs.name }}"), **PAGED)
        before = resident()
        both = zip(family.keys("a"), family.keys("b"), strict=True)
        assert sum(1 for _ in both) == count
        grown.append(resident() - before)
        api.requests.clear()
    assert grown[1] - grown[0] < 10 << 20


def test_the_session_ends_with_the_command(api: Api) -> None:
    """A second read asks the parent again: it may have changed."""
    rows = [{"id": 1}]
    api.get("/orgs")(lambda _: rows)
    api.get("/{org}/a")(lambda call: [{"a": call.path_params["org"]}])
    raw = {"url_base": api.url, "endpoints": [ORGS, child("a", "/{{ orgs.id }}/a")]}
    session = Connector().session(raw)
    configured = catalog(a="full_refresh")
    first = b"".join(session.read(configured, {}))
    rows.append({"id": 2})
    second = b"".join(session.read(configured, {}))
    assert (first.count(b'"RECORD"'), second.count(b'"RECORD"')) == (1, 2)


@pytest.mark.parametrize(
    "orgs",
    [
        {"params": {"q": "at>={{ stream_interval.start_time }}"}, "incremental": {"cursor_field": "at"}},
        {"incremental": {"cursor_field": "at", "start_param": "from", "end_param": "to", "step": "P30D"}},
    ],
)
def test_a_parent_that_needs_an_interval_is_asked_as_in_its_first_sync(api: Api, orgs: dict[str, Any]) -> None:
    """If templates read an interval or `step` is set, the parents are read from the start date."""

    @api.get("/orgs")
    def rows(call: Call) -> Any:
        begins = call.arg("q").removeprefix("at>=") or call.arg("from")
        return [{"id": f"since {begins}", "at": "2024-01-02T00:00:00Z"}] if begins else Answer({}, 400)

    start = "2024-01-01T00:00:00Z"
    family = Family(api, {**ORGS, **orgs}, child("a", "/{{ orgs.id }}"), start_date=start)
    assert f'{{"orgs.id":"since {start}"}}' in list(family.keys("a"))
    plain = Family(
        api, {**ORGS, "incremental": {"cursor_field": "at", "start_param": "since"}}, child("a", "/{{ orgs.id }}")
    )
    api.get("/orgs")(lambda call: [{"id": sorted(call.query), "at": start}])
    assert list(plain.keys("a")) == ['{"orgs.id":[]}']


def test_children_that_are_gone_are_left_out_where_a_rule_says_so(api: Api, tmp_path: Path) -> None:
    """Without a rule, a child's 404 fails the stream. With one, it has no records and is counted."""
    api.get("/orgs")(lambda _: [{"id": n} for n in range(4)])
    api.get("/orgs/{org}/repos")(lambda call: Answer({}, 404) if call.path_params["org"] == "2" else [{"id": "r"}])
    api.get("/{org}/{repo}/a")(lambda call: [{"a": call.path_params["org"]}])
    below = child("a", "/{{ orgs.id }}/{{ repos.id }}/a")
    config = {"url_base": api.url, "endpoints": [ORGS, REPOS, below]}
    modes = catalog(repos="full_refresh", a="full_refresh")
    failed = run(tmp_path, "read", config=config, catalog=modes)
    assert failed.code == 1
    assert {name: failed.statuses(name)[-1] for name in ("repos", "a")} == dict.fromkeys(("repos", "a"), "INCOMPLETE")
    assert all("Stream repos" in error["message"] and "404" in error["message"] for error in failed.errors)
    ignoring = {**REPOS, "errors": [{"status": 404, "action": "ignore"}]}
    done = run(tmp_path, "read", config={**config, "endpoints": [ORGS, ignoring, below]}, catalog=modes)
    assert (done.code, len(done.data("repos"))) == (0, 3)
    assert sorted(record["a"] for record in done.data("a")) == ["0", "1", "3"]
    logs = [log["message"] for log in done.bodies("LOG")]
    [told] = [log for log in logs if log.startswith("Stream repos")]
    assert told.startswith("Stream repos: 3 records, 1 response ignored by an error rule")


@pytest.mark.parametrize("moment", ["while its children are asked for", "after its page"])
def test_a_parent_that_changes_while_its_children_are_read_is_asked_again(api: Api, moment: str) -> None:
    """Parents and children in one read with four threads: what comes below a parent after it was asked is read next."""
    lock, clock = Lock(), [datetime(2024, 6, 1, tzinfo=timezone.utc)]
    parents: dict[int, dict[str, Any]] = {n: {"id": n, "at": f"2024-01-{n:02d}T00:00:00Z"} for n in range(1, 13)}
    children = {n: [{"id": f"{n}a", "at": f"2024-01-{n:02d}T00:00:00Z"}] for n in parents}
    changed: set[int] = set()

    def change(number: int) -> None:
        if number in changed or number % 3:
            return
        changed.add(number)
        clock[0] += timedelta(seconds=1)
        at = clock[0].isoformat().replace("+00:00", "Z")
        parents[number]["at"] = at
        children[number].append({"id": f"{number}b", "at": at})

    @api.get("/orgs")
    def orgs(call: Call) -> Any:
        with lock:
            first = 3 * int(call.arg("page")) - 3
            found = [dict(parents[n]) for n in sorted(parents) if parents[n]["at"] >= call.arg("since")]
            if moment == "after its page":
                for row in found[max(first - 3, 0) : first]:
                    change(row["id"])
            return found[first : first + 3]

    @api.get("/orgs/{id}/repos")
    def repos(call: Call) -> Any:
        with lock:
            number = int(call.path_params["id"])
            found = [dict(row) for row in children[number] if row["at"] >= call.arg("since")]
            change(number)
            return found

    cursor = {"primary_key": "id", "incremental": {"cursor_field": "at", "start_param": "since"}}
    config = {
        "url_base": api.url,
        "start_date": "2024-01-01",
        "max_concurrency": 4,
        "endpoints": [
            {**ORGS, **cursor, "pagination": {"type": "page_number"}},
            {**REPOS, **cursor, "include_from_parent": {"org": "id"}},
        ],
    }
    states: dict[str, Any] = {}
    arrived: set[tuple[str, str, str]] = set()
    for _ in range(2):
        session = Connector().session(config)
        began = clock[0]
        session.now = lambda: began  # noqa: B023 -- a read ends within its turn
        blocks = session.read(catalog(orgs="incremental", repos="incremental"), states)
        for message in (json.loads(line) for block in blocks for line in block.splitlines()):
            if message["type"] == "RECORD":
                row = message["record"]["data"]
                arrived.add((message["record"]["stream"], str(row["id"]), row["at"]))
            if message["type"] == "STATE":
                stream = message["state"]["stream"]
                states[stream["stream_descriptor"]["name"]] = stream["stream_state"]
        assert session.complete
    assert changed == {3, 6, 9, 12}
    assert arrived >= {("orgs", str(row["id"]), row["at"]) for row in parents.values()}
    assert arrived >= {("repos", row["id"], row["at"]) for rows in children.values() for row in rows}
