"""A sync gives every configured stream its messages in order and one terminal status, whatever happens."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime, timezone
from itertools import pairwise
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.config import loading
from source_rest_api.cursors.cursors import Slice
from source_rest_api.errors import ConfigError, SourceError, Stopped, TransientError
from source_rest_api.http.concurrency import Permits
from source_rest_api.http.requester import Requester
from source_rest_api.protocol.catalog import ConfiguredStream
from source_rest_api.protocol.messages import Messages
from source_rest_api.state.progress_events import Bookmark, PageProgress, Planned
from source_rest_api.streams.batch import Batch
from source_rest_api.streams.stream import Stream
from source_rest_api.sync.stream_read import StreamRun
from source_rest_api.sync.sync import Sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_rest_api.streams.batch import Out

STEPS = st.one_of(
    st.integers(0, 3),
    st.sampled_from(
        [ConfigError("c"), TransientError("t"), ZeroDivisionError(), Stopped(), MemoryError(), SystemExit()]
    ),
)
"""An action of a scripted stream: a page of so many records, or an error."""
NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)


class Script:
    """A slice that does what a list of steps says, in place of asking an API."""

    def __init__(self, steps: list[Any]) -> None:
        self.ended = not steps
        self._steps = list(steps)
        self._busy = False
        self._page = 0

    def claim(self, *, ahead: bool) -> Callable[[Out], None] | None:
        if ahead or self._busy or self.ended:
            return None
        self._busy = True
        return self._step

    def _step(self, out: Out) -> None:
        step = self._steps.pop(0)
        try:
            if isinstance(step, BaseException):
                self._steps.clear()
                raise step
            if callable(step):
                step()
            else:
                self._page += 1
                mark = Bookmark(self._page, self._page, 0)
                out.put(Batch([Raw(b"{}")] * step, PageProgress("", Slice(), not self._steps, mark)))
        finally:
            self.ended = not self._steps
            self._busy = False
            out.changed()


class Scripted(Stream):
    """A stream of one scripted slice."""

    def __init__(self, steps: list[Any]) -> None:
        config = loading.load({"url_base": "http://h", "endpoints": [{"name": "e", "path": "e"}]})
        super().__init__(config, config.streams[0], Requester(config.http("http://h")), {})
        self.steps = steps

    def plan(self, *_: Any) -> Iterator[Any]:
        yield Script(self.steps)
        yield Planned("", 1)


def sync(
    streams: dict[str, list[Any] | None],
    stop: Event | None = None,
    states: Any = None,
    workers: int = 2,
    mask: Callable[[str], str] = lambda text: text,
    pause: float = 0.0,
) -> Sync:
    """Make a sync of scripted streams; None stands for a missing stream."""

    def make(name: str) -> Stream | None:
        steps = streams[name]
        return None if steps is None else Scripted(steps)

    configured = [ConfiguredStream(name, incremental=False) for name in streams]
    reads = [StreamRun(each, make, (states or {}).get(each.name), workers) for each in configured]
    return Sync(reads, Messages(mask), Permits(workers), stop or Event(), lambda: NOW, pause)


def lines(blocks: Iterator[bytes]) -> list[Any]:
    """Decode all messages."""
    return [json.loads(line) for block in blocks for line in block.splitlines()]


def short(message: Any) -> str:
    """Say what a message is, in a word."""
    if message["type"] == "TRACE":
        trace = message["trace"]
        return str(trace["error"]["failure_type"] if trace["type"] == "ERROR" else trace["stream_status"]["status"])
    return str(message["type"])


def of(messages: list[Any], name: str) -> list[str]:
    """Tell the messages of one stream, without logs."""
    own = [message for message in messages if f'"{name}"' in json.dumps(message)]
    return words(own)


def words(messages: list[Any]) -> list[str]:
    """Say what messages are; states that follow each other are one."""
    said = [short(message) for message in messages]
    return [word for before, word in pairwise(["", *said]) if (before, word) != ("STATE", "STATE")]


def test_a_stream_from_beginning_to_end() -> None:
    """STARTED, RUNNING with the first record, records, states with their counts, COMPLETE."""
    running = sync({"s": [0, 2, 1]})
    messages = lines(running.run())
    assert words(messages) == [
        "STARTED",
        "STATE",
        "RUNNING",
        "RECORD",
        "RECORD",
        "STATE",
        "RECORD",
        "STATE",
        "LOG",
        "COMPLETE",
    ]
    counts = [m["state"]["sourceStats"]["recordCount"] for m in messages if m["type"] == "STATE"]
    assert ([count for count in counts if count], running.complete) == ([2.0, 1.0], True)
    states = [m["state"]["stream"]["stream_state"] for m in messages if m["type"] == "STATE"]
    assert states[-1] == {"version": 2, "completed_at": "2024-06-01T12:00:00Z"}


def test_states_are_not_written_more_often_than_wished() -> None:
    """Between two states of a stream lies the pause; the last one comes at the end, whatever it is."""
    running = sync({"s": [1] * 20}, pause=1000)
    messages = lines(running.run())
    assert [short(message) for message in messages].count("STATE") == 1
    assert [m["state"]["sourceStats"]["recordCount"] for m in messages if m["type"] == "STATE"] == [20.0]


def test_the_first_pause_begins_with_the_first_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short stream whose records come late in a long sync has one state, at its end."""
    passed, real, gate = [0.0], time.monotonic, Event()
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])
    messages = []
    for block in sync({"late": [gate.wait, 1, 1, 1]}, workers=1, pause=1000).run():
        messages += lines(iter([block]))
        passed[0] += 1500 if not gate.is_set() else 100
        gate.set()
    assert [short(message) for message in messages].count("STATE") == 1


def test_a_stream_without_records_never_runs() -> None:
    """RUNNING means that there was a record."""
    assert of(lines(sync({"s": [0]}).run()), "s") == ["STARTED", "STATE", "COMPLETE"]


def test_a_stream_that_waits_says_so() -> None:
    """While a rate limit is waited out, the status tells until when."""
    holder: list[Sync] = []
    running = sync({"s": [1, lambda: holder[0].limited("s", 60), 1]})
    holder.append(running)
    messages = lines(running.run())
    statuses = [m["trace"]["stream_status"] for m in messages if m.get("trace", {}).get("type") == "STREAM_STATUS"]
    waiting = [status for status in statuses if "reasons" in status]
    assert [status["status"] for status in waiting] == ["RUNNING"]
    assert waiting[0]["reasons"][0]["type"] == "RATE_LIMITED"
    assert waiting[0]["reasons"][0]["rate_limited"]["quota_reset"] > time.time() * 1000


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConfigError("c"), ["config_error"]),
        (TransientError("t"), ["transient_error"]),
        (ZeroDivisionError("z"), ["system_error"]),
        (RecursionError("r"), ["config_error"]),
        (MemoryError(), ["transient_error"]),
        (SystemExit(1), ["system_error"]),
        (Stopped(), []),
    ],
    ids=repr,
)
def test_an_error_makes_its_stream_incomplete_and_no_other(error: BaseException, failure: list[str]) -> None:
    """The trace says who has to act and names the stream; the good stream completes."""
    running = sync({"bad": [1, error], "good": [1]}, workers=1)
    messages = lines(running.run())
    assert of(messages, "bad") == ["STARTED", "RUNNING", "RECORD", "STATE", *failure, "INCOMPLETE"]
    assert of(messages, "good") == ["STARTED", "RUNNING", "RECORD", "STATE", "COMPLETE"]
    assert not running.complete
    traces = [message["trace"]["error"] for message in messages if message.get("trace", {}).get("type") == "ERROR"]
    assert all("stack_trace" in trace for trace in traces if trace["failure_type"] == "system_error")
    if not isinstance(error, SourceError):  # the others say where they were raised
        assert all(trace["message"].startswith("Stream bad: ") for trace in traces)
    assert all("stack_trace" not in trace for trace in traces if trace["failure_type"] != "system_error")


def test_a_slice_that_fails_while_another_is_planned_ends_no_plan() -> None:
    """The slices after it are read: only a plan that fails itself is over."""
    failing, planning = Event(), Event()

    class SlowPlan(Scripted):
        def plan(self, *_: Any) -> Iterator[Any]:
            yield Script([fail])
            planning.set()
            assert failing.wait(10)
            time.sleep(0.05)  # so that the failure is noted while this step still runs
            yield Script([1])
            yield Script([1])
            yield Planned("", 3)

    def fail() -> None:
        assert planning.wait(10)
        failing.set()
        raise TransientError("t")

    read = StreamRun(ConfiguredStream("s", incremental=False), lambda _: SlowPlan([]), None, 2)
    running = Sync([read], Messages(str), Permits(2), Event(), lambda: NOW, 0.0)
    assert of(lines(running.run()), "s").count("RECORD") == 2
    assert not running.complete


def test_an_unknown_stream_is_an_error_of_its_own() -> None:
    """A stream of the catalog that the config lacks is reported as missing."""
    messages = lines(sync({"gone": None}).run())
    assert of(messages, "gone") == ["STARTED", "config_error", "INCOMPLETE"]
    assert "is in the catalog but not in the config" in messages[1]["trace"]["error"]["message"]


def test_a_state_that_is_none_is_an_error_of_its_stream() -> None:
    """Garbage in one stream's state does not keep others from being read, and is not ignored."""
    messages = lines(sync({"s": [1], "t": [1]}, states={"s": {"cursor": "garbage"}}).run())
    assert of(messages, "s") == ["STARTED", "config_error", "INCOMPLETE"]
    assert of(messages, "t") == ["STARTED", "RUNNING", "RECORD", "STATE", "COMPLETE"]


def test_nothing_configured_is_complete() -> None:
    """An empty catalog is nothing to do."""
    running = sync({})
    assert (lines(running.run()), running.complete) == ([], True)


def test_a_stop_leaves_no_stream_without_a_status() -> None:
    """Streams that run, and those that did not begin, end as INCOMPLETE; states of done work are kept."""
    stop = Event()
    running = sync({"a": [1, 1, stop.set, 1, 1], "b": [1] * 9}, stop, workers=1)
    messages = lines(running.run())
    assert of(messages, "a") == ["STARTED", "RUNNING", "RECORD", "STATE", "RECORD", "STATE", "INCOMPLETE"]
    assert of(messages, "b")[-1] == "INCOMPLETE"
    assert not running.complete


def test_a_reader_that_goes_away_is_not_told_that_all_is_well() -> None:
    """A read that was broken off is not complete."""
    running = sync({"a": [1] * 10})
    blocks = running.run()
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert not running.complete


def test_an_error_of_the_sync_itself_owes_statuses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if no thread can be started, each stream gets its terminal status."""

    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("source_rest_api.sync.worker_pool.Thread.start", no_thread)
    running = sync({"a": [], "b": []})
    assert [short(message) for message in lines(running.run())] == ["system_error", "INCOMPLETE", "INCOMPLETE"]
    assert not running.complete


def test_secrets_are_masked_in_errors_of_any_kind() -> None:
    """Messages and stack traces go through the mask."""
    running = sync({"s": [ZeroDivisionError("s3cret")]}, mask=lambda text: text.replace("s3cret", "****"))
    assert b"s3cret" not in b"".join(running.run())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.none() | st.lists(STEPS, max_size=6), max_size=5), st.integers(1, 4))
def test_the_protocol_holds_whatever_streams_do(scripts: list[Any], workers: int) -> None:
    """One STARTED, RUNNING before the first record, one terminal status at the end, correct counts."""
    streams = {f"stream-{number}": steps for number, steps in enumerate(scripts)}
    running = sync(streams, workers=workers)
    messages = lines(running.run())
    ends = Counter[str]()
    for name in streams:
        said = [word for word in of(messages, name) if word != "LOG"]
        assert said[0] == "STARTED"
        assert said[-1] in {"COMPLETE", "INCOMPLETE"}
        assert said.count("COMPLETE") + said.count("INCOMPLETE") == said.count("STARTED") == 1
        if "RECORD" in said:
            assert said.index("RUNNING") == said.index("RECORD") - 1
        assert said.count("RUNNING") == ("RECORD" in said)
        ends[said[-1]] += 1
    assert running.complete == (ends["INCOMPLETE"] == 0)
