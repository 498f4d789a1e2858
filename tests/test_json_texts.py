"""JSON that is inside a text, or behind a guard, is read as if the API had sent it plainly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import ConfigError, SourceError
from tests.api import Answer, Api, Call
from tests.reading import Reading, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = [{"id": 1, "n": 1.10}, {"id": 2, "n": None}]
PLAIN = b'[{"id": 1, "n": 1.10}, {"id": 2, "n": null}]'
text = json.dumps


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API."""
    with Api() as api:
        yield api


def read(api: Api, answer: Any, **endpoint: Any) -> list[Any]:
    """Read what the API answers."""
    api.get("/items")(lambda _: answer)
    endpoints = [{"name": "items", "path": "items", **endpoint}]
    return sampled({"url_base": api.url, "retry": {"max_attempts": 1}, "endpoints": endpoints})


@pytest.mark.parametrize(
    ("body", "endpoint"),
    [
        ({"d": text(ROWS)}, {"records_path": "d"}),
        ({"d": " \n" + text({"rows": ROWS})}, {"records_path": "d.rows"}),
        ({"d": text({"d": text(ROWS)})}, {"records_path": "d.d"}),
        ({"a": text(ROWS[:1]), "b": {"c": text(ROWS[1])}}, {"records_paths": ["a", "b.c"]}),
        ({"data": [{"payload": text(row)} for row in ROWS]}, {"records_path": "data.*.payload"}),
        ({"data": [{"payload": text({"rows": ROWS})}]}, {"records_path": "data", "explode": {"path": "payload.rows"}}),
        ({"data": [{"payload": text(ROWS)}]}, {"records_path": "data", "explode": {"path": "payload"}}),
        ({"d": text({"columns": ["id", "n"], "rows": [[1, 1.10], [2, None]]})}, {"records_path": "d.rows"}),
        (text(ROWS), {}),
        (text({"data": ROWS}), {}),
        (text(ROWS), {"records_path": "$"}),
        (text({"data": ROWS}), {"records_path": "data"}),
    ],
)
def test_records_inside_a_text(api: Api, body: Any, endpoint: dict[str, Any]) -> None:
    """Wherever the path meets the text."""
    if "columns" in str(body):
        endpoint = {**endpoint, "columns_path": "d.columns"}
    assert read(api, body, **endpoint) == ROWS


def test_records_inside_a_text_of_xml(api: Api) -> None:
    """A SOAP envelope around JSON."""
    xml = f"<s:Envelope><s:Body><ListResponse><Result>{text(ROWS)}</Result></ListResponse></s:Body></s:Envelope>"
    answer = Answer(xml.encode(), headers={"Content-Type": "text/xml"})
    path = "s:Envelope.s:Body.ListResponse.Result"
    assert read(api, answer, decoder={"type": "xml"}, records_path=path) == ROWS


def test_scalars_stay_texts(api: Api) -> None:
    """Texts that are records themselves are data."""
    assert read(api, {"d": ["[1]", "x"]}, records_path="d.*", wrap_scalars_as="v") == [{"v": "[1]"}, {"v": "x"}]
    assert read(api, {"d": "[1]"}, records_path="d", wrap_scalars_as="v") == [{"v": 1}]


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"d": "[{"}, "d", "leads to a string"),
        ({"d": "null"}, "d", "leads to a string"),
        ({"d": text({"data": []})}, "d.items", "is not in the response; the response has the keys d"),
        ({"d": text({"success": False, "items": []})}, "d.items", "`success` is false"),
        ({"d": text({"error": "no such list"})}, "d.items", "no such list"),
        ({"d": text(ROWS)}, None, r"keys d \(JSON in a string\). Set `records_path`"),
    ],
)
def test_a_text_without_records(api: Api, body: Any, path: str | None, message: str) -> None:
    """An error, as if the API had sent its value plainly."""
    with pytest.raises(ConfigError, match=message):
        read(api, body, **({} if path is None else {"records_path": path}))


def test_pages_inside_texts(api: Api) -> None:
    """The next token is read there too, and so are signs of more."""

    @api.get("/items")
    def items(call: Call) -> Any:
        after = int(call.arg("after", "0"))
        rows = [{"id": n} for n in range(after + 1, min(after + 4, 8))]
        return {"d": text({"rows": rows, "next": after + 3 if after + 3 < 7 else None})}

    paging = {"type": "cursor", "cursor_path": "d.next", "cursor_param": "after"}
    reading = Reading(api.url, {"records_path": "d.rows", "pagination": paging})
    assert ([row["id"] for row in reading.records], reading.error) == (list(range(1, 8)), None)
    reading = Reading(api.url, {"records_path": "d.rows"})
    assert "next" in str(reading.error)


@pytest.mark.parametrize(
    "guard",
    [
        b")]}'\n",
        b")]}',\n",
        b"while(1);",
        b"while (true) ; ",
        b"for(;;);",
        b"for (;;) ;",
        b"{}&&",
        b"{} && ",
        b"&&&START&&&",
        b"throw 1; <don't be evil> ",
        b"throw 1;",
        b" \n)]}'",
    ],
)
def test_a_guard_before_the_json(api: Api, guard: bytes) -> None:
    """It is removed before the value is parsed."""
    assert read(api, Answer(guard + PLAIN)) == ROWS
    assert read(api, Answer(b"\xef\xbb\xbf" + guard + b'{"data":' + PLAIN + b"}"), records_path="data") == ROWS


@pytest.mark.parametrize(("begin", "end"), [(b"cb(", b");"), (b" /**/ jQuery12_3.x(", b")\n"), (b"$(", b" ) ; ")])
def test_jsonp(api: Api, begin: bytes, end: bytes) -> None:
    """The call around the value is removed, with or without `prefix`."""
    assert read(api, Answer(begin + PLAIN + end)) == ROWS
    assert read(api, Answer(begin + PLAIN + end), decoder={"type": "json", "prefix": begin.decode()}) == ROWS


def test_a_guard_of_an_api_s_own(api: Api) -> None:
    """`prefix` names it. It may be absent, as in error responses."""
    decoder = {"type": "json", "prefix": "//OK"}
    assert read(api, Answer(b"//OK" + PLAIN), decoder=decoder) == ROWS
    assert read(api, Answer(PLAIN), decoder=decoder) == ROWS
    for body in (b"//OK" + PLAIN, b"alert(1);" + PLAIN, b"for(;;);", b")]}'", b"for(;;);" + PLAIN[:-1]):
        with pytest.raises(SourceError, match="not complete, valid JSON"):
            read(api, Answer(body))


def test_an_error_rule_reads_behind_the_guard(api: Api) -> None:
    """Error rules read the same value as the decoder."""
    rule = {"path": "code", "values": ["none"], "action": "ignore"}
    assert read(api, Answer(b')]}\'\n{"code": "none"}'), errors=[rule]) == []


def test_the_last_record_says_whether_there_are_more(api: Api) -> None:
    """Gerrit: the flag is on another row in each page, which is no change of the row."""
    table = [{"id": n, "at": f"2026-01-{n:02d}"} for n in range(12, 0, -1)]

    @api.get("/items")
    def items(call: Call) -> Answer:
        start = int(call.arg("S", "0"))
        rows = [dict(row) for row in table[start : start + 5]]
        if rows and start + 5 < len(table):
            rows[-1]["_more_changes"] = True
        return Answer(b")]}'\n" + text(rows).encode())

    paging = {"type": "offset", "offset_param": "S", "limit": 5, "stop_when": "not last_record._more_changes"}
    endpoint = {"primary_key": "id", "pagination": paging}
    reading = Reading(api.url, endpoint)
    assert ([row["id"] for row in reading.records], reading.error, reading.stream.stats["drifts"]) == (
        list(range(12, 0, -1)),
        None,
        0,
    )
    resumed = Reading(api.url, endpoint, saved=reading.states[0])
    assert (resumed.error, sorted({*(row["id"] for row in (reading.records[:5] + resumed.records))})) == (
        None,
        list(range(1, 13)),
    )
