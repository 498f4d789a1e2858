"""Warns about bodies that may be incomplete: bodies without a declared end, and truncated lists inside records."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.http.request_body import GraphqlBody

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msgspec import Raw

    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.http.response import Response

_LOG = logging.getLogger("airbyte.source_rest_api.streams.body_watch")
_HAS_NEXT_PAGE = re.compile(rb'"\w+"\s*:\s*\{[^{}]*"hasNextPage"\s*:\s*true')
"""An object with the flag of a GraphQL connection (GraphQL Cursor Connections Specification)."""


class BodyWatch:
    """Warns about one stream's bodies, once for each kind of doubt.

    Args:
        endpoint: The stream's endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._name = endpoint.name
        self._has_connections = isinstance(endpoint.body, GraphqlBody)
        self._told: set[str] = set()

    def frame(self, response: Response, *, required: bool) -> None:
        """Checks the end of a body with one record per line, because its syntax does not prove the end.

        Raises:
            ConfigError: The end is not proven, and the config requires that.
        """
        if response.is_framed:
            return
        doubt = "The response has neither `Content-Length` nor chunks, so nothing proves that it is complete."
        if required:
            raise ConfigError(
                f"{doubt} Request gzip with the header `Accept-Encoding`, check the proxy, or remove "
                "`decoder.require_frame`."
            )
        if self._is_new("frame"):
            _LOG.warning("Stream %s: %s `decoder.require_frame: true` makes this an error.", self._name, doubt)

    def lists(self, records: Iterable[Raw]) -> None:
        """Warns about GraphQL records that contain only a part of a list."""
        if not self._has_connections or "lists" in self._told:
            return
        if any(map(_HAS_NEXT_PAGE.search, records)) and self._is_new("lists"):
            _LOG.warning(
                "Stream %s: records contain incomplete lists: `hasNextPage` is true inside them. Raise `first` in the "
                "query, or read the list as a child stream of these records.",
                self._name,
            )

    def _is_new(self, kind: str) -> bool:
        new = kind not in self._told
        self._told.add(kind)
        return new
