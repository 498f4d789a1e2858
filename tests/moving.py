"""A table that moves while it is read, behind an API of any paging and order. The table is the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.api import Answer
from tests.shop import written

if TYPE_CHECKING:
    from tests.api import Api, Call

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
GROUPS = 2


class Change(NamedTuple):
    """Something that happens to the table."""

    what: str  # insert, update, delete
    row: int  # which of the rows that there are
    seconds: int  # that have passed since the last change


@dataclass
class Way:
    """The pagination and the order in which the table is read."""

    paging: str
    mode: str
    order: str  # id, at, -at
    size: int
    workers: int
    grouped: bool = False
    total: bool = False
    exclusive: bool = False  # the API gives only what is after `since`
    settings: dict[str, Any] = field(default_factory=dict)  # further ones of the pagination

    @property
    def pagination(self) -> dict[str, Any]:
        """The paginator's config."""
        sized = {"page_size_param": "limit", "page_size": self.size}
        total = {"total_path": "total"} if self.total else {}
        own: dict[str, dict[str, Any]] = {
            "page_number": {**sized, **total},
            "offset": {"limit": self.size, **total},
            "cursor": {"cursor_path": "next", "cursor_param": "after", **sized},
            "next_url": {"next_url_path": "next_url", **sized},
            "link_header": sized,
            "last_record": {"field": "id", "param": "after", **sized},
        }
        return {"type": self.paging, **own[self.paging], **self.settings}

    @property
    def incremental(self) -> dict[str, Any] | None:
        """The cursor's config."""
        asked = {"cursor_field": "at", "start_param": "since", "start_exclusive": self.exclusive}
        modes: dict[str, dict[str, Any] | None] = {
            "full_refresh": None,
            "server_filter": asked,
            "client_filter": {"cursor_field": "at"},
            "windows": {**asked, "end_param": "until", "step": "P3D"},
            "newest_first": {"cursor_field": "at", "mode": "newest_first"},
            "sorted": {**asked, "sorted": True},
            "token": {"type": "token", "token_path": "delta", "start_param": "changed"},
        }
        return modes[self.mode]

    def config(self, url: str, path: str) -> dict[str, Any]:
        """The config that reads the table."""
        endpoint: dict[str, Any] = {
            "name": "rows",
            "path": path,
            "primary_key": "id",
            "records_path": "data",
            "pagination": self.pagination,
        }
        if self.incremental is not None:
            endpoint["incremental"] = self.incremental
        if self.grouped:
            groups = [str(number) for number in range(GROUPS)]
            endpoint |= {"partitions": [{"name": "group", "values": groups}], "params": {"group": "{{ group }}"}}
        return {
            "url_base": url,
            "start_date": written(START),
            "max_concurrency": self.workers,
            "endpoints": [endpoint],
        }


@dataclass
class Table:
    """Rows, each with the time and number of its last change, and a clock that changes move."""

    way: Way
    path: str = "rows"
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    clock: datetime = START + timedelta(days=20)
    between: dict[int, list[Change]] = field(default_factory=dict)  # before the request of this number
    requests: int = 0
    changed: dict[int, int] = field(default_factory=dict)  # the number of each row's last change
    changes: int = 0

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._next = 1

    def fill(self, count: int) -> None:
        """Make rows, several of which share their time."""
        for number in range(count):
            self._put(self._next, START + timedelta(hours=12 * (number * 7 % count // 2)))

    def _put(self, key: int, at: datetime) -> None:
        version = self.rows.get(key, {}).get("version", 0) + 1
        self.changes += 1
        self.changed[key] = self.changes
        self.rows[key] = {"id": key, "at": written(at), "version": version}
        self._next = max(self._next, key + 1)

    def change(self, change: Change) -> None:
        """Let something happen between two reads."""
        with self._lock:  # a read that broke off may still have a request under way
            self._change(change)

    def _change(self, change: Change) -> None:
        self.clock += timedelta(seconds=change.seconds)
        keys = sorted(self.rows)
        if change.what == "insert" or not keys:
            self._put(self._next, self.clock)
        elif change.what == "update":
            self._put(keys[change.row % len(keys)], self.clock)
        else:
            del self.rows[keys[change.row % len(keys)]]

    def serve(self, api: Api) -> None:
        """Answer its path, one request after the other."""

        @api.get(f"/{self.path}")
        def rows(call: Call) -> Answer:
            with self._lock:
                for change in self.between.get(self.requests, ()):
                    self._change(change)
                self.requests += 1
                return self._answer(api, call)

    def _answer(self, api: Api, call: Call) -> Answer:
        found = self._found(call)
        total, limit = len(found), int(call.arg("limit", "100"))
        after, _, known = call.arg("after").partition(":")
        if after:
            found = [row for row in found if self._is_after(row, after)]
        first = int(call.arg("offset", "0")) or (int(call.arg("page", "1")) - 1) * limit
        page = found[first : first + limit]
        body: dict[str, Any] = {"data": page}
        headers = {}
        upto = int(known) if known else self.changes
        if self.way.paging in {"page_number", "offset"}:
            body |= {"total": total} if self.way.total else {}
        elif len(found) > limit and self.way.paging != "last_record":
            token = f"{self._place(page[-1])}:{upto}"
            arguments = {name: values[0] for name, values in call.query.items()}
            query = "&".join(f"{name}={value}" for name, value in {**arguments, "after": token}.items())
            if self.way.paging == "link_header":
                headers["Link"] = f'<{api.url}/{self.path}?{query}>; rel="next"'
            else:
                body |= {"next": token} if self.way.paging == "cursor" else {"next_url": f"/{self.path}?{query}"}
        else:
            body["delta"] = str(upto)
        return Answer(body, headers=headers)

    def _found(self, call: Call) -> list[dict[str, Any]]:
        """The requested rows, in the API's order."""
        since, until, group = call.arg("since"), call.arg("until"), call.arg("group")
        found = [
            row
            for key, row in self.rows.items()
            if (not since or row["at"] > since or (row["at"] == since and not self.way.exclusive))
            and (not until or row["at"] <= until)
            and (not group or key % GROUPS == int(group))
            and self.changed[key] > int(call.arg("changed", "0"))
        ]
        if self.way.order == "id":
            return sorted(found, key=lambda row: int(row["id"]))
        return sorted(found, key=lambda row: (row["at"], row["id"]), reverse=self.way.order == "-at")

    def _place(self, row: dict[str, Any]) -> str:
        """Returns the place of a row in the order, as a keyset token."""
        return str(row["id"]) if self.way.order == "id" else f"{row['at'].translate(_PLAIN)}-{row['id']}"

    def _is_after(self, row: dict[str, Any], place: str) -> bool:
        if self.way.order == "id":
            return bool(row["id"] > int(place))
        at, _, key = place.partition("-")
        mine, other = (row["at"].translate(_PLAIN), row["id"]), (at, int(key))
        return mine < other if self.way.order == "-at" else mine > other


_PLAIN = str.maketrans("", "", "-:")
