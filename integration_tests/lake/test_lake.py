"""The pages on the lake, followed: Parquet files that others read, and that a killed load leaves complete.

The truth is the shop's tables.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.environments import ROOT, installed
from integration_tests.lake import servers
from integration_tests.pages import Reader, say
from integration_tests.sample_api import KEYS, TOKEN, Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]

FOLDER = "s3://datalake/airbyte-data/production_public"
ROWS = str(Path(__file__).with_name("rows.py"))
CUSTOMERS = "select id, name, contact__email, credit_limit, updated_at from customers"
CHECKSUMS = {
    "AWS_REQUEST_CHECKSUM_CALCULATION": "WHEN_REQUIRED",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "WHEN_REQUIRED",
}


@dataclass(frozen=True)
class Lake:
    """A shop, an S3 server, and somebody who follows the page."""

    shop: Shop
    url: str
    reader: Reader

    def load(self) -> None:
        """Load what is new."""
        self.reader.run("python", "lake.py")

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query in DuckDB, which has the view of the page."""
        found: list[dict[str, Any]] = json.loads(self.reader.run("python", ROWS, query).splitlines()[-1])
        return found

    def files(self, stream: str) -> list[dict[str, Any]]:
        """The number of rows and the codecs of each Parquet file of a stream."""
        return self.rows(
            f"""select file_name, sum(row_group_num_rows) filter (column_id = 0)::int as rows,
                list(distinct compression) as codecs
            from parquet_metadata('{FOLDER}/{stream}/*.parquet') group by 1"""
        )


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """An empty lake. DuckDB finds its extension for S3 where `install` would put it."""
    dlt = installed("dlt")
    (tmp_path / "s3").mkdir()
    [extension] = (dlt.parent / "lib").glob("python*/site-packages/duckdb_extension_httpfs/extensions/v*")
    with Shop() as shop, servers.gateway(tmp_path / "s3") as url:
        variables = {**servers.S3, **CHECKSUMS, "AWS_ENDPOINT_URL": url, "HOME": str(tmp_path)}
        lake = Lake(shop, url, Reader(tmp_path, [dlt], variables))
        platform = lake.reader.run("python", "-c", "import duckdb; print(duckdb.sql('pragma platform').fetchone()[0])")
        shutil.copytree(extension, tmp_path / ".duckdb/extensions" / extension.name / platform.strip())
        for page in ("s3.md", "dremio.md"):
            lake.reader.write(f"destinations/{page}")
        configure(tmp_path, shop)
        yield lake


def configure(folder: Path, shop: Shop) -> None:
    """Write the config of the shop. Deleted customers are found by a sweep in each sync."""
    config = json.loads((ROOT / "integration_tests/config.json").read_text())
    assert config["authentication"]["token"] == TOKEN
    config["endpoints"][0]["deletions"] = {"every": "PT0.001S"}
    (folder / "shop.yaml").write_text(json.dumps({**config, "url_base": shop.url}))


def truth(shop: Shop) -> dict[int, tuple[Any, ...]]:
    """The customers that there should be."""
    return {
        row["id"]: (row["name"], (row["contact"] or {}).get("email"), row["credit_limit"], row["updated_at"])
        for row in shop.tables["customers"].values()
    }


def found(rows: list[dict[str, Any]]) -> dict[int, tuple[Any, ...]]:
    """Rows of a reader in the form of the truth; each key may be there once."""
    assert len({row["id"] for row in rows}) == len(rows)
    return {
        row["id"]: (
            row["name"],
            row.get("contact__email"),
            Decimal(str(row["credit_limit"])) if row.get("credit_limit") is not None else None,
            str(row["updated_at"])[:19].replace(" ", "T") + "Z",
        )
        for row in rows
    }


def test_the_lake_is_read_by_others(lake: Lake) -> None:
    """Paths, codec, counts and values, after the first load and after changes, in three readers."""
    lake.load()
    for name, table in lake.shop.tables.items():
        [file] = lake.files(name)
        assert (file["rows"], file["codecs"]) == (len(table), ["GZIP"])
        say(f"first load, {name}", file["rows"], len(table))

    lake.shop.touch("customers", 3, name="Changed", credit_limit=Decimal("99999.99"))
    lake.shop.insert(
        "customers", {"id": 900_000, "name": "New", "contact": None, "addresses": [], "credit_limit": None}
    )
    lake.shop.delete("customers", 5)
    for _ in range(2):  # a row is deleted if two sweeps did not find it
        lake.load()
    total = len(lake.shop.tables["customers"])
    assert sorted(file["rows"] for file in lake.files("customers")) == [1, 2, total]
    rows = lake.rows(f"{CUSTOMERS} where _ab_cdc_deleted_at is null")
    assert found(rows) == truth(lake.shop)
    assert [file["rows"] for file in lake.files("products")] == [len(lake.shop.tables["products"])]
    say("customers after changes, by DuckDB", len(rows), len(lake.shop.tables["customers"]))

    official = Reader(lake.reader.folder, [installed("source-s3")], lake.reader.variables)
    read = [json.loads(line) for line in official.run("source-s3", *official_config(lake)).splitlines()]
    rows = [message["record"]["data"] for message in read if message["type"] == "RECORD"]
    newest = {row["id"]: row for row in sorted(rows, key=lambda row: str(row["_dlt_load_id"]))}
    living = [row for row in newest.values() if row.get("_ab_cdc_deleted_at") is None]
    assert found(living) == truth(lake.shop)
    assert len(rows) == sum(file["rows"] for file in lake.files("customers"))
    say("customers after changes, by airbyte-source-s3", len(living), len(lake.shop.tables["customers"]))


def official_config(lake: Lake) -> list[str]:
    """The arguments of a read with the config of the page, beside the address and the keys."""
    folder = lake.reader.folder
    keys = {name.lower(): servers.S3[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    config = json.loads((folder / "source-s3.json").read_text())
    (folder / "source-s3.json").write_text(json.dumps({**config, "endpoint": lake.url, **keys}))
    stream = {"name": "customers", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    chosen = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    (folder / "catalog.json").write_text(json.dumps({"streams": [chosen]}))
    return ["read", "--config", "source-s3.json", "--catalog", "catalog.json"]


def test_flight_sql_reads_the_lake(lake: Lake) -> None:
    """The page's program and queries, by a server that stands in for Dremio, see each row once, and new files too."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", servers.FLIGHT_PORT)) == 0:
            pytest.skip(f"port {servers.FLIGHT_PORT}, which Dremio uses, is taken")
    lake.load()
    folder = lake.reader.folder
    with servers.flight_sql(folder / "s3", lake.url, {"customers": f"{FOLDER}/customers/"}) as address:
        login = {"FLIGHT_URI": address, "FLIGHT_USER": servers.USER, "FLIGHT_PASSWORD": servers.PASSWORD}
        client = Reader(folder, [installed("lake")], login)
        lake.shop.touch("customers", 3, name="Changed")
        lake.load()
        rows = [
            json.loads(line)
            for line in client.run("python", "flight.py", (folder / "view.sql").read_text()).splitlines()
        ]
        now = {key: (name, email, changed) for key, (name, email, _, changed) in truth(lake.shop).items()}
        assert len(rows) == len(now)
        assert {
            row["customer_id"]: (row["customer_name"], row["email"], row["last_updated"][:19].replace(" ", "T") + "Z")
            for row in rows
        } == now
        say("customers after a change, by Flight SQL", len(rows), len(now))
        counted = client.type("destinations/dremio.md", {"grpc://dremio:32010": address})
        print(counted, *(json.dumps(row, ensure_ascii=False) for row in rows[:2]), sep="\n")  # as the page shows it
        assert json.loads(counted) == {"customers": len(now) + 1}  # the old version is there too
        refused = Reader(folder, [installed("lake")], {**login, "FLIGHT_PASSWORD": "wrong"})
        with pytest.raises(AssertionError, match="unauthorized"):
            refused.run("python", "flight.py", "SELECT 1")


def test_a_killed_load_loses_nothing(lake: Lake) -> None:
    """Killed while it reads, while it writes objects, and then without its folder: the next load has all rows."""
    small = {"NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "100", "LOAD__WORKERS": "1"}
    slow = Reader(lake.reader.folder, lake.reader.programs, {**lake.reader.variables, **small})
    pages = len(lake.shop.requests) + 10
    kill(slow, lambda: len(lake.shop.requests) >= pages)
    kill(slow, lambda: jobs(slow, "completed_jobs") >= 5)
    assert jobs(slow, "new_jobs") > 5
    slow.run("python", "lake.py")
    for name, table in lake.shop.tables.items():
        [count] = lake.rows(
            f"select count(*) as n, count(distinct {KEYS[name]}) as keys from '{FOLDER}/{name}/*.parquet'"
        )
        assert count == {"n": len(table), "keys": len(table)}
        say(f"{name}, after two kills", count["n"], len(table))

    for key in list(lake.shop.tables["customers"])[:900]:
        lake.shop.touch("customers", key, name=f"Changed {key}")
    kill(slow, lambda: jobs(slow, "completed_jobs") >= 5)
    shutil.rmtree(lake.reader.folder / "dlt")
    lake.load()
    rows = lake.rows(CUSTOMERS)
    assert found(rows) == truth(lake.shop)
    say("customers, killed in a container that is gone", len(rows), len(lake.shop.tables["customers"]))


def kill(reader: Reader, reached: Callable[[], bool]) -> None:
    """Start a load, and kill it and its children as soon as it has come that far."""
    with reader.start("python", "lake.py") as load:
        while not reached():
            assert load.poll() is None, "the load has ended before it was killed"
            time.sleep(0.005)
        os.killpg(load.pid, signal.SIGKILL)


def jobs(reader: Reader, state: str) -> int:
    """How many objects of the current load have been written (`completed_jobs`) or have not (`new_jobs`)."""
    return len(list((reader.folder / "dlt/pipelines/lake/load/normalized").glob(f"*/{state}/*")))
