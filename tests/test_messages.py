"""Every message is one line that the CDK reads; records have the digits that the API sent; secrets have none."""

from __future__ import annotations

import io
import json
import logging
import os
from decimal import Decimal
from itertools import groupby
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, AirbyteStateStats, FailureType, Type
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.config import masking
from source_rest_api.errors import BrokenAnswerError, ConfigError, InternalError, TransientError
from source_rest_api.protocol import messages
from source_rest_api.protocol.messages import LogHandler, Messages, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

OUT = Messages(masking.masker(["zq7 hush"]))


def parsed(block: bytes) -> Any:
    """The one message of a block, as the CDK reads it."""
    assert block.endswith(b"\n")
    assert block.count(b"\n") == 1
    message = AirbyteMessageSerializer.load(json.loads(block))
    assert isinstance(message, AirbyteMessage)
    return message


def exact(text: str | bytes) -> Any:
    """JSON with all digits, and with the order and the number of its keys."""
    return json.loads(text, parse_float=Decimal, object_pairs_hook=list)


SPACE = st.text(" \n\r\t", max_size=3)
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
TEXTS = st.builds(json.dumps, st.text(st.characters(exclude_categories=["Cs"])), ensure_ascii=st.booleans())
SCALARS = NUMBERS | TEXTS | st.sampled_from(["null", "true", "false"])


@st.composite
def array(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    """A JSON array with white space between its tokens."""
    texts = [draw(SPACE) + text + draw(SPACE) for text in draw(st.lists(items, max_size=3))]
    return "[" + (",".join(texts) or draw(SPACE)) + "]"


@st.composite
def json_object(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """A JSON object with white space between its tokens."""
    pairs = draw(st.lists(st.tuples(TEXTS, values), max_size=4))
    texts = [f"{draw(SPACE)}{name}{draw(SPACE)}:{draw(SPACE)}{value}{draw(SPACE)}" for name, value in pairs]
    return "{" + (",".join(texts) or draw(SPACE)) + "}"


OBJECTS = json_object(st.recursive(SCALARS, lambda inner: array(inner) | json_object(inner), max_leaves=6))


@given(st.lists(OBJECTS), st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 2**53))
def test_records_arrive_as_sent(texts: list[str], stream: str, emitted_at: int) -> None:
    """Each record is one valid line, in order, without the loss of a digit, however the API formats it."""
    block = b"".join(messages.records(stream, [Raw(text.encode()) for text in texts], emitted_at))
    lines = block.split(b"\n")
    assert lines.pop() == b""
    assert b"\r" not in block
    assert len(lines) == len(texts)
    for line, text in zip(lines, texts, strict=True):
        assert exact(line) == [
            ("type", "RECORD"),
            ("record", [("stream", stream), ("emitted_at", emitted_at), ("data", exact(text))]),
        ]
        message = parsed(line + b"\n")
        assert (message.type, message.record.stream) == (Type.RECORD, stream)


def test_a_record_on_one_line_is_not_touched() -> None:
    """Spaces, escapes and duplicate keys stay, byte for byte."""
    text = rb'{ "a" :1.10,"a":1E+2,  "b":"\u00fc\/\n\ud83d\ude00", "c":-0.0, "d":12345678901234567890123}'
    block = b"".join(messages.records("s", [Raw(text)], 7))
    assert block == b'{"type":"RECORD","record":{"stream":"s","emitted_at":7,"data":' + text + b"}}\n"


def test_only_records_with_line_breaks_are_compacted() -> None:
    """The others of the page stay as they are."""
    block = b"".join(messages.records("s", [Raw(b'{ "a": 1.0 }'), Raw(b'{\r\n  "a": 1.0,\n  "b": "\\n"\r}')], 7))
    assert [line.partition(b'"data":')[2] for line in block.splitlines()] == [
        b'{ "a": 1.0 }}}',
        b'{"a":1.0,"b":"\\n"}}}',
    ]


@pytest.mark.parametrize("depth", [1, 100, 900])
def test_nested_records(depth: int) -> None:
    """The writer supports the same depth as the decoder."""
    text = b'{"a":\n' * depth + b"1" + b"}" * depth
    block = b"".join(messages.records("s", [Raw(text)], 7))
    assert (block.count(b"\n"), block.count(b'{"a":1}')) == (1, 1)


@pytest.mark.parametrize(("data", "block"), [([], b""), ([b"{}"], b"{}"), ([b"{\n}"], b"{}"), ([b"{ }"], b"{ }")])
def test_empty(data: list[bytes], block: bytes) -> None:
    """No records are no lines; a record without fields is one."""
    written = b"".join(messages.records("s", [Raw(text) for text in data], 7))
    assert written.partition(b'"data":')[2].removesuffix(b"}}\n") == block


@given(st.lists(st.integers(0, 1 << 17), min_size=1, max_size=12))
def test_blocks_are_whole_lines_of_bounded_size(sizes: list[int]) -> None:
    """Many records are cut into blocks of some 64 kB each, whatever their sizes; none of them is lost between two."""
    data = [Raw(b'{"a":"%b"}' % (b"x" * size)) for size in sizes]
    blocks = messages.records("s", data, 7)
    assert all(block.endswith(b"}}\n") for block in blocks)
    assert [json.loads(line)["record"]["data"] for line in b"".join(blocks).splitlines()] == [
        json.loads(bytes(record)) for record in data
    ]
    small = messages.records("s", [Raw(b'{"a":"%b"}' % (b"x" * 1000))] * 1000, 7)
    assert max(map(len, small)) < 1 << 17


@given(st.lists(st.none() | st.integers(1, 1 << 18), max_size=20))
def test_small_blocks_are_written_together(sizes: list[int | None]) -> None:
    """Nothing is lost, or delayed when no more comes; joined blocks have at most 128 KiB."""
    blocks = [None if size is None else bytes([65 + index]) * size for index, size in enumerate(sizes)]
    given: list[bytes] = []

    def coming() -> Iterator[bytes | None]:
        for index, block in enumerate(blocks):
            yield block
            if block is None:
                assert b"".join(given) == b"".join(filter(None, blocks[:index]))

    for block in messages.together(coming()):
        given += [block]
    assert b"".join(given) == b"".join(filter(None, blocks))
    assert all(len(block) <= 1 << 17 or block in blocks for block in given)
    runs = [len(list(run)) for some, run in groupby(blocks, lambda block: block is not None) if some]
    if all(size is None or size <= 5000 for size in sizes):
        assert len(given) == len(runs)


def test_a_stream_may_have_any_name() -> None:
    """Quotes, percent signs and line breaks in it harm nothing."""
    name = 'a"b%s\n%d\\ü'
    for block in (
        *messages.records(name, [Raw(b'{"a": 1}')], 7),
        messages.state(name, {}, 0),
        messages.stream_status(name, "STARTED"),
        OUT.error(ConfigError("x"), name),
    ):
        assert parsed(block).type in {Type.RECORD, Type.STATE, Type.TRACE}
        assert json.dumps(name) in json.dumps(json.loads(block))


def test_state() -> None:
    """A STREAM state, with the number of records as a number that has a point."""
    block = messages.state("s", {"version": 1, "cursors": {'{"r.id":1}': "2024"}}, 3)
    assert b'"recordCount":3.0' in block
    state = parsed(block).state
    assert state.type.value == "STREAM"
    assert state.stream.stream_descriptor.name == "s"
    assert vars(state.stream.stream_state) == {"version": 1, "cursors": {'{"r.id":1}': "2024"}}
    assert state.sourceStats == AirbyteStateStats(recordCount=3.0)


@pytest.mark.parametrize("status", ["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"])
def test_stream_status(status: Any) -> None:
    """A TRACE with the moment in milliseconds."""
    trace = parsed(messages.stream_status("s", status)).trace
    assert (trace.type.value, trace.stream_status.status.value) == ("STREAM_STATUS", status)
    assert trace.stream_status.stream_descriptor.name == "s"
    assert 1.6e12 < trace.emitted_at < 1e13


def test_catalog_and_spec() -> None:
    """They are passed on unchanged."""
    stream = {"name": "a", "json_schema": {"type": "object"}, "supported_sync_modes": ["full_refresh"]}
    assert parsed(messages.catalog([stream])).catalog.streams[0].name == "a"
    assert parsed(messages.catalog([])).catalog.streams == []
    assert parsed(messages.spec({"connectionSpecification": {"a": 1}})).spec.connectionSpecification == {"a": 1}


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("DEBUG", "DEBUG"),
        ("INFO", "INFO"),
        ("WARNING", "WARN"),
        ("ERROR", "ERROR"),
        ("CRITICAL", "FATAL"),
        ("Level 15", "INFO"),
        ("NOTSET", "INFO"),
    ],
)
def test_log_levels(level: str, expected: str) -> None:
    """Python's levels become the protocol's, those of libraries too."""
    log = parsed(OUT.log(level, "text")).log
    assert (log.level.value, log.message) == (expected, "text")


@pytest.mark.parametrize(("problem", "status", "text"), [(None, "SUCCEEDED", "seen"), ("broken", "FAILED", "broken")])
def test_connection_status(problem: str | None, status: str, text: str) -> None:
    """The status with its message."""
    result = parsed(OUT.connection_status(problem, "seen")).connectionStatus
    assert (result.status.value, result.message) == (status, text)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConfigError("x", "y"), FailureType.config_error),
        (TransientError("x", "y"), FailureType.transient_error),
        (BrokenAnswerError("x", "y"), FailureType.transient_error),
        (InternalError("x", "y"), FailureType.system_error),
    ],
)
def test_errors(error: Any, failure: FailureType) -> None:
    """The failure type says who has to act; the place precedes the message."""
    trace = parsed(OUT.error(error.at("Stream s"), "s", "trace")).trace
    assert (trace.type.value, trace.error.failure_type) == ("ERROR", failure)
    assert (trace.error.message, trace.error.internal_message, trace.error.stack_trace) == ("Stream s: x", "y", "trace")
    assert trace.error.stream_descriptor.name == "s"


def test_an_error_without_more() -> None:
    """Unknown fields are omitted."""
    error = json.loads(OUT.error(ConfigError("x")))["trace"]["error"]
    assert error == {"message": "x", "failure_type": "config_error"}


@pytest.mark.parametrize("secret", ["zq7 hush", "zq7%20hush", "zq7+hush", "enE3IGh1c2g="])
def test_secrets_are_masked_in_all_texts(secret: str) -> None:
    """Log, check and errors, in every part of them, before they become JSON."""
    error = ConfigError(f"a {secret}", f"b {secret}").at(f"GET /{secret}")
    blocks = [
        OUT.log("INFO", f"x {secret}"),
        OUT.connection_status(f"x {secret}"),
        OUT.connection_status(None, f"x {secret}"),
        OUT.error(error, "s", f"trace {secret}"),
    ]
    for block in blocks:
        parsed(block)
        assert secret.encode() not in block
        assert b"****" in block


def test_a_secret_does_not_break_a_line() -> None:
    """The mask works on texts, not on the JSON around them."""
    out = Messages(masking.masker(["type", "TRACE", "message", '"', "E"]))
    message = parsed(out.error(ConfigError("a TRACE of type E"), "s"))
    assert message.trace.error.message == "a **** of **** E"


@pytest.mark.parametrize("text", ["a\ud800b", "caf\udce9", "\u2028\x85\x00\n\r", "😀"])
def test_any_text_is_a_line(text: str) -> None:
    """Line breaks are escaped, and halves of characters do not stop a message."""
    for block in (OUT.log("INFO", text), OUT.connection_status(text), OUT.error(ConfigError(text, text), "s", text)):
        parsed(block)


def test_the_writer_flushes_whole_blocks() -> None:
    """Blocks are on the pipe at once, and threads do not interleave."""
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "wb") as output:
        writer = Writer(output)
        writer.write(b"first\n")
        assert os.read(reader.fileno(), 100) == b"first\n"
    collected = io.BytesIO()
    writer = Writer(collected)
    blocks = [b"%d\n" % number * 100 for number in range(8)]

    def work(block: bytes) -> None:
        for _ in range(50):
            writer.write(block)

    threads = [Thread(target=work, args=[block]) for block in blocks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = collected.getvalue().splitlines()
    assert [set(lines[at : at + 100]) for at in range(0, len(lines), 100)] == [
        {lines[at]} for at in range(0, len(lines), 100)
    ]
    assert len(lines) == 8 * 50 * 100


def test_nobody_reads() -> None:
    """The caller learns it, and after giving up nothing is left that could fail at exit."""
    read, write = os.pipe()
    output = os.fdopen(write, "wb")
    os.close(read)
    writer = Writer(output)
    with pytest.raises(BrokenPipeError):
        writer.write(b"x\n")
    writer.give_up()
    output.close()


def test_logging_goes_through_the_writer() -> None:
    """A log record is a LOG line, arguments filled in and secrets masked."""
    collected = io.BytesIO()
    handler = LogHandler(Writer(collected), OUT)
    handler.handle(logging.LogRecord("test", logging.WARNING, "test.py", 1, "%s and %d", ("zq7 hush", 5), None))
    log = parsed(collected.getvalue()).log
    assert (log.level.value, log.message) == ("WARN", "**** and 5")
