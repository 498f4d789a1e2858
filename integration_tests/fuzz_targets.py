"""Fuzz targets for code that parses external data: each takes any bytes and raises only documented errors.

Where there is an oracle, the result is held against it: Python's own decoder, the same bytes cut into other chunks, the
same thing written and read again.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from msgspec import Raw
from requests.structures import CaseInsensitiveDict

from source_rest_api.config import loading
from source_rest_api.cursors import field_reader
from source_rest_api.cursors.field_reader import FieldReader
from source_rest_api.errors import InternalError, SourceError
from source_rest_api.formats import date_formats, datetimes, link_header, raw_json
from source_rest_api.formats.raw_json import parse
from source_rest_api.http import compression, http1, rate_limits
from source_rest_api.http.requester import Requester
from source_rest_api.http.response import Response
from source_rest_api.http.transport_errors import TransportError
from source_rest_api.protocol import state_file
from source_rest_api.records.csv_decoder import Csv
from source_rest_api.records.decoders import Json
from source_rest_api.records.envelope import Envelope
from source_rest_api.records.line_decoders import Jsonl
from source_rest_api.records.selectors import RecordSelector
from source_rest_api.records.xml_decoder import Xml
from source_rest_api.records.zip_decoder import Zip
from source_rest_api.state import state
from source_rest_api.streams.stream import Stream

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
_STEP = 1 << 18
_LARGEST = 1 << 26
"""Bytes that an input of some kilobytes may inflate to."""


@dataclass(frozen=True)
class Target:
    """One parser to fuzz.

    Args:
        run: Takes any bytes; raises if something is wrong with the connector.
        seeds: Inputs to begin with. Where there are several ways to read, the first byte says which.
    """

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]


def _tried(read: Callable[[], T], *expected: type[Exception]) -> T | None:
    """Returns the result, or None for an error that users may see."""
    try:
        return read()
    except InternalError:
        raise
    except SourceError:
        return None
    except expected:
        return None


def _chosen(data: bytes, ways: Sequence[T]) -> tuple[T, bytes]:
    """Returns the choice that the first byte makes, and the remaining bytes."""
    return ways[data[0] % len(ways) if data else 0], data[1:]


def _response(body: bytes, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(200, CaseInsensitiveDict(named), body, "https://h/x")


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def _arriving(data: bytes, size: int, **headers: str) -> Response:
    return Response(200, CaseInsensitiveDict(headers), b"", "https://h/x", _cut(data, size))


def _whole(value: Any) -> Any:
    """A decoded value with U+FFFD for each half of a surrogate pair, as the decoder has it."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _python(text: bytes) -> Any:
    """Returns the result of Python's decoder; fails if it rejects valid JSON."""
    return json.loads(text, parse_int=str, parse_float=str)


# JSON ----------------------------------------------------------------------------------------------------------------

_SELECTORS = [
    RecordSelector(),
    RecordSelector(records_path="data"),
    RecordSelector(records_path="data.items"),
    RecordSelector(records_path="$"),
    RecordSelector(records_path="data.*.items"),
    RecordSelector(records_path="data", allow_missing_records=True, wrap_scalars_as="value"),
    RecordSelector(records_paths=["a", "b.c"]),
    RecordSelector(records_path="data", records_key_field="key"),
    RecordSelector(records_path="rows", columns_path="columns"),
    RecordSelector(records_path="data", explode={"path": "lines"}),
]
_NEXT = [("meta", "next"), ("next",), ("data", "next")]


def _keys(selector: RecordSelector) -> tuple[str, ...]:
    return selector.records_path or ()


def _json(data: bytes) -> None:
    selector, body = _chosen(data, _SELECTORS)
    response = _response(body)
    opened = _tried(lambda: Envelope(Json(), selector, _NEXT).open(response))
    slow = _tried(lambda: selector.select(Json().decode(response)))
    if opened is None and slow is not None and any(body.count(b'"%b"' % key.encode()) > 1 for key in _keys(selector)):
        return  # a list that stands there twice is an error, which only the typed pass sees
    if opened is not None and slow is None and not body.strip():
        return  # an empty body may stand for no records, which only the envelope knows
    assert (opened is None) == (slow is None)
    if opened is None or slow is None:
        return
    assert list(map(bytes, opened.records)) == list(map(bytes, slow))
    assert all(raw_json.kind(record) == "object" for record in opened.records)
    for path in _NEXT:
        found = opened.known.get(path) if path in opened.known else raw_json.find(opened.root, path)
        assert _text(found) == _text(raw_json.find(opened.root, path))
    try:
        value = _python(bytes(opened.root))
    except RecursionError:
        return
    if selector is _SELECTORS[1]:
        rows = value["data"]
        assert _whole([_python(bytes(r)) for r in opened.records]) == _whole(rows if isinstance(rows, list) else [rows])
    elif selector is _SELECTORS[3]:
        rows = value if isinstance(value, list) else [value]
        assert _whole([_python(bytes(record)) for record in opened.records]) == _whole(rows)


def _text(found: Raw | None) -> bytes | None:
    return None if found is None else bytes(found)


_CHARSETS = [
    "",
    "utf-8",
    "utf-16",
    "iso-8859-1",
    "utf-7",
    "idna",
    "punycode",
    "unicode_escape",
    "hz",
    "rot13",
    "zlib",
    "utf-32",
    "\0",
    "undefined",
    "mbcs",
    "x" * 3000,
]


def _charset(data: bytes) -> None:
    charset, body = _chosen(data, _CHARSETS)
    kind = {"Content-Type": f"application/x-data; charset={charset}"}
    for decoder in (Json(), Xml()):
        text = _tried(lambda: decoder.decode(_response(body, **kind)))  # noqa: B023
        if text is not None:
            parse(bytes(text))
    for lines in (Jsonl(), Csv()):
        _tried(lambda: [parse(bytes(r)) for page in lines.pages(_arriving(body, 7, **kind)) for r in page])  # noqa: B023


# Lines ---------------------------------------------------------------------------------------------------------------

_LINES: list[Csv | Jsonl] = [
    Csv(),
    Csv(delimiter=";", quote="'"),
    Csv(header=False, columns=["a", "b"]),
    Csv(encoding="utf-16"),
    Csv(encoding="iso-8859-1", delimiter="\\t"),
    Jsonl(),
    Jsonl(encoding="utf-16"),
    Jsonl(encoding="shift_jis"),
]


def _lines(data: bytes) -> None:
    decoder, body = _chosen(data, _LINES)

    def records(size: int) -> list[bytes] | None:
        pages = lambda: [bytes(r) for page in decoder.pages(_arriving(body, size)) for r in page]  # noqa: E731
        return _tried(pages)

    found = records(len(body) + 1)
    for size in (1, 7):
        assert records(size) == found, f"chunks of {size} bytes"
    if found is None:
        return
    assert len(found) <= body.count(b"\n") + body.count(b"\r") + 1
    for record in found:
        assert raw_json.kind(parse(record)) == "object"
    if isinstance(decoder, Jsonl) and decoder.encoding is None and body[:1] == b"{":
        lines = [line for line in body.split(b"\n") if line.strip()]
        assert list(map(bytes.strip, found)) == list(map(bytes.strip, lines)) or rb"\u" in body


# XML and files -------------------------------------------------------------------------------------------------------

_XML = [Xml(), Xml(lists=["a", "item"]), Xml(encoding="iso-8859-1"), Xml(encoding="utf-16")]


def _xml(data: bytes) -> None:
    decoder, body = _chosen(data, _XML)
    value = _tried(lambda: decoder.decode(_response(body)))
    if value is not None:
        assert isinstance(json.loads(bytes(value)), dict)
        assert len(bytes(value)) <= 40 * len(body) + 100


_CODINGS = ["", "gzip", "deflate", "gzip, deflate", "x-gzip", "br"]


def _inflate(data: bytes) -> None:
    coding, body = _chosen(data, _CODINGS)

    def plain(size: int) -> bytes | None:
        def read() -> bytes:
            whole = b""
            for part in compression.plain(_cut(body, size), coding):
                assert len(part) <= max(_STEP, size)
                whole += part
                if len(whole) > _LARGEST:
                    break
            return whole

        return _tried(read)

    found = plain(len(body) + 1)
    for size in (1, 7):
        assert plain(size) == found, f"chunks of {size} bytes"
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = {"gzip": gzip.compress(body), "deflate": zlib.compress(body)}
    if not body.startswith(b"\x1f\x8b\x08"):  # which is inflated whatever the header says
        for name, text in (*packed.items(), ("deflate", raw.compress(body) + raw.flush())):
            assert b"".join(compression.plain(_cut(text, 5), name)) == body, name


_ZIPS = [Zip(), Zip(decoder=Csv()), Zip(decoder=Jsonl(), members="*.jsonl"), Zip(decoder=Xml())]


class _Line:
    """A socket on which an answer comes in pieces of some size."""

    def __init__(self, said: bytes, size: int) -> None:
        self._pieces = _cut(said, size)

    def sendall(self, _: bytes) -> None:
        """Take a request."""

    def recv(self, _: int) -> bytes:
        """Returns the next bytes, never more than requested."""
        return next(self._pieces, b"")

    def close(self) -> None:
        """There is nothing to close."""


def _http(data: bytes) -> None:
    """An answer means the same however the network cuts it, and never more than what came."""

    def read(size: int) -> tuple[int, bytes] | None:
        def whole() -> tuple[int, bytes]:
            connection = http1.Connection(cast("Any", _Line(data, size)), 1, lambda: 0.0, lambda _: None)
            with connection.ask(b"", "GET") as answer:
                return answer.status, b"".join(answer.chunks)

        return _tried(whole, TransportError)

    found = read(1)
    assert found is None or len(found[1]) <= len(data)
    assert read(1000) == found


def _zip(data: bytes) -> None:
    decoder, body = _chosen(data, _ZIPS)
    select = RecordSelector(records_path="data", allow_missing_records=True).select
    _tried(lambda: [bytes(r) for page in decoder.pages(_arriving(body, 1000), select) for r in page])


def _zipped(name: str, text: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return file.getvalue()


# Heads ---------------------------------------------------------------------------------------------------------------


def _link(data: bytes) -> None:
    header = data.decode("latin-1")  # as heads are read
    for relation, link in link_header.find_links(header).items():
        assert link["url"] in header
        assert relation == relation.lower()
        _tried(lambda: link_header.find_link(header, relation, "https://h/x?page=1"))  # noqa: B023


_LIMITS = ["Retry-After", "RateLimit", "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Reset", "Date"]


def _limit(data: bytes) -> None:
    values = data.decode("latin-1").split("\n")
    headers = CaseInsensitiveDict(dict(zip(_LIMITS, values, strict=False)))
    waits = [rate_limits.wait(headers, NOW.timestamp), rate_limits.retry_after(headers, NOW.timestamp)]
    remaining, reset = rate_limits.allowance(headers, NOW.timestamp)
    for seconds in (*waits, reset):
        assert seconds is None or (math.isfinite(seconds) and 0 <= seconds <= rate_limits.LONGEST)
    assert remaining is None or remaining >= 0


# Cursors and states --------------------------------------------------------------------------------------------------

_FORMS = ["%Y-%m-%dT%H:%M:%S%z", "%d/%m/%Y", "%s", "%ms", "%us", "%s_as_float", "YYYY-MM-DD HH:mm:ss", "%Y-%m-%d %X"]


def _date(data: bytes) -> None:
    form, rest = _chosen(data, _FORMS)
    text = rest.decode("utf-8", "surrogateescape")
    moment = _tried(lambda: datetimes.parse(text), ValueError)
    if moment is not None:
        assert moment.tzinfo is not None
        in_range = _tried(lambda: moment.astimezone(timezone.utc), OverflowError)
        assert in_range is None or datetimes.parse(datetimes.write(moment)) == moment
    written = _tried(lambda: date_formats.compiled(form).parse(text), ValueError)
    assert written is None or written.tzinfo is timezone.utc
    _tried(lambda: datetimes.duration(text), ValueError)


_READERS: list[FieldReader] = [
    field_reader.reader(("at",), ()),
    field_reader.reader(("at",), ("%Y-%m-%dT%H:%M:%S.%fZ",)),
    field_reader.reader(("at",), ("%s",)),
    field_reader.reader(("at",), ("%d/%m/%Y", "%ms")),
    field_reader.reader(("meta", "at"), ()),
    FieldReader(("at",), [(int, lambda numbers: numbers)], int),
]


def _peek(data: bytes) -> None:
    reader, rest = _chosen(data, _READERS)
    pages = _tried(lambda: list(Jsonl().pages(_arriving(rest, 1000))))
    records = [record for page in pages or [] for record in page]
    together = reader.values(records)
    apart = [value for record in records for value in reader.values([record])]
    assert together == apart, "a value depends on the page that it stands on"
    reader.unreadable(records, together)
    for record in records:
        reader.text(record)


_RAW = {
    "url_base": "https://h",
    "start_date": "2024-01-01T00:00:00Z",
    "endpoints": [
        {
            "name": "dates",
            "path": "d",
            "primary_key": "id",
            "incremental": {"cursor_field": "at", "start_param": "a", "end_param": "b", "step": "P3M"},
        },
        {"name": "numbers", "path": "n", "incremental": {"type": "integer", "cursor_field": "n", "start_param": "n"}},
        {"name": "tokens", "path": "t", "incremental": {"type": "token", "token_path": "next", "start_param": "since"}},
        {"name": "all", "path": "a", "pagination": {"type": "page_number"}},
        {
            "name": "parts",
            "path": "p/{{ part }}",
            "partitions": {"part": ["a", "b"]},
            "incremental": {"cursor_field": "at"},
        },
    ],
}


def _streams() -> list[Stream]:
    config = loading.load(_RAW)
    requester = Requester(config.http("https://h"))
    return [Stream(config, endpoint, requester, _RAW, lambda: NOW) for endpoint in config.streams]


_STREAMS = _streams()


def _state(data: bytes) -> None:
    stream, rest = _chosen(data, _STREAMS)
    value = _tried(lambda: msgspec.json.decode(rest), msgspec.DecodeError, RecursionError, UnicodeDecodeError)
    loaded = _tried(lambda: state_file.load(value))
    for saved in (value, *(loaded or {}).values()):
        if not isinstance(saved, dict):
            continue
        kept = _tried(lambda: state.load(stream.name, saved))  # noqa: B023
        if kept is not None:
            assert state.load(stream.name, kept.dump()).dump() == kept.dump()
        _tried(lambda: _planned(stream, saved))  # noqa: B023


def _planned(stream: Stream, saved: dict[str, Any]) -> None:
    progress = stream.progress(saved, incremental=stream.endpoint.incremental is not None)
    for number, _ in enumerate(stream.plan(progress, 1)):
        if number == 100:
            break
    json.dumps(progress.dump())


_ROWS = b'{"data":[{"id":1,"at":"2024-01-01T00:00:00Z"},{"id":2}],"next":"abc"}'
_CURSOR = b'{"version":2,"cursor":"2024-06-01T00:00:00Z","completed_at":"2024-06-01T12:00:00Z"}'
_READING = (
    b'{"version":2,"cursors":{"{\\"part\\":\\"a\\"}":"2024-05-01"},"reading":{"mode":"incremental","of":"#x",'
    b'"began_at":"2024-06-01T12:00:00Z","slices":[{"start":"2024-01-01T00:00:00Z","end":"2024-02-01T00:00:00Z","at":3,'
    b'"page":2,"records":20,"newest":"2024-01-05T00:00:00Z"},{"done":true,"start":"2024-02-01T00:00:00Z"}]}}'
)
_MESSAGE = b'[{"type":"STREAM","stream":{"stream_descriptor":{"name":"dates"},"stream_state":' + _CURSOR + b"}}]"

TARGETS = {
    "http": Target(
        _http,
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: a\r\n b\r\n\r\nabc",
            b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 200\nTransfer-Encoding: chunked\n\n3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\n",
            b"HTTP/1.0 404 No\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nabc",
            b"HTTP/1.1 204 None\r\nContent-Length: 1, 1\r\nConnection: close\r\n\r\n",
        ],
    ),
    "json": Target(
        _json,
        [
            *(bytes([way]) + _ROWS for way in range(len(_SELECTORS))),
            b'\x03[{"a":1e400,"b":123456789012345678901234567890},{"c":"\\ud83d"}]',
            b'\x02{"data":{"items":[{}],"items":[{"a":{"a":[]}}]},"error":null}',
            b'\x04{"data":{"x":{"items":[{"id":1}]},"y":{"items":[]}}}',
            b'\x08{"columns":["a","b"],"rows":[[1,2],[3,4]]}',
            b'\x09{"data":[{"id":1,"lines":[{"n":1},{"n":2}]}]}',
            b"\x01\xef\xbb\xbf" + _ROWS,
        ],
    ),
    "charset": Target(
        _charset, [b"\x00" + _ROWS, b"\x02" + _ROWS.decode().encode("utf-16"), b"\x03\xe9", b"\x04+AGE-"]
    ),
    "lines": Target(
        _lines,
        [
            b'\x00id,name\r\n1,"a\nb"\r\n2,"c""d"\r\n',
            b"\x01a;b\n'1';2\n",
            b"\x021,2\n3,4\n",
            b"\x03" + "id,name\n1,é\n".encode("utf-16"),
            b"\x04id\tname\n1\t\xe9\n",
            b'\x05{"id":1}\n\n{"id":2}\r\n',
            b"\x06" + '{"id":1}\n'.encode("utf-16"),
            b'\x07{"id":"\x83e"}\n',
        ],
    ),
    "xml": Target(
        _xml,
        [
            b"\x00<?xml version='1.0' encoding='utf-8'?><orders a='1'><order>1</order><order/>text</orders>",
            b"\x01<a><item><![CDATA[x]]></item><!-- no --><?pi x?></a>",
            b"\x02<a>\xe9&amp;&#233;</a>",
            b"\x00<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            b"\x00<a xmlns:x='u'><x:b x:c='d'/></a>",
        ],
    ),
    "inflate": Target(
        _inflate,
        [
            b"\x00" + _ROWS,
            b"\x01" + gzip.compress(_ROWS, mtime=0) + b"\0\0" + gzip.compress(b"x", mtime=0),
            b"\x02" + zlib.compress(_ROWS),
            b"\x02" + zlib.compress(_ROWS)[2:-4],
            b"\x03" + zlib.compress(gzip.compress(_ROWS, mtime=0)),
            b"\x01" + gzip.compress(b" " * 600_000, mtime=0),
        ],
    ),
    "zip": Target(
        _zip,
        [
            b"\x00" + _zipped("a.json", _ROWS),
            b"\x01" + _zipped("a.csv", b"id\n1\n"),
            b"\x02" + _zipped("a.jsonl", b'{"id":1}\n', zipfile.ZIP_STORED),
            b"\x03" + _zipped("a.xml", b"<data><id>1</id></data>", zipfile.ZIP_BZIP2),
            b"\x00" + _zipped("a.json", _ROWS, zipfile.ZIP_LZMA),
            b"\x00" + _zipped("\u00e9.json", gzip.compress(_ROWS, mtime=0)),
        ],
    ),
    "link": Target(
        _link,
        [
            b'<https://h/x?page=2>; rel="next", <https://h/x?page=9>; rel="last"',
            b'</x>;rel=next;title="a\\"b, <c>; rel=prev"',
            b"<//h:1/x>; rel='next'; anchor=#a,<?a=%zz>;REL=\"prev next\"",
        ],
    ),
    "limit": Target(
        _limit,
        [
            b'3\n"default";r=50;t=30\n0\n60\n1717243200000\nSat, 01 Jun 2024 12:00:00 GMT',
            b"Sat, 01 Jun 2024 12:00:09 GMT\nlimit=100, remaining=50, reset=5\n12\n2024-06-01T12:01:00Z\n1.5",
        ],
    ),
    "date": Target(
        _date,
        [
            *(bytes([way]) + b"2024-06-01T12:00:00.123456+02:00" for way in range(len(_FORMS))),
            *(
                b"\x00" + text
                for text in (b"2024-W22-6", b"20240601T1200", b"2024-153", b"P1Y2M3DT4H", b"2016-12-31T23:59:60Z")
            ),
            *(b"\x01" + text for text in (b"01/06/2024", b"9999-12-31T23:59:59-12:00", b"0001-01-01T00:00:00+12:00")),
            *(bytes([way]) + b"1717243200" for way in (2, 3, 4, 5)),
            b"\x06" + b"2024-06-01 12:00:00",
        ],
    ),
    "peek": Target(
        _peek,
        [
            b'\x00{"at":"2024-06-01T12:00:00Z"}\n{"at":"2024-06-01"}\n{"at":null}\n{"at":"2024-06-01T14:00:00+02:00"}\n{}',
            b'\x01{"at":"2024-06-01T12:00:00.5Z"}\n{"at":"2024-06-01T12:00:00"}',
            b'\x02{"at":1717243200}\n{"at":"1717243200"}\n{"at":1.5}\n{"at":1e99}',
            b'\x03{"at":"01/06/2024"}\n{"at":1717243200000}',
            b'\x04{"meta":{"at":"2024-06-01T12:00:00Z"}}\n{"meta":[]}\n{"meta.at":"2024-06-01"}',
            b'\x05{"at":5}\n{"at":"6"}\n{"at":1e3}\n{"at":99999999999999999999}\n{"at":true}',
        ],
    ),
    "state": Target(
        _state,
        [
            *(bytes([way]) + text for way in range(len(_STREAMS)) for text in (_CURSOR, _READING, _MESSAGE)),
            b'\x01{"version":2,"cursor":"17","boundary":["x"]}',
            b'\x02{"version":1,"cursor":"abc"}',
            b'\x03{"version":2,"completed_at":"2024-06-01T12:00:00Z","missing":{}}',
        ],
    ),
}


_ODD = [b"\0", b"\n", b'"', b"[", b"{", b"\\", b"9" * 20, b"\xff", b"\xed\xa0\x80"]


def mutated(seed: bytes, choice: random.Random) -> bytes:
    """A seed with a few bytes changed, cut or repeated, for tests without a fuzzer."""
    data = bytearray(seed)
    for _ in range(choice.randrange(1, 4)):
        at = choice.randrange(len(data) + 1)
        match choice.randrange(4):
            case 0:
                del data[at : at + choice.randrange(1, 8)]
            case 1:
                data[at:at] = data[at : at + choice.randrange(1, 8)]
            case 2:
                data[at : at + 1] = bytes([choice.randrange(256)])
            case _:
                data[at:at] = choice.choice(_ODD)
    return bytes(data)
