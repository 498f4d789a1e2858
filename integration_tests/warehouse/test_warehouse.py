"""The page on PostgreSQL, followed: typed tables, raw tables, and the models of dbt. The truth is the shop's tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests import postgresql
from integration_tests.environments import ROOT, installed
from integration_tests.pages import Reader, say
from integration_tests.sample_api import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Warehouse:
    """A shop, a database, and somebody who follows the page."""

    shop: Shop
    database: postgresql.Database
    reader: Reader

    def truth(self) -> dict[int, dict[str, Any]]:
        """The customers that there should be, in the form of their raw records."""
        return dict(self.shop.tables["customers"])  # type: ignore[arg-type]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty database, and the files of the page. Deleted customers are found by a sweep in each sync."""
    with Shop(rows=0.3) as shop, postgresql.running() as database:
        config = json.loads((ROOT / "integration_tests/config.json").read_text())
        config["endpoints"][0]["deletions"] = {"every": "PT0.001S"}
        (tmp_path / "shop.yaml").write_text(json.dumps({**config, "url_base": shop.url}))
        reader = Reader(tmp_path, [installed("dlt"), installed("dbt")], database.variables)
        reader.write("destinations/postgresql.md")
        yield Warehouse(shop, database, reader)


def change(shop: Shop) -> None:
    """Change a customer, add one, and delete one that has addresses."""
    shop.touch("customers", 3, name="Changed", addresses=[{"type": "billing", "city": "Lyon"}])
    shop.insert("customers", {"id": 900_000, "name": "New", "contact": None, "addresses": [], "credit_limit": None})
    gone = next(key for key, row in shop.tables["customers"].items() if len(row["addresses"]) == 2)
    shop.delete("customers", gone)


def addresses(shop: Shop) -> list[tuple[Any, ...]]:
    """The addresses of all customers, each with the customer's key."""
    return sorted(
        (row["id"], address["type"], address["city"])
        for row in shop.tables["customers"].values()
        for address in row["addresses"]
    )


def test_typed_tables_follow_the_api(warehouse: Warehouse) -> None:
    """Each row is there once, with its values, after the first load, and after a change, an insert and a deletion."""
    warehouse.reader.run("python", "tables.py")
    hold_typed(warehouse, "first load")
    change(warehouse.shop)
    for _ in range(2):  # a row is deleted if two sweeps did not find it
        warehouse.reader.run("python", "tables.py")
    hold_typed(warehouse, "after changes")


def hold_typed(warehouse: Warehouse, when: str) -> None:
    """Hold that the typed tables have each row of the API once, with its values and addresses."""
    for name, table in warehouse.shop.tables.items():
        [counted] = warehouse.database.rows(f"select count(*) as n from shop.{name}")
        assert counted["n"] == len(table)
        say(f"{name}, {when}", counted["n"], len(table))
    rows = warehouse.database.rows("select id, name, contact__email, credit_limit from shop.customers")
    assert {row["id"]: (row["name"], row["contact__email"], row["credit_limit"]) for row in rows} == {
        key: (row["name"], (row["contact"] or {}).get("email"), row["credit_limit"])
        for key, row in warehouse.truth().items()
    }
    nested = warehouse.database.rows(
        "select id, type, city from shop.customers c join shop.customers__addresses a on a._dlt_parent_id = c._dlt_id"
    )
    assert sorted((row["id"], row["type"], row["city"]) for row in nested) == addresses(warehouse.shop)


def test_dbt_makes_the_tables_of_the_guide(warehouse: Warehouse) -> None:
    """Raw records are the API's, as `jsonb`; the tables have the last version of each row."""
    run, database = warehouse.reader.run, warehouse.database
    run("python", "raw.py")
    [raw] = database.rows("select pg_typeof(_airbyte_data)::text as type from _airbyte_raw_customers limit 1")
    assert raw["type"] == "jsonb"
    records = database.rows("select _airbyte_data as record from _airbyte_raw_customers")
    assert {row["record"]["id"]: row["record"] for row in records} == warehouse.truth()
    say("raw records, first load", len(records), len(warehouse.truth()))

    change(warehouse.shop)
    run("python", "raw.py")  # a row is deleted if two sweeps did not find it
    printed = warehouse.reader.type("destinations/postgresql.md")
    assert "ERROR=0" in printed
    assert "PASS freshness" in printed
    customers = database.rows("select * from customers")
    assert list(customers[0]) == ["id", "name", "contact_email", "contact_phone", "_airbyte_normalized_at"]
    assert len(customers) == len(warehouse.truth())
    assert {row["id"]: (row["name"], row["contact_email"], row["contact_phone"]) for row in customers} == {
        key: (row["name"], (row["contact"] or {}).get("email"), (row["contact"] or {}).get("phone"))
        for key, row in warehouse.truth().items()
    }
    say("customers, after changes", len(customers), len(warehouse.truth()))
    joined = database.rows(
        "select id, type, city from customers join customers_addresses on _airbyte_customers_hashid = md5(id::text)"
    )
    assert sorted((row["id"], row["type"], row["city"]) for row in joined) == addresses(warehouse.shop)
    say("customers_addresses, after changes", len(joined), len(addresses(warehouse.shop)))
    [staged] = database.rows("select count(*) as n from stg_customers")
    [held] = database.rows("select count(*) as n from _airbyte_raw_customers")
    assert staged == held
    database.run("update _airbyte_raw_customers set _airbyte_emitted_at = now() - interval '3 days'")
    with pytest.raises(AssertionError, match="ERROR STALE"):
        run("dbt", "source", "freshness")


def test_a_failed_model_leaves_the_records_and_the_last_tables(warehouse: Warehouse) -> None:
    """As the page says: the error names model and value, and after a correction the same records are enough."""
    run, database, folder = warehouse.reader.run, warehouse.database, warehouse.reader.folder
    run("python", "raw.py")
    run("dbt", "build")
    before = len(database.rows("select id from customers"))
    warehouse.shop.insert("customers", {"id": "X-1", "name": "Odd", "contact": None, "addresses": []})
    run("python", "raw.py")
    with pytest.raises(AssertionError, match='invalid input syntax for type integer: "X-1"'):
        run("dbt", "build")
    assert len(database.rows("select id from customers")) == before

    model = folder / "models/staging/stg_customers.sql"
    model.write_text(model.read_text().replace("(_airbyte_data->>'id')::int", "_airbyte_data->>'id'"))
    requests = len(warehouse.shop.requests)
    run("dbt", "build")
    assert len(warehouse.shop.requests) == requests
    after = database.rows("select id from customers")
    assert {row["id"] for row in after} == {str(key) for key in warehouse.truth()}
    say("customers, after the model is corrected", len(after), len(warehouse.truth()))
