"""Reads of APIs that lie about totals, links, flags, statuses, orders and ends, each at random from a seed.

A read that ends as COMPLETE has every row, and a delete record is only for a row that is gone. A read of an honest API
ends as COMPLETE.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from source_rest_api.connector import Connector
from tests.api import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api import Call

BEGAN = datetime(2024, 6, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
PAGINGS = ["page_number", "offset", "cursor", "next_url", "link_header", "last_record"]
TOTALS = ["total", "totalCount", "total_results", "numFound", "numberMatched", "recordCount"]
MORE = ["has_more", "hasMore", "hasNextPage", "moreRecords", "more"]
LIES = [
    "none",
    "a total that is capped",
    "a total that counts hidden rows",
    "a page that is empty because its rows are hidden",
    "a short page in the middle",
    "pages smaller than was asked for",
    "the last page again beyond the end",
    "the first page for ever",
    "an order that changes",
    "it stops before the end",
    "206 beside the first rows",
    "202 beside some rows",
    "partial beside some rows",
    "success false beside no rows",
    "a list twice",
    "an object in place of the list",
    "a nonce in each row",
]
HARMLESS = {"none", "a short page in the middle", "pages smaller than was asked for", "a nonce in each row"}
"""Lies that a read must survive: every row arrives, and the stream is COMPLETE."""


PARTS = {"206 beside the first rows": 206, "202 beside some rows": 202, "partial beside some rows": 200}


@dataclass
class Told:
    """A response before it is written."""

    rows: list[dict[str, Any]]
    left: bool
    total: int
    size: int
    status: int = 200
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Lie:
    """One API with a table of rows, a way of paging, signs of more, and a lie.

    Args:
        seed: Everything about it.
    """

    seed: int
    lies: str = ""
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    """Rows that no response gives, so that nobody can read them."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.lies = self.lies or self.random.choice(LIES)
        for key in range(self.random.choice([0, 1, 3, 10, 20, 37, 60, 100])):
            self.rows[key] = {"id": key, "at": (BEGAN - timedelta(hours=1000 - key)).isoformat()}
        self.size = self.random.choice([3, 5, 10, 20])
        self.paging = self.random.choice(
            ["none", "page_number", "offset", "cursor", "next_url", "link_header", "last_record"]
        )
        self.total = self.random.choice([None, *TOTALS, "X-Total-Count"])
        self.more = self.random.choice([None, None, *MORE])
        self.asked = self.random.choice([None, self.size, 2 * self.size])
        self.keyed = self.random.random() < 0.8
        self.settings = self._settings()
        self._calls = 0

    def _settings(self) -> dict[str, Any]:
        made: dict[str, Any] = {"type": self.paging}
        if self.paging == "none":
            return made
        if self.asked is not None:
            made |= (
                {"limit": self.asked}
                if self.paging == "offset"
                else {"page_size_param": "limit", "page_size": self.asked}
            )
        elif self.paging == "offset":
            made |= {"limit": self.size}
        made |= {
            "cursor": {"cursor_path": "next", "cursor_param": "cursor"},
            "next_url": {"next_url_path": "next"},
            "last_record": {"field": "id", "param": "after"},
        }.get(self.paging, {})
        if self.total is not None and self.total != "X-Total-Count" and self.random.random() < 0.5:
            made["total_path"] = self.total
        if self.more is not None and self.random.random() < 0.5:
            made["more_path"] = self.more
        if self.random.random() < 0.1 and "page_size" in made:
            made["stop_on_short_page"] = True
        return made

    @property
    def has_sign(self) -> bool:
        """True if something in a response can tell that rows are missing."""
        return self.total is not None or self.more is not None or self.paging in {"cursor", "next_url", "link_header"}

    def answer(self, call: Call) -> Any:
        """Answers a request for a page."""
        table = sorted(self.rows.values(), key=lambda row: row["id"])
        self._calls += 1
        if self.lies == "an order that changes" and self.paging in {"page_number", "offset"}:
            random.Random(self.seed + self._calls).shuffle(table)
        size = self._size(call)
        start = self._start(call, size, len(table))
        page = table[start : start + size]
        left = len(table) > start + size
        return self._told(call, page, start, size, left=left)

    def _size(self, call: Call) -> int:
        if self.paging == "none":
            return 10**6
        asked = int(call.arg("limit", str(self.size)))
        return min(asked, max(self.size // 2, 1)) if self.lies == "pages smaller than was asked for" else asked

    def _start(self, call: Call, size: int, count: int) -> int:
        last = max(count - 1, 0) // size * size
        if self.lies == "the first page for ever":
            return 0
        if self.paging == "page_number":
            start = (int(call.arg("page", "1")) - 1) * size
            return min(start, last) if self.lies == "the last page again beyond the end" else start
        if self.paging == "offset":
            return int(call.arg("offset", "0"))
        if self.paging == "last_record":
            return sum(key <= int(call.arg("after", "-1")) for key in self.rows)
        return int(call.arg("cursor", "0"))

    def _told(self, call: Call, page: list[Any], start: int, size: int, *, left: bool) -> Any:
        lie, count = self.lies, len(self.rows)
        told = Told(list(page), left=left, total=count, size=size)
        self._lie(told, start)
        shown, left, total, size, status = told.rows, told.left, told.total, told.size, told.status
        body, headers = told.body, told.headers
        following = start + size
        if left and self.paging in {"cursor", "next_url"}:
            url = f"/rows?cursor={following}&limit={call.arg('limit', str(size))}"
            body["next"] = str(following) if self.paging == "cursor" else url
        if left and self.paging == "link_header":
            headers["Link"] = f'</rows?cursor={following}&limit={call.arg("limit", str(size))}>; rel="next"'
        if self.total == "X-Total-Count":
            headers[self.total] = str(total)
        elif self.total is not None:
            body[self.total] = total
        if self.more is not None:
            body[self.more] = left
        text = json.dumps({"data": shown, **body})
        if lie == "a list twice" and shown:
            text = text[:-1] + ', "data": []}'
        if lie == "an object in place of the list" and start >= size and shown:
            text = json.dumps({"data": {"message": "nothing here"}, **body})
        return Answer(text, status, headers)

    def _lie(self, told: Told, start: int) -> None:
        """Changes an honest response."""
        count, size, half = len(self.rows), told.size, told.rows[: len(told.rows) // 2]
        middle = size <= start < max(count - size, 0)
        by_link = self.paging in {"cursor", "next_url", "link_header"}
        if self.lies == "a total that is capped":
            told.total = min(count, 2 * self.size)
        elif self.lies == "a total that counts hidden rows":
            told.total = count + 2
        elif self.lies == "a page that is empty because its rows are hidden" and middle and start // size == 1:
            self.hidden |= {row["id"] for row in told.rows}
            told.rows = []
        elif self.lies == "a short page in the middle" and middle and by_link:
            told.size = max(size // 2, 1)
            told.rows, told.left = told.rows[: told.size], True
        elif self.lies == "it stops before the end" and start >= size:
            told.rows, told.left = [], True
        elif self.lies == "success false beside no rows":
            told.rows, told.body["success"] = [], False
        elif self.lies == "a nonce in each row":
            told.rows = [{**row, "nonce": self._calls} for row in told.rows]
        elif count > 1 and self.lies in PARTS:
            told.rows, told.status = half, PARTS[self.lies]
            told.body |= {"partial": True} if told.status == 200 else {}

    @property
    def is_decidable(self) -> bool:
        """True if a response of the lying API differs from that of an honest one with fewer rows."""
        if self.lies == "an order that changes":
            return self.keyed and self.total is not None  # two rows without a key may be alike
        ends = {"it stops before the end", "a page that is empty because its rows are hidden"}
        return self.has_sign or self.lies not in ends


def messages(lie: Lie, api: Api, state: dict[str, Any], now: datetime, **endpoint: Any) -> Iterator[dict[str, Any]]:
    """Reads once, at a time."""
    key = {"primary_key": "id"} if lie.keyed else {}
    config = {
        "url_base": api.url,
        "retry": {"max_attempts": 1},
        "max_concurrency": random.Random(lie.seed).choice([1, 8]),
        "endpoints": [
            {"name": "rows", "path": "rows", "records_path": "data", "pagination": lie.settings, **key, **endpoint}
        ],
    }
    session = Connector().session(config)
    session.now = lambda: now
    session.pause = 0
    mode = "incremental" if "incremental" in endpoint else "full_refresh"
    stream = {"name": "rows", "json_schema": {}, "supported_sync_modes": [mode]}
    for block in session.read({"streams": [{"stream": stream, "sync_mode": mode}]}, state):
        for line in block.splitlines():
            yield json.loads(line)


def outcome(seen: list[dict[str, Any]]) -> str:
    """The terminal status."""
    statuses = [
        m["trace"]["stream_status"]["status"] for m in seen if m.get("trace", {}).get("type") == "STREAM_STATUS"
    ]
    return str(statuses[-1])


def read_once(api: Api, seed: int, lies: str = "") -> tuple[str, str, bool]:
    """Reads all rows of one lying API.

    Returns:
        The lie, the status, and whether the oracle is content.
    """
    lie = Lie(seed, lies)
    api.get("/rows")(lie.answer)
    seen = list(messages(lie, api, {}, BEGAN))
    rows = [m["record"]["data"]["id"] for m in seen if m["type"] == "RECORD"]
    status = outcome(seen)
    assert api.errors == []
    missing = set(lie.rows) - lie.hidden - set(rows)
    right = not (status == "COMPLETE" and missing and lie.is_decidable)
    honest = lie.lies in HARMLESS and not lie.settings.get("stop_on_short_page") and lie.paging != "none"
    return lie.lies, status, right and not (honest and (status != "COMPLETE" or missing))


def sweep(api: Api, seed: int) -> tuple[str, str, bool]:
    """Reads a table on five days, with delete detection: rows go in between, and from the second day on the API lies.

    Returns:
        The lie, how many delete records there were, and whether each was for a row that is gone.
    """
    lie = Lie(seed)
    lie.keyed = True
    lies, lie.lies = lie.lies, "none"
    state: dict[str, Any] = {}
    deleted = right = 0
    api.get("/rows")(lie.answer)
    for day in range(5):
        options = {"incremental": {"cursor_field": "at", "mode": "client_filter"}, "deletions": {"every": "PT12H"}}
        for message in messages(lie, api, state, BEGAN + day * DAY, **options):
            if message["type"] == "STATE":
                state = {"rows": message["state"]["stream"]["stream_state"]}
            data = message.get("record", {}).get("data", {})
            if "_ab_cdc_deleted_at" in data:
                deleted += 1
                right += data["id"] not in lie.rows
        lie.lies = lies
        for key in random.Random(seed + day).sample(sorted(lie.rows), min(2, len(lie.rows))):
            del lie.rows[key]
    return lies, f"{deleted} delete records", deleted == right


def main(rounds: int, first: int = 0) -> int:
    """Plays rounds, and prints the seeds of those in which the connector believed a lie."""
    wrong, statuses = [], Counter[tuple[str, str]]()
    with Api() as api:
        for seed in range(first, first + rounds):
            for play in (read_once, sweep) if seed % 4 == 0 else (read_once,):
                lies, status, right = play(api, seed)
                statuses[lies, status if play is read_once else "swept"] += 1
                if not right:
                    wrong.append((play.__name__, seed, lies, status))
                    print(*wrong[-1], file=sys.stderr, flush=True)
    for (lies, status), count in sorted(statuses.items()):
        print(f"{count:5} {status:12} {lies}")
    print(f"{rounds} rounds, {len(wrong)} in which a lie was believed or an honest API was not")
    return len(wrong) > 0


if __name__ == "__main__":
    import logging

    logging.disable(logging.CRITICAL)
    sys.exit(main(*map(int, sys.argv[1:3])))
