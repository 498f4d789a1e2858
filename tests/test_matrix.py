"""Every paging with every way to read, in both sync modes and at both ends of concurrency, each with one more option.

The options go round, so that each meets every paging, every way, both sync modes and both concurrencies. Truth is the
server's own table.
"""

from __future__ import annotations

import json
from itertools import count as numbers
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from source_rest_api.connector import Connector
from tests.moving import Change, Table, Way
from tests.process import catalog
from tests.shop import Destination

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")

TOKENS = ("cursor", "next_url", "link_header")
PAGINGS = ("page_number", "offset", *TOKENS, "last_record")
ORDERS = {"newest_first": "-at", "sorted": "at"}
OPTIONS: dict[str, dict[str, Any]] = {
    "nothing more": {},
    "no primary key": {"primary_key": None},
    "lookback": {"incremental": {"lookback": "P1D"}},
    "deletions": {"deletions": {"every": "PT1S"}},
    "a filter": {"filter": "{{ record.id > 0 }}"},
    "an added field": {"add_fields": {"twice": "{{ record.id * 2 }}"}},
    "a removed field": {"remove_fields": ["note"]},
    "an earlier start": {"incremental": {"start_date": "2023-01-01"}},
    "partitions": {},
    "a total": {},
}
PLACES = numbers()


class Case(NamedTuple):
    """One cell of the matrix."""

    paging: str
    mode: str
    sync_mode: str
    workers: str
    option: str


def _cases() -> Iterator[Case]:
    options, turn = list(OPTIONS), numbers()
    for paging in PAGINGS:
        modes = ["server_filter", "client_filter", "windows", *(["token"] if paging in TOKENS else [])]
        for mode in [*modes, *(ORDERS if paging != "last_record" else [])]:
            for sync_mode in ("full_refresh", "incremental"):
                for workers in ("1", "8"):
                    option = options[next(turn) % len(options)]
                    of_a_field = mode == "token" and "incremental" in OPTIONS[option]
                    yield Case(paging, mode, sync_mode, workers, "nothing more" if of_a_field else option)


def _config(api: Api, case: Case, table: Table) -> dict[str, Any]:
    config = table.way.config(api.url, table.path)
    [endpoint] = config["endpoints"]
    for name, value in OPTIONS[case.option].items():
        endpoint[name] = {**endpoint["incremental"], **value} if name == "incremental" else value
    return {**config, "endpoints": [{name: value for name, value in endpoint.items() if value is not None}]}


def _messages(api: Api, case: Case, table: Table, state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    session = Connector().session(_config(api, case, table))
    session.now = lambda: table.clock
    session.pause = 0
    for block in session.read(catalog(rows=case.sync_mode), state):
        for line in block.splitlines():
            message: dict[str, Any] = json.loads(line)
            assert "error" not in message.get("trace", {}), message["trace"]["error"]
            yield message


def _missing(table: Table, destination: Destination) -> set[tuple[int, int]]:
    """Versions of rows that are in the table and never arrived."""
    arrived = {(row["id"], row["version"]) for row in destination.durable}
    return {(key, row["version"]) for key, row in table.rows.items()} - arrived


@pytest.mark.parametrize("case", list(_cases()), ids="-".join)
def test_every_row_arrives(api: Api, case: Case) -> None:
    """In a first sync, after changes, and in a sync that resumes an interrupted one."""
    order = ORDERS.get(case.mode, "id" if case.paging == "last_record" else "-at")
    way = Way(
        case.paging,
        case.mode,
        order,
        size=5,
        workers=int(case.workers),
        grouped=case.option == "partitions",
        total=case.option == "a total",
    )
    table, destination = Table(way, f"matrix-{next(PLACES)}"), Destination()
    table.fill(23)
    table.serve(api)
    for message in _messages(api, case, table, {}):
        destination.take(message)
    assert _missing(table, destination) == set()
    for what in ("update", "insert", "delete", "update"):
        table.change(Change(what, 7, 3600))
    for broken in (9, None):
        if case.sync_mode == "full_refresh" and not destination.state["rows"].get("reading"):
            destination.durable = []
        for message in islice(_messages(api, case, table, destination.state), broken):
            destination.take(message)
        destination.crash()
    assert _missing(table, destination) == set()
    rows = [row for row in destination.durable if not row.get("_ab_cdc_deleted_at")]
    if case.sync_mode == "incremental" and case.option not in {"lookback", "no primary key"}:
        assert len(rows) <= 23 + 3 + 9, "what a broken sync had delivered may come again, and no more"
