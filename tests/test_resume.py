"""A state is used only for what it was saved for: the cursor field, the start, the user, the present."""

from __future__ import annotations

import json
import logging
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config import loading
from source_rest_api.connector import Connector
from source_rest_api.streams import resume
from tests.process import catalog
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

SINCE = {"cursor_field": "at", "start_param": "since", "end_param": "until"}
ROWS = [{"id": month, "at": f"2024-{month:02}-01T00:00:00Z", "seen": month % 4} for month in range(1, 6)]


@pytest.fixture(name="table")
def _table(api: Api) -> Api:
    """An API that filters its rows by `at`, both ends included."""

    @api.get("/items")
    def items(call: Call) -> list[dict[str, Any]]:
        since, until = call.arg("since"), call.arg("until", "9999")
        return [row for row in ROWS if since <= str(row["at"]) <= until]

    return api


def _read(api: Api, incremental: dict[str, Any], saved: Any = None, **config: Any) -> Reading:
    reading = Reading(api.url, {"primary_key": "id", "incremental": incremental}, saved=saved, **config)
    assert reading.error is None
    return reading


def test_a_state_of_another_cursor_field_begins_anew(table: Api, caplog: pytest.LogCaptureFixture) -> None:
    """The values of one field say nothing about another: the sync reads all rows, and says why."""
    saved = _read(table, SINCE).states[-1]
    number = {"type": "integer", "cursor_field": "seen"}
    with caplog.at_level(logging.WARNING):
        reading = _read(table, number, saved)
    assert len(reading.records) == len(ROWS)
    assert reading.states[-1]["cursor"] == "3"
    [warning] = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warning == (
        "Stream items: the state was saved for the cursor field `at`, but the config has `seen`. Reading everything "
        "from the start."
    )


def test_a_state_without_a_cursor_field_is_used(table: Api) -> None:
    """Earlier versions did not write it."""
    saved = _read(table, SINCE).states[-1]
    del saved["cursor_field"]
    assert _read(table, SINCE, saved).records == []


@pytest.mark.parametrize("start", ["2024-02-01T00:00:00Z", None])
def test_an_earlier_start_is_read_as_well(table: Api, caplog: pytest.LogCaptureFixture, start: str | None) -> None:
    """If the start moves back or is removed, the rows before the old one arrive once."""
    caplog.set_level(logging.INFO)
    first = _read(table, SINCE, start_date="2024-04-01T00:00:00Z")
    assert [row["id"] for row in first.records] == [4, 5]
    config = {} if start is None else {"start_date": start}
    second = _read(table, SINCE, first.states[-1], **config)
    wanted = [row["id"] for row in ROWS if start is None or str(row["at"]) >= start]
    assert {row["id"] for row in first.records + second.records} == set(wanted)
    assert any("the start moved from" in r.getMessage() for r in caplog.records)
    third = _read(table, SINCE, second.states[-1], **config)
    assert third.records == []


def test_a_later_start_and_the_same_start_read_nothing_twice(table: Api) -> None:
    """Only a start that moved back leaves rows to read."""
    saved = _read(table, SINCE, start_date="2024-02-01T00:00:00Z").states[-1]
    for start in ("2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"):
        assert _read(table, SINCE, saved, start_date=start).records == []


def test_a_killed_backfill_goes_on(table: Api) -> None:
    """Each state of the second sync, taken as the last one that was saved, still leads to every row."""
    stepped = {**SINCE, "step": "P1M"}
    first = _read(table, stepped, start_date="2024-04-01T00:00:00Z")
    second = _read(table, stepped, first.states[-1], start_date="2024-01-01T00:00:00Z")
    delivered: set[int] = {row["id"] for row in first.records}
    for batch, state in zip(second.batches, second.states, strict=False):
        delivered |= {int(bytes(record).split(b":")[1].split(b",")[0]) for record in batch.records}
        resumed = _read(table, stepped, state, start_date="2024-01-01T00:00:00Z")
        assert delivered | {row["id"] for row in resumed.records} == {1, 2, 3, 4, 5}


def test_a_state_in_the_future_is_told(table: Api, caplog: pytest.LogCaptureFixture) -> None:
    """The connector never saves such a value, so rows may be missing: it was edited, or a clock was wrong."""
    saved = {"version": 2, "cursor_field": "at", "cursor": "2031-01-01T00:00:00Z"}
    with caplog.at_level(logging.WARNING):
        _read(table, SINCE, saved)
    assert "the cursor of the state, `2031-01-01T00:00:00Z`, lies in the future" in caplog.text


def test_positions_depend_on_the_user_but_not_on_the_secret() -> None:
    """A new password of the same user keeps the place of a broken sync; another user begins its slices again."""

    def digest(user: str, password: str) -> str:
        config = loading.load(
            {
                "url_base": "https://api.example.com",
                "authentication": {"type": "basic", "username": user, "password": password},
                "endpoints": [{"name": "items", "path": "items"}],
            }
        )
        return resume.fingerprint(config, config.endpoints[0], config.pagination)

    assert digest("ann", "one") == digest("ann", "two")
    assert digest("ann", "one") != digest("bob", "one")


@pytest.mark.parametrize("key", ["id", []])
def test_rows_at_a_border_arrive_once(api: Api, key: str | list[str]) -> None:
    """An API that includes both ends returns them for both neighbours; with a key, the second one is skipped."""
    days = [{"id": day, "at": f"2024-05-{day:02}"} for day in range(1, 31)]

    @api.get("/items")
    def items(call: Call) -> list[dict[str, Any]]:
        return [row for row in days if call.arg("since") <= str(row["at"]) <= call.arg("until")]

    incremental = {**SINCE, "step": "P1D", "format": "%Y-%m-%d"}
    reading = Reading(api.url, {"primary_key": key, "incremental": incremental}, start_date="2024-05-01")
    arrived = [row["id"] for row in reading.records]
    assert set(arrived) == set(range(1, 31))
    assert len(arrived) == (30 if key else 59)


@pytest.mark.parametrize("sync_mode", ["full_refresh", "incremental"])
@pytest.mark.parametrize("incremental", [SINCE, {"cursor_field": "at"}])
def test_a_start_date_holds_in_both_sync_modes(api: Api, incremental: dict[str, Any], sync_mode: str) -> None:
    """It says which records the user wants; one without a cursor value may be among them, so it is emitted."""

    @api.get("/items")
    def items(call: Call) -> list[dict[str, Any]]:
        return [*(row for row in ROWS if str(row["at"]) >= call.arg("since")), {"id": 9, "at": None}]

    endpoint = {"name": "items", "path": "items", "primary_key": "id", "incremental": incremental}
    config = {"url_base": api.url, "start_date": "2024-04-01", "endpoints": [endpoint]}
    lines = chain.from_iterable(
        block.splitlines() for block in Connector().session(config).read(catalog(items=sync_mode), {})
    )
    messages = [json.loads(line) for line in lines]
    assert [message["record"]["data"]["id"] for message in messages if message["type"] == "RECORD"] == [4, 5, 9]
