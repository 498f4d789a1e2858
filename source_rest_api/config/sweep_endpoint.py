"""The endpoint that a sweep for deleted rows reads, made of the stream's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_rest_api.config.deletions import Deletions
    from source_rest_api.config.endpoint import Endpoint

_DECISIVE = ("path", "http_method", "params", "body", "selector", "partitions", "filter", "filter_after")
"""The settings of an endpoint that decide which rows it has."""


def swept(endpoint: Endpoint, deletions: Deletions) -> Endpoint:
    """The endpoint that reads all rows, whatever their cursor, with as much of them as their keys need.

    It has no filters: a row that does not pass them is not a deleted row.
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
    """All settings that decide which rows a sweep is to meet, as a text that changes with them.

    Args:
        endpoint: The stream's endpoint.
        deletions: Its settings for sweeps.
        above: The streams that are read for it.
    """
    own = {name: value for name, value in endpoint.params.items() if name not in deletions.params}
    asked = [endpoint.model_copy(update={"params": own, "filter": None, "filter_after": None}), *above]
    return repr([[getattr(each, name) for name in _DECISIVE] for each in asked])
