"""Records in other shapes than a list of objects are found, and every byte of their values is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from msgspec import Raw

from source_rest_api.config import loading
from source_rest_api.config.endpoint import Endpoint
from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json, yaml_text
from tests.process import MAIN

A, B = {"id": 1}, {"id": 2}


def select(body: Any, **settings: Any) -> list[Any]:
    """Select as an endpoint does, and decode."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    endpoint = Endpoint.model_validate({"name": "e", "path": "/e", **settings})
    return [json.loads(bytes(record)) for record in endpoint.selector.select(Raw(raw))]


@pytest.mark.parametrize(
    ("body", "path", "records"),
    [
        ({"data": [{"items": [A]}, {"items": [B]}]}, "data.*.items", [A, B]),
        ({"data": {"x": {"items": [A]}, "y": {"items": B}}}, "data.*.items", [A, B]),
        ({"data": {"x": A, "y": B}}, "data.*", [A, B]),
        ({"data": [[A], [B]]}, "data.*", [A, B]),
        ({"data": []}, "data.*.items", []),
        ([{"rows": [A]}, {"rows": []}], "*.rows", [A]),
        ({"a": [{"b": [{"c": [A]}, {"c": [B]}]}]}, "a.*.b.*.c", [A, B]),
    ],
)
def test_a_star_is_every_item(body: Any, path: str, records: list[Any]) -> None:
    """Every item of an array, every value of an object, at any depth, in their order."""
    assert select(body, records_path=path) == records


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": 5}, {"data": [{}]}, {"data": [{"items": "x"}]}])
def test_a_star_hides_nothing(body: Any) -> None:
    """A branch without records is an error, as on a path without a star."""
    with pytest.raises(ConfigError, match=r"`records_path: data\.\*\.items`"):
        select(body, records_path="data.*.items")


def test_a_branch_may_leave_its_records_out() -> None:
    """If the config says so."""
    body = {"data": [{"items": None}, {}, {"items": [A]}]}
    assert select(body, records_path="data.*.items", allow_missing_records=True) == [A]
    assert select({}, records_path="data.*.items", allow_missing_records=True) == []


def test_several_paths() -> None:
    """Their records come one after the other; each path must be there."""
    body = {"done": [A], "meta": {"open": [B]}, "other": [{}]}
    assert select(body, records_paths=["done", "meta.open"]) == [A, B]
    with pytest.raises(ConfigError, match="`records_paths: lost` is not in the response"):
        select(body, records_paths=["done", "lost"])


@pytest.mark.parametrize(
    ("body", "settings", "records"),
    [
        ({"data": {"x": A}}, {"records_path": "data"}, [{"id": 1, "key": "x"}]),
        ({"x.y": A, "z": B}, {}, [{"id": 1, "key": "x.y"}, {"id": 2, "key": "z"}]),
        ({"data": []}, {"records_path": "data"}, []),
        ({"USD": 1.5}, {"wrap_scalars_as": "rate"}, [{"rate": 1.5, "key": "USD"}]),
        ([{"m": {"a": A}}], {"records_path": "*.m"}, [{"id": 1, "key": "a"}]),
    ],
)
def test_values_of_an_object(body: Any, settings: Any, records: list[Any]) -> None:
    """The values become records with their keys."""
    assert select(body, records_key_field="key", **settings) == records


@pytest.mark.parametrize("body", [{"x": {"key": 1}}, {"x": 5}, {"x": [A]}, [A]])
def test_values_of_an_object_that_do_not_fit(body: Any) -> None:
    """A field is never overwritten, and something else is not taken for the object."""
    with pytest.raises(ConfigError):
        select(body, records_key_field="key")


def test_scalars_are_wrapped() -> None:
    """Texts, numbers and null become objects, in their bytes; objects stay."""
    assert select(["a", 1, None, A], wrap_scalars_as="value") == [{"value": "a"}, {"value": 1}, {"value": None}, A]
    endpoint = Endpoint(name="e", path="/e", wrap_scalars_as="value")
    assert bytes(endpoint.selector.select(Raw(b"[1.10e2]"))[0]) == b'{"value":1.10e2}'
    with pytest.raises(ConfigError, match="set `wrap_scalars_as`"):
        select(["a"])


def test_arrays_in_an_exploded_array_are_wrapped() -> None:
    """Prometheus has the points of each series as `[time, value]`; values keep their bytes."""
    body = [{"metric": {"host": "a"}, "values": [[1764000000.50, "1e3"], [1764000015, "2"]]}]
    settings = {"explode": {"path": "values", "keep": {"host": "metric.host"}}}
    points = [{"point": [1764000000.5, "1e3"], "host": "a"}, {"point": [1764000015, "2"], "host": "a"}]
    assert select(body, wrap_scalars_as="point", **settings) == points
    assert select(body, wrap_scalars_as="point", explode={"path": "values"})[1] == {"point": [1764000015, "2"]}
    with pytest.raises(ConfigError, match="set `wrap_scalars_as`"):
        select(body, **settings)


ORDER = {"id": 7, "customer": {"id": 8}, "lines": [{"sku": "a"}, {"sku": "b"}], "tags": ["x"]}


REPORT: dict[str, Any] = {
    "dimensions": [{"name": "day"}, {"name": "country"}],
    "metrics": ["visits"],
    "rows": [
        {"dimensions": [{"value": "1"}, {"value": "FR"}], "metrics": [10.50]},
        {"dimensions": [{"value": "2"}, {"value": None}], "metrics": [7]},
    ],
}
CELLS = [
    {"names": "dimensions.*.name", "values": "dimensions.*.value"},
    {"names": "metrics.*", "values": "metrics.*"},
]


def test_cells_get_the_names_beside_the_rows() -> None:
    """The values of several lists in a record become one object, by the names elsewhere in the body."""
    assert select(REPORT, records_path="rows", cells=CELLS) == [
        {"day": "1", "country": "FR", "visits": 10.50},
        {"day": "2", "country": None, "visits": 7},
    ]
    assert select({**REPORT, "rows": []}, records_path="rows", cells=CELLS) == []


def test_lists_in_lists_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signs beside inner lists are read where the lists are: the body is not parsed again for each of them."""
    parsed: list[int] = []

    def counted(raw: Raw) -> list[Raw]:
        parsed.append(len(raw))
        return items(raw)

    items = raw_json.items
    monkeypatch.setattr(raw_json, "items", counted)
    body = {"groups": [{"id": number, "lines": [A, B]} for number in range(50)]}
    assert len(select(body, records_path="*.*.lines")) == 100
    assert sum(size > 1000 for size in parsed) < 5


def test_names_of_cells_are_read_once_per_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of many records does not search the whole body for the names again with each."""
    bodies = []

    def counted(raw: Raw, path: tuple[str, ...]) -> Any:
        bodies.append(b"rows" in bytes(raw))
        return matches(raw, path)

    matches = raw_json.matches
    body = {**REPORT, "rows": REPORT["rows"] * 50}
    monkeypatch.setattr(raw_json, "matches", counted)
    assert len(select(body, records_path="rows", cells=CELLS)) == 100
    assert sum(bodies) == 1 + len(CELLS)


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": ["visits", "clicks"]},
        {"metrics": []},
        {"dimensions": [{"name": "day"}, {"name": "day"}]},
        {"metrics": ["day"]},
        {"dimensions": [{"name": "day"}, {"title": "country"}]},
    ],
)
def test_cells_and_names_that_do_not_fit(change: Any) -> None:
    """No value is dropped, and none gets the name of another."""
    with pytest.raises(ConfigError, match="cells"):
        select({**REPORT, **change}, records_path="rows", cells=CELLS)


def test_explode() -> None:
    """Each item of the array is a record, with the fields of the record around it that are to be kept."""
    explode = {"path": "lines", "keep": {"order_id": "id", "customer_id": "customer.id", "lost": "no.where"}}
    kept = {"order_id": 7, "customer_id": 8, "lost": None}
    assert select([ORDER], explode=explode) == [{"sku": "a", **kept}, {"sku": "b", **kept}]
    assert select([ORDER], explode={"path": "tags"}, wrap_scalars_as="tag") == [{"tag": "x"}]
    assert select([{"orders": [ORDER, ORDER]}], explode={"path": "orders.*.tags"}, wrap_scalars_as="tag") == [
        {"tag": "x"},
        {"tag": "x"},
    ]


@pytest.mark.parametrize(
    ("record", "explode"),
    [
        ({"id": 1}, {"path": "lines"}),
        ({"lines": None}, {"path": "lines"}),
        ({"lines": "x"}, {"path": "lines"}),
        ({"lines": [1]}, {"path": "lines"}),
        ({"lines": [1], "id": 1}, {"path": "lines", "keep": {"order": "id"}}),
        ({"lines": [A], "id": 1}, {"path": "lines", "keep": {"id": "id"}}),
    ],
)
def test_explode_hides_nothing(record: Any, explode: Any) -> None:
    """An array that is not there, items that are no objects and names that are taken are errors."""
    with pytest.raises(ConfigError):
        select([record], explode=explode)


MORE = {"pageInfo": {"hasNextPage": True, "endCursor": "x"}}
LAST = {"pageInfo": {"hasNextPage": False, "endCursor": "x"}}


@pytest.mark.parametrize(
    ("record", "path", "sign"),
    [
        ({"lines": {"data": [A], "has_more": True}}, "lines.data", "lines.has_more"),
        ({"lines": {"nodes": [A], **MORE}}, "lines.nodes", "lines.pageInfo.hasNextPage"),
        ({"lines": {"edges": [{"node": A}], **MORE}}, "lines.edges.*.node", "lines.pageInfo.hasNextPage"),
        ({"l": [{"m": {"nodes": [A], **LAST}}, {"m": {"nodes": [A], **MORE}}]}, "l.*.m.nodes", "l.1.m.pageInfo."),
        ({"lines": [A], "paging": {"next": "/lines?page=2"}}, "lines", "paging.next"),
        ({"lines": {"data": [A], "links": {"next": "/lines?page=2"}}}, "lines.data", "lines.links.next"),
        ({"lines": {"data": [A], "meta": {"next_cursor": "x"}}}, "lines.data", "lines.meta.next_cursor"),
        ({"lines": {"nodes": [A], "totalCount": 2}}, "lines.nodes", "lines.totalCount"),
        ({"log": {"startAt": 0, "total": 45, "histories": [A]}}, "log.histories", "log.total"),
    ],
)
def test_a_list_that_goes_on_is_an_error(record: Any, path: str, sign: str) -> None:
    """For any sign of more, and whether `explode` or `records_path` leads into the records."""
    for settings in (
        {"records_path": "data", "explode": {"path": path}},
        {"records_path": f"data.*.{path}"},
        {"records_path": "$", "explode": {"path": f"data.*.{path}"}},
    ):
        with pytest.raises(ConfigError, match=re.escape(sign)) as caught:
            select({"data": [record]}, **settings)
        assert "Read the list as a separate child stream" in str(caught.value)


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"lines": {"data": [A], "has_more": False, "total_count": 1}}, "lines.data"),
        ({"lines": {"nodes": [A], **LAST}}, "lines.nodes"),
        ({"lines": {"edges": [{"node": A}], **LAST, "totalCount": 1}}, "lines.edges.*.node"),
        ({"lines": [A], "total": 500, "done": False, "links": {"next": "/articles/6"}}, "lines"),
        ({"lines": {"data": [A], "total": 500}}, "lines.data"),
        ({"log": {"startAt": 0, "total": 1, "histories": [A]}}, "log.histories"),
    ],
)
def test_a_list_that_is_whole_is_read(record: Any, path: str) -> None:
    """Amounts and links of the record itself are data."""
    assert select({"data": [record], "has_more": True}, records_path="data", explode={"path": path}) == [A]
    assert select({"data": [record], **MORE}, records_path=f"data.*.{path}") == [A]


def test_explode_may_find_nothing() -> None:
    """If the config says so."""
    assert (
        select([{"id": 1}, {"lines": None}, {"lines": []}], explode={"path": "lines"}, allow_missing_records=True) == []
    )


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ({"columns": ["id", "n"], "rows": [[1, "a"]]}, {"records_path": "rows", "columns_path": "columns"}),
        ({"columns": ["id", "n"], "rows": [[1, "a"]]}, {"columns_path": "columns"}),
        ({"data": {"cols": [{"name": "id"}, {"name": "n"}], "rows": [[1, "a"]]}},
         {"records_path": "data.rows", "columns_path": "data.cols"}),
    ],
)  # fmt: skip
def test_columns_are_zipped_with_rows(body: Any, settings: Any) -> None:
    """The names of the columns are the names of the fields."""
    assert select(body, **settings) == [{"id": 1, "n": "a"}]


TABLE = [["id", "n"], [1, "a"], [2, None]]


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        (TABLE, {"columns_path": "0"}),
        (TABLE, {"columns_path": "0", "records_path": "$"}),
        ({"values": TABLE}, {"columns_path": "values.0"}),
        ({"values": TABLE}, {"columns_path": "values.0", "records_path": "values"}),
        ({"a": {"values": TABLE}}, {"columns_path": "a.values.0", "records_path": "a.values"}),
        ({"values": TABLE[::-1]}, {"columns_path": "values.-1", "records_path": "values"}),
        ({"values": json.dumps(TABLE)}, {"columns_path": "values.0", "records_path": "values"}),
    ],
)
def test_a_row_may_have_the_names(body: Any, settings: Any) -> None:
    """It is no record."""
    records = select(body, **settings)
    assert sorted(records, key=str) == [{"id": 1, "n": "a"}, {"id": 2, "n": None}]


def test_a_row_with_the_names_and_no_other() -> None:
    """There are no records, with or without the names."""
    assert select([["id"]], columns_path="0") == []
    assert select([], columns_path="0") == []
    with pytest.raises(ConfigError, match="Row 1 of the page has 1 value,"):
        select([["id", "n"], [1]], columns_path="0")


def test_rows_may_end_with_their_last_value() -> None:
    """With `short_rows`, missing values are null; a longer row stays an error. An empty sheet has no names either."""
    table = {"values": [["id", "n", "m"], [1], [], [2, "a", 3]]}
    settings: Any = {"records_path": "values", "columns_path": "values.0", "short_rows": True}
    assert select(table, **settings) == [
        {"id": 1, "n": None, "m": None},
        {"id": None, "n": None, "m": None},
        {"id": 2, "n": "a", "m": 3},
    ]
    with pytest.raises(ConfigError, match=r"has 2 values, but expected 1 column\. Check `columns_path`\.$"):
        select({"values": [["id"], [1, 2]]}, **settings)
    assert select({"range": "A1"}, **settings, allow_missing_records=True) == []
    with pytest.raises(ConfigError, match="set `short_rows: true`"):
        select(table, records_path="values", columns_path="values.0")
    with pytest.raises(ValueError, match="set `columns_path` too"):
        select(table, short_rows=True)


def test_arrays_of_fields_are_zipped() -> None:
    """The items at each index are a record, and other fields are in all of them, byte for byte."""
    days: dict[str, Any] = {"day": ["mo", "tu"], "high": [1.10, None], "unit": "C"}
    records: list[dict[str, Any]] = [{"day": "mo", "high": 1.10, "unit": "C"}, {"day": "tu", "high": None, "unit": "C"}]
    assert select({"daily": days}, records_path="daily", zip_arrays=True) == records
    assert select(days, zip_arrays=True) == records
    assert select([days, days], zip_arrays=True, records_path="*") == records * 2
    explode: dict[str, Any] = {"path": "daily", "keep": {"place": "id"}}
    assert select([{"id": 5, "daily": days}], explode=explode, zip_arrays=True, records_path="$") == [
        {**record, "place": 5} for record in records
    ]
    assert select({"day": [], "high": []}, zip_arrays=True) == []
    assert select({"status": "no_data"}, zip_arrays=True, allow_missing_records=True) == []
    endpoint = Endpoint(name="e", path="/e", zip_arrays=True)
    assert bytes(endpoint.selector.select(Raw(b'{"a": [1.10e2]}'))[0]) == b'{"a":1.10e2}'


@pytest.mark.parametrize(
    ("body", "settings", "message"),
    [
        ({"day": [1, 2], "high": [1]}, {}, "different numbers of items: `day` has 2, `high` has 1"),
        ({"day": 1}, {}, "finds no arrays in the object"),
        ({"error": "no"}, {}, "`error` is no"),
        ({"day": [1]}, {"columns_path": "day"}, "set only one of `columns_path` and `zip_arrays`"),
    ],
)
def test_arrays_that_cannot_be_zipped(body: Any, settings: Any, message: str) -> None:
    """Nothing is cut off or filled up."""
    with pytest.raises((ConfigError, ValueError), match=message):
        select(body, zip_arrays=True, **settings)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"columns": ["id", "n"], "rows": [[1, 2], [1]]}, "Row 1 of the page has 1 value, but expected 2 columns"),
        ({"columns": ["id"], "rows": [A]}, "is of type object, but"),
        ({"columns": ["id", "id"], "rows": []}, "no list of distinct column names"),
        ({"columns": [1], "rows": []}, "no list of distinct column names"),
        ({"rows": []}, "no list of distinct column names"),
    ],
)
def test_columns_that_do_not_fit(body: Any, message: str) -> None:
    """Values are neither shifted nor cut."""
    with pytest.raises(ConfigError, match=message):
        select(body, records_path="rows", columns_path="columns")


def test_options_that_exclude_each_other() -> None:
    """The config says so at once, with the endpoint."""
    endpoint = {"name": "e", "path": "/e", "records_path": "a", "records_paths": ["b"]}
    with pytest.raises(ConfigError, match=r"endpoints\[0\]: set only one of `records_path` and `records_paths`"):
        loading.load({"url_base": "https://h", "endpoints": [endpoint]})


def rows_of_the_docs() -> list[tuple[str, list[str]]]:
    """The shapes in docs/records.md: a response, and the settings that read it."""
    text = (MAIN.parent / "docs/records.md").read_text().partition("## Shapes of a response")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    codes = re.compile(r"`([^`]+)`")
    return [(body, codes.findall(settings)) for shown, settings in cells for body in codes.findall(shown)]


@pytest.mark.parametrize(("body", "settings"), rows_of_the_docs())
def test_the_shapes_in_the_docs(body: str, settings: list[str]) -> None:
    """Each is read as the docs say."""
    found = select(json.loads(body), **(yaml_text.load("\n".join(settings)) or {}))
    assert found
    assert all(isinstance(record, dict) for record in found)
