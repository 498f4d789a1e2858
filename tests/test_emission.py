"""Records are emitted unchanged, or the log says what changed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import ConfigError
from tests.api import Answer
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")
LARGE = "x" * 700_000
ONE = {"record_megabytes": 1}
PAGES = {"type": "page_number", "page_size": 1, "page_size_param": "n"}


def nulled(reading: Reading) -> list[tuple[str, ...]]:
    """The fields of records that are null because they were too large."""
    return [fields for batch in reading.batches for fields in batch.nulled.values()]


def test_records_that_are_too_large_are_counted_and_said_once(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Their largest fields are null; all others are present."""
    pages: list[list[Any]] = [[{"id": n, "a": LARGE, "b": LARGE[:-n], "c": 1}] for n in range(1, 3)]
    api.get("/items")(lambda call: pages[call.number] if call.number < 2 else [])
    with caplog.at_level(logging.WARNING):
        reading = Reading(api.url, {"primary_key": "id", "pagination": PAGES}, limits=ONE)
    assert reading.records == [{**page[0], "a": None} for page in pages]
    assert nulled(reading) == [("a",), ("a",)]
    assert (
        caplog.text.count("a record is too large (`limits.record_megabytes`), so its largest fields are null: a") == 1
    )
    assert "2 records, 2 too large, with their largest fields set to null" in reading.stream.stats.summary(0)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ({"decoder": {"type": "jsonl"}}, '{"id": 1, "a": "%s", "b": "%s"}\n{"id": 2}'),
        ({"add_fields": {"b": "{{ record.a }}"}}, '[{"id": 1, "a": "%s"}, {"id": 2}]'),
    ],
    ids=["lines", "added"],
)
def test_records_grow_on_the_way(api: Api, endpoint: dict[str, Any], body: str) -> None:
    """The size limit counts added fields, and applies to streamed formats too."""
    text = body % ((LARGE,) * body.count("%s"))
    api.get("/items")(lambda _: Answer(text, headers={"Content-Type": "application/x-ndjson"}))
    reading = Reading(api.url, {"filter": "record.id == 1", **endpoint}, limits=ONE)
    assert reading.error is None
    assert nulled(reading) == [("a",)] or nulled(reading) == [("b",)]
    assert len(reading.records) == 1


def test_the_primary_key_and_the_cursor_stay(api: Api) -> None:
    """They are never set to null, even if the cursor field is renamed."""
    row = {"id": "i" * 200_000, "at": "2024-01-01T00:00:00Z" + " " * 250_000, "a": "x" * 150_000, "b": LARGE}
    api.get("/items")(lambda _: [row])
    endpoint = {"primary_key": "id", "incremental": {"cursor_field": "at"}, "rename_fields": {"at": "time"}}
    reading = Reading(api.url, endpoint, limits=ONE)
    assert nulled(reading) == [("b",)]


def test_an_error_leaves_the_state_before_its_page(api: Api) -> None:
    """A record that cannot be made to fit is an error, and what follows it is not taken for read."""
    api.get("/items")(lambda call: [[{"id": 1}], [{"id": LARGE * 2}], [{"id": 3}]][call.number])
    reading = Reading(api.url, {"primary_key": "id", "pagination": PAGES}, limits=ONE)
    assert (reading.records, type(reading.error)) == ([{"id": 1}], ConfigError)
    assert "Stream items, GET" in str(reading.error)
    assert "page 2: A record is larger than 1 MB" in str(reading.error)
    assert reading.states[-1]["reading"]["slices"][0]["at"] <= 2
