"""The servers of the lake: JuiceFS's S3 gateway, which embeds MinIO's code, and ROAPI, for Arrow Flight SQL."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests
from requests_aws4auth import AWS4Auth

from integration_tests.environments import installed
from integration_tests.servers import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLIGHT_PORT = 32010
"""Dremio's port for Arrow Flight SQL."""
USER, PASSWORD = "reader", "secret"
S3 = {"AWS_ACCESS_KEY_ID": "lake-user", "AWS_SECRET_ACCESS_KEY": "lake-secret", "AWS_REGION": "us-east-1"}
"""What clients of the gateway need beside its address."""


@contextmanager
def gateway(folder: Path) -> Iterator[str]:
    """Serve S3 from files in a folder, with the bucket `datalake`; gives the address."""
    juicefs = installed("lake") / "juicefs"
    metadata = f"sqlite3://{folder}/metadata.db"
    stored = ["--storage", "file", "--bucket", f"{folder}/blobs/", "--trash-days", "0"]
    subprocess.run([juicefs, "format", metadata, "lake", *stored], capture_output=True, check=True)
    address, statistics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    options = ["--multi-buckets", "--keep-etag", "--no-usage-report", "--no-agent", "--metrics", statistics]
    places = ["--cache-dir", f"{folder}/cache", "--log", f"{folder}/gateway.log"]
    keys = {"MINIO_ROOT_USER": S3["AWS_ACCESS_KEY_ID"], "MINIO_ROOT_PASSWORD": S3["AWS_SECRET_ACCESS_KEY"]}
    command: list[str | Path] = [juicefs, "gateway", metadata, address, *options, *places]
    with serving(command, f"http://{address}/minio/health/live", folder, keys):
        signed = AWS4Auth(S3["AWS_ACCESS_KEY_ID"], S3["AWS_SECRET_ACCESS_KEY"], S3["AWS_REGION"], "s3")
        requests.put(f"http://{address}/datalake", auth=signed, timeout=60).raise_for_status()
        yield f"http://{address}"


@contextmanager
def flight_sql(folder: Path, endpoint: str, tables: dict[str, str]) -> Iterator[str]:
    """Serve tables in Parquet files over Arrow Flight SQL; gives the address.

    Args:
        folder: Where the config goes.
        endpoint: Address of the S3 server.
        tables: Names of the tables, with the `s3://` folder of each, with a slash at its end.
    """
    listed = [
        {"name": name, "uri": uri, "option": {"format": "parquet", "use_memory_table": False}}
        for name, uri in tables.items()
    ]
    http = f"127.0.0.1:{free_port()}"
    ports = {"http": http, "postgres": f"127.0.0.1:{free_port()}", "flight_sql": f"127.0.0.1:{FLIGHT_PORT}"}
    login = {"auth_token": "flight-token", "auth_basic": {"username": USER, "password": PASSWORD}}
    config = {"addr": ports, "tables": listed, "flight_sql_config": login}
    (folder / "roapi.yaml").write_text(json.dumps(config))
    variables = {**S3, "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true"}
    command: list[str | Path] = [installed("lake") / "roapi", "--config", folder / "roapi.yaml"]
    with serving(command, f"http://{http}/api/schema", folder, variables):
        yield f"grpc://127.0.0.1:{FLIGHT_PORT}"
