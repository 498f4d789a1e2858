"""Tables change and reads break off in any order; every promised record still arrives."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from itertools import count as numbers
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from source_rest_api.connector import Connector
from tests.moving import Change, Table, Way
from tests.process import catalog
from tests.shop import Destination, written

if TYPE_CHECKING:
    from datetime import datetime

    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")

EXAMPLES = int(os.environ.get("HISTORIES", "10"))
"""For each paging."""
NUMBERS = numbers()
UNORDERED = ["full_refresh", "server_filter", "client_filter", "windows"]
ORDERED = {"newest_first": "-at", "sorted": "at"}
CHANGES = st.builds(
    Change,
    st.sampled_from(["insert", "update", "delete", "delete"]),
    st.integers(0, 40),
    st.sampled_from([0, 1, 60, 86_400]),
)
BETWEEN = st.dictionaries(st.integers(1, 7), st.lists(CHANGES, min_size=1, max_size=2), min_size=1, max_size=3)


@st.composite
def ways(draw: st.DrawFn, paging: str) -> Way:
    """Ways to read with a paging that fit together."""
    tokens = paging in {"cursor", "next_url", "link_header"}
    mode = draw(
        st.sampled_from([*UNORDERED, *(["token"] if tokens else []), *(ORDERED if paging != "last_record" else [])])
    )
    orders = [ORDERED[mode]] if mode in ORDERED else ["id"] if paging == "last_record" else ["id", "at", "-at"]
    order = draw(st.sampled_from(orders))
    return Way(
        paging,
        mode,
        order,
        draw(st.integers(4 if paging == "page_number" else 2, 7)),
        draw(st.sampled_from([1, 4])),
        grouped=draw(st.sampled_from([False, False, True])),
        total=draw(st.booleans()),
        exclusive=draw(st.booleans()) and mode in {"server_filter", "windows", "sorted"},
        settings={"overlap": True} if paging == "page_number" and draw(st.booleans()) else {},
    )


def noticed(way: Way, between: dict[int, list[Change]]) -> dict[int, list[Change]]:
    """The changes between requests that a paging can notice: of page numbers those that move rows one way."""
    if way.paging != "page_number":
        return between
    rereads = bool(way.settings.get("overlap"))
    kinds = {"insert"}
    if rereads or way.total:
        kinds.add("delete")
    if rereads or (way.order != "at" and (way.mode != "windows" or way.total)):
        kinds.add("update")
    possible = {number: changes[:1] for number, changes in between.items() if changes[0].what in kinds}
    first = next((change.what for [change] in possible.values()), "")
    return {number: [change] for number, [change] in possible.items() if change.what == first}


class Histories(RuleBasedStateMachine):
    """A table, its changes, and reads of it that end or break off."""

    api: Api

    def __init__(self) -> None:
        super().__init__()
        self.began: tuple[dict[int, dict[str, Any]], datetime] | None = None
        self.destination = Destination()
        self.still = False

    def begin(self, way: Way, count: int) -> None:
        """Choose how the table is read."""
        self.way = way
        self.table = Table(way, f"rows-{next(NUMBERS)}")  # apart from what a read of another history still asks for
        self.table.fill(count)
        self.table.serve(self.api)

    @rule(changes=st.lists(CHANGES, min_size=1, max_size=9))
    def change(self, changes: list[Change]) -> None:
        """Rows come, change and go between two reads."""
        for change in changes:
            self.table.change(change)
        self.still = False

    @rule(between=st.just({}) | BETWEEN)
    def sync(self, between: dict[int, list[Change]]) -> None:
        """A read completes: all rows that existed and have not changed since it began have arrived."""
        self._read(between, None)
        assert self.began is not None
        before, _ = self.began
        owed = {key: row for key, row in self.table.rows.items() if before.get(key) == row}
        arrived = {(row["id"], row["version"]) for row in self.destination.durable}
        lost = [row for key, row in owed.items() if (key, row["version"]) not in arrived]
        assert not lost, (self.way, lost)
        self.ended, self.began = self.began[1], None
        self.still = not between

    @rule(between=st.just({}) | BETWEEN, after=st.integers(0, 40))
    def crash(self, between: dict[int, list[Change]], after: int) -> None:
        """A read breaks off: records that no STATE covers are lost, and a later read resumes."""
        self._read(between, after)
        self.destination.crash()
        self.still = False

    @precondition(lambda self: self.still)
    @rule()
    def again(self) -> None:
        """Without changes, a second read returns only records at the cursor or as new as the last read.

        Of a read that broke off, it is not known which of the rows at the cursor were delivered.
        """
        had = len(self.destination.durable)
        saved = self.destination.state["rows"]
        cursors = [*saved.get("cursors", {}).values(), *filter(None, [saved.get("cursor")])]
        oldest = min([written(self.ended), *(cursors if self.way.mode != "token" else [])])
        self._read({}, None)
        new = self.destination.durable[had:]
        self.began = None
        if self.way.mode == "full_refresh":
            new = self.destination.durable
            assert sorted(row["id"] for row in new) == sorted(self.table.rows)
        else:
            assert all(row["at"] >= oldest for row in new), (self.way, oldest, new)

    def _read(self, between: dict[int, list[Change]], after: int | None) -> None:
        if self.began is None:
            self.began = deepcopy(self.table.rows), self.table.clock
            if self.way.mode == "full_refresh":
                self.destination.durable = []
        self.table.between, self.table.requests = noticed(self.way, between), 0
        session = Connector().session(self.way.config(self.api.url, self.table.path))
        session.now = lambda: self.table.clock
        session.pause = 0
        sync_mode = "full_refresh" if self.way.mode == "full_refresh" else "incremental"
        blocks = session.read(catalog(rows=sync_mode), self.destination.state)
        messages = (json.loads(line) for block in blocks for line in block.splitlines())
        for message in islice(messages, after):
            self.destination.take(message)
            assert "error" not in message.get("trace", {}), (self.way, message["trace"]["error"])
        blocks.close()  # type: ignore[attr-defined]
        self.table.between = {}


@pytest.mark.parametrize("paging", ["page_number", "offset", "cursor", "next_url", "link_header", "last_record"])
def test_histories(paging: str, api: Api) -> None:
    """Inserts, updates, deletes, crashes and reads in any order lose nothing, and deliver little twice."""

    class OfPaging(Histories):
        @initialize(way=ways(paging), count=st.sampled_from([0, 1, 12, 20, 28]))
        def begin(self, way: Way, count: int) -> None:
            super().begin(way, count)

    OfPaging.api = api
    run_state_machine_as_test(
        OfPaging,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=6, suppress_health_check=list(HealthCheck)),
    )
