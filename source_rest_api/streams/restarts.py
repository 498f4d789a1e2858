"""Decides if a slice restarts after an error, instead of failing its stream."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from source_rest_api.cursors.slices import Slice
from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.errors import SourceError
    from source_rest_api.streams.endpoint_reader import EndpointReader

_LOG = logging.getLogger("airbyte.source_rest_api.streams.restarts")
REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Statuses of responses to an expired token."""
_BEYOND = REFUSED | {HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
"""Statuses of responses to a page number or an offset after the last page."""
_STOP = " If the API returns this after its last page, add `errors: [{{status: {}, action: stop}}]` to the endpoint."
_MOST = 3
"""Upper limit of the restarts of one slice by error rules, so that a scroll that always breaks does not restart
endlessly."""


class Restarts:
    """The restarts of one slice.

    Args:
        reader: Reads the endpoint.
    """

    def __init__(self, reader: EndpointReader) -> None:
        self._reader = reader
        self._ordered = 0

    def after(self, error: SourceError, interval: Slice, *, resumed: bool, delivered: int) -> Slice | None:
        """Returns the interval to read again after an error; None if the stream fails.

        Args:
            error: The error.
            interval: The interval of the slice.
            resumed: True if the request used the position of an earlier run.
            delivered: Number of pages delivered since the slice began.
        """
        cursor = self._reader.endpoint.incremental
        has_token = cursor is not None and cursor.forgettable and interval.start is not None and not delivered
        if error.begins_anew:
            if self._ordered == _MOST:
                return None
            self._ordered += 1
            place = ", ".join(error.where)
            _LOG.info("%s: the API ended the list early. Reading it again (`action: restart` in `errors`).", place)
            return Slice() if has_token else interval
        if not isinstance(error, ConfigError):
            return None
        if resumed:
            _LOG.info("%s The API rejected the position of an earlier run. Reading the slice from its start.", error)
            return interval
        if not has_token or error.status not in REFUSED:
            by_number = self._reader.paginator.shifts is not None
            if delivered and by_number and error.status in _BEYOND:
                error.message += _STOP.format(int(error.status))
            return None
        _LOG.warning("%s The API no longer accepts the saved token. Reading everything again.", error)
        return Slice()
