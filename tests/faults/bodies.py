"""S: bodies that are cut, are not what they say they are, or not what is expected."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from tests.api import Answer
from tests.faults.case import OFFSET, UPDATED, endpoint, on_page, rows
from tests.faults.row import Table

if TYPE_CHECKING:
    from tests.api import JSON
    from tests.faults.case import Case

table = Table()
LOGIN = "<html><title>Sign in</title><form><input type=password></form></html>"


def half(body: JSON) -> str:
    """A body that was cut before it was sent, so that its length fits."""
    text = json.dumps(body)
    return text[: len(text) // 2]


def cut_short(case: Case, answer: Any) -> None:
    """Page 2 is broken for good: tried again, then the stream is incomplete; the state stays before it."""
    case.serve(rows(20), on_page(2, answer))
    done = case.read(endpoint(incremental=UPDATED))
    case.failed(done, "transient_error", "page 2")
    assert len(case.api.requests) == 3


@table.row("S-01", "page 2's JSON is cut in half, and Content-Length fits", "tried again, then transient_error")
def _(case: Case) -> None:
    cut_short(case, half)


@table.row("S-02", "the same without Content-Length, the connection closed", "the same")
def _(case: Case) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    cut_short(case, lambda body: Answer(raw=head + half(body).encode()))


@table.row("S-03", "page 2 is a login page in HTML, status 200", "an error that names the content type")
def _(case: Case) -> None:
    case.serve(rows(20), on_page(2, lambda _: Answer(LOGIN, headers={"Content-Type": "text/html"})))
    case.failed(case.read(), "config_error", "page 2", "text/html", "login", "authentication")


@table.row("S-04", 'page 2 is `{"status": "error"}`, status 200', "an error: the records are not where they should be")
def _(case: Case) -> None:
    case.serve(rows(20), on_page(2, lambda _: {"status": "error"}))
    case.failed(case.read(), "config_error", "page 2", "records_path: rows", "status (string)")


@table.row("S-05", "a byte order mark before the JSON", "all rows")
def _(case: Case) -> None:
    case.serve(rows(12), lambda _, body: Answer(b"\xef\xbb\xbf" + json.dumps(body).encode()))
    case.complete(case.read())


@table.row("S-07", "UTF-16 with a byte order mark", "all rows")
def _(case: Case) -> None:
    case.serve(rows(12), lambda _, body: Answer(json.dumps(body).encode("utf-16")))
    case.complete(case.read())


@table.row("S-08", "a record with an array 3,000 deep", "the record or a clear error; no crash")
def _(case: Case) -> None:
    deep = f'{{"rows": [{{"id": 0, "deep": {"[" * 3000}{"]" * 3000}}}]}}'
    case.api.get("/rows")(lambda call: deep if call.arg("page") == "1" else {"rows": []})
    done = case.read()
    found = len(done.bodies("RECORD"))
    case.seen = f"{found} of 1 rows, exit {done.code}"
    if done.code == 0:
        assert found == 1
    else:
        case.failed(done, "config_error|transient_error", "nested too deeply")


@table.row("S-09", "a gzip body that is cut", "tried again, then transient_error")
def _(case: Case) -> None:
    def half_packed(body: JSON) -> Answer:
        packed = gzip.compress(json.dumps(body).encode())
        return Answer(packed[: len(packed) // 2], headers={"Content-Encoding": "gzip"})

    cut_short(case, half_packed)


@table.row("S-10", "the API gives 3 rows a page although 5 are asked for", "all 10 rows")
def _(case: Case) -> None:
    case.serve(rows(10), size=3)
    case.complete(case.read(endpoint(pagination=OFFSET)))


@table.row(
    "S-11", "`check` against an HTML page, an error with status 200, a byte order mark", "FAILED twice, SUCCEEDED"
)
def _(case: Case) -> None:
    page = Answer(LOGIN, headers={"Content-Type": "text/html"})
    answers = {"html": page, "error": {"status": "error"}, "bom": b'\xef\xbb\xbf{"rows": [{"id": 1}]}'}
    found = {}
    for name, answer in answers.items():
        case.answer(name, answer)
        [status] = case.run("check", endpoint(name, pagination=None)).bodies("CONNECTION_STATUS")
        found[name] = status["status"]
        if case.ours and status["status"] == "FAILED":
            assert "records_path" in status["message"] or "text/html" in status["message"]
    case.seen = ", ".join(found.values())
    assert found == {"html": "FAILED", "error": "FAILED", "bom": "SUCCEEDED"}


@table.row("S-12", "JSON Lines with one line cut", "an error with the line's number")
def _(case: Case) -> None:
    case.truth["rows"] = rows(9)
    lines = [json.dumps(row) for row in rows(9)]
    case.api.get("/rows")(lambda _: "\n".join([*lines[:4], lines[4][:20], *lines[5:]]))
    done = case.read(endpoint(records_path=None, pagination=None, decoder={"type": "jsonl"}))
    case.failed(done, "config_error|transient_error", "line 5")


@table.row(
    "S-13", "CSV with a row too long, with one too short, with a byte order mark", "two errors; a clean column name"
)
def _(case: Case) -> None:
    tables = {"long": "id,name\n1,a\n2,b,c\n", "short": "id,name\n1,a\n2\n", "bom": "\ufeffid,name\n1,a\n2,b\n"}
    for name, text in tables.items():
        case.answer(name, Answer(text.encode(), headers={"Content-Type": "text/csv"}))
    case.truth["bom"] = [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]
    plain: dict[str, Any] = {"records_path": None, "pagination": None, "primary_key": None, "decoder": {"type": "csv"}}
    done = case.read(*[endpoint(name, **plain) for name in tables])
    for name in ("long", "short"):
        case.failed(done, "config_error|transient_error", "line 3", stream=name)
    assert done.statuses("bom")[-1] == "COMPLETE"


@table.row("S-14", 'bodies `null`, `""`, `0`, `false`, an empty 200, and 204', "204 has no rows; the others are errors")
def _(case: Case) -> None:
    bodies: dict[str, Any] = {
        "null": "null",
        "text": '""',
        "zero": "0",
        "false": "false",
        "empty": "",
        "none": Answer("", 204),
    }
    for name, body in bodies.items():
        case.answer(name, body)
    done = case.read(*[endpoint(name, pagination=None) for name in bodies])
    case.seen = ", ".join(f"{name}: {done.statuses(name)[-1]}" for name in bodies)
    assert {name: done.statuses(name)[-1] for name in bodies} == {
        **dict.fromkeys(bodies, "INCOMPLETE"),
        "none": "COMPLETE",
    }


@table.row("S-15", 'records `[1, "two", null, [3], {…}]`', "an error with index and type")
def _(case: Case) -> None:
    case.api.get("/rows")(lambda _: {"rows": [1, "two", None, [3], {"id": 4}]})
    case.failed(case.read(), "config_error|system_error", "Record 0", "number")


@table.row("S-17", "once, Content-Length is longer than what is sent", "tried again: all rows")
def _(case: Case) -> None:
    case.serve(rows(20), on_page(2, lambda body: Answer(body, cut=100), times=1))
    case.complete(case.read())


@table.row(
    "S-18", "gzip with a wrong checksum; a body that is not the gzip it says", "tried again, then transient_error"
)
def _(case: Case) -> None:
    def packed(body: bytes) -> Answer:
        return Answer(body, headers={"Content-Encoding": "gzip"})

    def wrong_sum(body: JSON) -> Answer:
        whole = gzip.compress(json.dumps(body).encode())
        return packed(whole[:-8] + b"\0\0\0\0" + whole[-4:])

    case.serve(rows(20), on_page(2, wrong_sum), name="sum")
    case.serve(rows(20), on_page(2, lambda body: packed(json.dumps(body).encode())), name="plain")
    done = case.read(endpoint("sum"), endpoint("plain"))
    case.failed(done, "transient_error", "page 2", stream="sum")
    case.failed(done, "transient_error", "page 2", stream="plain")


@table.row("S-19", "the records' path is absent from page 1; elsewhere it holds `[]`", "an error; no rows, COMPLETE")
def _(case: Case) -> None:
    case.api.get("/absent")(lambda call: {} if call.arg("page") == "1" else {"rows": []})
    case.serve([], name="empty")
    done = case.read(endpoint("absent"), endpoint("empty"))
    case.failed(done, "config_error", "records_path", stream="absent")
    assert done.statuses("empty")[-1] == "COMPLETE"


@table.row("S-20", "the API says `total: 20`, and delivers 19", "a warning or an error")
def _(case: Case) -> None:
    case.serve(rows(19), lambda _, body: {**body, "total": 20})
    done = case.read(endpoint(pagination={**endpoint()["pagination"], "total_path": "total"}))
    told = [log["message"] for log in done.bodies("LOG") if log["level"] in {"WARN", "ERROR"}]
    assert done.errors or any("20" in text for text in told)
