"""A dlt source: dlt loads what this connector reads, into every destination that dlt has (`pip install dlt`).

Each endpoint is a dlt resource, whose state dlt saves with the load: a load that fails is read again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import dlt

from source_rest_api.cli import input_file
from source_rest_api.config import environment
from source_rest_api.connector import Connector
from source_rest_api.formats import raw_json
from source_rest_api.protocol import catalog
from source_rest_api.stream_pages import StreamPages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from source_rest_api.config.endpoint import Endpoint

_DELETED = "_ab_cdc_deleted_at"
"""The field that delete records have."""
_STATES = "states"


def rest_api(config: str | Mapping[str, Any], streams: Collection[str] = ()) -> Any:
    """Returns a dlt source with a resource for each stream.

    A stream that is read incrementally is merged if it has a `primary_key`, and otherwise appended. Any other stream
    replaces its table. Rows whose deletion the connector notices are deleted.

    Args:
        config: Path of the config file, or the config.
        streams: Names of the streams; if empty, all.

    Raises:
        ConfigError: The config is not valid, or there is no stream of such a name.
    """
    written = input_file.load(config, "config") if isinstance(config, str) else config
    raw, secrets = environment.filled(written, os.environ)
    offered = Connector().session(raw, secrets=secrets).offered
    chosen = {each["stream"]["name"] for each in catalog.of_all(offered, streams)["streams"]}

    def source() -> Iterator[Any]:
        yield from (_resource(endpoint, raw, secrets) for endpoint in offered if endpoint.name in chosen)

    return dlt.source(source, name="rest_api")()


def _resource(endpoint: Endpoint, raw: Mapping[str, Any], secrets: Collection[str]) -> Any:
    key = [".".join(path) for path in endpoint.primary_key]
    merges = "merge" if key else "append"
    return dlt.resource(
        _records(endpoint, raw, secrets),
        name=endpoint.name,
        primary_key=key or None,
        write_disposition=merges if endpoint.is_incremental else "replace",
        columns={_DELETED: {"hard_delete": True, "data_type": "timestamp"}} if endpoint.deletions else None,
    )


def _records(endpoint: Endpoint, raw: Mapping[str, Any], secrets: Collection[str]) -> Iterator[Any]:
    """Yields pages of records, and leaves their state with dlt.

    Raises:
        ConfigError: The stream could not be read to its end; dlt then loads nothing of it.
    """
    kept = dlt.current.resource_state() if endpoint.is_incremental else {}
    states = kept.get(_STATES, {})
    pages = StreamPages(endpoint, raw, secrets, states.get(endpoint.name, {}))
    for page in pages:
        yield [raw_json.decode(record) for record in page]
        kept[_STATES] = {**states, endpoint.name: pages.state}
    kept[_STATES] = {**states, endpoint.name: pages.state}
