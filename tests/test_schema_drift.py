"""A read says which fields its records have beyond the schema in the catalog, and which have another type."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import Raw

from source_rest_api.sync.schema_drift import SchemaDrift
from tests.process import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": ["null", "integer"]},
        "name": {"type": "string"},
        "total": {"type": ["null", "number"]},
        "either": {"type": ["string", "object"]},
        "any": {},
        "one_of": {"oneOf": [{"type": "string"}]},
    },
}
FITTING = {"id": 1, "name": "a", "total": 1.5, "either": {}, "any": [1], "one_of": 1}


def raws(*records: dict[str, Any] | bytes) -> list[Raw]:
    """The records as bytes."""
    return [Raw(record if isinstance(record, bytes) else msgspec.json.encode(record)) for record in records]


def drift(schema: dict[str, Any] = SCHEMA) -> SchemaDrift:
    """What watches a stream."""
    return SchemaDrift("rows", schema)


@pytest.mark.parametrize(
    "record",
    [
        FITTING,
        dict.fromkeys(FITTING),
        {},
        {"total": 1},
        {"total": 10**40},
        b'{"id": 2.0, "total": 1e3}',
        b'{"id": 1e2}',
    ],
    ids=repr,
)
def test_what_fits_is_no_news(record: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Null fits any type, a whole number fits both kinds of numbers, and a field without a type fits anything."""
    drift().look(raws(record))
    assert caplog.messages == []


@pytest.mark.parametrize("schema", [{}, {"properties": {}}, {"properties": None}, {"properties": []}], ids=repr)
def test_a_schema_without_fields_says_nothing(schema: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """As in a read without a catalog."""
    drift(schema).look(raws(FITTING))
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (b'{"id": 1.5}', "`id` has values of type number, but the schema in the catalog says integer."),
        ({"id": "1"}, "`id` has values of type string, but the schema in the catalog says integer."),
        ({"name": True}, "`name` has values of type boolean, but the schema in the catalog says string."),
        ({"either": []}, "`either` has values of type array, but the schema in the catalog says object or string."),
    ],
)
def test_another_type_is_a_warning(record: Any, told: str, caplog: pytest.LogCaptureFixture) -> None:
    """A destination may lose the values."""
    drift().look(raws(FITTING, record))
    [entry] = caplog.records
    assert (entry.levelno, f"Stream rows: {told}" in entry.getMessage()) == (logging.WARNING, True)


def test_new_fields_are_named_together_and_once(caplog: pytest.LogCaptureFixture) -> None:
    """Another one later has a line of its own."""
    caplog.set_level(logging.INFO)
    watch = drift()
    watch.look(raws({"a": 1, "b": "x"}, {"a": 2}))
    watch.look(raws({"a": 1, "c": {}}))
    told = [message.partition(" lacks: ")[2].partition(". ")[0] for message in caplog.messages]
    assert told == ["`a` (number), `b` (string)", "`c` (object)"]
    assert {entry.levelno for entry in caplog.records} == {logging.INFO}


def test_a_field_of_another_type_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many records have it."""
    watch = drift()
    for _ in range(4):
        watch.look(raws({"id": "1"}, {"id": "2"}))
    assert len(caplog.messages) == 1


def test_few_records_are_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    """Some of a batch, spread over it."""
    caplog.set_level(logging.INFO)
    drift().look(raws(*({f"field{n}": n} for n in range(1000))))
    [message] = caplog.messages
    assert 20 <= message.count("`") / 2 < 40
    assert "`field950` " in message


def test_a_read_compares_with_its_catalog(api: Api, tmp_path: Path) -> None:
    """The schema in the catalog is the one that the destination knows."""
    api.get("/rows")(lambda _: [{"id": "x", "new": 1}])
    config = {"url_base": api.url, "endpoints": [{"name": "rows", "path": "rows"}]}
    stream = {"name": "rows", "json_schema": SCHEMA, "supported_sync_modes": ["full_refresh"]}
    catalog = {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
    done = run(tmp_path, "read", config=config, catalog=catalog)
    told = [(log["level"], log["message"]) for log in done.bodies("LOG") if "schema in the catalog" in log["message"]]
    assert [level for level, _ in told] == ["INFO", "WARN"]
    assert "`new` (number)" in told[0][1]
    assert "`id` has values of type string" in told[1][1]
