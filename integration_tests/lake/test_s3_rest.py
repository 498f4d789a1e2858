"""examples/s3.yaml lists a bucket of a real S3 server, and reads its CSV files: all of them, then the new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests
from requests_aws4auth import AWS4Auth

from integration_tests.commands import main
from integration_tests.environments import ROOT
from integration_tests.lake import servers
from integration_tests.pages import say
from source_rest_api.formats import yaml_text

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real_server, pytest.mark.timeout(1800)]
MODES = {"buckets": "full_refresh", "files": "incremental", "sales": "incremental"}


def put(url: str, key: str, rows: list[dict[str, str]]) -> None:
    """Store a CSV file."""
    signed = AWS4Auth(*servers.S3.values(), "s3")
    text = "\n".join(["id,amount", *(f"{row['id']},{row['amount']}" for row in rows)])
    requests.put(f"{url}/datalake/{quote(key)}", data=text.encode(), auth=signed, timeout=60).raise_for_status()


def test_the_files_of_a_bucket(tmp_path: Path) -> None:
    """The gateway pages its list by 7 keys here; keys have spaces and letters beyond ASCII."""
    files = {
        f"sales/2024/day {n} ü.csv": [{"id": str(m), "amount": f"{n}.{m}"} for m in range(n % 4)] for n in range(20)
    }
    with servers.gateway(tmp_path) as url:
        for key, rows in files.items():
            put(url, key, rows)
        config: dict[str, Any] = yaml_text.load((ROOT / "examples/s3.yaml").read_text())
        names = ("access_key_id", "secret_access_key", "region")
        config["url_base"] = url
        config["authentication"] |= dict(zip(names, servers.S3.values(), strict=True))
        config["endpoints"][1]["pagination"]["page_size"] = 7
        first = main("read", tmp_path, config, MODES)
        assert (first.code, first.errors) == (0, [])
        assert [row["Name"] for row in first.records["buckets"]] == ["datalake"]
        assert {row["Key"]: row["Size"] for row in first.records["files"]}.keys() == files.keys()
        expected = [{**row, "file": key} for key, rows in files.items() for row in rows]
        assert sorted(first.records["sales"], key=str) == sorted(expected, key=str)
        say("rows of CSV files in a bucket", len(first.records["sales"]), len(expected))

        put(url, "sales/2025/new.csv", [{"id": "1", "amount": "7"}])
        second = main("read", tmp_path, config, MODES, first.states)
        assert (second.code, second.errors) == (0, [])
        assert {"id": "1", "amount": "7", "file": "sales/2025/new.csv"} in second.records["sales"]
        assert len(second.records["sales"]) < len(expected) / 2
