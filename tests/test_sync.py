"""A sync gives every configured stream its messages in order and one terminal status, whatever happens."""

from __future__ import annotations

import json
from collections import Counter
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api import config as configs
from source_rest_api.catalog import ConfiguredStream
from source_rest_api.checkpoint import Checkpoint
from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.ledger import Ledger
from source_rest_api.messages import Messages
from source_rest_api.requester import Requester
from source_rest_api.stream import Batch, Stream
from source_rest_api.sync import Sync
from source_rest_api.transfer import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEPS = st.one_of(
    st.integers(0, 3),
    st.just("state"),
    st.sampled_from(
        [ConfigError("c"), TransientError("t"), ZeroDivisionError(), Stopped(), MemoryError(), SystemExit()]
    ),
)
"""What a scripted stream does: a batch of so many records, a state, an error."""


class Scripted(Stream):
    """A stream that does what a list of steps says, in place of asking an API."""

    def __init__(self, steps: list[Any]) -> None:
        config = configs.load({"url_base": "http://h", "endpoints": [{"name": "e", "path": "e"}]})
        super().__init__(config, config.streams[0], Requester(config, "http://h"), {})
        self.steps = steps

    def read(self, *_: Any, **__: Any) -> Iterator[Batch | Checkpoint]:
        for number, step in enumerate(self.steps):
            if isinstance(step, BaseException):
                raise step
            if callable(step):
                step()
            elif isinstance(step, int):
                yield Batch([Raw(b"{}")] * step)
            else:
                yield Checkpoint({"version": 1, "step": number})


def sync(streams: dict[str, list[Any] | None], stop: Event | None = None, states: Any = None, workers: int = 2) -> Sync:
    """Make a sync of scripted streams; None stands for a stream that there is not."""

    def make(name: str) -> Stream | None:
        steps = streams[name]
        return None if steps is None else Scripted(steps)

    configured = [ConfiguredStream(name, incremental=False) for name in streams]
    return Sync(configured, make, states or {}, Messages(lambda text: text), workers, stop or Event())


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
    return [short(message) for message in own]


def test_a_stream_from_beginning_to_end() -> None:
    """STARTED, RUNNING with the first record, records, states with their counts, COMPLETE."""
    running = sync({"s": [0, 2, 0, 1, "state", "state", 1, "state"]})
    messages = lines(running.run())
    expected = "STARTED RUNNING RECORD RECORD RECORD STATE STATE RECORD STATE LOG COMPLETE"
    assert [short(message) for message in messages] == expected.split()
    counts = [m["state"]["sourceStats"]["recordCount"] for m in messages if m["type"] == "STATE"]
    assert (counts, running.complete) == ([3.0, 0.0, 1.0], True)


def test_a_stream_without_records_never_runs() -> None:
    """RUNNING means that there was a record."""
    assert of(lines(sync({"s": [0, "state"]}).run()), "s") == ["STARTED", "STATE", "COMPLETE"]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConfigError("c"), ["config_error"]),
        (TransientError("t"), ["transient_error"]),
        (ZeroDivisionError("z"), ["system_error"]),
        (RecursionError("r"), ["system_error"]),
        (MemoryError(), ["transient_error"]),
        (SystemExit(1), ["system_error"]),
        (Stopped(), []),
    ],
    ids=repr,
)
def test_an_error_makes_its_stream_incomplete_and_no_other(error: BaseException, failure: list[str]) -> None:
    """The trace says whose turn it is and which stream it is; the good stream beside it comes to its end."""
    running = sync({"bad": [1, error], "good": [1, "state"]}, workers=1)
    messages = lines(running.run())
    assert of(messages, "bad") == ["STARTED", "RUNNING", "RECORD", *failure, "INCOMPLETE"]
    assert of(messages, "good") == ["STARTED", "RUNNING", "RECORD", "STATE", "COMPLETE"]
    assert not running.complete
    traces = [message["trace"]["error"] for message in messages if message.get("trace", {}).get("type") == "ERROR"]
    assert all("stack_trace" in trace for trace in traces if trace["failure_type"] == "system_error")
    assert all("stack_trace" not in trace for trace in traces if trace["failure_type"] != "system_error")


def test_an_unknown_stream_is_an_error_of_its_own() -> None:
    """A stream of the catalog that the config does not have is said to be missing."""
    messages = lines(sync({"gone": None}).run())
    assert of(messages, "gone") == ["STARTED", "config_error", "INCOMPLETE"]
    assert "is in the catalog but not in the config" in messages[1]["trace"]["error"]["message"]


def test_a_state_that_is_none_is_an_error_of_its_stream() -> None:
    """Garbage in one stream's state does not keep others from being read, and is not ignored."""
    messages = lines(sync({"s": [1], "t": [1]}, states={"s": {"cursor": "garbage"}}).run())
    assert of(messages, "s") == ["STARTED", "config_error", "INCOMPLETE"]
    assert of(messages, "t") == ["STARTED", "RUNNING", "RECORD", "COMPLETE"]


def test_nothing_configured_is_complete() -> None:
    """An empty catalog is nothing to do."""
    running = sync({})
    assert (lines(running.run()), running.complete) == ([], True)


def test_a_stop_leaves_no_stream_without_a_status() -> None:
    """Streams that run, and those that did not begin, end as INCOMPLETE; states of done work are kept."""
    stop = Event()
    running = sync({"a": [1, "state", stop.set, 1, 1], "b": [1, "state"]}, stop, workers=1)
    messages = lines(running.run())
    assert of(messages, "a") == ["STARTED", "RUNNING", "RECORD", "STATE", "RECORD", "INCOMPLETE"]
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
    """Even if no thread can be started, each stream has its terminal status."""

    def no_thread(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("source_rest_api.pool.Thread.start", no_thread)
    running = sync({"a": [], "b": []})
    assert [short(message) for message in lines(running.run())] == ["system_error", "INCOMPLETE", "INCOMPLETE"]
    assert not running.complete


def test_secrets_are_masked_in_errors_of_any_kind() -> None:
    """Messages and stack traces go through the mask."""
    configured = [ConfiguredStream("s", incremental=False)]
    mask: Callable[[str], str] = lambda text: text.replace("s3cret", "****")  # noqa: E731
    steps = [ZeroDivisionError("s3cret")]
    running = Sync(configured, lambda _: Scripted(steps), {}, Messages(mask), 1, Event())
    assert b"s3cret" not in b"".join(running.run())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.none() | st.lists(STEPS, max_size=6), max_size=5), st.integers(1, 4))
def test_the_protocol_holds_whatever_streams_do(scripts: list[Any], workers: int) -> None:
    """One STARTED, RUNNING before the first record, one terminal status at the end, counts that add up."""
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


def test_the_summary_says_how_it_ended() -> None:
    """One line for people: what came, and how the end was recognised."""
    ledger = Ledger(pages=3, records=7, partitions=2, ends={"empty page": 2, "total reached": 1})
    assert ledger.summary(1.26) == "7 records, 3 pages, 2 partitions, 1.3 s; end: empty page (2x), total reached"
    assert Ledger().summary(0).endswith("end: nothing to ask for")
