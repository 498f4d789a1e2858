"""N: numbers, texts, names and sizes that are changed on the way elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.api import Answer
from tests.faults.case import endpoint
from tests.faults.row import Table

if TYPE_CHECKING:
    from tests.faults.case import Case
    from tests.process import Run

table = Table()
WHOLE = endpoint(pagination=None)


def fields(done: Run) -> list[dict[str, Any]]:
    """The records, their numbers as they are written."""
    return [
        json.loads(line, parse_int=str, parse_float=str)["record"]["data"]
        for line in done.lines
        if json.loads(line)["type"] == "RECORD"
    ]


def arrives(case: Case, record: str) -> None:
    """A record arrives as it is written."""
    case.answer("rows", f'{{"rows": [{record}]}}')
    done = case.read(WHOLE)
    found = fields(done)
    case.seen = f"{json.dumps(found[0], ensure_ascii=False)[:120] if found else 'no rows'}, exit {done.code}"
    assert found == [json.loads(record, parse_int=str, parse_float=str)]
    assert done.code == 0


@table.row("N-01", "integers 2^53 + 1, 2^64, of 30 digits", "every digit arrives")
def _(case: Case) -> None:
    arrives(case, '{"a": 9007199254740993, "b": 18446744073709551616, "c": 123456789012345678901234567890}')


@table.row("N-02", "decimals of 21 digits, `-0.0`, `1e400`", "every digit arrives")
def _(case: Case) -> None:
    arrives(case, '{"a": 0.123456789012345678901, "b": -0.0, "c": 1e400, "d": 100000000000000000000.5}')


@table.row("N-03", "`NaN` and `Infinity` in the JSON", "null with `meta.changes`, or an error; never in silence")
def _(case: Case) -> None:
    case.answer("rows", '{"rows": [{"id": 1, "a": NaN, "b": Infinity}]}')
    done = case.read(WHOLE)
    records = done.bodies("RECORD")
    assert done.code != 0 or (records and records[0].get("meta", {}).get("changes"))


@table.row("N-04", "half a surrogate pair, NUL, characters of 4 bytes, right-to-left text", "valid UTF-8")
def _(case: Case) -> None:
    case.answer("rows", '{"rows": [{"half": "\\ud800", "nul": "\\u0000", "four": "😀", "rtl": "\u202eabc"}]}')
    done = case.read(WHOLE)
    [record] = done.data("rows")
    assert {key: record[key] for key in ("nul", "four", "rtl")} == {"nul": "\0", "four": "😀", "rtl": "\u202eabc"}
    for line in done.lines:
        line.decode()


@table.row(
    "N-05",
    "a record of 25 MB; one of 200,000 fields",
    "what is beyond 20 MB loses its largest fields, with `meta.changes`; the rest arrives",
)
def _(case: Case) -> None:
    large = {"id": 1, "small": "kept", "large": "x" * 25_000_000}
    wide = {"id": 2, **{f"f{n}": n for n in range(200_000)}}
    case.answer("rows", {"rows": [large, wide]})
    done = case.read(WHOLE, megabytes=600, seconds=60)
    case.seen = f"{len(done.bodies('RECORD'))} of 2 rows, the longest line {max(map(len, done.lines)):,} bytes"
    first, second = done.bodies("RECORD")
    assert first["data"] == {**large, "large": None}
    assert first["meta"]["changes"] == [
        {"field": "large", "change": "NULLED", "reason": "SOURCE_RECORD_SIZE_LIMITATION"}
    ]
    assert second["data"] == wide


@table.row("N-06", "a field's type changes from row to row; fields come and go", "all rows as they are")
def _(case: Case) -> None:
    odd = [{"id": 1, "a": 1}, {"id": 2, "a": "one"}, {"id": 3, "a": {"b": [1]}}, {"id": 4, "new": True}, {"id": 5}]
    case.truth["rows"] = odd
    case.answer("rows", {"rows": odd})
    properties = {"id": {"type": "integer"}, "a": {"type": "integer"}}
    case.complete(case.read(endpoint(pagination=None, schema={"type": "object", "properties": properties})))


@table.row("N-07", "names that are empty, `_airbyte_x`, have dots, are an emoji, differ by case", "passed through")
def _(case: Case) -> None:
    names = ["", "_airbyte_x", "a.b", "😀", "Name", "name"]
    case.truth["a.b 😀"] = [{name: n for n, name in enumerate(names)}]
    case.answer("rows", {"rows": case.truth["a.b 😀"]})
    case.complete(case.read(endpoint("a.b 😀", path="/rows", primary_key=None, pagination=None)))


@table.row("N-08", "a template for a new field gives the text `b'abc'`", "it stays a text")
def _(case: Case) -> None:
    case.answer("rows", {"rows": [{"id": 1}]})
    done = case.read(endpoint(pagination=None, add_fields={"text": """{{ "b'abc'" }}"""}))
    assert done.data("rows") == [{"id": 1, "text": "b'abc'"}]
    case.complete(done, "rows")


def large(case: Case, count: int, size: int) -> None:
    """Serve rows of a size, five a page."""
    pad = "x" * size
    case.truth["rows"] = [{"id": n, "pad": pad} for n in range(count)]
    bodies = [Answer({"rows": case.truth["rows"][n : n + 5]}) for n in range(0, count, 5)]
    bodies = [Answer(body.payload()) for body in bodies]

    @case.api.get("/rows")
    def page(call: Any) -> Any:
        number = int(call.arg("page", "1")) - 1
        return bodies[number] if number < len(bodies) else {"rows": []}
