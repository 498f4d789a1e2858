"""The endpoint that a sweep for deleted rows reads, derived from the stream's endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_rest_api.config.deletions import Deletions
    from source_rest_api.config.endpoint import Endpoint


def swept(endpoint: Endpoint, deletions: Deletions) -> Endpoint:
    """Returns an endpoint that reads the keys of all rows, whatever their cursor value.

    It has no filters, because a row that is filtered out is not a deleted row.
    """
    keys = {".".join(path) for path in endpoint.primary_key}
    return endpoint.model_copy(
        update={
            "path": endpoint.path if deletions.path is None else deletions.path,
            "params": {**endpoint.params, **deletions.params},
            "incremental": None,
            "deletions": None,
            "filter": None,
            "filter_after": None,
            "add_fields": {name: value for name, value in endpoint.add_fields.items() if name in keys},
        }
    )


def query(endpoint: Endpoint, deletions: Deletions, above: Iterable[Endpoint]) -> str:
    """Returns a fingerprint of all settings that determine which rows a sweep finds.

    Args:
        endpoint: The endpoint of the stream.
        deletions: The sweep settings of the endpoint.
        above: The endpoints of the streams that this endpoint depends on.
    """
    own = {name: value for name, value in endpoint.params.items() if name not in deletions.params}
    asked = [endpoint.model_copy(update={"params": own, "filter": None, "filter_after": None}), *above]
    return repr([each.decisive for each in asked])
