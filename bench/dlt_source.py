"""dlt's `rest_api` source, iterated. No destination: what it would cost to normalise and load comes on top."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from dlt.sources.rest_api import rest_api_resources

if TYPE_CHECKING:
    from dlt.sources.rest_api.typing import RESTAPIConfig


def main(config: RESTAPIConfig) -> None:
    """Print the number of records."""
    (resource,) = rest_api_resources(config)
    print(sum(1 for _ in resource))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
