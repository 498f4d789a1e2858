"""A table behind an API: every paging, filters by time, rows that come, change and go. The table is the truth."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any

from source_rest_api.connector import Connector
from tests.api import Answer, Api
from tests.process import catalog

if TYPE_CHECKING:
    from tests.api import Call

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
PAGE = 7

PAGINATION: dict[str, dict[str, Any]] = {
    "page_number": {"type": "page_number", "page_size_param": "limit", "page_size": PAGE},
    "offset": {"type": "offset", "limit": PAGE},
    "cursor": {
        "type": "cursor",
        "cursor_path": "next",
        "cursor_param": "after",
        "page_size_param": "limit",
        "page_size": PAGE,
    },
    "next_url": {"type": "next_url", "next_url_path": "next_url", "page_size_param": "limit", "page_size": PAGE},
    "link_header": {"type": "link_header", "page_size_param": "limit", "page_size": PAGE},
    "last_record": {
        "type": "last_record",
        "field": "id",
        "param": "after",
        "page_size_param": "limit",
        "page_size": PAGE,
    },
}
MODES: dict[str, dict[str, Any] | None] = {
    "full_refresh": None,
    "server_filter": {"cursor_field": "at", "start_param": "since"},
    "client_filter": {"cursor_field": "at"},
    "windows": {"cursor_field": "at", "start_param": "since", "end_param": "until", "step": "P5D"},
}


def written(moment: datetime) -> str:
    """A moment as the API writes it."""
    return moment.isoformat().replace("+00:00", "Z")


@dataclass
class Shop:
    """Rows by id, each with the time of its last change, and a clock that changes move."""

    seed: int
    count: int = 60
    real: bool = False  # whether changes are dated by the clock on the wall, as a process under test reads it
    delay: float = 0.0  # seconds before each answer
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    clock: datetime = START + timedelta(days=30)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._next = 1
        for number in range(self.count):
            at = START + timedelta(hours=12 * (number // 3))
            self._put(self._next, at)

    def _put(self, key: int, at: datetime) -> None:
        self.rows[key] = {"id": key, "at": written(at), "version": self.rows.get(key, {}).get("version", 0) + 1}
        self._next = max(self._next, key + 1)

    def change(self, times: int) -> None:
        """Insert, update and delete some rows."""
        for _ in range(times):
            self.clock = self._later(timedelta(seconds=self.random.choice([0, 1, 60])))
            what = self.random.choice(["insert", "update", "update", "delete"])
            if what == "insert" or not self.rows:
                self._put(self._next, self.clock)
            elif what == "update":
                self._put(self.random.choice(list(self.rows)), self.clock)
            else:
                del self.rows[self.random.choice(list(self.rows))]
        self.clock = self._later(timedelta(minutes=1 if times else 0))

    def _later(self, pause: timedelta) -> datetime:
        return datetime.now(timezone.utc) if self.real else self.clock + pause

    def serve(self, api: Api, *, restless: bool = False) -> None:
        """Answer `/rows`, sorted by id; what is restless changes before each answer."""

        @api.get("/rows")
        def rows(call: Call) -> Answer:
            self.change(restless)
            found = [row for _, row in sorted(dict(self.rows).items())]
            if call.arg("since"):
                found = [row for row in found if row["at"] >= call.arg("since")]
            if call.arg("until"):
                found = [row for row in found if row["at"] <= call.arg("until")]
            if call.arg("after"):
                found = [row for row in found if row["id"] > int(call.arg("after"))]
            limit = int(call.arg("limit", "100"))
            first = int(call.arg("offset", "0")) or (int(call.arg("page", "1")) - 1) * limit
            page = found[first : first + limit]
            body: dict[str, Any] = {"data": page}
            headers = {}
            if len(found) > first + limit and not call.arg("page") and not call.arg("offset"):
                # A keyset behind an opaque token, as well-made APIs have it.
                arguments = {name: values[0] for name, values in call.query.items()}
                query = "&".join(f"{name}={value}" for name, value in {**arguments, "after": page[-1]["id"]}.items())
                body |= {"next": str(page[-1]["id"]), "next_url": f"/rows?{query}"}
                headers["Link"] = f'<{api.url}/rows?{query}>; rel="next"'
            wanted = call.headers["X-Paging"]
            body = {name: value for name, value in body.items() if name in ("data", wanted)}
            return Answer(body, headers=headers if wanted == "link" else {}, delay=self.delay)


_SIGNS = {"cursor": "next", "next_url": "next_url", "link_header": "link"}


@dataclass
class Destination:
    """Keeps what a STATE has covered, and that STATE: what a strict destination has after a crash."""

    durable: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    complete: bool = False

    def take(self, message: dict[str, Any]) -> None:
        """Take one message."""
        if message["type"] == "RECORD":
            self.waiting.append(message["record"]["data"])
        elif message["type"] == "STATE":
            self.durable += self.waiting
            self.waiting = []
            self.state = {"rows": message["state"]["stream"]["stream_state"]}

    def crash(self) -> None:
        """Lose what no STATE covered."""
        self.waiting = []

    @property
    def duplicates(self) -> int:
        """Versions of rows that are there more than once."""
        return sum(Counter(json.dumps(row) for row in self.durable).values()) - len(
            {json.dumps(row) for row in self.durable}
        )


def sync(
    shop: Shop,
    api: Api,
    pagination: str,
    mode: str,
    destination: Destination,
    kill: int | None = None,
    workers: int = 1,
    **endpoint: Any,
) -> None:
    """Read the shop until the end, or until so many messages have come."""
    session = Connector().session(config_for(api, pagination, mode, workers, **endpoint))
    session.now = lambda: shop.clock
    session.pause = 0
    blocks = session.read(catalog_for(mode), destination.state)
    messages = (json.loads(line) for block in blocks for line in block.splitlines())
    for message in islice(messages, kill):
        destination.take(message)
        error = message.get("trace", {}).get("error")
        assert error is None, error
    destination.complete = kill is None and session.complete
    blocks.close()  # type: ignore[attr-defined]


def catalog_for(mode: str) -> dict[str, Any]:
    """The configured catalog of a mode."""
    return catalog(rows="full_refresh" if MODES[mode] is None else "incremental")


def config_for(api: Api, pagination: str, mode: str, workers: int, **endpoint: Any) -> dict[str, Any]:
    """The config that reads the shop."""
    incremental = MODES[mode]
    return {
        "url_base": api.url,
        "start_date": written(START),
        "max_concurrency": workers,
        "endpoints": [
            {
                "name": "rows",
                "path": "rows",
                "primary_key": "id",
                "records_path": "data",
                "headers": {"X-Paging": _SIGNS.get(pagination, "")},
                "pagination": PAGINATION[pagination],
                **({} if incremental is None else {"incremental": incremental}),
                **endpoint,
            }
        ],
    }
