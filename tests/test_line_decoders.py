"""CSV and JSON Lines are read whole, while they arrive, or it is an error."""

from __future__ import annotations

import codecs
import gzip
import json
import subprocess
import sys
import zlib
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.config import loading
from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError
from source_rest_api.http.requester import Requester
from source_rest_api.http.response import Response
from source_rest_api.records.line_decoders import Jsonl
from source_rest_api.streams.stream import Stream
from tests.api import Answer, Api
from tests.reading import sampled

if TYPE_CHECKING:
    from collections.abc import Iterator

gzipped = partial(gzip.compress, mtime=0)
"""The names of tests are made of it."""
CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API."""
    with Api() as api:
        yield api


def read(api: Api, answer: Answer, attempts: int = 1, **decoder: Any) -> list[Any]:
    """Read what the API answers, in the format of the decoder."""
    api.get("/sales")(lambda _: answer)
    raw = {
        "url_base": api.url,
        "retry": {"max_attempts": attempts},
        "endpoints": [{"name": "sales_data", "path": "sales", "decoder": decoder}],
    }
    return sampled(raw, jitter=lambda: 0.0)


@pytest.mark.parametrize(
    ("body", "settings", "records"),
    [
        (b"id,n\n1,a\n2,\n", {}, [{"id": "1", "n": "a"}, {"id": "2", "n": ""}]),
        (b'id,n\r\n007,"a ""b"",\r\nc"\r\n', {}, [{"id": "007", "n": 'a "b",\r\nc'}]),
        (b"id;n\n\n1;'a;b'", {"delimiter": ";", "quote": "'"}, [{"id": "1", "n": "a;b"}]),
        (
            b'id,n\n1,"a \\"b\\", c"\n2,d\\,e\n',
            {"escape": "\\"},
            [{"id": "1", "n": 'a "b", c'}, {"id": "2", "n": "d,e"}],
        ),
        (b"id\tn\n1\ta\n", {"delimiter": "\\t"}, [{"id": "1", "n": "a"}]),
        (b"1,a\n", {"header": False, "columns": ["x", "y"]}, [{"x": "1", "y": "a"}]),
        (b",\n1,a\n", {"columns": ["x", "y"]}, [{"x": "1", "y": "a"}]),
        (codecs.BOM_UTF8 + "id\né\n".encode(), {}, [{"id": "é"}]),
        (codecs.BOM_UTF16_LE + "id\né\n".encode("utf-16-le"), {}, [{"id": "é"}]),
        ("id\n€\n".encode("windows-1252"), {"encoding": "windows-1252"}, [{"id": "€"}]),
        (b"id\n", {}, []),
        (b"id,n\n1,--\n,--x\n", {"null_values": ["--", ""]}, [{"id": "1", "n": None}, {"id": None, "n": "--x"}]),
    ],
)
def test_csv(api: Api, body: bytes, settings: Any, records: Any) -> None:
    """Values are texts as sent, whatever the delimiter, quote, header, line end and charset."""
    assert read(api, Answer(body, headers=CSV), type="csv", **settings) == records


def test_declared_charset(api: Api) -> None:
    """The content type's charset is read."""
    answer = Answer("id\né\n".encode("latin-1"), headers={"Content-Type": "text/csv; charset=iso-8859-1"})
    assert read(api, answer, type="csv") == [{"id": "é"}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"id,n\n1,a\n2\n", r"Row 2 \(line 3\) has 1 value for 2 columns"),
        (b'id,n\n"1\n,",a\n2,b,c\n', r"Row 2 \(line 4\) has 3 values"),
        (b"", "is empty, without a header"),
        (b"id,id\n", "two columns have the name `id`"),
        (b"id,\n", "column 2 has no name"),
        (b'id\n"cut', "cannot be read at line 2"),
        (b"id\n\xff\n", "not valid UTF-8"),
    ],
)
def test_csv_that_cannot_be_read(api: Api, body: bytes, message: str) -> None:
    """Nothing is guessed, shifted or skipped; the error names the row and the line."""
    with pytest.raises(SourceError, match=message) as caught:
        read(api, Answer(body, headers=CSV), type="csv")
    assert "Stream sales_data" in str(caught.value)


REPORT = b"""Generated,11/20/26 9:00 AM
Advertiser,"Equals:One ""(111)

Report Fields
Placement,Date,Clicks
p1,2026-11-01,3
p2,2026-11-02,1
Grand Total:,---,4
"""
CLICKS = [
    {"Placement": "p1", "Date": "2026-11-01", "Clicks": "3"},
    {"Placement": "p2", "Date": "2026-11-02", "Clicks": "1"},
]


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        (REPORT, {"skip_to_column": "Date", "skip_rows": ["Grand Total*"]}),
        (REPORT, {"skip_to_column": "Placement", "skip_last_rows": 1}),
        (REPORT, {"skip_lines": 4, "skip_last_rows": 1}),
        (REPORT.replace(b"Date,Clicks", b" Date ,x"), {"skip_to_column": "Date", "columns": list(CLICKS[0])}),
        (REPORT.replace(b"Grand Total:,---,4", b"\nTotal,4\n\nEnd"), {"skip_to_column": "Date", "skip_last_rows": 2}),
        (REPORT.replace(b"Grand Total:,---,4", b"Total,4\nEnd"), {"skip_lines": 4, "skip_rows": ["Total,*", "End"]}),
        (REPORT.replace(b"Grand Total:,---,4\n", b""), {"skip_lines": 4, "skip_rows": ["Grand Total*"]}),
        (
            REPORT.partition(b"Clicks\n")[2],
            {"header": False, "columns": list(CLICKS[0]), "skip_last_rows": 1},
        ),
    ],
)
def test_lines_around_a_table(api: Api, body: bytes, settings: Any) -> None:
    """A preamble and totals are no records, whatever they look like, and all rows between them are."""
    records = read(api, Answer(body, headers=CSV), type="csv", **settings)
    assert [row for row in records if row["Placement"] != "Grand Total:"] == CLICKS
    assert len(records) == 2 + (settings.keys() == {"skip_to_column", "columns"})


@pytest.mark.parametrize(
    ("body", "settings", "message"),
    [
        (REPORT, {}, r"Row 1 \(line 2\).*set `decoder.skip_to_column`|cannot be read at line"),
        (b"Report\n\nid,n\n1,a\n", {}, r"Row 1 \(line 3\) has 2 values for 1 column.*`decoder.skip_to_column`"),
        (b"Report\nid,n\n1,a\n", {"columns": ["x", "y"]}, "has 1 column, but.*`decoder.skip_to_column`"),
        (b"id,n\n1,a\nTotal\n", {}, r"Row 2 \(line 3\) has 1 value.*`decoder.skip_rows`"),
        (b"a\nb\nid,n\n1,a\n2\n", {"skip_to_column": "id"}, r"Row 2 \(line 5\) has 1 value"),
        (b"a\nb\nid,n\n1,a\n2\n", {"skip_lines": 2}, r"Row 2 \(line 5\) has 1 value"),
        (b"a\nid,n\n1,a\n", {"skip_to_column": "ID"}, "No line has the column `ID`"),
        (b"a\n", {"skip_lines": 3}, "is empty, without a header"),
        (b"1,2\n", {"header": False, "columns": ["a", "b"], "skip_to_column": "a"}, "`skip_to_column` is a name in"),
    ],
)
def test_lines_around_a_table_that_the_config_does_not_name(api: Api, body: bytes, settings: Any, message: str) -> None:
    """The error says what to set, and counts lines as the file has them."""
    with pytest.raises(SourceError, match=message):
        read(api, Answer(body, headers=CSV), type="csv", **settings)


@pytest.mark.parametrize("charset", ["rot13", "zlib", "idna", "no-such"])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_charset_that_is_none(api: Api, form: str, charset: str) -> None:
    """A codec of Python's own is no charset, whoever names it."""
    answer = Answer(zlib.compress(b"id\n1\n"), headers={"Content-Type": f"text/x; charset={charset}"})
    with pytest.raises(ConfigError, match=f"unknown charset '{charset}': set `decoder.encoding`"):
        read(api, answer, type=form)
    with pytest.raises(ConfigError, match="unknown encoding"):
        read(api, answer, type=form, encoding=charset)


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_an_error_page_is_no_table(api: Api, kind: str) -> None:
    """An error with status 200 is not taken for a header without rows."""
    with pytest.raises(ConfigError, match=kind):
        read(api, Answer(b'{"error": "no"}', headers={"Content-Type": kind}), type="csv")


def test_json_lines(api: Api) -> None:
    """A record a line, blank lines between them, a last line without an end."""
    body = b'{"a": 1}\n\r\n  \n{"a": "\\ud800"}\r\n{"a": 3}'
    assert read(api, Answer(body, headers=NDJSON), type="jsonl") == [{"a": 1}, {"a": "\ufffd"}, {"a": 3}]
    assert read(api, Answer(b"", headers=NDJSON), type="jsonl") == []


@pytest.mark.parametrize(
    ("body", "message"),
    [(b'{"a": 1}\n\n{"a": \n', "Line 3 is not complete"), (b'{"a": 1}\n[]\n', "Line 2 is not an object but array")],
)
def test_bad_json_lines(api: Api, body: bytes, message: str) -> None:
    """A bad line is an error with its number."""
    with pytest.raises(SourceError, match=message):
        read(api, Answer(body, headers=NDJSON), type="jsonl")


TABLE = b"id\n" + b"".join(b"%d\n" % i for i in range(12_000))


def raw_deflate(data: bytes) -> bytes:
    """Deflate without a zlib header."""
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (TABLE, {}),
        (gzipped(TABLE), {"Content-Encoding": "gzip"}),
        (zlib.compress(TABLE), {"Content-Encoding": "deflate"}),
        (raw_deflate(TABLE), {"Content-Encoding": "deflate"}),
        (gzipped(TABLE), {}),
        (gzipped(TABLE[:5000]) + gzipped(TABLE[5000:]), {}),
        (gzipped(gzipped(TABLE)), {"Content-Encoding": "gzip"}),
    ],
)
def test_compressed(api: Api, body: bytes, coding: dict[str, str], chunked: bool) -> None:
    """By header and by content, in parts; every row arrives once and in order."""
    records = read(api, Answer(body, headers={**CSV, **coding}, chunked=chunked), type="csv")
    assert [int(record["id"]) for record in records] == list(range(12_000))


@pytest.mark.parametrize("headers", [CSV, {**CSV, "Content-Encoding": "gzip"}])
def test_truncated_gzip(api: Api, headers: dict[str, str]) -> None:
    """A compressed body that ends early is an error, though HTTP saw nothing wrong."""
    with pytest.raises(BrokenAnswerError, match="compressed body was cut"):
        read(api, Answer(gzipped(TABLE)[:-20], headers=headers), type="csv")


def test_a_table_may_be_packed_to_nothing(api: Api) -> None:
    """A streamed table is never in memory as a whole, so its size does not matter."""
    body = gzipped(b"id,n\n" + b"1,0\n" * 100_000)
    assert len(body) * 200 < 400_000
    assert len(read(api, Answer(body, headers=CSV), type="csv")) == 100_000


@given(st.lists(st.text("ab€ \\", max_size=5)), st.lists(st.integers(0, 60)), st.booleans())
def test_lines_are_whole_however_they_arrive(texts: list[str], cuts: list[int], ended: bool) -> None:
    """Chunks may end anywhere: inside a line, at its end, inside a character."""
    body = b"\n".join(b'{"t": %s}' % json.dumps(text, ensure_ascii=False).encode() for text in texts)
    body += b"\n" * ended
    places = [0, *sorted(cuts), len(body)]
    chunks = iter([body[begin:end] for begin, end in pairwise(places)])
    pages = Jsonl().pages(Response(200, {}, b"", "", chunks))
    assert [json.loads(bytes(record))["t"] for page in pages for record in page] == texts


@pytest.mark.parametrize(("form", "headers"), [("csv", CSV), ("jsonl", NDJSON)])
def test_a_line_is_bounded(api: Api, form: str, headers: dict[str, str]) -> None:
    """A bomb of one line is refused before it is held."""
    member = gzipped(b"0" * (1 << 20))
    with pytest.raises(ConfigError, match="A line is longer than 64 MB"):
        read(api, Answer(member * 80, headers=headers), type=form)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_cut_body_is_asked_for_again(api: Api, chunked: bool) -> None:
    """A truncated body is retried, as long as none of its records was emitted."""
    whole, cut = Answer(b"id\n1\n2\n", headers=CSV, chunked=chunked), Answer(b"id\n1\n2\n", headers=CSV, cut=5)
    answers = iter([cut, whole])
    api.get("/cut")(lambda _: next(answers))
    raw = {"url_base": api.url, "endpoints": [{"name": "e", "path": "cut", "decoder": {"type": "csv"}}]}
    loaded = loading.load(raw)
    with Requester(loaded.http(api.url), jitter=lambda: 0.0) as requester:
        page = Stream(loaded, loaded.streams[0], requester, raw).first_page(next(iter([_partition()])))
    assert len(page) == 2


def _partition() -> Any:
    from source_rest_api.streams.batch import Partition  # noqa: PLC0415

    return Partition()


def test_a_body_that_is_cut_late_is_an_error(api: Api) -> None:
    """Emitted records are not read again in the same sync."""
    with pytest.raises(BrokenAnswerError, match="cut"):
        read(api, Answer(TABLE, headers=CSV, cut=len(TABLE) - 10), attempts=3, type="csv")
    assert len(api.requests) == 1


def test_selection_does_not_apply() -> None:
    """Settings that would have no effect are rejected."""
    endpoint = {"name": "e", "path": "e", "decoder": {"type": "csv"}, "records_path": "data"}
    with pytest.raises(ConfigError, match="already returns records"):
        loading.load({"url_base": "https://h", "endpoints": [endpoint]})


@pytest.mark.parametrize(
    "decoder", [{"header": False}, {"delimiter": ";;"}, {"encoding": "x"}, {"columns": ["a", "a"]}]
)
def test_settings_that_cannot_be(decoder: dict[str, Any]) -> None:
    """They are rejected before anything is read."""
    endpoint = {"name": "e", "path": "e", "decoder": {"type": "csv", **decoder}}
    with pytest.raises(ConfigError, match="decoder"):
        loading.load({"url_base": "https://h", "endpoints": [endpoint]})


PEAK = """
import resource, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from source_rest_api.config import loading
from source_rest_api.http.requester import Requester
from source_rest_api.streams.stream import Stream

rows = int(sys.argv[1])

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.end_headers()
        self.wfile.write(b"id,name,note\\n")
        for start in range(0, rows, 1000):
            self.wfile.write(b"".join(b"%d,name %d,%s\\n" % (i, i, b"x" * 100) for i in range(start, start + 1000)))

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
raw = {"url_base": f"http://127.0.0.1:{server.server_port}",
       "endpoints": [{"name": "sales_data", "path": "sales.csv", "decoder": {"type": "csv"}}]}
loaded = loading.load(raw)
with Requester(loaded.http(raw["url_base"])) as requester:
    count = sum(len(batch.records) for batch in Stream(loaded, loaded.streams[0], requester, raw).sample())
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_body() -> None:
    """200,000 rows, 25 MB, take only a few MB more than 20,000."""
    peaks = {}
    for rows in (20_000, 200_000):
        done = subprocess.run([sys.executable, "-c", PEAK, str(rows)], capture_output=True, text=True, check=True)
        count, peak = map(int, done.stdout.split())
        assert count == rows
        peaks[rows] = peak
    assert peaks[200_000] - peaks[20_000] < 6_000  # KB
