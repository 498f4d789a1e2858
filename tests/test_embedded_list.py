"""Lists inside a parent's records are read from there as long as they are whole, and requested where they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config import loading
from source_rest_api.errors import ConfigError
from tests.api import Answer, Api, Call
from tests.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_proxy")

LINES = {"a": 2, "b": 7, "c": 0, "d": 3}
"""How many lines each invoice has; its record embeds three at most."""
INVOICES = {"name": "invoices", "path": "invoices", "records_path": "data"}
PAGING = {
    "type": "page_number",
    "page_param": "page",
    "page_size_param": "limit",
    "page_size": 4,
    "more_path": "has_more",
}
CHILD = {
    "name": "lines",
    "path": "invoices/{{ invoices.id }}/lines",
    "records_path": "data",
    "primary_key": "id",
    "pagination": PAGING,
    "include_from_parent": {"invoice": "id"},
}


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API."""
    with Api() as api:
        yield api


def rows(name: str) -> list[dict[str, Any]]:
    """All lines of an invoice."""
    return [{"id": f"{name}{n}", "n": n} for n in range(LINES[name])]


ALL = [{**row, "invoice": name} for name in LINES for row in rows(name)]


def serve(api: Api, embed: Any) -> None:
    """Serve invoices, each with what `embed` makes of its name and lines, and all lines by page."""
    api.get("/invoices")(lambda _: {"data": [{"id": name, **embed(name, rows(name))} for name in LINES]})

    @api.get("/invoices/{id}/lines")
    def lines(call: Call) -> Any:
        size, page = int(call.arg("limit")), int(call.arg("page", "1"))
        every = rows(call.path_params["id"])
        return {"data": every[(page - 1) * size : page * size], "has_more": page * size < len(every)}


def asked(api: Api) -> list[str]:
    """The invoices whose lines were requested, by page."""
    return [call.path.split("/")[2] for call in api.requests if call.path.endswith("/lines")]


@pytest.mark.parametrize(
    ("embed", "path"),
    [
        (lambda _, rows: {"lines": {"data": rows[:3], "has_more": len(rows) > 3}}, "lines.data"),
        (lambda _, rows: {"lines": {"data": rows[:3], "total_count": len(rows)}}, "lines.data"),
        (
            lambda _, rows: {"lines": {"nodes": rows[:3], "pageInfo": {"hasNextPage": len(rows) > 3}}},
            "lines.nodes",
        ),
        (
            lambda _, rows: {
                "lines": {"edges": [{"node": row} for row in rows[:3]], "pageInfo": {"hasNextPage": len(rows) > 3}}
            },
            "lines.edges.*.node",
        ),
        (lambda _, rows: {"lines": rows[:3], "has_more": len(rows) > 3}, "lines"),
        (lambda name, rows: {"a.b": None if name == "b" else {"lines": rows}}, "a.b.lines"),
        (lambda name, rows: {} if name == "b" else {"lines": rows}, "lines"),
    ],
)
def test_only_lists_that_go_on_are_requested(api: Api, embed: Any, path: str) -> None:
    """All lines come, and only those of one invoice by requests."""
    serve(api, embed)
    reading = Reading(api.url, INVOICES, {**CHILD, "embedded_path": path})
    assert (reading.error, reading.records) == (None, ALL)
    assert asked(api) == ["b", "b"]
    again = Reading(api.url, INVOICES, CHILD)
    assert (again.error, again.records) == (None, ALL)


def test_a_read_that_stopped_goes_on(api: Api) -> None:
    """At the page that failed, in a list that is requested."""
    serve(api, lambda _, rows: {"lines": {"data": rows[:3], "has_more": len(rows) > 3}})
    healthy = api.handler("GET", "/invoices/{id}/lines")
    api.get("/invoices/{id}/lines")(lambda call: healthy(call) if call.arg("page", "1") == "1" else Answer(status=500))
    endpoint = {**CHILD, "embedded_path": "lines.data"}
    failed = Reading(api.url, INVOICES, endpoint)
    assert failed.error is not None
    api.get("/invoices/{id}/lines")(healthy)
    rest = Reading(api.url, INVOICES, endpoint, saved=failed.states[-1])
    assert rest.error is None
    assert sorted(row["id"] for row in failed.records + rest.records) == sorted(row["id"] for row in ALL)


def test_digits_stay(api: Api) -> None:
    """Numbers of any length."""
    api.get("/invoices")(lambda _: '{"data": [{"id": 1, "lines": [{"n": 0.10000000000000000000001, "m": 1.50}]}]}')
    reading = Reading(api.url, INVOICES, {**CHILD, "embedded_path": "lines"})
    assert (reading.error, reading.texts) == (None, [b'{"n":0.10000000000000000000001,"m":1.50,"invoice":1}'])


def test_items_that_are_no_objects(api: Api) -> None:
    """Are wrapped, or an error."""
    api.get("/invoices")(lambda _: {"data": [{"id": 1, "tags": ["x", "y"]}]})
    endpoint = {**CHILD, "embedded_path": "tags"}
    assert "Record 0 of the page is a string" in str(Reading(api.url, INVOICES, endpoint).error)
    reading = Reading(api.url, INVOICES, {**endpoint, "wrap_scalars_as": "tag"})
    assert reading.records == [{"tag": "x", "invoice": 1}, {"tag": "y", "invoice": 1}]


@pytest.mark.parametrize(
    ("child", "message"),
    [
        ({"path": "lines", "include_from_parent": {}}, "embedded_path: needs a parent"),
        ({"incremental": {"cursor_field": "n", "type": "integer"}}, "`incremental` does not filter the list"),
    ],
)
def test_what_cannot_work(child: dict[str, Any], message: str) -> None:
    """Is an error in the config."""
    endpoints = [INVOICES, {**CHILD, "embedded_path": "lines", **child}]
    with pytest.raises(ConfigError, match=message):
        loading.load({"url_base": "https://h", "endpoints": endpoints})
