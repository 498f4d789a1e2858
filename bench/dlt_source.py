"""The `rest_api` source of dlt, iterated. No destination: what it would cost to normalise and load comes on top."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from dlt.sources.rest_api import rest_api_resources

from bench.server import MARKER

if TYPE_CHECKING:
    from dlt.sources.rest_api.typing import RESTAPIConfig


def main(config: RESTAPIConfig, mode: str) -> None:
    """Read all records; at the end write the marker as often as there were any."""
    if mode == "transformed":
        config["resources"][0]["processing_steps"] = [{"filter": _paid}, {"map": _with_fields}]  # type: ignore[index]
    *_, resource = rest_api_resources(config)  # after its parents
    sys.stdout.buffer.write(MARKER * sum(1 for _ in resource))


def _paid(record: dict[str, Any]) -> bool:
    return bool(record["status"] == "paid")


def _with_fields(record: dict[str, Any]) -> dict[str, Any]:
    record["buyer"] = record["customer"]["name"]
    record["reference"] = f"{record['currency']}-{record['number']}"
    return record


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])
