"""json-server: a login that gives a token, pages by Link header, and children by their parents' ids."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from integration_tests.commands import main
from integration_tests.environments import modules
from integration_tests.servers import free_port, needs_node, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800), needs_node]

LOGIN = {"email": "reader@example.com", "password": "p@ss/wörd+%"}
PEOPLE = [{"id": number, "name": f"Größe {number} 京都"} for number in range(1, 8)]
READ_AND_WRITE_FOR_USERS = 660


def _order(number: int) -> dict[str, Any]:
    """An order of one of the people; 40 share each moment, and ids are numbers and texts."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + number // 40 * 60))
    key = number if number % 2 else f"order/{number}"
    return {"id": key, "personId": number % 6 + 1, "amount": number / 8, "at": moment}


@pytest.fixture
def orders() -> list[dict[str, Any]]:
    """The rows that the server is seeded with."""
    return [_order(number) for number in range(1000)]


@pytest.fixture
def server(tmp_path: Path, orders: list[dict[str, Any]]) -> Iterator[str]:
    """The URL of a running server, which knows the user."""
    database, guards = tmp_path / "db.json", tmp_path / "guards.json"
    database.write_text(json.dumps({"orders": orders, "people": PEOPLE, "users": []}))
    guards.write_text(json.dumps(dict.fromkeys(("orders", "people"), READ_AND_WRITE_FOR_USERS)))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    program = modules("json-server") / ".bin/json-server-auth"
    with serving([program, database, "--host", "127.0.0.1", "--port", str(port), "-r", guards], f"{url}/db"):
        assert requests.post(f"{url}/register", json=LOGIN, timeout=60).status_code == 201
        yield url


def _config(url: str) -> dict[str, Any]:
    return {
        "url_base": url,
        "authentication": {
            "type": "login",
            "login_url": f"{url}/login",
            "username": LOGIN["email"],
            "password": LOGIN["password"],
            "fields": {"email": "{{ username }}", "password": "{{ password }}"},
            "token_path": "accessToken",
        },
        "params": {"_page": 1},
        "pagination": {"type": "link_header", "page_size_param": "_limit", "page_size": 70},
        "endpoints": [
            {
                "name": "orders",
                "path": "orders",
                "primary_key": "id",
                "params": {"_sort": "at"},
                "incremental": {"cursor_field": "at", "start_param": "at_gte"},
            },
            {"name": "people", "path": "people", "primary_key": "id"},
            {"name": "by_person", "path": "people/{{ people.id }}/orders", "include_from_parent": {"person": "name"}},
            {"name": "single", "path": "people/{{ id }}", "partitions": {"id": [2, 5]}, "records_path": "$"},
            {
                "name": "several",
                "path": "people",
                "params": {"id": "{{ ids }}"},
                "partitions": {"ids": "{{ people.id }}"},
            },
        ],
    }


def test_reads_to_the_last_row_then_what_changed(server: str, orders: list[dict[str, Any]], tmp_path: Path) -> None:
    """All rows by their Link headers, then those that have the state's moment or a later one."""
    first = main("read", tmp_path, config=_config(server), catalog={"orders": "incremental"})
    assert (first.code, first.errors) == (0, [])
    assert _sorted(first.records["orders"]) == _sorted(orders)
    later = {**orders[1], "at": "2030-01-01T00:00:00Z"}
    _patch(server, later)
    second = main("read", tmp_path, config=_config(server), catalog={"orders": "incremental"}, state=first.states)
    last = max(order["at"] for order in orders)
    known = [order for order in orders if order["at"] == last]
    assert (second.code, second.errors) == (0, [])
    assert [order for order in second.records["orders"] if order not in known] == [later]


def test_children_and_lists(server: str, orders: list[dict[str, Any]], tmp_path: Path) -> None:
    """Orders by their people's ids with a copy of the name, and people by ids of a list."""
    streams = dict.fromkeys(("by_person", "single", "several"), "full_refresh")
    done = main("read", tmp_path, config=_config(server), catalog=streams)
    assert (done.code, done.errors) == (0, [])
    names = {person["id"]: person["name"] for person in PEOPLE}
    expected = [{**order, "person": names[order["personId"]]} for order in orders]
    assert _sorted(done.records["by_person"]) == _sorted(expected)
    assert _sorted(done.records["single"]) == [PEOPLE[1], PEOPLE[4]]
    assert _sorted(done.records["several"]) == PEOPLE


def test_a_wrong_password_is_explained(server: str, tmp_path: Path) -> None:
    """The error shows that the login was rejected, and the setting to change."""
    config = _config(server)
    config["authentication"]["password"] = "wrong"
    status = main("check", tmp_path, config=config).status
    assert status["status"] == "FAILED"
    assert "`authentication`" in status["message"]


def _patch(server: str, order: dict[str, Any]) -> None:
    token = requests.post(f"{server}/login", json=LOGIN, timeout=60).json()["accessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.patch(f"{server}/orders/{order['id']}", json=order, headers=headers, timeout=60).ok


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row["id"]))
