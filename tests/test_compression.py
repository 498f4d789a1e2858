"""A body is what it was before it was packed, or it is an error; and a bomb is not inflated."""

from __future__ import annotations

import gzip
import os
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config import loading
from source_rest_api.errors import BrokenAnswerError, ConfigError, TransientError
from source_rest_api.http import compression
from source_rest_api.http.request import Request
from source_rest_api.http.requester import Requester
from tests.api import Answer

if TYPE_CHECKING:
    from tests.api import Api

gzipped = partial(gzip.compress, mtime=0)
"""The names of tests are made of it."""
BODY = b'[{"id": 1.10}]'
GZIP = {"Content-Encoding": "gzip"}
pytestmark = pytest.mark.usefixtures("no_proxy")


def whole(api: Api, answer: Answer, megabytes: int = 8) -> bytes:
    """A body that is read at once."""
    api.get("/e")(lambda _: answer)
    settings = {"retry": {"max_attempts": 1}, "limits": {"body_megabytes": megabytes}}
    loaded = loading.load({"url_base": api.url, "endpoints": [{"name": "e", "path": "e"}], **settings})
    with Requester(loaded.http(api.url)) as requester:
        return requester.fetch(Request("GET", f"{api.url}/e"), lambda response: response.body)


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (BODY, ""),
        (gzipped(BODY), "gzip"),
        (gzipped(BODY), "x-gzip"),
        (zlib.compress(BODY), "deflate"),
        (zlib.compress(gzipped(BODY)), "gzip, deflate"),
        (gzipped(BODY), ""),
        (gzipped(gzipped(BODY)), "gzip"),
        (gzipped(BODY[:5]) + gzipped(BODY[5:]), "gzip"),
        (gzipped(BODY) + b"\0" * 9, "gzip"),
        (gzipped(BODY) + b"\r\n", "gzip"),
        (b"", "gzip"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_unpacked(api: Api, body: bytes, coding: str, *, chunked: bool) -> None:
    """By header and by content, in several parts, and with trailing bytes: every client reads those."""
    headers = {"Content-Encoding": coding} if coding else {}
    assert whole(api, Answer(body, headers=headers, chunked=chunked)) == (BODY if body else b"")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (gzipped(BODY)[:-1], "body was cut short"),
        (gzipped(BODY) + gzipped(BODY)[:-1], "body was cut short"),
        (gzipped(BODY)[:-8] + b"12345678", "compressed body is damaged"),
        (BODY, "compressed body is damaged"),
    ],
)
def test_damage_is_noticed(api: Api, body: bytes, message: str) -> None:
    """A second try may bring the whole body."""
    with pytest.raises(BrokenAnswerError, match=message):
        whole(api, Answer(body, headers=GZIP))


@pytest.mark.parametrize("rest", [b"\0" * 3 + gzipped(b"x"), b"\3\xab\0" + gzipped(b"x"), b"\3\x1f\x8b\x08"])
def test_what_stands_behind_the_end_does_not_depend_on_chunks(rest: bytes) -> None:
    """Zeros divide two parts, anything else is the end; wherever the network cuts the body."""
    body = gzipped(BODY) + rest
    cut = [[body[start : start + size] for start in range(0, len(body), size)] for size in (1, 7, len(body))]
    told = [b"".join(compression.plain(iter(chunks), "gzip")) for chunks in cut]
    assert told == [BODY + (b"x" if rest[0] == 0 else b"")] * 3


def test_damage_behind_a_full_step_is_noticed() -> None:
    """Data that the decompressor holds back is checked like the rest."""
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = raw.compress(bytes(1 << 18)) + raw.flush(zlib.Z_SYNC_FLUSH) + b"\xff" * 9
    for size in (1, len(body)):
        chunks = iter([body[start : start + size] for start in range(0, len(body), size)])
        with pytest.raises(BrokenAnswerError, match="compressed body is damaged"):
            list(compression.plain(chunks, "deflate"))


@pytest.mark.parametrize("coding", ["br", "zstd", "compress"])
def test_codings_that_nobody_asked_for(api: Api, coding: str) -> None:
    """The error says which setting helps; of an error's body the status alone is understood."""
    headers = {"Content-Encoding": coding}
    with pytest.raises(ConfigError, match=f"compresses with {coding}: set the header `Accept-Encoding: gzip`"):
        whole(api, Answer(BODY, headers=headers))
    with pytest.raises(TransientError, match="HTTP 503"):
        whole(api, Answer(BODY, status=503, headers=headers))
    assert whole(api, Answer(b"", headers=headers)) == b""


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_has_a_bound(api: Api, *, packed: bool) -> None:
    """Memory is bounded, whatever the API sends."""
    body = os.urandom((1 << 20) + 1)
    answer = Answer(gzipped(body), headers=GZIP) if packed else Answer(body)
    assert whole(api, answer, megabytes=2) == body
    with pytest.raises(ConfigError, match=r"larger than 1 MB.*raise `limits\.body_megabytes`"):
        whole(api, answer, megabytes=1)


def bomb(rounds: int) -> bytes:
    """2 MB of nothing, packed some times over."""
    body = b" " * (2 << 20)
    for _ in range(rounds):
        body = gzipped(body)
    return body


@pytest.mark.parametrize(
    ("body", "coding"), [(bomb(1), "gzip"), (bomb(1), ""), (bomb(2), "gzip"), (bomb(3), "gzip, gzip")]
)
def test_bombs_are_not_inflated(api: Api, body: bytes, coding: str) -> None:
    """A body that decompresses to more than 100 times its size is not read to its end."""
    headers = {"Content-Encoding": coding} if coding else {}
    with pytest.raises(
        ConfigError, match=r"decompresses to over 1 MB, more than 100 times its size.*`limits\.body_megabytes`"
    ):
        whole(api, Answer(body, headers=headers))
    assert whole(api, Answer(body, headers=headers), megabytes=16) == b" " * (2 << 20)


def test_a_bomb_comes_in_small_steps() -> None:
    """However small it is packed, who takes it can stop."""
    steps: list[Any] = [len(step) for step in compression.plain(iter([gzipped(bytes(50 << 20))]), "")]
    assert (sum(steps), max(steps)) == (50 << 20, 1 << 18)
