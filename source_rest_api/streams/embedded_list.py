"""Reads the records of a child stream from a list in the parent's record, without a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Raw

from source_rest_api.config import stream_references
from source_rest_api.formats import raw_json
from source_rest_api.http.response import Response
from source_rest_api.pagination.page import Page
from source_rest_api.records import shapes

if TYPE_CHECKING:
    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.http.request import Request
    from source_rest_api.pagination.page import Position
    from source_rest_api.streams.batch import Partition


class EmbeddedList:
    """The list of a child stream inside its parent's records.

    Args:
        config: The API.
        endpoint: The endpoint of the child stream.
    """

    def __init__(self, config: Config, endpoint: Endpoint) -> None:
        parent = stream_references.parent_of(config, endpoint)
        self._name = "" if parent is None else parent.variable
        self._path = endpoint.embedded_path
        self._selector = endpoint.selector

    def page(self, partition: Partition, request: Request, position: Position | None) -> Page | None:
        """Returns the only page of a partition, or None if its records have to be requested.

        That is so if the parent's record has no list, or a field beside it shows that there are more items.

        Args:
            partition: The partition.
            request: The request that is saved.
            position: The first position.

        Raises:
            ConfigError: The list has items that are not objects.
        """
        if self._path is None:
            return None
        record = Raw(raw_json.encode(partition.records[self._name]))
        items = shapes.whole_list(record, self._path)
        if items is None:
            return None
        records = self._selector.only_objects([shapes.wrap(item, self._selector.wrap_scalars_as) for item in items])
        response = Response(200, {}, b"", "", last_reason="whole in the parent's record")
        return Page(request, response, Raw(b"null"), records, position)
