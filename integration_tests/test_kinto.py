"""Kinto, Mozilla's JSON store: the next page's URL in a header, integer cursors, tombstones of what was deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from integration_tests.commands import main
from integration_tests.environments import environment
from integration_tests.servers import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]

ADMIN = ("admin", "an-admins-password")
READER = ("reader", "p@ss:w/örd")
ROWS = 730
COLLECTIONS = "buckets/shop/collections"
SETTINGS = """
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = {port}

[app:main]
use = egg:kinto
kinto.includes = kinto.plugins.accounts
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.userid_hmac_secret = any
multiauth.policies = account
multiauth.policy.account.use = kinto.plugins.accounts.AccountsPolicy
kinto.account_create_principals = system.Everyone
kinto.bucket_create_principals = account:admin
kinto.batch_max_requests = 100
kinto.paginate_by = 100
"""


class Store:
    """A running Kinto, and what it answered when records were put into it: the truth about them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rows: dict[str, dict[str, Any]] = {}
        for user, password in (ADMIN, READER):
            self._put(f"accounts/{user}", {"password": password}, user=None)
        self._put("buckets/shop", {}, permissions={"read": ["system.Authenticated"]})
        for collection in ("orders", "empty"):
            self._put(f"{COLLECTIONS}/{collection}", {})

    def fill(self, rows: list[dict[str, Any]]) -> None:
        """Put records into the collection of orders, a hundred at a time."""
        for start in range(0, len(rows), 100):
            puts = [
                {"path": f"/{COLLECTIONS}/orders/records/{row['id']}", "body": {"data": row}}
                for row in rows[start : start + 100]
            ]
            batch = {"defaults": {"method": "PUT"}, "requests": puts}
            answer = requests.post(f"{self.url}/batch", json=batch, auth=ADMIN, timeout=60)
            for response in answer.json()["responses"]:
                assert response["status"] in (200, 201), response
                self.rows[response["body"]["data"]["id"]] = response["body"]["data"]

    def delete(self, key: str) -> dict[str, Any]:
        """Delete an order; its tombstone."""
        answer = requests.delete(f"{self.url}/{COLLECTIONS}/orders/records/{key}", auth=ADMIN, timeout=60)
        del self.rows[key]
        tombstone: dict[str, Any] = answer.json()["data"]
        return tombstone

    def _put(self, path: str, data: Any, user: tuple[str, str] | None = ADMIN, **further: Any) -> None:
        answer = requests.put(f"{self.url}/{path}", json={"data": data, **further}, auth=user, timeout=60)
        assert answer.status_code == 201, answer.text


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A separate Kinto for the test, whose pages have at most a hundred records."""
    port = free_port()
    settings = tmp_path / "kinto.ini"
    settings.write_text(SETTINGS.format(port=port))
    url = f"http://127.0.0.1:{port}/v1"
    with serving([environment("kinto") / "kinto", "start", "--ini", settings], f"{url}/__heartbeat__"):
        store = Store(url)
        store.fill([_order(number) for number in range(ROWS)])
        yield store


def test_reads_to_the_last_row_then_what_changed(store: Store, tmp_path: Path) -> None:
    """All rows, then those that were added, changed or deleted since, each once."""
    config = {
        "url_base": f"{store.url}/{COLLECTIONS}",
        "authentication": {"type": "basic", "username": READER[0], "password": READER[1]},
        "params": {"_sort": "last_modified"},
        "pagination": {
            "type": "next_url",
            "next_url": "headers['Next-Page']",
            "page_size_param": "_limit",
            "page_size": 250,
        },
        "endpoints": [
            {
                "name": "orders",
                "path": "orders/records",
                "primary_key": "id",
                "incremental": {"type": "integer", "cursor_field": "last_modified", "start_param": "_since"},
            },
            {"name": "empty", "path": "empty/records", "records_path": "data"},
        ],
    }
    modes = {"orders": "incremental", "empty": "full_refresh"}
    first = main("read", tmp_path, config=config, catalog=modes)
    assert (first.code, first.errors) == (0, [])
    assert _by_key(first.records["orders"]) == store.rows
    assert len(first.records["orders"]) == ROWS
    assert "empty" not in first.records
    changed = [{**_order(number), "title": "changed"} for number in (3, 500)]
    store.fill([*changed, _order(ROWS)])
    tombstone = store.delete("order-7")
    second = main("read", tmp_path, config=config, catalog=modes, state=first.states)
    assert (second.code, second.errors) == (0, [])
    news = {key: store.rows[key] for key in ("order-3", "order-500", f"order-{ROWS}")}
    assert _by_key(second.records["orders"]) == {**news, "order-7": tombstone}
    third = main("read", tmp_path, config=config, catalog=modes, state=second.states)
    assert (third.code, third.records) == (0, {})


def _order(number: int) -> dict[str, Any]:
    """An order with an id, text in several scripts, a decimal, and a number beyond what a double holds."""
    return {"id": f"order-{number}", "title": f"Größe {number} 京都", "amount": number / 8, "big": 2**53 + number}


def _by_key(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows}
