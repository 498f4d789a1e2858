"""Doubts about a body are logged once, and are errors if the config says so."""

from __future__ import annotations

import gzip
import io
import logging
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.api import Answer, Api, Call
from tests.authority import Authority
from tests.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_proxy")

CSV = b"id\n1\n2\n"
JSONL = b'{"id": 1}\n{"id": 2}\n'
TEXT = {"Content-Type": "text/csv"}
DOUBT = "nothing proves that it is complete"


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API."""
    with Api() as api:
        yield api


def unframed(body: bytes, headers: str = "", version: str = "1.1") -> Answer:
    """Answer without a length, and close the connection after the body."""
    head = f"HTTP/{version} 200 OK\r\nConnection: close\r\nContent-Type: text/x\r\n{headers}\r\n"
    return Answer(raw=head.encode() + body)


def zipped(body: bytes) -> bytes:
    """Pack a file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", body)
    return packed.getvalue()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(("decoder", "row"), [("csv", "id\n%d\n"), ("jsonl", '{"id": %d}\n')])
def test_a_body_without_a_frame(
    api: Api, decoder: str, row: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning for the stream, however many pages it has."""

    @api.get("/items")
    def items(call: Call) -> Answer:
        page = int(call.arg("page", "1"))
        text = row % page if page < 4 else row.partition("%")[0].replace('{"id": ', "")
        return unframed(text.encode(), version=version)

    paging = {"type": "page_number", "page_param": "page"}
    reading = Reading(api.url, {"decoder": {"type": decoder}, "pagination": paging})
    assert (reading.error, [int(row["id"]) for row in reading.records]) == (None, [1, 2, 3])
    assert len([text for text in caplog.messages if DOUBT in text and "`decoder.require_frame: true`" in text]) == 1


@pytest.mark.parametrize(("decoder", "body"), [("csv", CSV), ("jsonl", JSONL)])
def test_a_frame_may_be_required(api: Api, decoder: str, body: bytes) -> None:
    """Nothing of the body is emitted."""
    api.get("/items")(lambda _: unframed(body))
    reading = Reading(api.url, {"decoder": {"type": decoder, "require_frame": True}})
    assert DOUBT in str(reading.error)
    assert reading.records == []


@pytest.mark.parametrize(
    ("decoder", "answer"),
    [
        ({"type": "csv"}, Answer(CSV, headers=TEXT)),
        ({"type": "csv"}, Answer(CSV, headers=TEXT, chunked=True)),
        ({"type": "csv"}, unframed(gzip.compress(CSV), "Content-Encoding: gzip\r\n")),
        ({"type": "jsonl"}, Answer(JSONL)),
        ({"type": "zip", "decoder": {"type": "csv", "require_frame": True}}, unframed(zipped(CSV))),
        ({"type": "json"}, unframed(b'[{"id": 1}, {"id": 2}]')),
    ],
)
def test_a_body_that_proves_its_end(
    api: Api, decoder: dict[str, Any], answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    """By its frame, its compression or its syntax."""
    api.get("/items")(lambda _: answer)
    required = {"require_frame": True} if decoder["type"] in {"csv", "jsonl"} else {}
    reading = Reading(api.url, {"decoder": decoder | required})
    assert (reading.error, [int(row["id"]) for row in reading.records]) == (None, [1, 2])
    assert DOUBT not in caplog.text


@pytest.mark.parametrize(
    ("decoder", "answer", "whole"),
    [
        ({"type": "csv"}, unframed(CSV), False),
        ({"type": "jsonl"}, unframed(JSONL), False),
        ({"type": "csv"}, unframed(CSV, "Content-Encoding: utf-8\r\n"), False),
        ({"type": "csv"}, unframed(gzip.compress(CSV), "Content-Encoding: gzip\r\n"), True),
        ({"type": "zip", "decoder": {"type": "csv"}}, unframed(zipped(CSV)), True),
        ({"type": "json"}, unframed(b'[{"id": 1}, {"id": 2}]'), True),
        ({"type": "json"}, unframed(b'[{"id": 1}, {"id": 2}'), False),
        ({"type": "csv"}, unframed(gzip.compress(CSV)[:-2], "Content-Encoding: gzip\r\n"), False),
    ],
)
def test_a_tls_connection_that_breaks_off(decoder: dict[str, Any], answer: Answer, whole: bool) -> None:
    """Without a closing alert, only compression or syntax prove the end of a body without a frame."""
    authority = Authority()
    with Api(tls=authority.server()) as api:
        api.get("/items")(lambda _: answer)
        reading = Reading(api.url, {"decoder": decoder}, tls={"ca_bundle": authority.pem})
    assert (reading.error is None) == whole
    if whole:
        assert [int(row["id"]) for row in reading.records] == [1, 2]
    elif decoder["type"] == "csv" and answer.raw is not None and CSV in answer.raw:
        assert "TLS connection broke off" in str(reading.error)


@pytest.mark.parametrize(("more", "count"), [(True, 1), (False, 0)])
def test_graphql_lists_inside_records(api: Api, more: bool, count: int, caplog: pytest.LogCaptureFixture) -> None:
    """Truncated lists inside records are reported once; lists of pages are not among them."""
    caplog.set_level(logging.WARNING)
    labels = {"nodes": [{"name": "a"}], "pageInfo": {"endCursor": "x", "hasNextPage": more}}

    def page(after: int) -> Any:
        info = {"hasNextPage": after < 2, "endCursor": str(after + 1)}
        return {"data": {"issues": {"nodes": [{"id": after, "labels": labels}], "pageInfo": info}}}

    api.post("/items")(lambda call: page(int(call.json()["variables"].get("after") or 0)))
    body = {"type": "graphql", "query": "query($after: String) { issues { id } }"}
    paging = {
        "type": "cursor",
        "cursor_param": "after",
        "in": "body",
        "cursor_path": "data.issues.pageInfo.endCursor",
        "more_path": "data.issues.pageInfo.hasNextPage",
    }
    endpoint = {"http_method": "POST", "body": body, "records_path": "data.issues.nodes", "pagination": paging}
    reading = Reading(api.url, endpoint)
    assert (reading.error, [row["id"] for row in reading.records]) == (None, [0, 1, 2])
    assert len([text for text in caplog.messages if "contain incomplete lists" in text]) == count
