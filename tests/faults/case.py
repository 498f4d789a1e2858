"""The stage for one row: an API with its table, a connector under test, and the oracles of every run.

J every line is strict JSON and a protocol message, T statuses are in order, K states count records, E the exit code
tells how it went, S no secret is shown: these are `tests.process.check`, which holds every run of ours. Here are N no
row of the API's table is missing and none is invented, R from every state the rest is read, H nothing goes to another
origin, D it ends in time, M its memory is bounded, W its requests are.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from tests.api import JSON, Answer, Api, Call
from tests.process import TOKEN, Run, arguments, catalog, check, check_secrets, collect, launch, strict

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from typing_extensions import Self

    from tests.faults.subjects import Subject

    Fault = Callable[[Call, JSON], Any]

PAGE_NUMBER = {"type": "page_number", "page_size_param": "per_page", "page_size": 5}
CURSOR = {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"}
OFFSET = {"type": "offset", "limit": 5}
UPDATED = {"cursor_field": "updated_at", "start_param": "since"}
_STATES_TRIED = 3
_MEGABYTES = 300


def ago(hours: int) -> str:
    """A full hour in the past."""
    moment = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    return f"{moment - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def rows(count: int, first: int = 0, since: str = "2024-01-01T00:00:00Z") -> list[dict[str, Any]]:
    """The API's table: a row an hour, in the order of its cursor."""
    begin = _moment(since)
    moments = [begin + timedelta(hours=n) for n in range(first, first + count)]
    return [
        {"id": n, "updated_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "name": f"row {n}"}
        for n, moment in enumerate(moments, first)
    ]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def endpoint(name: str = "rows", **more: Any) -> dict[str, Any]:
    """An endpoint as `Case.serve` answers it; with None an option is left out."""
    made = {"name": name, "path": f"/{name}", "records_path": "rows", "primary_key": ["id"], "pagination": PAGE_NUMBER}
    return {key: value for key, value in {**made, **more}.items() if value is not None}


def on_page(number: int, fault: Answer | Callable[[JSON], Any], times: int = 1 << 30) -> Fault:
    """Put something in place of a page, or make it of it, as often as it is said."""
    left = [times]

    def answer(call: Call, body: JSON) -> Any:
        if call.arg("page", "1") != str(number) or not left[0]:
            return body
        left[0] -= 1
        return fault if isinstance(fault, Answer) else fault(body)

    return answer


@dataclass
class Case:
    """One play of a row.

    Args:
        subject: The connector.
        folder: Where its files go.
        full_time: Whether what is made shorter for the tests takes as long as in the wild.
    """

    subject: Subject
    folder: Path
    full_time: bool = False
    api: Api = field(default_factory=lambda: Api(token=TOKEN))
    other: Api = field(default_factory=lambda: Api(host="127.0.0.2"))
    """Another origin."""
    other_allowed: bool = False
    most_requests: int = 200
    truth: dict[str, list[JSON]] = field(default_factory=dict)
    """The API's table for each stream."""
    seen: str = ""
    """The result of the last run, in a few words."""

    def __post_init__(self) -> None:
        self.healed = False
        self._reads: list[tuple[dict[str, Any], Any, Mapping[str, str], Run]] = []

    @property
    def ours(self) -> bool:
        """True for our own connector."""
        return self.subject.name == "ours"

    def __enter__(self) -> Self:
        self.api.start()
        self.other.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.api.stop()
        self.other.stop()

    def seconds(self, wild: float, scaled: float) -> float:
        """Seconds that a fault lasts."""
        return wild if self.full_time else scaled

    def serve(self, table: list[JSON], fault: Fault | None = None, *, name: str = "rows", size: int = 5) -> None:
        """Answer `/name` with a table, by pages or by offset, from `since` to `until`; the fault may change a page."""
        self.truth[name] = table

        @self.api.get(f"/{name}")
        def page(call: Call) -> Any:
            found = [row for row in table if _between(row.get("updated_at"), call.arg("since"), call.arg("until"))]
            begin = int(call.arg("offset") or (int(call.arg("page", "1")) - 1) * size)
            body = {"rows": found[begin : begin + size]}
            return body if fault is None or self.healed else fault(call, body)

    def answer(self, name: str, answer: Any, method: str = "GET") -> None:
        """Answer `/name` always the same."""
        self.api.route(method, f"/{name}")(lambda _: answer)

    def config(self, *endpoints: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
        """A config with little patience; a setting that is None is left to its default."""
        made = {
            "url_base": self.api.url,
            "authentication": {"type": "bearer", "token": TOKEN},
            "retry": {"max_attempts": 2},
            "endpoints": list(endpoints) or [endpoint()],
        }
        return {key: value for key, value in {**made, **settings}.items() if value is not None}

    def read(
        self,
        *endpoints: Mapping[str, Any],
        state: Any = None,
        catalog: Any = None,
        seconds: float = 30,
        megabytes: float = _MEGABYTES,
        env: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> Run:
        """Read to the end: all endpoints, or what a catalog names; incrementally those that can be."""
        config = self.config(*endpoints, **settings)
        process = self.start("read", config, state, env, catalog)
        return self.finish(process, "read", config, env or {}, seconds=seconds, megabytes=megabytes, resumed=state)

    def run(self, command: str, *endpoints: Mapping[str, Any], seconds: float = 30, **settings: Any) -> Run:
        """Run a command on all endpoints."""
        config = self.config(*endpoints, **settings)
        return self.finish(self.start(command, config), command, config, seconds=seconds)

    def command(self, command: str, *options: str, **files: Any) -> Run:
        """Run a command with files as they are given."""
        process = launch([*self.subject.program, *arguments(self.folder, command, *options, **files)])
        return self.finish(process, command, {"endpoints": []})

    def start(
        self,
        command: str,
        config: dict[str, Any],
        state: Any = None,
        env: Mapping[str, str] | None = None,
        catalog: Any = None,
    ) -> subprocess.Popen[bytes]:
        """Begin a command."""
        files: dict[str, Any] = {"config": self.subject.config(config)}
        if command == "read":
            files["catalog"] = catalog or configured(config)
        if state is not None:
            files["state"] = state
        environment = {"NO_PROXY": "*", "no_proxy": "*", **(env or {})}
        return launch([*self.subject.program, *arguments(self.folder, command, **files)], environment)

    def finish(
        self,
        process: subprocess.Popen[bytes],
        command: str,
        config: dict[str, Any],
        env: Mapping[str, str] | None = None,
        *,
        seconds: float = 30,
        megabytes: float = _MEGABYTES,
        resumed: Any = None,
    ) -> Run:
        """Wait for its end, and hold it to what every run has to keep."""
        done = collect(process, seconds if self.ours else max(seconds, 45))
        self.seen = self._told(done, command)
        assert not done.killed, "still running"
        if self.ours:
            check(done, command, configured(config))
            assert done.peak < megabytes, f"{done.peak:.0f} MB"
        else:
            for line in done.lines:
                strict(line)
            check_secrets(done)
        if command == "read":
            self._check_rows(done, whole=resumed is None)
            if "url_base" in config:
                self._reads.append((config, resumed, env or {}, done))
        return done

    def _told(self, done: Run, command: str) -> str:
        """Returns the result of a run."""
        if done.killed:
            return f"still running after {done.seconds:.0f} s"
        words = []
        if command == "read":
            total = sum(map(len, self.truth.values()))
            found = sum(len(done.data(name)) for name in self.truth)
            words = [f"{found} of {total} rows"] if total else []
            words += sorted({status for name in self.truth for status in done.statuses(name)[-1:]})
        words += [status["status"] for status in done.bodies("CONNECTION_STATUS")]
        words += sorted({str(error.get("failure_type", "no failure type")) for error in done.errors})
        return ", ".join([*words, f"exit {done.code}"])

    def _check_rows(self, done: Run, *, whole: bool) -> None:
        """N: nothing is invented; what is COMPLETE from the start has every row."""
        for name, table in self.truth.items():
            emitted, truth = _counted(done.data(name)), _counted(table)
            assert not (set(emitted) - set(truth)), f"invented: {list(set(emitted) - set(truth))[:2]}"
            if whole and done.statuses(name)[-1:] == ["COMPLETE"]:
                missing = set(truth) - set(emitted)
                assert not missing, f"{len(missing)} rows are missing: {list(missing)[:2]}"

    def verify(self) -> None:
        """Checks that hold for every case: R, H and W."""
        assert self.api.errors == []
        assert self.other_allowed or not self.other.requests, "another origin was asked"
        assert len(self.api.requests) <= self.most_requests, f"{len(self.api.requests)} requests"
        self.healed = True
        for config, resumed, env, done in [entry for entry in self._reads if self.ours and entry[3].states]:
            for position in _some([n for n, m in enumerate(done.messages) if m["type"] == "STATE"]):
                self._resume(config, resumed, env, done.messages[: position + 1])

    def _resume(self, config: dict[str, Any], before: Any, env: Mapping[str, str], messages: list[JSON]) -> None:
        """R: what was durable with a state, and what is read from it, is all there is."""
        state = list(before or []) if isinstance(before, list | None) else []
        state += [message["state"] for message in messages if message["type"] == "STATE"]
        process = self.start("read", config, state, env)
        rest = collect(process, 30)
        check(rest, "read", configured(config))
        for name, table in self.truth.items():
            durable = [m["record"]["data"] for m in _durable(messages) if m["record"]["stream"] == name]
            if rest.statuses(name)[-1:] == ["COMPLETE"] and before is None:
                missing = set(_counted(table)) - set(_counted([*durable, *rest.data(name)]))
                assert not missing, f"lost between a state and the rest: {list(missing)[:2]}"

    def failed(self, done: Run, kind: str, *words: str, stream: str = "rows") -> None:
        """The stream is INCOMPLETE with an error of this kind; ours says all these words."""
        assert done.code == 1
        assert done.statuses(stream)[-1:] == ["INCOMPLETE"]
        own = [e for e in done.errors if e.get("stream_descriptor", {"name": stream})["name"] == stream]
        assert own, "there is no error"
        assert own[0].get("failure_type") in kind.split("|"), own[0]
        if self.ours:
            assert len(own) == 1
            for word in words:
                assert word.lower() in own[0]["message"].lower(), own[0]["message"]

    def complete(self, done: Run, *names: str) -> None:
        """The streams are COMPLETE; that no row is missing has been seen to."""
        assert done.code == 0, done.errors
        for name in names or self.truth:
            assert done.statuses(name)[-1:] == ["COMPLETE"], name


def _between(cursor: str | None, since: str, until: str) -> bool:
    """True if a row is in the requested interval; both ends are inclusive, and rows without a cursor always match."""
    return not cursor or (
        (not since or _moment(cursor) >= _moment(since)) and (not until or _moment(cursor) <= _moment(until))
    )


def configured(config: Mapping[str, Any]) -> dict[str, Any]:
    """A catalog of all endpoints."""
    modes = {e["name"]: "incremental" if "incremental" in e else "full_refresh" for e in config["endpoints"]}
    return catalog(**modes)


def _durable(messages: Iterable[JSON]) -> list[JSON]:
    """The records that stand before the last state of their stream."""
    safe: list[JSON] = []
    waiting: dict[str, list[JSON]] = {}
    for message in messages:
        if message["type"] == "RECORD":
            waiting.setdefault(message["record"]["stream"], []).append(message)
        if message["type"] == "STATE":
            safe += waiting.pop(message["state"]["stream"]["stream_descriptor"]["name"], [])
    return safe


def _counted(table: Iterable[JSON]) -> Counter[str]:
    return Counter(json.dumps(row, sort_keys=True) for row in table)


def _some(positions: list[int]) -> list[int]:
    """The first, the last, and one between."""
    return (
        positions if len(positions) <= _STATES_TRIED else [positions[0], positions[len(positions) // 2], positions[-1]]
    )


def gone(call: Call, body: JSON) -> Answer:  # noqa: ARG001 -- a fault
    """The API has failed for good."""
    return Answer({"error": "down"}, 500)
