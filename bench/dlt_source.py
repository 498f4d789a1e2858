"""The `rest_api` source of dlt, iterated. No destination: what it would cost to normalise and load comes on top."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from dlt.sources.rest_api import rest_api_resources

from bench.server import MARKER

if TYPE_CHECKING:
    from dlt.sources.rest_api.typing import RESTAPIConfig


def main(config: RESTAPIConfig) -> None:
    """Read all records; at the end write the marker as often as there were any."""
    (resource,) = rest_api_resources(config)
    sys.stdout.buffer.write(MARKER * sum(1 for _ in resource))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
