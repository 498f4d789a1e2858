"""Zip files are read file by file, in the format of what is in them, within bounds."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError, TransientError
from source_rest_api.records import zip_decoder
from tests.api import Answer
from tests.reading import sampled

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")
ZIP = {"Content-Type": "application/zip"}


def packed(compression: int = zipfile.ZIP_DEFLATED, /, **files: str | bytes) -> bytes:
    """A zip file; `__` in a name is a dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def read(api: Api, answer: Answer | bytes, inner: Any = "csv", members: str = "*", **endpoint: Any) -> list[Any]:
    """The records of what the API answers."""
    api.get("/export")(lambda _: Answer(answer, headers=ZIP) if isinstance(answer, bytes) else answer)
    decoder = {"type": "zip", "decoder": {"type": inner} if isinstance(inner, str) else inner, "members": members}
    raw = {
        "url_base": api.url,
        "retry": {"max_attempts": 1},
        "limits": {"body_megabytes": 8},
        "endpoints": [{"name": "export", "path": "export", "decoder": decoder, **endpoint}],
    }
    return sampled(raw)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_tables(api: Api, compression: int) -> None:
    """Each file has its own header; gzip inside is decompressed."""
    body = packed(compression, a__csv="id,n\n1,x\n", b__csv="n,id\ny,2\n", c__csv__gz=gzip.compress(b"id\n3\n"))
    assert read(api, body) == [{"id": "1", "n": "x"}, {"n": "y", "id": "2"}, {"id": "3"}]


def test_which_files(api: Api) -> None:
    """Files are chosen by a pattern; folders and the files that macOS adds are skipped."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.mkdir("data") if hasattr(archive, "mkdir") else archive.writestr("data/", "")
        archive.writestr("data/1.csv", "id\n1\n")
        archive.writestr("readme.txt", "no table")
        archive.writestr("__MACOSX/data/1.csv", "junk")
    assert read(api, buffer.getvalue(), members="*.csv") == [{"id": "1"}]
    assert read(api, buffer.getvalue(), members="data/1.csv") == [{"id": "1"}]
    with pytest.raises(
        ConfigError, match=r"matches `decoder.members: \*.json`. The zip file has data/1.csv, readme.txt"
    ):
        read(api, buffer.getvalue(), members="*.json")
    with pytest.raises(ConfigError, match="The zip file has no files"):
        read(api, packed())


def test_other_formats(api: Api) -> None:
    """JSON and XML, whose records are selected, and JSON Lines; the archive's own decoder has options as outside."""
    body = packed(a__json='{"data": [{"id": 1.10}]}', b__json='{"data": []}', c__json='{"data": [{"id": 2}]}')
    assert read(api, body, "json", records_path="data") == [{"id": 1.1}, {"id": 2}]
    assert read(api, packed(a="<a><b><c>1</c></b></a>"), "xml", records_path="a.b") == [{"c": "1"}]
    assert read(api, packed(a='{"id": 1}\n{"id": 2}'), "jsonl") == [{"id": 1}, {"id": 2}]
    assert read(api, packed(a="1;2"), {"type": "csv", "delimiter": ";", "header": False, "columns": ["x", "y"]}) == [
        {"x": "1", "y": "2"}
    ]


def test_no_content(api: Api) -> None:
    """Is no records."""
    assert read(api, Answer(b"", 204)) == []


def test_it_is_said_how_a_zip_file_is_read(api: Api) -> None:
    """If a response is a zip file unexpectedly, the error says how to read it."""
    api.get("/export")(lambda _: Answer(packed(a="id\n1\n"), headers=ZIP))
    for decoder in ("json", "jsonl", "csv", "xml"):
        raw = {
            "url_base": api.url,
            "endpoints": [{"name": "e", "path": "export", "decoder": {"type": decoder}, "params": {"d": decoder}}],
        }
        with pytest.raises(ConfigError, match="type: zip, decoder:"):
            sampled(raw)


def encrypted() -> bytes:
    """A zip file whose file says that it is encrypted."""
    body = bytearray(packed(zipfile.ZIP_STORED, a="id\n1\n"))
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


def damaged() -> bytes:
    """A zip file with one byte turned."""
    body = bytearray(packed(zipfile.ZIP_STORED, a="id\n1\n"))
    body[body.index(b"id\n1")] ^= 1
    return bytes(body)


def nameless() -> bytes:
    """A zip file whose file has no name."""
    body = bytearray(packed(zipfile.ZIP_STORED, a="id\n1\n"))
    entry = body.index(b"PK\x01\x02")
    body[entry + 28 : entry + 31 : 2] = b"\0\1"
    return bytes(body)


def moved() -> bytes:
    """A zip file whose end says that its directory begins later than it can."""
    body = bytearray(packed(zipfile.ZIP_STORED, a="id\n1\n"))
    body[-6] += 7
    return bytes(body)


def packed_otherwise() -> bytes:
    """A zip file with an unknown compression method."""
    body = bytearray(packed(zipfile.ZIP_STORED, a="id\n1\n"))
    body[body.index(b"PK\x01\x02") + 10] = 99
    return bytes(body)


GOOD = packed(a="id\n1\n")
BOMB = b"id\n" + (b"1" * 10_000 + b"\n") * 900


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (
            b'{"message": "later"}',
            BrokenAnswerError,
            r"truncated or damaged \(application/zip, 20 bytes\)",
        ),
        (b"", BrokenAnswerError, "not a zip file"),
        (GOOD[:-5], BrokenAnswerError, "truncated or damaged"),
        (damaged(), BrokenAnswerError, "truncated or damaged"),
        (nameless(), BrokenAnswerError, "truncated or damaged"),
        (moved(), BrokenAnswerError, "truncated or damaged"),
        (packed_otherwise(), ConfigError, "That compression method is not supported"),
        (encrypted(), ConfigError, "file a: The file is encrypted"),
        (packed(a="id\n1\n", b="id\n1,2\n"), ConfigError, "file b: Row 1"),
        (
            packed(a=BOMB),
            ConfigError,
            r"more than 100 times its size.*`limits.body_megabytes`",
        ),
        (packed(a=BOMB[:5_000_000], b=BOMB[:5_000_000]), ConfigError, "file b: The body decompresses"),
    ],
    ids=[
        "json",
        "empty",
        "cut",
        "damaged",
        "no name",
        "nowhere",
        "packed otherwise",
        "encrypted",
        "not a table",
        "bomb",
        "many bombs",
    ],
)
def test_what_is_not_read(api: Api, body: bytes, error: type[SourceError], message: str) -> None:
    """Truncated, damaged, encrypted, hostile and other files are refused."""
    with pytest.raises(error, match=message) as caught:
        read(api, body)
    assert all(place in str(caught.value) for place in ("Stream export", "GET ", "page 1"))


def test_too_large(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary file has a bound, and may find no room."""
    monkeypatch.setattr(zip_decoder, "_LARGEST", 10)
    with pytest.raises(ConfigError, match="zip file is larger than"):
        read(api, GOOD)


def test_a_file_that_is_read_at_once_has_a_bound(api: Api) -> None:
    """JSON in a zip file is held whole, like any body."""
    body = packed(zipfile.ZIP_STORED, a=b'{"rows": [' + b" " * 9_000_000 + b"]}")
    with pytest.raises(ConfigError, match=r"file a: The body is larger than 8 MB.*`limits\.body_megabytes`"):
        read(api, body, "json")


def test_no_room(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk may have room later."""
    monkeypatch.setattr("tempfile.TemporaryFile", lambda: open("/dev/full", "r+b", buffering=0))  # noqa: PTH123, SIM115
    with pytest.raises(TransientError, match="cannot be written to the temporary folder"):
        read(api, GOOD)


PEAK = """
import sys, threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
from source_rest_api.config import loading
from source_rest_api.http.requester import Requester
from source_rest_api.streams.stream import Stream

class Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args):
        super().__init__(*args, directory=sys.argv[1])

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
decoder = {"type": "zip", "decoder": {"type": "csv"}}
raw = {"url_base": f"http://127.0.0.1:{server.server_port}",
       "endpoints": [{"name": "e", "path": sys.argv[2], "decoder": decoder}]}
loaded = loading.load(raw)
with Requester(loaded.http(raw["url_base"])) as requester:
    items = Stream(loaded, loaded.streams[0], requester, raw).sample()
    count = sum(len(item.records) for item in items)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # rusage has the parent's too
print(count, peak.split()[1])
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """200,000 rows, 25 MB, take only a few MB more than 20,000."""
    peaks = {}
    for rows in (20_000, 200_000):
        table = "".join(f"{number},{number * 7919 % 100_003:0100}\n" for number in range(rows))
        (tmp_path / f"{rows}.zip").write_bytes(packed(a=f"id,note\n{table}"))
        command = [sys.executable, "-c", PEAK, str(tmp_path), f"{rows}.zip"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        count, peak = map(int, done.stdout.split())
        assert count == rows
        peaks[rows] = peak
    assert peaks[200_000] - peaks[20_000] < 6_000  # KB
