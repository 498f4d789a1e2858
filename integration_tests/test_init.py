"""`init` on servers that this project did not write: what it writes reads every row, without a change."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import requests

from integration_tests import test_canaille as canaille_module
from integration_tests import test_cap as cap_module
from integration_tests import test_datasette as datasette_module
from integration_tests import test_json_server as json_server_module
from integration_tests import test_kinto as kinto_module
from integration_tests.described_api import DescribedApi
from integration_tests.environments import ROOT, modules
from integration_tests.openapi_shop import TOKEN, OpenApiShop
from integration_tests.servers import needs_node
from source_rest_api.formats import yaml_text

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.test_kinto import Store

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]


class Written:
    """The config that `init` wrote.

    Args:
        source: What `init` is given.
        folder: The folder for the config.
        variables: The secrets, as environment variables.
    """

    def __init__(self, source: str, folder: Path, **variables: str) -> None:
        self._config, self._variables = folder / "config.yaml", variables
        done = self._main("init", source, "--output", str(self._config), "--yes")
        assert done.returncode == 0, done.stderr
        self.text = self._config.read_text()
        endpoints = yaml_text.load(self.text)
        assert isinstance(endpoints, dict)
        self.endpoints = {endpoint["name"]: endpoint for endpoint in endpoints["endpoints"]}

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """The records of a read, by stream."""
        done = self._main("read", "--config", str(self._config))
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in self.endpoints}
        for message in map(json.loads, done.stdout.splitlines()):
            if message["type"] == "RECORD":
                found[message["record"]["stream"]].append(message["record"]["data"])
        return found

    def _main(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("API_", "CLIENT_"))}
        command = [sys.executable, str(ROOT / "main.py"), *arguments]
        environ = {**plain, **self._variables}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def rows(records: list[dict[str, Any]]) -> list[str]:
    """Records in an order that does not depend on their arrival. 1 and 1.0 are the same number in JSON."""
    plain = [json.loads(json.dumps(record), parse_float=_number) for record in records]
    return sorted(json.dumps(record, sort_keys=True) for record in plain)


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


@pytest.mark.parametrize("name", ["customers", "products", "orders", "customers/2/notes"])
def test_the_shop_without_its_document(tmp_path: Path, name: str) -> None:
    """A curl command says only what one request is like; parameters are found by trying usual names."""
    with OpenApiShop() as shop:
        written = Written(f"curl -H 'Authorization: Bearer {TOKEN}' {shop.url}/{name}", tmp_path, API_TOKEN=TOKEN)
        truth = shop.tables[name.rpartition("/")[2]]
        ((_, found),) = written.records().items()
    assert rows(found) == rows([row for row in truth if name[-5:] != "notes" or row["customer_id"] == 2])


def test_kinto(store: Store, tmp_path: Path) -> None:
    """Unknown parameters are filters there that nothing passes; the next page is in a header."""
    source = f"{store.url}/{kinto_module.COLLECTIONS}/orders/records"
    written = Written(source, tmp_path, API_USERNAME=kinto_module.READER[0], API_PASSWORD=kinto_module.READER[1])
    ((name, found),) = written.records().items()
    assert name == "orders_records"
    assert rows(found) == rows(list(store.rows.values()))
    assert written.endpoints[name]["incremental"]["cursor_field"] == "last_modified"


def test_datasette(datasette: str, database: Path, tmp_path: Path) -> None:
    """Rows are arrays, whose names are in `columns`; facets beside them are not the table."""
    datasette_module._fill(database)
    written = Written(f"{datasette}/shop/orders.json", tmp_path, API_TOKEN=datasette_module.TOKEN)
    with closing(sqlite3.connect(database)) as db:
        db.row_factory = sqlite3.Row
        truth = [dict(row) for row in db.execute("select * from orders")]
    assert rows(written.records()["orders"]) == rows(truth)
    assert written.endpoints["orders"]["primary_key"] == "id"
    assert written.endpoints["orders"]["incremental"] == {
        "cursor_field": "updated_at",
        "start_param": "updated_at__gte",
    }


@needs_node
def test_json_server(json_server: str, orders: list[dict[str, Any]], tmp_path: Path) -> None:
    """All rows come at once unless a page is requested; IDs are numbers and texts."""
    login = requests.post(f"{json_server}/login", json=json_server_module.LOGIN, timeout=60).json()
    written = Written(f"{json_server}/orders", tmp_path, API_TOKEN=login["accessToken"])
    assert rows(written.records()["orders"]) == rows(orders)
    assert written.endpoints["orders"]["incremental"] == {"cursor_field": "at", "start_param": "at_gte"}
    assert written.endpoints["orders"]["pagination"]["page_size_param"] == "_limit"


@needs_node
def test_cap(cap: str, books: list[dict[str, Any]], tmp_path: Path) -> None:
    """The root of an OData service lists its collections."""
    written = Written(cap, tmp_path, API_USERNAME=cap_module.USER[0], API_PASSWORD=cap_module.USER[1])
    found = written.records()
    assert rows(found["books"]) == rows([cap_module._as_json(book) for book in books])
    assert rows(found["authors"]) == rows(cap_module.AUTHORS)
    assert "doubt" not in written.text


def test_canaille(server: str, users: list[dict[str, Any]], tmp_path: Path) -> None:
    """The server says where its tokens come from; a page size is an internal error there."""
    client = {"CLIENT_ID": canaille_module.CLIENT[0], "CLIENT_SECRET": canaille_module.CLIENT[1]}
    written = Written(f"{server}/scim/v2/Users", tmp_path, **client)
    assert rows(written.records()["users"]) == rows(users)
    assert written.endpoints["users"]["primary_key"] == "id"


@needs_node
@pytest.mark.timeout(1800)
def test_an_api_with_eight_hundred_paths(tmp_path: Path) -> None:
    """GitHub's document, on an API that behaves as it says: collections are read to their last row."""
    try:
        document = json.loads((modules("openapi") / "@octokit/openapi/generated/api.github.com.json").read_text())
    except RuntimeError as error:
        pytest.skip(f"GitHub's OpenAPI document cannot be installed: {error}")
    with DescribedApi(document, link_headers=True) as api:
        described = tmp_path / "github.json"
        described.write_text(json.dumps({**document, "servers": [{"url": api.url}]}))
        written = Written(str(described), tmp_path)
        found = written.records()
        tops = {name: each["path"] for name, each in written.endpoints.items() if "{{" not in each["path"]}
        for name, path in tops.items():
            assert rows(found[name]) == rows(api.table(f"/{path}", f"/{path}")), name
    assert {"events", "gists", "organizations", "user_repos", "issues"} <= tops.keys()
    assert written.endpoints["gists_comments"]["path"] == "gists/{{ gists.id }}/comments"
    assert "# repos/{owner}/{repo}/issues: no stream supplies the value of `{owner}` in its path" in written.text
    assert "# /search/code: it needs the parameter `q`" in written.text
